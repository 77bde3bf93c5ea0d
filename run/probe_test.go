package run

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"reprise/asm"
	"reprise/base"
	"reprise/checkpoint"
	"reprise/data"
	"reprise/eval"
	"reprise/optim"
	"reprise/replay"
	"reprise/tensor"
)

// written lets a model write packs of n tokens, with what a record file keeps of them. Every row of its head may be drawn.
func (w *workshop) written(t *testing.T, name string, packs, n int, rule replay.Rule) (out []data.Sequence) {
	t.Helper()
	b, err := base.Open(w.path(name))
	if err != nil {
		t.Fatal(err)
	}
	how := replay.Rehearsal{Start: replay.Start{ID: 1}, Stop: []int32{0}, Temperature: 1, Rule: rule, Seed: 9}
	author := replay.Author{Model: b.Model, Pool: w.pool, Rehearsal: how, MaxSeqLen: n}
	for q, err := range author.Packs(t.Context(), 0, packs) {
		if err != nil {
			t.Fatal(err)
		}
		half := make([]uint16, len(q.Subsets.LogProb))
		asm.F16FromF32(half, q.Subsets.LogProb)
		asm.F32FromF16(q.Subsets.LogProb, half)
		out = append(out, *q)
	}
	return out
}

// forgetting trains with packs held out, and returns what was measured at every evaluation.
func (w *workshop) forgetting(t *testing.T, r Recipe, pool *tensor.Pool, held []data.Sequence) (list []eval.Forgetting, trained *Run) {
	t.Helper()
	run, err := Open(r, pool, false)
	if err != nil {
		t.Fatal(err)
	}
	run.held = held
	for _, e := range run.Events(t.Context()) {
		if (e.Forgetting != nil) != (e.Step == 0 || run.measures(e.Step)) {
			t.Errorf("step %d: forgetting %v", e.Step, e.Forgetting)
		}
		if e.Forgetting != nil {
			list = append(list, *e.Forgetting)
		}
	}
	if err := run.Err(); err != nil {
		t.Fatal(err)
	}
	return list, run
}

// TestForgettingIsTheDivergence trains a small model with either loss. Before the first step nothing is forgotten, apart from the
// rounding of the recorded log-probabilities. Later the estimate is the exact KL from the base model's weights, within three
// standard errors, be the recorded prefixes long or short, and so is the difference of the two within three of its own.
func TestForgettingIsTheDivergence(t *testing.T) {
	w := newWorkshop(t)
	for _, c := range []struct {
		name   string
		rule   replay.Rule
		change func(*Recipe)
	}{
		{"replay, short prefixes", replay.Rule{Tau: 0.9, KMin: 2, KMax: 12}, func(*Recipe) {}},
		{"replay, long prefixes", replay.Rule{Tau: 0.8, KMin: 4, KMax: 299}, func(*Recipe) {}},
		{"full", replay.Rule{Tau: 0.5, KMin: 4, KMax: 100}, func(r *Recipe) { r.Loss, r.Config = "full", optim.DefaultConfig(optim.AdamW) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			held := w.written(t, "base", 24, 48, c.rule)
			positions := 0
			for _, q := range held {
				positions += q.Targets()
			}
			r := w.recipe("")
			r.Out, r.Eval.Every, r.LR = "", 9, 3e-3
			c.change(&r)
			got, run := w.forgetting(t, r, w.pool, held)
			if len(got) < 3 {
				t.Fatalf("%d measurements", len(got))
			}
			if f := got[0]; math.Abs(f.KL) > 1e-3 || f.SE > 1e-3 || f.Packs != 24 || f.Positions != positions || f.Exact != nil {
				t.Errorf("before the first step: %+v", f)
			}
			last := got[len(got)-1]
			if last.KL < 0.05 {
				t.Errorf("at the end: %+v; the model has hardly moved, and the test shows nothing", last)
			}
			before, err := base.Open(w.path("base"))
			if err != nil {
				t.Fatal(err)
			}
			e := eval.Evaluator{Model: run.Model(), Pool: w.pool, Base: before.Model}
			checked, err := e.Forgetting(t.Context(), held)
			if err != nil {
				t.Fatal(err)
			}
			x := checked.Exact
			if checked.Exact = nil; checked != last {
				t.Errorf("measured again: %+v, the run said %+v", checked, last)
			}
			t.Logf("estimate %.4f ± %.4f, exact %.4f ± %.4f, difference %+.4f ± %.4f", last.KL, last.SE, x.KL, x.SE, x.Difference, x.DiffSE)
			if math.Abs(last.KL-x.KL) > 3*last.SE || math.Abs(x.Difference) > 3*x.DiffSE || math.Abs(last.KL-x.KL-x.Difference) > 1e-9 {
				t.Errorf("estimate %+v, exact %+v", last, *x)
			}
			if last.SE > 0.2*last.KL {
				t.Errorf("a standard error of %g on %g: the test shows little", last.SE, last.KL)
			}
		})
	}
}

// TestForgettingHasTheSameBits measures with several numbers of workers and on every tier.
func TestForgettingHasTheSameBits(t *testing.T) {
	w := newWorkshop(t)
	held := w.written(t, "base", 4, 40, replay.Rule{Tau: 0.9, KMin: 2, KMax: 12})
	var want []eval.Forgetting
	for _, tier := range asm.Available() {
		for _, workers := range []int{1, 2, 3, 8} {
			restore := asm.Force(tier)
			pool := tensor.NewPool(workers)
			r := w.recipe("")
			r.Out, r.MaxSteps, r.Eval.Every, r.MicroBatchSize = "", 4, 2, 1+workers%3
			got, _ := w.forgetting(t, r, pool, held)
			pool.Close()
			restore()
			if want == nil {
				want = got
			}
			if len(got) != 3 || !slices.Equal(got, want) {
				t.Errorf("%v, %d workers: %+v, want %+v", tier, workers, got, want)
			}
		}
	}
}

// TestForgettingChangesNothing: a run that measures forgetting ends in the same weights as one that does not.
func TestForgettingChangesNothing(t *testing.T) {
	w := newWorkshop(t)
	held := w.written(t, "base", 4, 40, replay.Rule{Tau: 0.9, KMin: 2, KMax: 12})
	var weights []string
	for _, packs := range [][]data.Sequence{nil, held} {
		r := w.recipe("")
		r.Out, r.MaxSteps, r.Eval.Every = "", 6, 2
		run, err := Open(r, w.pool, false)
		if err != nil {
			t.Fatal(err)
		}
		run.held = packs
		for range run.Events(t.Context()) {
		}
		if err := run.Err(); err != nil {
			t.Fatal(err)
		}
		weights = append(weights, checkpoint.TensorSHA256(run.Model()))
	}
	if weights[0] != weights[1] {
		t.Errorf("the weights are %s with packs held out, %s without", weights[1], weights[0])
	}
}

// TestForgettingOfADivergedModel: what is not a number is a warning, because an event must be a line of JSON.
func TestForgettingOfADivergedModel(t *testing.T) {
	w := newWorkshop(t)
	held := w.written(t, "base", 2, 8, replay.Rule{Tau: 0.9, KMin: 2, KMax: 12})
	run, err := Open(w.recipe("diverged"), w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	run.held = held
	run.Model().Head().W.Data[0] = float32(math.NaN())
	var e Event
	if err := run.gauge(t.Context(), &e); err != nil || e.Forgetting != nil || !strings.Contains(e.Warning, "the model has diverged") {
		t.Errorf("%v, %v, warning %q", err, e.Forgetting, e.Warning)
	}
}

// TestForgettingIsInterrupted: a cancelled context ends the measurement.
func TestForgettingIsInterrupted(t *testing.T) {
	w := newWorkshop(t)
	held := w.written(t, "base", 2, 8, replay.Rule{Tau: 0.9, KMin: 2, KMax: 12})
	run, err := Open(w.recipe("stopped"), w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	run.held = held
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var e Event
	if err := run.gauge(ctx, &e); err == nil || e.Forgetting != nil {
		t.Errorf("%v, %v", err, e.Forgetting)
	}
}

// TestForgettingFromARecord: the packs that a record holds out are measured on with either loss, and in a resumed run whose record
// was made again: its metrics are those of an uninterrupted one.
func TestForgettingFromARecord(t *testing.T) {
	w := newWorkshop(t)
	record := w.own(t, 0)
	for name, change := range map[string]func(*Recipe){
		"full":   func(r *Recipe) { r.Loss, r.Config = "full", optim.DefaultConfig(optim.AdamW) },
		"replay": func(r *Recipe) { r.Refresh.EveryEpochs = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			whole := w.recipe(name + "-whole")
			whole.Replay, whole.Save.Every, whole.Eval.Every = record, 2, 3
			change(&whole)
			want := w.run(t, whole, w.pool, false)
			r := whole
			r.Out = w.path(name + "-pieces")
			run, err := Open(r, w.pool, false)
			if err != nil {
				t.Fatal(err)
			}
			if len(run.held) != 2 {
				t.Fatalf("%d packs held out, want the record's two", len(run.held))
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for step := range run.Events(ctx) {
				if step == 8 {
					cancel()
				}
			}
			if got := w.run(t, r, w.pool, true); got != want {
				t.Errorf("resumed run: %s, uninterrupted: %s", got, want)
			}
			a, b := w.metrics(t, name+"-whole"), w.metrics(t, name+"-pieces")
			if !slices.Equal(a, b) {
				t.Errorf("metrics differ:\n%v\n%v", a, b)
			}
			var kl []float64
			for _, line := range a {
				var e Event
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					t.Fatal(err)
				}
				if e.Forgetting != nil {
					kl = append(kl, e.Forgetting.KL)
				}
			}
			if len(kl) < 4 || math.Abs(kl[0]) > 1e-3 || kl[len(kl)-1] < 10e-3 {
				t.Errorf("forgetting %v: want almost nothing before the first step, and something at the end", kl)
			}
		})
	}
}
