package replay_test

import (
	"path/filepath"
	"slices"
	"testing"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/replay"
)

// TestAgainCopiesTheModelsOwnText: recording again with other weights makes new subsets of the domain. The text that the base model
// wrote, and what it thought of it, stays.
func TestAgainCopiesTheModelsOwnText(t *testing.T) {
	dir := t.TempDir()
	j := job(t, filepath.Join(dir, "plain"), 2)
	if _, err := replay.Record(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	plain := open(t, j.Out)
	h := plain.Header()
	h.Rehearsal = &replay.Rehearsal{
		Packs: 2, Gauge: 1, Start: replay.Start{ID: 1}, Temperature: 1, Rule: replay.Rule{Tau: 0.9, KMin: 2, KMax: 20}, Seed: 1, BaseModel: h.BaseModel,
	}
	before := filepath.Join(dir, "before")
	w, err := replay.Create(before, h)
	if err != nil {
		t.Fatal(err)
	}
	seqs, err := plain.Sequences([]int{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	for i := range plain.Len() {
		var s data.Sequence
		if err := plain.Sequence(i, &s); err != nil {
			t.Fatal(err)
		}
		if err := w.Append(i, &s); err != nil {
			t.Fatal(err)
		}
	}
	packs := []data.Sequence{*seqs[0], *seqs[1], *seqs[2]} // any text will do
	subsets, err := replay.NewRecorder(j.Model, j.Pool, h.Rehearsal.Rule).Sequences(t.Context(), packs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range packs {
		if err := w.Rehearse(i, packs[i].With(&subsets[i])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	j.Model.Init(5)
	j.ModelFingerprint = checkpoint.TensorSHA256(j.Model)
	j.Out = filepath.Join(dir, "after")
	from := open(t, before)
	if _, err := replay.Again(t.Context(), j, from); err != nil {
		t.Fatal(err)
	}
	if err := replay.Verify(j.Out); err != nil {
		t.Fatal(err)
	}
	after := open(t, j.Out)
	if after.Header().BaseModel != j.ModelFingerprint || after.Header().Rehearsal.BaseModel != h.BaseModel {
		t.Error("the header confuses the weights that recorded the domain with those that wrote the text")
	}
	if after.Rehearsed() != 2 || after.Gauged() != 1 || after.RehearsalDigest() != from.RehearsalDigest() ||
		!slices.Equal(after.RehearsalGoldCounts(h.VocabSize), from.RehearsalGoldCounts(h.VocabSize)) {
		t.Error("the model's own text differs")
	}
	read := func(r *replay.Reader, get func(r *replay.Reader, s *data.Sequence) error) data.Sequence {
		var s data.Sequence
		if err := get(r, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	own := []func(r *replay.Reader, s *data.Sequence) error{
		func(r *replay.Reader, s *data.Sequence) error { return r.RehearsalPack(0, s) },
		func(r *replay.Reader, s *data.Sequence) error { return r.RehearsalPack(1, s) },
		func(r *replay.Reader, s *data.Sequence) error { return r.GaugePack(0, s) },
	}
	for i, get := range own {
		a, b := read(from, get), read(after, get)
		if !slices.Equal(a.IDs, b.IDs) || !slices.Equal(a.Subsets.IDs, b.Subsets.IDs) || !slices.Equal(a.Subsets.LogProb, b.Subsets.LogProb) {
			t.Errorf("pack %d differs", i)
		}
	}
	first := func(r *replay.Reader, s *data.Sequence) error { return r.Sequence(0, s) }
	if a, b := read(from, first), read(after, first); slices.Equal(a.Subsets.LogProb, b.Subsets.LogProb) || !slices.Equal(a.IDs, b.IDs) {
		t.Error("the domain was not recorded again")
	}
	if s, err := replay.Again(t.Context(), j, from); err != nil || s != after.Summary() {
		t.Errorf("a finished record is not left as it is: %v", err)
	}
}

func open(t *testing.T, path string) *replay.Reader {
	t.Helper()
	r, err := replay.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}
