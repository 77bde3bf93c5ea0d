package run

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/base"
	"reprise/checkpoint"
	"reprise/data"
	"reprise/internal/tiny"
	"reprise/replay"
	"reprise/tokenizer"
)

// A program can read from the error which record was made with which model or tokenizer, and what the run has instead.
func TestWrongBaseError(t *testing.T) {
	w := newWorkshop(t)
	tok, err := os.ReadFile(w.path("base/tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := tiny.Model(w.path("weights"), tok, 2); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(w.path("general.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if tok, err = tokenizer.Train(slices.Values([]string{string(text)}), tokenizer.TrainOptions{VocabSize: 290}); err != nil {
		t.Fatal(err)
	}
	if err := tiny.Model(w.path("words"), tok, 1); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(w.path("config"), os.DirFS(w.path("base"))); err != nil {
		t.Fatal(err)
	}
	w.write(t, "config/config.json", strings.Replace(tiny.Config, `"rope_theta":10000.0`, `"rope_theta":500000.0`, 1))
	record := w.path("domain.replay")
	h, _ := readRecord(t, record)
	for _, c := range []struct{ model, what, have, text string }{
		{"weights", "base model", h.BaseModel, "made with another base model (weights " + h.BaseModel[:12] + "…, the model has "},
		{"words", "tokenizer", h.Tokenizer, "made with another tokenizer (" + h.Tokenizer[:12] + "…, the model has "},
		{"config", "configuration", h.Config, "made with another config.json (" + h.Config[:12] + "…, the model has "},
	} {
		b, err := base.Open(w.path(c.model))
		if err != nil {
			t.Fatal(err)
		}
		r := w.recipe("run " + c.model)
		r.Model = w.path(c.model)
		_, err = Open(r, w.pool, false)
		wrong, ok := errors.AsType[*replay.WrongBaseError](err)
		if !ok {
			t.Errorf("%s: %v, want a WrongBaseError", c.model, err)
			continue
		}
		want := b.Fingerprint
		if c.what == "tokenizer" {
			want = b.Tokenizer.Fingerprint()
		}
		if c.what == "configuration" {
			want = b.Model.Config.Fingerprint()
		}
		if *wrong != (replay.WrongBaseError{Path: record, What: c.what, Have: c.have, Want: want}) || !errors.Is(err, replay.ErrRecordAgain) {
			t.Errorf("%s: %+v, want %s: have %s, want %s", c.model, *wrong, c.what, c.have, want)
		}
		for _, part := range []string{record, c.text + want[:12], "record the data again"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", c.model, err, part)
			}
		}
	}
}

// The error for a shard names its number; a record with attention across documents has to be made again.
func TestUnfitRecords(t *testing.T) {
	w := newWorkshop(t)
	b, err := base.Open(w.path("base"))
	if err != nil {
		t.Fatal(err)
	}
	docs, _, err := data.LoadDocuments(w.path("domain.jsonl"), b.Tokenizer, data.Options{MaxSeqLen: 48})
	if err != nil {
		t.Fatal(err)
	}
	_, err = replay.Record(t.Context(), replay.Job{
		Model: b.Model, ModelFingerprint: b.Fingerprint, Tokenizer: b.Tokenizer, Pool: w.pool, Rule: replay.DefaultRule(),
		Documents: docs, MaxSeqLen: 48, Seed: 1, Out: w.path("shard"), Shard: 1, Shards: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := w.recipe("run")
	r.Replay = w.path("shard")
	_, err = Open(r, w.pool, false)
	if s, ok := errors.AsType[*replay.ShardError](err); !ok || *s != (replay.ShardError{Path: r.Replay, Shard: 1, Shards: 2}) {
		t.Errorf("a shard: %v", err)
	}
	w.crossing(t, "crossing.replay")
	r.Replay = w.path("crossing.replay")
	if _, err := Open(r, w.pool, false); !errors.Is(err, replay.ErrRecordAgain) {
		t.Errorf("attention across documents: %v", err)
	}
	r.Replay = w.path("general.txt")
	if _, err := Open(r, w.pool, false); !errors.Is(err, replay.ErrNotRecord) {
		t.Errorf("no record: %v", err)
	}
}

// Two errors for a run directory: it is not empty and resume was not asked for; or it belongs to another run.
func TestDirectoryErrors(t *testing.T) {
	w := newWorkshop(t)
	r := w.recipe("full")
	if err := os.MkdirAll(r.Out, 0o777); err != nil {
		t.Fatal(err)
	}
	w.write(t, "full/note.txt", "mine")
	if _, err := Open(r, w.pool, false); !errors.Is(err, ErrNotEmpty) || errors.Is(err, ErrNotThisRun) || !strings.Contains(err.Error(), r.Out+" exists and is not empty") {
		t.Errorf("a directory with a file: %v", err)
	}
	if _, err := Open(r, w.pool, true); !errors.Is(err, ErrNotThisRun) || errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), r.Out+" does not belong to this run") {
		t.Errorf("a directory with a file, to resume: %v", err)
	}
}

// TestDirectoryOfARunThatNeverBegan: what a run writes before its first step is no reason to refuse its directory, so that an error
// in an evaluation file can be mended and the same command given again, also with other keys.
func TestDirectoryOfARunThatNeverBegan(t *testing.T) {
	w := newWorkshop(t)
	r := w.recipe("run")
	r.Eval.Data = []string{"bad=" + w.path("bad.jsonl")}
	w.write(t, "bad.jsonl", `{"prompt": "a", "completion": ""}`)
	run, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	for range run.Events(t.Context()) {
	}
	if run.Err() == nil {
		t.Fatal("an evaluation file without anything to learn is accepted")
	}
	w.write(t, "bad.jsonl", `{"prompt": "a", "completion": "b"}`)
	r.SkipEmpty = true
	if run, err = Open(r, w.pool, false); err != nil {
		t.Fatal(err)
	}
	for range run.Events(t.Context()) {
	}
	if run.Err() != nil {
		t.Fatal(run.Err())
	}
	if before, err := ReadRecipe(filepath.Join(r.Out, recipeFile)); err != nil || !before.SkipEmpty {
		t.Errorf("the recipe in the directory is that of the run that failed (%v)", err)
	}
	if _, err := Open(r, w.pool, false); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("the directory of a run that began: %v", err)
	}
}

// An interrupted run names the checkpoint that it can be resumed from; without a directory nothing is saved and none is named.
func TestInterrupted(t *testing.T) {
	w := newWorkshop(t)
	for _, out := range []string{"run", ""} {
		r := w.recipe(out)
		if out == "" {
			r.Out = ""
		}
		run, err := Open(r, w.pool, false)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		for step := range run.Events(ctx) {
			if step == 2 {
				cancel()
			}
		}
		cancel()
		saved := filepath.Join(r.Out, checkpoint.StepDir(2))
		if err := run.Err(); !errors.Is(err, ErrInterrupted) || strings.Contains(err.Error(), "saved in "+saved) != (out != "") {
			t.Errorf("out %q: %v", out, err)
		}
		if _, err := os.Stat(saved); (err == nil) != (out != "") {
			t.Errorf("out %q: checkpoint %s: %v", out, saved, err)
		}
	}
}
