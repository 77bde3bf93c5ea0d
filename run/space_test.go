package run

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/asm"
	"reprise/checkpoint"
	"reprise/eval"
	"reprise/model"
	"reprise/optim"
	"reprise/tensor"
)

// spaced is a run of ten steps with a reset after step 4 and an average that begins after step 5.
func (w *workshop) spaced(out string) Recipe {
	r := w.recipe(out)
	r.MaxSteps, r.LR = 10, 0.01
	r.Reset.At, r.L2SP = 0.4, 1
	r.Average.Kind, r.Average.Every = "swa", 2
	return r
}

// states runs a recipe and returns the weights that the model has at every event, and the events.
func (w *workshop) states(t *testing.T, r Recipe) (states []*model.Model, events []Event, run *Run) {
	t.Helper()
	run, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range run.Events(t.Context()) {
		states, events = append(states, run.Model().Clone()), append(events, e)
	}
	if err := run.Err(); err != nil {
		t.Fatal(err)
	}
	return states, events, run
}

// each calls use for every tensor of some models of one architecture.
func each(models []*model.Model, use func(name string, w [][]float32)) {
	var lists [][]*tensor.Param
	for _, m := range models {
		lists = append(lists, slices.Collect(m.Params()))
	}
	for i, p := range lists[0] {
		var w [][]float32
		for _, list := range lists {
			w = append(w, list[i].W.Data)
		}
		use(p.Name, w)
	}
}

// TestRunsWithResetAndAverageResume: interrupted before, at and after the reset and the beginning of the average, a run ends in the
// weights and the metrics of an uninterrupted one.
func TestRunsWithResetAndAverageResume(t *testing.T) {
	for name, change := range map[string]func(*Recipe){
		"moments, swa": func(*Recipe) {},
		"abs, ema":     func(r *Recipe) { r.Reset.Score, r.Average.Kind, r.Average.Decay = "abs", "ema", 0.8 },
		"from the first step": func(r *Recipe) {
			r.Average.Start, r.Average.Every, r.Average.LR, r.Name = 0, 3, 0, optim.AdamW
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			whole := w.spaced("whole")
			whole.Save.Every, whole.Eval.Every = 1, 2
			whole.Eval.Data = []string{"general=" + w.path("general.txt")}
			change(&whole)
			want := w.run(t, whole, w.pool, false)
			r := whole
			r.Out = w.path("pieces")
			for i, stop := range []int{1, 3, 4, 5, 7, 9} {
				run, err := Open(r, w.pool, i > 0)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				for step := range run.Events(ctx) {
					if step == stop {
						cancel()
					}
				}
				cancel()
				if !errors.Is(run.Err(), ErrInterrupted) {
					t.Fatalf("interrupted run ended with %v", run.Err())
				}
			}
			if got := w.run(t, r, w.pool, true); got != want {
				t.Errorf("resumed run: %s, uninterrupted: %s", got, want)
			}
			w.same(t, name, "whole", "pieces")
			final, err := checkpoint.Load(w.path("whole/final"))
			if err != nil || final.Fingerprint != want {
				t.Errorf("final/ holds %s, Model %s (%v)", final.Fingerprint, want, err)
			}
			if got := w.run(t, r, w.pool, true); got != want { // nothing is left to do
				t.Errorf("resumed after its end: %s, want %s", got, want)
			}
			other := r
			other.Reset.Keep = 0.3
			if _, err := Open(other, w.pool, true); err == nil || !strings.Contains(err.Error(), "reset.keep is 0.2 in") {
				t.Errorf("resumed with another reset: %v", err)
			}
		})
	}
}

// TestTheAverageIsTheMeanOfTheStates: without average.lr the steps are those of a run without an average, and final/, the
// evaluations and best/ are of the mean of the states, while checkpoints hold the weights in training.
func TestTheAverageIsTheMeanOfTheStates(t *testing.T) {
	w := newWorkshop(t)
	plain := w.recipe("plain")
	plain.MaxSteps, plain.LR = 10, 0.01
	raw, _, _ := w.states(t, plain)
	for kind, share := range map[string]func(n int) float64{
		"swa": func(n int) float64 { return 1 / float64(n) },
		"ema": func(n int) float64 {
			if n == 1 {
				return 1
			}
			return 1 - 0.75
		},
	} {
		r := plain
		r.Out = w.path(kind)
		r.Average = AveragePlan{Kind: kind, Start: 0.5, Every: 2, Decay: 0.75}
		r.Eval.Every, r.Eval.Data = 5, []string{"general=" + w.path("general.txt")}
		states, events, run := w.states(t, r)
		for step := range 10 {
			if checkpoint.TensorSHA256(states[step]) != checkpoint.TensorSHA256(raw[step]) {
				t.Errorf("%s: the weights of step %d are not those of a run without an average", kind, step)
			}
		}
		mean := raw[5].Clone() // states 5, 7 and 9
		for n, step := range []int{5, 7, 9} {
			each([]*model.Model{mean, raw[step]}, func(_ string, x [][]float32) {
				for k, v := range x[1] {
					if c := float32(share(n + 1)); c == 1 {
						x[0][k] = v
					} else {
						x[0][k] = asm.FMA(c, v-x[0][k], x[0][k])
					}
				}
			})
		}
		want := checkpoint.TensorSHA256(mean)
		if got := checkpoint.TensorSHA256(run.Model()); got != want {
			t.Errorf("%s: Model holds %s, want the mean %s", kind, got, want)
		}
		final, err := checkpoint.Load(w.path(kind + "/final"))
		if err != nil || final.Fingerprint != want {
			t.Errorf("%s: final/ holds %v (%v), want the mean %s", kind, final, err, want)
		}
		last := events[len(events)-1]
		if last.Averaged != 3 || events[0].Averaged != 0 || events[5].Averaged != 1 || events[4].Averaged != 0 {
			t.Errorf("%s: averaged at the steps: %d, %d, %d, %d; want 0, 0, 1, 3", kind, events[0].Averaged, events[4].Averaged, events[5].Averaged, last.Averaged)
		}
		e := &eval.Evaluator{Model: mean, Pool: w.pool, Tokenizer: run.Base.Tokenizer, Reading: r.Reading}
		set, _ := eval.ParseSet(r.Eval.Data[0])
		if result, err := e.Run(t.Context(), set); err != nil || *result.Loss != *last.Eval[0].Loss {
			t.Errorf("%s: the last evaluation gave %v, the mean has %v (%v)", kind, *last.Eval[0].Loss, *result.Loss, err)
		}
		s, err := checkpoint.LoadState(w.path(kind + "/step-000010"))
		if err != nil {
			t.Fatal(err)
		}
		for _, weights := range s.Weights {
			for p := range raw[10].Params() {
				if p.Name == weights.Name && !slices.Equal(p.W.Data, weights.Data) {
					t.Errorf("%s: the checkpoint's %s is not that of the weights in training", kind, p.Name)
				}
			}
		}
	}
}

// TestTheResetResets: after its step, ⌈keep·n⌉ entries of every tensor have the weights of a run without it, all others lie half-way
// to the base model, and the event says how many changed.
func TestTheResetResets(t *testing.T) {
	w := newWorkshop(t)
	plain := w.recipe("")
	plain.Out, plain.MaxSteps, plain.LR = "", 6, 0.01
	raw, _, run := w.states(t, plain)
	base, err := checkpoint.Load(w.path("base"))
	if err != nil {
		t.Fatal(err)
	}
	for _, score := range []string{"moments", "abs"} {
		r := plain
		r.Reset = ResetPlan{At: 0.5, Keep: 0.2, Alpha: 0.5, Score: score}
		states, events, _ := w.states(t, r)
		changed := 0
		each([]*model.Model{states[3], raw[3], base.Model}, func(name string, x [][]float32) {
			kept := 0
			for k, now := range x[0] {
				pulled := asm.FMA(0.5, x[2][k]-x[1][k], x[1][k])
				switch math.Float32bits(now) {
				case math.Float32bits(pulled):
					if pulled == x[1][k] {
						kept++ // nobody can tell
					} else {
						changed++
					}
				case math.Float32bits(x[1][k]):
					kept++
				default:
					t.Fatalf("%s: %s[%d] is %g, want %g or %g", score, name, k, now, x[1][k], pulled)
				}
			}
			if want := int(math.Ceil(0.2 * float64(len(x[0])))); kept < want || kept > want+len(x[0])/100 {
				t.Errorf("%s: %s keeps %d of %d entries, want %d", score, name, kept, len(x[0]), want)
			}
		})
		share := float64(changed) / float64(run.Model().Count())
		for i, e := range events {
			if (e.Reset != nil) != (i == 3) {
				t.Errorf("%s: step %d reports a reset: %v", score, i, e.Reset != nil)
			}
		}
		if got := events[3].Reset; got == nil || *got != share || share < 0.79 || share > 0.8 {
			t.Errorf("%s: the event says that %v of the weights changed, counted are %g", score, got, share)
		}
	}
}

// TestL2SP: the first step is that of a run without it, pulled by lr·λ; a strong pull ends nearer to the base model.
func TestL2SP(t *testing.T) {
	w := newWorkshop(t)
	plain := w.recipe("")
	plain.Out, plain.MaxSteps, plain.LR = "", 8, 0.01
	raw, events, _ := w.states(t, plain)
	r := plain
	r.L2SP = 20
	states, _, _ := w.states(t, r)
	beta := float32(events[1].LR * 20)
	far := func(m *model.Model) (d float64) {
		each([]*model.Model{m, raw[0]}, func(_ string, x [][]float32) {
			for k, v := range x[0] {
				d += (float64(v) - float64(x[1][k])) * (float64(v) - float64(x[1][k]))
			}
		})
		return math.Sqrt(d)
	}
	each([]*model.Model{states[1], raw[1], raw[0]}, func(name string, x [][]float32) {
		for k, now := range x[0] {
			if want := asm.FMA(beta, x[2][k]-x[1][k], x[1][k]); now != want {
				t.Fatalf("%s[%d] is %g, want %g", name, k, now, want)
			}
		}
	})
	if a, b := far(states[8]), far(raw[8]); !(a < 0.8*b) {
		t.Errorf("with l2_sp the weights end %g from the base model, without %g", a, b)
	}
}

// TestAverageRate: from the step after which the average begins, the rate is average.lr·lr, but not before the warm-up has ended;
// 0 leaves the schedule.
func TestAverageRate(t *testing.T) {
	w := newWorkshop(t)
	rates := func(change func(*Recipe)) (list []float64) {
		r := w.recipe("")
		r.Out, r.MaxSteps, r.LR, r.Schedule, r.WarmupRatio = "", 10, 0.01, "linear", 0.2
		r.Average.Kind = "ema"
		change(&r)
		_, events, _ := w.states(t, r)
		for _, e := range events[1:] {
			list = append(list, math.Round(e.LR*1e6)/1e6)
		}
		return list
	}
	schedule := rates(func(r *Recipe) { r.Average.Kind = "none" })
	if got := rates(func(r *Recipe) { r.Average.LR = 0 }); !slices.Equal(got, schedule) {
		t.Errorf("rates %v, want the schedule's %v", got, schedule)
	}
	if got := rates(func(*Recipe) {}); !slices.Equal(got, append(slices.Clone(schedule[:5]), 0.005, 0.005, 0.005, 0.005, 0.005)) {
		t.Errorf("rates %v, want 0.005 after step 5", got)
	}
	if got := rates(func(r *Recipe) { r.Average.Start, r.Average.LR = 0, 1 }); !slices.Equal(got, append(slices.Clone(schedule[:2]), slices.Repeat([]float64{0.01}, 8)...)) {
		t.Errorf("rates %v, want 0.01 after the warm-up", got)
	}
}

// TestSpaceIsRefusedWithoutABase, and a base file that is cut short while the run pulls to it ends the run with its name.
func TestSpaceIsRefusedWithoutABase(t *testing.T) {
	w := newWorkshop(t)
	r := w.recipe("x")
	r.Model, r.Init, r.Tokenizer, r.Loss, r.Replay, r.Data = "", w.path("base/config.json"), w.path("base"), "full", "", w.path("domain.jsonl")
	for key, change := range map[string]func(*Recipe){"l2_sp": func(r *Recipe) { r.L2SP = 1 }, "reset.at": func(r *Recipe) { r.Reset.At = 0.5 }} {
		bad := r
		change(&bad)
		if _, err := Open(bad, w.pool, false); err == nil || !strings.Contains(err.Error(), key+": fresh weights have no base model") {
			t.Errorf("%s: %v", key, err)
		}
	}
	good := r
	good.Average.Kind, good.MaxSteps = "ema", 2
	for kind, notices := range map[string]int{"ema": 0, "swa": 1} {
		good.Average.Kind, good.Out = kind, w.path("fresh "+kind)
		run, err := Open(good, w.pool, false)
		if err != nil {
			t.Fatalf("an average needs no base model: %v", err)
		}
		if text := strings.Join(run.Notices, "\n"); strings.Count(text, "of the 2 steps none enters it after step 1") != notices {
			t.Errorf("%s over two steps: notices %q", kind, text)
		}
	}

	r = w.spaced("cut")
	run, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(r.Model, "model.safetensors")
	for step := range run.Events(t.Context()) {
		if step == 2 {
			if err := os.Truncate(file, 2000); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := run.Err(); err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "the weights of this step are lost") {
		t.Errorf("a base file that was cut short: %v", err)
	}
}

// TestPlanCountsWhatIsKept: an average takes as much memory as the weights, and so does the mean of the gradients' magnitudes.
func TestPlanCountsWhatIsKept(t *testing.T) {
	w := newWorkshop(t)
	total := map[int]int{}
	for n, change := range map[int]func(*Recipe){
		0: func(*Recipe) {},
		1: func(r *Recipe) { r.Average.Kind = "swa" },
		2: func(r *Recipe) { r.Average.Kind, r.Reset.At, r.Reset.Score = "ema", 0.5, "abs" },
	} {
		r := w.recipe("")
		r.Out = ""
		change(&r)
		var p Plan
		if err := p.plan(r); err != nil {
			t.Fatal(err)
		}
		if p.Memory.Kept != n*p.Memory.Weights {
			t.Errorf("%d kept values take %d bytes, want %d times %d", n, p.Memory.Kept, n, p.Memory.Weights)
		}
		total[n] = p.Memory.Total - p.Memory.Kept
	}
	if total[0] != total[1] || total[0] != total[2] {
		t.Errorf("totals without them: %v", total)
	}
}
