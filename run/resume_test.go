package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/checkpoint"
)

// hooked is a context that calls a function whenever it is asked for its error.
type hooked struct {
	context.Context
	hook func() error
}

func (c hooked) Err() error { return c.hook() }

// evaluated is a run that saves and evaluates at every third step. Its learning rate is so high that the losses rise and fall.
func (w *workshop) evaluated(out string) Recipe {
	r := w.recipe(out)
	r.Save.Every, r.Eval.Every, r.MaxSteps, r.LR = 3, 3, 10, 0.05
	r.Eval.Data = []string{"general=" + w.path("general.txt")}
	return r
}

// same compares metrics and models of a resumed run with those of an uninterrupted one.
func (w *workshop) same(t *testing.T, name, whole, resumed string) {
	t.Helper()
	if a, b := w.metrics(t, whole), w.metrics(t, resumed); !slices.Equal(a, b) {
		t.Errorf("%s: metrics differ:\n%v\n%v", name, a, b)
	}
	for _, model := range []string{"best", "final"} {
		a, errA := checkpoint.Load(w.path(whole + "/" + model))
		b, errB := checkpoint.Load(w.path(resumed + "/" + model))
		if errA != nil || errB != nil || a.Fingerprint != b.Fingerprint {
			t.Errorf("%s: %s/ differs (%v, %v)", name, model, errA, errB)
		}
	}
}

// A run whose process was killed between two steps, or while it evaluated, resumes from its last checkpoint. The checkpoint is
// written before the evaluation, so an evaluation that is missing is done after resuming.
func TestKilledRunEvaluatesAndSelectsAsOneThatWasNot(t *testing.T) {
	w := newWorkshop(t)
	r := w.evaluated("whole")
	run, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	killed := map[string]bool{}
	kill := func(name string) { // copies the directory as a process killed now would leave it
		if !killed[name] {
			killed[name] = true
			if err := os.CopyFS(w.path(name), os.DirFS(r.Out)); err != nil {
				t.Fatal(err)
			}
		}
	}
	told := 0
	ctx := hooked{t.Context(), func() error {
		if run.done > told {
			kill(fmt.Sprint("evaluating ", run.done))
		}
		return nil
	}}
	for step := range run.Events(ctx) {
		told = step
		if step >= 3 {
			kill(fmt.Sprint("after ", step))
		}
	}
	if err := run.Err(); err != nil {
		t.Fatal(err)
	}
	if len(killed) != 12 { // 8 steps, 4 evaluations
		t.Fatalf("killed at %v", killed)
	}
	for name := range killed {
		if err := os.Mkdir(w.path(name+"/.best.tmp-abc"), 0o777); err != nil { // and a file that it was writing
			t.Fatal(err)
		}
		again := r
		again.Out = w.path(name)
		w.run(t, again, w.pool, true)
		w.same(t, name, "whole", name)
		if left, _ := filepath.Glob(w.path(name + "/.*")); len(left) > 0 {
			t.Errorf("%s: %v is left", name, left)
		}
	}
}

// If a run is interrupted during an evaluation, even the last one, the resumed run does that evaluation.
func TestInterruptedEvaluationIsMadeAfterResume(t *testing.T) {
	w := newWorkshop(t)
	r := w.evaluated("whole")
	w.run(t, r, w.pool, false)
	for _, at := range []int{3, 10} {
		again := r
		again.Out = w.path(fmt.Sprint("interrupted ", at))
		run, err := Open(again, w.pool, false)
		if err != nil {
			t.Fatal(err)
		}
		ctx := hooked{t.Context(), func() error {
			if run.done == at {
				return context.Canceled
			}
			return nil
		}}
		for range run.Events(ctx) {
		}
		if !errors.Is(run.Err(), ErrInterrupted) {
			t.Fatalf("interrupted at %d: %v", at, run.Err())
		}
		w.run(t, again, w.pool, true)
		w.same(t, again.Out, "whole", fmt.Sprint("interrupted ", at))
	}
}

// If a run is resumed with another first evaluation set, best/ follows the new set, whatever the losses of the old one were.
func TestBestFollowsTheSetOfTheResumedRun(t *testing.T) {
	w := newWorkshop(t)
	r := w.evaluated("run")
	r.Eval.Data = []string{"domain=" + w.path("domain.jsonl")}
	run, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	run.best = 0 // nothing will be better
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for step := range run.Events(ctx) {
		if step == 3 {
			cancel()
		}
	}
	r.Eval.Data = []string{"general=" + w.path("general.txt"), r.Eval.Data[0]}
	w.run(t, r, w.pool, true)
	if _, err := checkpoint.Load(w.path("run/best")); err != nil {
		t.Errorf("no best model: %v", err)
	}
}

// The error for a missing file that a resumed run needs besides its checkpoint names the file and a remedy.
func TestResumeMissesARecord(t *testing.T) {
	w := newWorkshop(t)
	fly := w.recording("fly", "fly.replay")
	fresh := w.recipe("fresh")
	fresh.Refresh.EveryEpochs = 1
	for _, c := range []struct {
		r    Recipe
		stop int
		file string
		want string
	}{
		{fly, 2, unsortedFile, "it holds 0 of the 12 sequences that the steps so far saw"},
		{fresh, 7, "domain-000006.replay", "the run made this record before step 7 and needs it"},
	} {
		run, err := Open(c.r, w.pool, false)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for step := range run.Events(ctx) {
			if step == c.stop {
				cancel()
			}
		}
		path := filepath.Join(c.r.Out, c.file)
		for _, damage := range []func() error{func() error { return os.Truncate(path, 5) }, func() error { return os.Remove(path) }} {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(c.r, w.pool, true); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v, want an error with %q", c.file, err, c.want)
			}
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s was made", path)
		}
	}
}

// Two processes do not train in one directory: the second stops and leaves the files of the first as they are.
func TestOneRunToADirectory(t *testing.T) {
	w := newWorkshop(t)
	r := w.evaluated("run")
	run, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	writing := w.path("run/.best.tmp-abc")
	for step := range run.Events(t.Context()) {
		if step != 4 {
			continue
		}
		if err := os.Mkdir(writing, 0o777); err != nil {
			t.Fatal(err)
		}
		other, err := Open(r, w.pool, true)
		if err != nil {
			t.Fatal(err)
		}
		for step := range other.Events(t.Context()) {
			t.Fatalf("the second run reached step %d", step)
		}
		if err := other.Err(); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), r.Out) {
			t.Errorf("the second run: %v", err)
		}
		if _, err := os.Stat(writing); err != nil {
			t.Error(err)
		}
	}
	if err := run.Err(); err != nil {
		t.Fatal(err)
	}
	w.run(t, r, w.pool, true) // the directory is free again
}

// What reading an evaluation's file changed or left out is told once by every process that measures: by a resumed run too, whose user may
// not have seen it. metrics.jsonl holds it once.
func TestResumedRunTellsNoticesOfEvaluation(t *testing.T) {
	w := newWorkshop(t)
	w.write(t, "asked.jsonl", `{"prompt": "Who was it?", "completion": "Nobody.", "shade": "blue"}`+"\n")
	w.write(t, "later.jsonl", `{"prompt": "And then?", "completion": "Nothing.", "hue": "red"}`+"\n")
	r := w.evaluated("whole")
	r.Eval.Data = []string{"asked=" + w.path("asked.jsonl")}
	// told runs on and counts the notices of the events; it stops after a step (0: it does not).
	told := func(r Recipe, resume bool, stop int) (list []string) {
		run, err := Open(r, w.pool, resume)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for step, e := range run.Events(ctx) {
			for _, result := range e.Eval {
				for _, text := range result.Notices {
					_, text, _ = strings.Cut(text, `"`)
					text, _, _ = strings.Cut(text, `"`)
					list = append(list, fmt.Sprintf("%d %s %s", step, result.Name, text))
				}
			}
			if step == stop && stop > 0 {
				cancel()
			}
		}
		if err := run.Err(); (err == nil) != (stop == 0) || err != nil && !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
		return list
	}
	if got := told(r, false, 0); !slices.Equal(got, []string{"0 asked shade"}) {
		t.Errorf("an uninterrupted run tells %q", got)
	}
	again := r
	again.Out = w.path("resumed")
	if got := told(again, false, 4); !slices.Equal(got, []string{"0 asked shade"}) {
		t.Errorf("an interrupted run tells %q", got)
	}
	if got := told(again, true, 7); !slices.Equal(got, []string{"6 asked shade"}) {
		t.Errorf("a resumed run tells %q", got)
	}
	if got := told(again, true, 0); !slices.Equal(got, []string{"9 asked shade"}) {
		t.Errorf("a run that is resumed a second time tells %q", got)
	}
	w.same(t, "notices", "whole", "resumed")

	again.Out = w.path("another set")
	told(again, false, 4)
	again.Eval.Data = append(again.Eval.Data, "later="+w.path("later.jsonl"))
	if got := told(again, true, 0); !slices.Equal(got, []string{"6 asked shade", "6 later hue"}) {
		t.Errorf("a run that is resumed with a set more tells %q", got)
	}
	if lines := strings.Join(w.metrics(t, "another set"), "\n"); strings.Count(lines, "shade") != 1 || strings.Count(lines, "hue") != 1 {
		t.Errorf("metrics.jsonl holds a notice not once:\n%s", lines)
	}
}
