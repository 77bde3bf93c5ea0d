package compare

import (
	"fmt"
	"slices"

	"reprise/cmd/reprise/internal/report"
	"reprise/tensor"
)

// resamples of the bootstrap.
const resamples = 2000

// verdict weighs a method against the reference by the three criteria of docs/METHOD.md, Verdicts.
func (r *Runner) verdict(c *report.Comparison, m, ref *report.Method) *report.Verdict {
	if m == ref {
		return nil
	}
	v := &report.Verdict{SeedsAgree: true}
	ours, theirs := r.best(m), r.best(ref)
	counts := r.origin.counts
	sums := func(cells []*Cell) (loss float64, out []float64) { // mean over the seeds, of the loss and of every document's sum
		out = make([]float64, len(counts))
		for _, c := range cells {
			loss += c.Report / float64(len(cells))
			for i, x := range c.Documents {
				out[i] += float64(x*float64(counts[i])) / float64(len(cells))
			}
		}
		return loss, out
	}
	ourLoss, a := sums(ours)
	theirLoss, b := sums(theirs)
	v.Difference = ourLoss - theirLoss
	draws := make([]float64, resamples)
	for k := range draws {
		rng := tensor.NewRNG(1, "bootstrap", uint64(k))
		var diff float64
		n := 0
		for range a {
			i := rng.Intn(len(a))
			diff, n = diff+(a[i]-b[i]), n+counts[i]
		}
		draws[k] = diff / float64(max(1, n))
	}
	slices.Sort(draws)
	v.Low, v.High = draws[resamples*25/1000], draws[resamples*975/1000-1]
	for i := range min(len(ours), len(theirs)) {
		v.SeedsAgree = v.SeedsAgree && (ours[i].Report < theirs[i].Report) == (v.Difference < 0)
	}
	v.Better = v.High < 0 && v.SeedsAgree

	v.Less = true
	for _, name := range []string{c.Reference, c.Mixing} {
		other := r.byName(c, name)
		if name == "" || other == nil || other == m {
			continue
		}
		if other.Best < 0 { // a method that has to be beaten cannot be left out
			v.Less = false
			v.ForgetWhy += "against " + name + ": it has no result. "
			continue
		}
		less, why := r.lessForgetting(m, other)
		v.Less = v.Less && less
		v.ForgetWhy += why + ". "
	}
	v.Cheaper, v.TimeToTarget = r.cheaper(m, ref)
	return v
}

// lessForgetting compares forgetting at the greatest gain that both reach, seed by seed.
func (r *Runner) lessForgetting(m, other *report.Method) (bool, string) {
	var diffs []float64
	for _, seed := range r.grid.seeds() {
		gain := min(topGain(m.LRs, seed), topGain(other.LRs, seed))
		a, okA := atGain(m.LRs, seed, gain)
		b, okB := atGain(other.LRs, seed, gain)
		if !okA || !okB || gain <= 0 {
			return false, fmt.Sprintf("against %s: no gain that both reach", other.Name)
		}
		diffs = append(diffs, a-b)
	}
	s := spread(diffs)
	if s.N < 2 {
		return false, fmt.Sprintf("against %s at equal gain: %+.4f nats, but one seed does not tell how much of that is chance", other.Name, s.Mean)
	}
	need := max(0.02, 2*s.SD)
	return s.Mean < -need, fmt.Sprintf("against %s at equal gain: %+.4f ± %.4f nats, needed below %.4f", other.Name, s.Mean, s.SD, -need)
}

func topGain(points []report.LRPoint, seed uint64) float64 {
	top := 0.0
	for _, p := range points {
		for _, s := range p.Seeds {
			if s.Seed == seed {
				top = max(top, s.Gain)
			}
		}
	}
	return top
}

// cheaper compares the time to the reference's best domain loss, including Stage 0 and all records, and sets m.Target. Both
// clocks stop where a run first reaches this loss: the reference's curve may have dipped below its final value before.
func (r *Runner) cheaper(m, ref *report.Method) (bool, string) {
	if ref.LRs[ref.Best].Gain.Mean <= 0 {
		return false, ref.Name + " learns nothing: there is no target"
	}
	ours, theirs := r.best(m), r.best(ref)
	for _, c := range slices.Concat(ours, theirs) {
		if c.Machine != r.clocks && (r.timings[m.Name] == nil || r.timings[ref.Name] == nil) {
			return false, "its cells or the reference's were run on several machines, whose seconds are not compared; --time measures them on one"
		}
	}
	timed := r.timings[m.Name] != nil && r.timings[ref.Name] != nil
	until := func(method *report.Method, c *Cell, target float64) (seconds float64, reached bool) {
		at := slices.IndexFunc(c.Curve, func(p Point) bool { return p.Choose <= target })
		if at < 0 {
			return 0, false
		}
		if timed {
			k := r.timings[method.Name].middle()
			return k.Cost.Before() + k.seconds(at, len(c.Curve)), true
		}
		return c.Cost.Before() + c.Curve[at].Seconds, true
	}
	var ratios, seconds []float64
	for i := range min(len(ours), len(theirs)) {
		target := theirs[i].Choose
		t, reached := until(m, ours[i], target)
		whole, measured := until(ref, theirs[i], target)
		if !reached || !measured {
			return false, fmt.Sprintf("seed %d never reaches %s's best domain loss of %.4f (ends at %.4f)", ours[i].Seed, ref.Name, target, ours[i].Choose)
		}
		seconds, ratios = append(seconds, t), append(ratios, t/whole)
	}
	if len(ratios) == 0 {
		return false, "no cells"
	}
	target, s := spread(seconds), spread(ratios)
	m.Target = &target
	return s.Mean <= 0.6, fmt.Sprintf("%.2f (standard deviation %.2f, %d seeds) of %s's time to its best domain loss", s.Mean, s.SD, s.N, ref.Name)
}
