package replay_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/asm"
	"reprise/data"
	"reprise/replay"
	"reprise/tensor"
)

// rehearsed is tinyJob with text that the model writes.
func rehearsed(t *testing.T, share float64) replay.Job {
	j := tinyJob(t)
	j.Seed = 3
	j.Rehearse = &replay.Rehearse{Share: share}
	return j
}

func record(t *testing.T, j replay.Job) string {
	t.Helper()
	if _, err := replay.Record(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	return read(t, j.Out)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRecordWithRehearsalIsOneFile: a record in which the model writes text has the same bytes if it is interrupted at any point and
// resumed, in shards that are merged, and on every tier.
func TestRecordWithRehearsalIsOneFile(t *testing.T) {
	whole := rehearsed(t, 0.4)
	dir := filepath.Dir(whole.Out)
	want := record(t, whole)
	if err := replay.Verify(whole.Out); err != nil {
		t.Error(err)
	}
	r, err := replay.Open(whole.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	packs, gauge := replay.Amount(r.Len(), 0.4, 64, replay.DefaultOwn)
	if r.Rehearsed() != packs || r.Gauged() != gauge || packs < 8 {
		t.Errorf("%d and %d packs for %d sequences, want %d and %d", r.Rehearsed(), r.Gauged(), r.Len(), packs, gauge)
	}
	if again := record(t, whole); again != want {
		t.Error("recording again gives other bytes")
	}

	// Interrupted again and again, each time after more steps of the progress, and resumed.
	j := whole
	j.Out = filepath.Join(dir, "resumed")
	interrupted, continued := 0, []string{}
	for attempt := range 1000 {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		j.Progress = func(done, total, _ int) {
			if calls++; calls > 25*attempt && done < total {
				cancel()
			}
		}
		j.Note = func(text string) { continued = append(continued, text) }
		_, err := replay.Record(ctx, j)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		interrupted++
	}
	if interrupted < 3 || !slices.ContainsFunc(continued, func(text string) bool { return strings.Contains(text, "packs are written") }) {
		t.Errorf("%d interruptions; notes %q", interrupted, continued)
	}
	if read(t, j.Out) != want {
		t.Error("a resumed recording has other bytes")
	}

	// A file that ends anywhere, as after a crash of the machine.
	for _, cut := range []int{len(want) / 2, len(want) * 3 / 4, len(want) * 9 / 10, len(want) - 1} {
		j := whole
		j.Out = filepath.Join(dir, fmt.Sprint("cut", cut))
		if err := os.WriteFile(j.Out+".partial", []byte(want[:cut]), 0o666); err != nil {
			t.Fatal(err)
		}
		if record(t, j) != want {
			t.Errorf("a recording that stopped at byte %d of %d has other bytes", cut, len(want))
		}
	}

	tiers := asm.Available()
	for _, n := range []int{1, 2, 5} {
		var shards []string
		for _, i := range tensor.NewRNG(1, "order", uint64(n)).Perm(n) {
			restore := asm.Force(tiers[(i+n)%len(tiers)])
			pool := tensor.NewPool(1 + (i+n)%3)
			j := whole
			j.Pool, j.Out, j.Shard, j.Shards = pool, filepath.Join(dir, fmt.Sprintf("shard%d-of-%d", i, n)), i, n
			record(t, j)
			restore()
			pool.Close()
			shards = append(shards, j.Out)
		}
		merged := filepath.Join(dir, fmt.Sprint("merged", n))
		if err := replay.Merge(merged, shards); err != nil {
			t.Fatal(err)
		}
		if read(t, merged) != want {
			t.Errorf("%d merged shards have other bytes", n)
		}
	}
}

// TestRehearseFrom: one writing serves several domains, and records of other models, tokenizers and lengths are refused.
func TestRehearseFrom(t *testing.T) {
	source := rehearsed(t, 0.25)
	domain := source.Documents
	source.Documents = nil
	source.Rehearse.MaxTokens = 700
	record(t, source)
	r, err := replay.Open(source.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Len() != 0 || r.Rehearsed() != 10 || r.Gauged() != 10 {
		t.Errorf("%d sequences, %d and %d packs; want 0, 10 and 10", r.Len(), r.Rehearsed(), r.Gauged())
	}

	j := source
	j.Documents, j.Out = domain, source.Out+"-copied"
	j.Rehearse = &replay.Rehearse{From: source.Out}
	record(t, j)
	if err := replay.Verify(j.Out); err != nil {
		t.Error(err)
	}
	plain := j
	plain.Out, plain.Rehearse = source.Out+"-plain", nil
	record(t, plain)
	c, err1 := replay.Open(j.Out)
	p, err2 := replay.Open(plain.Out)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	defer p.Close()
	var a, b data.Sequence
	for i := range p.Len() {
		if err := errors.Join(c.Sequence(i, &a), p.Sequence(i, &b)); err != nil || data.Digest([]data.Sequence{a}) != data.Digest([]data.Sequence{b}) {
			t.Errorf("sequence %d differs from that of a record without rehearsal (%v)", i, err)
		}
	}
	if c.Len() != p.Len() || c.RehearsalDigest() != r.RehearsalDigest() || c.Rehearsed() != 10 || c.Gauged() != 10 {
		t.Error("the copied packs are not those of the source")
	}

	// What was copied is what would have been written.
	written := j
	written.Out = source.Out + "-written"
	written.Rehearse = &replay.Rehearse{Packs: 10, Gauge: 10}
	if record(t, written) != read(t, j.Out) {
		t.Error("a record whose packs were copied differs from one whose packs were written")
	}

	for want, spoil := range map[string]func(j *replay.Job){
		"it holds no text that the base model wrote; record one that does": func(j *replay.Job) { j.Rehearse.From = plain.Out },
		"another model wrote its text; use a record of this model":         func(j *replay.Job) { j.ModelFingerprint = "another" },
		"its packs have 64 tokens, and max_seq_len is 60; give both the same": func(j *replay.Job) {
			j.MaxSeqLen, j.Documents = 60, nil
		},
	} {
		bad := j
		bad.Out += "-bad"
		again := *j.Rehearse
		bad.Rehearse = &again
		spoil(&bad)
		if _, err := replay.Record(t.Context(), bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	for _, share := range []float64{-0.1, 1} {
		bad := written
		bad.Out += "-bad"
		bad.Rehearse = &replay.Rehearse{Share: share}
		if _, err := replay.Record(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "want more than 0 and less than 1") {
			t.Errorf("share %g: %v", share, err)
		}
	}
}

// TestRehearsalHasTheJobsRule: its rule is the domain's where it has none of its own.
func TestRehearsalHasTheJobsRule(t *testing.T) {
	j := rehearsed(t, 0.1)
	j.Rule = replay.Rule{Tau: 0.8, KMin: 2, KMax: 12, Always: []int32{7}}
	j.Rehearse.Rule = replay.Rule{KMax: 20}
	record(t, j)
	r, err := replay.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h := r.Header()
	own := h.Rehearsal
	if own.Tau != 0.8 || own.KMin != 2 || own.KMax != 20 || !slices.Equal(own.Always, []int32{7}) || h.KMax != 12 {
		t.Errorf("rule %+v beside the domain's %+v", own.Rule, h.Rule)
	}
	if own.Temperature != 1 || own.Seed != 3 || own.BaseModel != h.BaseModel || own.Start != replay.StartOf(&j.Model.Config, j.Tokenizer) {
		t.Errorf("rehearsal %+v", own)
	}
	if id, ok := j.Tokenizer.EOS(); !ok || !slices.Equal(own.Stop, []int32{id}) {
		t.Errorf("documents end with %v, want the tokenizer's end", own.Stop)
	}
	j.Out += "-start"
	j.Rehearse.Start = &replay.Start{ID: 9}
	record(t, j)
	s, err := replay.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if h := s.Header(); h.Rehearsal.Start.ID != 9 || !slices.Contains(h.Rehearsal.Stop, 9) || len(h.Rehearsal.Stop) != 2 {
		t.Errorf("documents begin with %v and end with %v, want id 9 and the same beside the tokenizer's end", h.Rehearsal.Start, h.Rehearsal.Stop)
	}
}

// TestPredictRehearsal: the prediction counts the model's own text. Its size is extrapolated, here from packs that were written whole.
func TestPredictRehearsal(t *testing.T) {
	j := rehearsed(t, 0.25)
	p, err := replay.Predict(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	size := len(record(t, j))
	r, err := replay.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	own := p.Rehearsal
	if own == nil || own.Packs != r.Rehearsed()+r.Gauged() || own.Tokens != 64*own.Packs || own.Seconds <= 0 || own.Seconds > p.Seconds {
		t.Fatalf("predicted %+v of %+v; the record has %d and %d packs", own, p, r.Rehearsed(), r.Gauged())
	}
	if off := float64(p.Bytes)/float64(size) - 1; off < -0.15 || off > 0.15 {
		t.Errorf("predicted %d bytes, the record has %d", p.Bytes, size)
	}
	j.Rehearse = &replay.Rehearse{From: j.Out}
	p, err = replay.Predict(t.Context(), j)
	// Only the counts of its targets are not known beforehand.
	if off := float64(p.Bytes)/float64(size) - 1; err != nil || off < -0.01 || off > 0 || p.Rehearsal.Seconds != 0 {
		t.Errorf("with copied packs %+v (%v); the record has %d bytes", p, err, size)
	}
}
