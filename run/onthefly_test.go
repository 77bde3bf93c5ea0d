package run

import (
	"bytes"
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"reprise/data"
	"reprise/internal/tiny"
	"reprise/replay"
)

// recording is a recipe of full cross-entropy that records its first epoch, with the rule of the workshop's own record.
func (w *workshop) recording(out, record string) Recipe {
	r := w.recipe(out)
	r.Replay, r.Data, r.Loss, r.MaxSeqLen, r.Epochs = "", w.path("domain.jsonl"), "full", tiny.MaxSeqLen, 1
	r.Record = RecordPlan{Out: w.path(record), Rule: replay.Rule{Tau: 0.9, KMin: 2, KMax: 12}}
	return r
}

func readRecord(t *testing.T, path string) (replay.Header, []data.Sequence) {
	t.Helper()
	if err := replay.Verify(path); err != nil {
		t.Fatal(err)
	}
	r, err := replay.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all := make([]data.Sequence, r.Len())
	for i := range all {
		if err := r.Sequence(i, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return r.Header(), all
}

// With a learning rate so low that no weight changes, the record made on the fly is the one that Stage 0 makes.
func TestOnTheFlyEqualsStage0WhenNothingMoves(t *testing.T) {
	w := newWorkshop(t)
	r := w.recording("run", "fly.replay")
	r.LR, r.MicroBatchSize = 1e-30, 4
	sum := w.run(t, r, w.pool, false)
	h, got := readRecord(t, w.path("fly.replay"))
	frozen, want := readRecord(t, w.path("domain.replay"))
	if h.MovedTo != sum || h.MovedTo != frozen.BaseModel {
		t.Fatalf("moved to %s, the weights are %s: the test tests nothing", h.MovedTo, sum)
	}
	h.MovedTo = ""
	if d := h.Difference(&frozen); d != "" {
		t.Errorf("headers differ: %s", d)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("the sequences differ")
	}
}

// Recording does not change the weights. A resumed run continues its recording. Stage 1 accepts the record for the model
// before the run and the model after it, and for no other.
func TestOnTheFly(t *testing.T) {
	w := newWorkshop(t)
	r := w.recording("run", "fly.replay")
	sum := w.run(t, r, w.pool, false)
	plain := w.recording("plain", "")
	plain.Record = RecordPlan{}
	if got := w.run(t, plain, w.pool, false); got != sum {
		t.Error("recording changed the training")
	}
	h, _ := readRecord(t, w.path("fly.replay"))
	if !h.Moving() || h.MovedTo != sum {
		t.Errorf("moved to %q, want %q", h.MovedTo, sum)
	}
	if _, err := os.Stat(w.path("run/" + unsortedFile)); !os.IsNotExist(err) {
		t.Errorf("the unsorted file is still there: %v", err)
	}

	b := w.recording("broken", "again.replay")
	b.MicroBatchSize, b.Save.Every = 2, 1
	run, err := Open(b, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for step := range run.Events(ctx) {
		if step == 2 {
			cancel()
		}
	}
	if !errors.Is(run.Err(), ErrInterrupted) {
		t.Fatalf("error %v", run.Err())
	}
	unsorted, err := os.ReadFile(w.path("broken/" + unsortedFile))
	if err != nil {
		t.Fatal(err)
	}
	// A process that is killed after a checkpoint leaves more sequences than the checkpoint counts, the last of them cut.
	w.write(t, "broken/"+unsortedFile, string(unsorted)+string(unsorted[len(unsorted)-20:]))
	if w.run(t, b, w.pool, true) != sum {
		t.Error("the resumed run has other weights")
	}
	one, _ := os.ReadFile(w.path("fly.replay"))
	two, err := os.ReadFile(w.path("again.replay"))
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("the resumed run's record differs: %v", err)
	}

	for _, c := range []struct {
		name   string
		change func(r *Recipe)
		want   string
	}{
		{"the model before", func(r *Recipe) {}, ""},
		{"the model after", func(r *Recipe) { r.Model = w.path("run/final") }, ""},
		{"kl", func(r *Recipe) { r.KL = 1 }, "its probabilities are not the base model's"},
	} {
		r := w.recipe("stage1 " + c.name)
		r.Replay, r.MaxSteps = w.path("fly.replay"), 1
		c.change(&r)
		run, err := Open(r, w.pool, false)
		if err == nil {
			for range run.Events(t.Context()) {
			}
			err = run.Err()
		}
		if c.want != "" && !errors.Is(err, replay.ErrRecordAgain) {
			t.Errorf("%s: %v does not ask for another record", c.name, err)
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	if err := os.Rename(w.path("run/final"), w.path("base2")); err != nil {
		t.Fatal(err)
	}
	more := w.recording("more", "more.replay")
	more.Model = w.path("base2")
	w.run(t, more, w.pool, false)
	other := w.recipe("other")
	other.Replay = w.path("more.replay")
	if _, err := Open(other, w.pool, false); err == nil || !strings.Contains(err.Error(), "it fits only those two") {
		t.Errorf("another model: error %v", err)
	} else if wrong, ok := errors.AsType[*replay.WrongBaseError](err); !ok || wrong.Have != sum || wrong.MovedTo == "" || wrong.Want == sum {
		t.Errorf("another model: %#v", wrong)
	}
}

// A record that another run made is not taken for this run's, even if a new run is opened with resume.
func TestOnTheFlyOfAnotherRun(t *testing.T) {
	w := newWorkshop(t)
	w.run(t, w.recording("run", "fly.replay"), w.pool, true)
	other := w.recording("other", "fly.replay")
	other.LR *= 2
	if _, err := Open(other, w.pool, true); !errors.Is(err, replay.ErrExists) || !strings.Contains(err.Error(), "is not this run's") {
		t.Errorf("error %v", err)
	}
	w.run(t, w.recording("run", "fly.replay"), w.pool, true) // this run is complete: nothing is left to do
}

// The record may be written into the run directory, which is created later.
func TestOnTheFlyInTheRunDirectory(t *testing.T) {
	w := newWorkshop(t)
	w.run(t, w.recording("run", "run/fly.replay"), w.pool, false)
	readRecord(t, w.path("run/fly.replay"))
}

func TestOnTheFlyRefuses(t *testing.T) {
	w := newWorkshop(t)
	w.write(t, "mine", "text")
	for _, c := range []struct {
		change func(r *Recipe)
		want   string
	}{
		{func(r *Recipe) { r.Loss, r.Data, r.Replay = "replay", "", w.path("domain.replay") }, "only loss full on data"},
		{func(r *Recipe) { r.Out = "" }, "give out"},
		{func(r *Recipe) { r.MaxSteps = 1 }, "1 steps do not reach the end of the first epoch"},
		{func(r *Recipe) { r.Record.Out = w.path("mine") }, "not overwritten: choose another record.out"},
		{func(r *Recipe) { r.Record.Out = w.path("nowhere/mine") }, "record.out: stat"},
		{func(r *Recipe) { r.Record.Out = w.path("domain.replay") }, "exists and is not this run's"},
		{func(r *Recipe) { r.Record.Out = w.path("none/r.replay") }, "record.out: stat"},
		{func(r *Recipe) { r.Record.Tau = 2 }, "tau: 2"},
		{func(r *Recipe) { r.Record.KMax = 1<<20 + 1 }, "k_max: 1048577, want 1 to 1048576"},
		{func(r *Recipe) { r.Record.Always = make([]int32, 1025) }, "always: 1025 ids, want at most"},
		{func(r *Recipe) { r.DType = "bf16" }, "give dtype: f32"},
	} {
		r := w.recording("refused", "r.replay")
		c.change(&r)
		if _, err := Open(r, w.pool, false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
		if _, err := os.Stat(w.path("refused")); !os.IsNotExist(err) {
			t.Errorf("%s: a run directory was made", c.want)
		}
	}
	if text, _ := os.ReadFile(w.path("mine")); string(text) != "text" {
		t.Error("a file that was in the way was changed")
	}
}

// A plan takes steps of the run and writes nothing, not even the record.
func TestPlanOfARunThatRecords(t *testing.T) {
	w := newWorkshop(t)
	plan, err := NewPlan(t.Context(), w.recording("run", "fly.replay"), w.pool)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Probe == nil || plan.Probe.Measured == 0 {
		t.Errorf("nothing was measured: %+v", plan)
	}
	for _, name := range []string{"run", "fly.replay"} {
		if _, err := os.Stat(w.path(name)); !os.IsNotExist(err) {
			t.Errorf("%s was written", name)
		}
	}
}
