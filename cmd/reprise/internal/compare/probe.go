package compare

import (
	"context"
	"math"
	"slices"

	"reprise/data"
	"reprise/eval"
	"reprise/run"
)

// ProbePlan says how closely the stability of runs is watched.
type ProbePlan struct {
	Every  int `yaml:"every" bound:"[0,)" zero:"no probe" help:"Steps between full losses on the same training documents; the norm of the gradient is looked at after every step."`
	Tokens int `yaml:"tokens" bound:"[1,)" help:"Tokens of those documents."`
}

// patience is the number of steps in a row for which a run's own loss may be above that of its first step; then it has diverged.
const patience = 50

// A step whose gradient has a norm above spikeFactor times the median of the spikeWindow steps before it is a spike.
const (
	spikeFactor = 5
	spikeWindow = 50
)

// Probe is what a probe saw. Spikes, Norm and Rise are of the steps after the warm-up.
type Probe struct {
	Every  int       `json:"every"`
	Losses []float32 `json:"losses"` // full cross-entropy on the probe's documents: before the first step and at every Every-th
	Norms  []float32 `json:"norms"`  // greatest norm of the gradient, before clipping, since the last of them; the first is 0
	Spikes int       `json:"spikes"` // steps whose gradient is far above the median of those before
	Norm   float32   `json:"norm"`   // greatest norm, divided by the median of all
	Rise   float32   `json:"rise"`   // greatest rise of the loss above its lowest value before
}

// watch is a probe at work; nil watches nothing.
type watch struct {
	docs    []data.Document
	out     Probe
	warmUp  int
	norms   []float64 // of every step
	first   float64   // own loss of the first step
	above   int       // steps in a row whose own loss was above first
	greatly float64   // greatest norm since the last measurement
}

func (r *Runner) newProbe(p *plan, job *run.Run) *watch {
	plan := r.grid.Probe
	if plan.Every == 0 {
		return nil
	}
	w := &watch{out: Probe{Every: plan.Every}, warmUp: int(p.recipe.WarmupRatio * float64(job.Steps))}
	n := 0
	for _, d := range p.domain.docs {
		if n >= plan.Tokens {
			break
		}
		w.docs = append(w.docs, d)
		n += len(d.IDs)
	}
	return w
}

// see looks at a step. Its error is errUnstable when the run counts as diverged.
func (w *watch) see(ctx context.Context, e *eval.Evaluator, event run.Event) error {
	if w == nil {
		return nil
	}
	if event.Step > 0 && event.GradNorm > 0 {
		w.norms = append(w.norms, event.GradNorm)
		w.greatly = max(w.greatly, event.GradNorm)
	}
	own := event.LossFull
	if own == nil {
		own = event.LossReplay
	}
	if own != nil {
		if len(w.norms) <= 1 {
			w.first = *own
		}
		w.above++
		if *own <= w.first {
			w.above = 0
		}
		if w.above >= patience {
			return errUnstable
		}
	}
	if event.Step%w.out.Every != 0 {
		return nil
	}
	sums, counts, _, err := e.Losses(ctx, w.docs)
	if err != nil {
		return err
	}
	loss := mean(sums, counts)
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return nil // the next step ends the run
	}
	w.out.Losses = append(w.out.Losses, float32(loss))
	w.out.Norms = append(w.out.Norms, float32(w.greatly))
	w.greatly = 0
	return nil
}

// result sums up what was seen.
func (w *watch) result() *Probe {
	if w == nil {
		return nil
	}
	out := w.out
	for i := max(w.warmUp, spikeWindow); i < len(w.norms); i++ {
		if w.norms[i] > spikeFactor*median(w.norms[i-spikeWindow:i]) {
			out.Spikes++
		}
	}
	if after := w.norms[min(w.warmUp, len(w.norms)):]; len(after) > 0 {
		out.Norm = float32(slices.Max(after) / median(after))
	}
	lowest := float32(math.Inf(1))
	for i, loss := range out.Losses {
		if lowest = min(lowest, loss); i*out.Every > w.warmUp {
			out.Rise = max(out.Rise, loss-lowest)
		}
	}
	return &out
}

func median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	return sorted[len(sorted)/2]
}
