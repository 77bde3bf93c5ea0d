package run

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"testing"

	"reprise/data"
	"reprise/internal/tiny"
	"reprise/replay"
	"reprise/tokenizer"
)

// recordWith records the domain with a seam.
func (w *workshop) recordWith(t *testing.T, out string, seam tokenizer.Seam) {
	t.Helper()
	b, err := openBase(Recipe{Model: w.path("base")})
	if err != nil {
		t.Fatal(err)
	}
	docs, _, err := data.LoadDocuments(w.path("domain.jsonl"), b.Tokenizer, data.Options{MaxSeqLen: tiny.MaxSeqLen, Reading: data.Reading{Seam: seam}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = replay.Record(t.Context(), replay.Job{Model: b.Model, Tokenizer: b.Tokenizer, Pool: w.pool, Rule: replay.Rule{Tau: 0.9, KMin: 2, KMax: 12},
		Documents: docs, Seam: seam, Out: w.path(out), MaxSeqLen: tiny.MaxSeqLen, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
}

// Evaluations ask as the record teaches: a run follows the seam that its header names, refuses another, and records again with it.
func TestRunFollowsTheSeamOfItsRecord(t *testing.T) {
	w := newWorkshop(t)
	w.recordWith(t, "exact.replay", tokenizer.SeamExact)
	w.recordWith(t, "auto.replay", "")
	open := func(replay string, change func(*Recipe)) (*Run, error) {
		r := w.recipe("")
		r.Out, r.Replay = "", w.path(replay)
		change(&r)
		return Open(r, w.pool, false)
	}
	for _, c := range []struct {
		record     string
		seam, want tokenizer.Seam
		notice     string
	}{
		{"exact.replay", "auto", "exact", "was recorded with seam exact, and evaluations follow it; evaluate the trained model with that seam too"},
		{"exact.replay", "exact", "exact", ""},
		{"auto.replay", "auto", "auto", ""},
	} {
		run, err := open(c.record, func(r *Recipe) { r.Seam = c.seam })
		if err != nil {
			t.Fatal(err)
		}
		if run.eval.Reading.Seam != c.want || run.Recipe.Seam != c.want {
			t.Errorf("%s, %s: evaluations use %s, want %s", c.record, c.seam, run.eval.Reading.Seam, c.want)
		}
		told := slices.DeleteFunc(slices.Clone(run.Notices), func(notice string) bool { return !strings.Contains(notice, "seam") })
		if text := strings.Join(told, "; "); !strings.HasSuffix(text, c.notice) || (c.notice == "") != (text == "") {
			t.Errorf("%s, %s: notices about the seam %q, want %q", c.record, c.seam, text, c.notice)
		}
	}
	for _, record := range []string{"exact.replay", "auto.replay"} {
		if _, err := open(record, func(r *Recipe) { r.Seam = "space" }); err == nil || !strings.Contains(err.Error(), "run: seam: space, but") || !strings.Contains(err.Error(), record) {
			t.Errorf("%s, space: %v", record, err)
		}
	}
	run, err := open("exact.replay", func(r *Recipe) { r.Mix = w.path("auto.replay") })
	if err != nil {
		t.Fatal(err)
	}
	if want := w.path("auto.replay") + " was recorded with seam auto, and everything else is read with seam exact"; !slices.Contains(run.Notices, want) {
		t.Errorf("a mix with another seam: %q, want %q", run.Notices, want)
	}

	again := w.recipe("again")
	again.Replay, again.Refresh.EveryEpochs = w.path("exact.replay"), 1
	w.run(t, again, w.pool, false)
	from, _ := readRecord(t, w.path("exact.replay"))
	found := 0
	entries, _ := os.ReadDir(w.path("again"))
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".replay") {
			h, _ := readRecord(t, w.path("again/"+e.Name()))
			if h.Seam != from.Seam || h.Seam != "end to end" {
				t.Errorf("%s: seam %q, want %q", e.Name(), h.Seam, from.Seam)
			}
			found++
		}
	}
	if found == 0 {
		t.Error("no record was made again: nothing was tested")
	}

	fly := w.recording("fly", "fly.replay")
	fly.Seam = tokenizer.SeamSpace
	w.run(t, fly, w.pool, false)
	if h, _ := readRecord(t, w.path("fly.replay")); h.Seam != "always one space" {
		t.Errorf("recorded while training: seam %q", h.Seam)
	}
}

// A seam that a newer or another program wrote into a header is refused by its name.
func TestUnknownSeamOfARecord(t *testing.T) {
	w := newWorkshop(t)
	file, err := os.ReadFile(w.path("domain.replay"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(file), "space in the completion", "space in the beginning!", 1)
	if changed == string(file) {
		t.Fatal("the words are not there: nothing is tested")
	}
	b := []byte(changed)
	end := 16 + int(binary.LittleEndian.Uint32(b[12:]))
	binary.LittleEndian.PutUint32(b[end:], crc32.Checksum(b[:end], crc32.MakeTable(crc32.Castagnoli)))
	w.write(t, "other.replay", string(b))
	r := w.recipe("")
	r.Out = ""
	for _, change := range []func(){func() { r.Replay = w.path("other.replay") }, func() { r.Replay, r.Mix = w.path("domain.replay"), w.path("other.replay") }} {
		change()
		_, err := Open(r, w.pool, false)
		if err == nil || !strings.Contains(err.Error(), `other.replay: header: seam: "space in the beginning!" is not known`) {
			t.Errorf("%v", err)
		}
	}
}
