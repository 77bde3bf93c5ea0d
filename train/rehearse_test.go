package train

import (
	"fmt"
	"math"
	"testing"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/loss"
	"reprise/optim"
	"reprise/tensor"
)

// rehearsing takes three steps of two sequences of the domain and one that is rehearsed.
func rehearsing(t *testing.T, o Objective, workers, micro int) (sha string, domain, rehearsed float64) {
	t.Helper()
	pool := tensor.NewPool(workers)
	defer pool.Close()
	m := tinyModel(t)
	s, err := NewStepper(m, pool, o, optim.DefaultConfig(optim.AdamW), Workload{})
	if err != nil {
		t.Fatal(err)
	}
	for step := range 3 {
		batch := randomBatch(m.Config.VocabSize, uint64(step))
		if domain, err = s.StepRehearsing(batch[:2], batch[2:], micro, step+1, 1e-3); err != nil {
			t.Fatal(err)
		}
	}
	return checkpoint.TensorSHA256(m), domain, s.Rehearsed
}

// Neither the cut into micro-batches, of which some hold sequences of both kinds, nor the number of workers changes a bit.
func TestRehearsalDoesNotDependOnMicroBatches(t *testing.T) {
	for _, kind := range []loss.Kind{loss.CE, loss.Soft, loss.KL} {
		for name, o := range map[string]Objective{
			"full":           {},
			"full, anchor":   {KL: 0.2},
			"replay":         {Replay: true, Proposal: loss.Uniform(300), TailN: 24},
			"replay, anchor": {Replay: true, Proposal: loss.Uniform(300), TailN: 24, KL: 0.2},
			"bare":           {Replay: true, Bare: true},
		} {
			for _, weight := range []float64{0, 0.7} {
				o.Rehearse, o.RehearseWeight = kind, weight
				t.Run(fmt.Sprintf("%s, kind %d, weight %g", name, kind, weight), func(t *testing.T) {
					want, domain, rehearsed := rehearsing(t, o, 1, 3)
					if !(domain > 0) || rehearsed == 0 || domain == rehearsed {
						t.Errorf("losses %g and %g", domain, rehearsed)
					}
					for _, c := range [][2]int{{2, 1}, {3, 2}, {8, 0}} {
						sha, d, r := rehearsing(t, o, c[0], c[1])
						if sha != want || d != domain || r != rehearsed {
							t.Errorf("%d workers, micro-batches of %d: %s, losses %g and %g, want %s, %g and %g", c[0], c[1], sha, d, r, want, domain, rehearsed)
						}
					}
				})
			}
		}
	}
}

// With cross-entropy and one mean over all positions, rehearsed sequences are sequences of the batch like any others.
func TestRehearsalInOneMeanIsABatch(t *testing.T) {
	for name, o := range map[string]Objective{
		"full":   {},
		"replay": {Replay: true, Proposal: loss.Uniform(300), TailN: 24},
	} {
		one, _, _ := rehearsing(t, o, 2, 2)
		pool := tensor.NewPool(2)
		m := tinyModel(t)
		s, err := NewStepper(m, pool, o, optim.DefaultConfig(optim.AdamW), Workload{})
		if err != nil {
			t.Fatal(err)
		}
		for step := range 3 {
			if _, err := s.Step(randomBatch(m.Config.VocabSize, uint64(step)), 2, step+1, 1e-3); err != nil {
				t.Fatal(err)
			}
		}
		pool.Close()
		if all := checkpoint.TensorSHA256(m); one != all {
			t.Errorf("%s: weights %s with rehearsal, %s without", name, one, all)
		}
		o.RehearseWeight = 1
		if two, _, _ := rehearsing(t, o, 2, 2); two == one {
			t.Errorf("%s: two means give the weights of one", name)
		}
	}
}

// The anchor acts on the domain alone, and its divergence is the domain's mean.
func TestAnchorIsTheDomains(t *testing.T) {
	kl := func(o Objective, rehearsed bool) float64 {
		pool := tensor.NewPool(2)
		defer pool.Close()
		m := tinyModel(t)
		s, err := NewStepper(m, pool, o, optim.DefaultConfig(optim.AdamW), Workload{})
		if err != nil {
			t.Fatal(err)
		}
		batch := randomBatch(m.Config.VocabSize, 1)
		var again []*data.Sequence
		if rehearsed {
			again = batch[2:]
		}
		if _, err := s.StepRehearsing(batch[:2], again, 3, 1, 1e-3); err != nil {
			t.Fatal(err)
		}
		return s.KL
	}
	for name, o := range map[string]Objective{
		"full": {KL: 0.2}, "bare": {Replay: true, Bare: true, KL: 0.2}, "full, soft": {KL: 0.2, Rehearse: loss.Soft, RehearseWeight: 1},
	} {
		with, without := kl(o, true), kl(o, false)
		if with != without || !(math.Abs(with) > 1e-3) {
			t.Errorf("%s: KL %g with rehearsal, %g without", name, with, without)
		}
	}
}
