package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"reprise/cmd/reprise/internal/report"
	"reprise/internal/build"
	"reprise/tensor"
)

// points collects a method's cells by learning rate.
func (r *Runner) points(m *Method) []report.LRPoint {
	var out []report.LRPoint
	for _, lr := range m.LRs {
		p := report.LRPoint{LR: lr}
		var choose, loss, gain, forget, kl []float64
		for _, seed := range r.grid.seeds() {
			c := r.cells[r.dir(id{m, lr, seed})]
			if c == nil {
				continue
			}
			if c.Failed != "" {
				p.Failed++
				continue
			}
			s := report.Seed{Seed: seed, Gain: r.origin.Report - c.Report, Forget: r.forget(c), Seconds: c.Cost.Total()}
			var drift float64
			for i, g := range c.General {
				s.General = append(s.General, g.Loss-r.origin.General[i].Loss)
				drift += g.Drift.MeanKL / float64(len(c.General))
			}
			p.Seeds = append(p.Seeds, s)
			if slices.Contains(r.grid.Seeds, seed) { // seeds that were run at all rates
				choose = append(choose, c.Choose)
			}
			loss, gain = append(loss, c.Report), append(gain, s.Gain)
			forget, kl = append(forget, s.Forget), append(kl, drift)
		}
		p.Choose, p.Loss, p.Gain, p.Forget, p.KL = spread(choose), spread(loss), spread(gain), spread(forget), spread(kl)
		out = append(out, p)
	}
	return out
}

// bestOf is the learning rate with the lowest domain loss on the choosing half, among those at which no seed diverged; −1:
// none.
func bestOf(points []report.LRPoint) int {
	best := -1
	for i, p := range points {
		if p.Failed == 0 && len(p.Seeds) > 0 && (best < 0 || p.Choose.Mean < points[best].Choose.Mean) {
			best = i
		}
	}
	return best
}

func spread(x []float64) report.Spread {
	s := report.Spread{N: len(x)}
	for _, v := range x {
		s.Mean += v / float64(len(x))
	}
	if len(x) > 1 {
		var sum float64
		for _, v := range x {
			sum += float64((v - s.Mean) * (v - s.Mean))
		}
		s.SD = math.Sqrt(sum / float64(len(x)-1))
	}
	return s
}

// atGain interpolates a seed's forgetting at a gain along the front of its learning rates, which begins at the base model
// (gain 0, forgetting 0). Where the front passes the gain more than once, the least forgetting counts. false: not reached.
func atGain(points []report.LRPoint, seed uint64, gain float64) (float64, bool) {
	g0, f0 := 0.0, 0.0
	best, found := 0.0, false
	for _, p := range points {
		at := slices.IndexFunc(p.Seeds, func(s report.Seed) bool { return s.Seed == seed })
		if at < 0 {
			continue
		}
		g1, f1 := p.Seeds[at].Gain, p.Seeds[at].Forget
		if (g0-gain)*(g1-gain) <= 0 {
			f := min(f0, f1)
			if g1 != g0 {
				f = f0 + float64((f1-f0)*((gain-g0)/(g1-g0)))
			}
			if !found || f < best {
				best, found = f, true
			}
		}
		g0, f0 = g1, f1
	}
	return best, found
}

// analyse draws the conclusions from the cells that exist.
func (r *Runner) analyse() *report.Comparison {
	g := r.grid
	by := build.Get()
	c := &report.Comparison{
		Build: &by,
		Title: g.Title, Base: g.Base, Domain: g.Domain.Name, Machine: r.machine(), Seeds: g.seeds(), EqualGain: g.EqualGain,
		Reference: g.Reference, Mixing: g.MixingBase, BaseDomain: r.origin.Report, HeadShare: r.headShare(), Warnings: []string{},
	}
	for i, t := range g.General {
		c.General = append(c.General, t.Name)
		c.BaseGeneral = append(c.BaseGeneral, r.origin.General[i].Loss)
	}
	cells := 0
	var edges []string
	for i := range g.Methods {
		m := &g.Methods[i]
		method := report.Method{Name: m.Name, Note: m.Note, LRs: r.points(m)}
		method.Best = bestOf(method.LRs)
		for _, lr := range m.LRs {
			for _, seed := range g.seeds() {
				cell := r.cells[r.dir(id{m, lr, seed})]
				if cell == nil {
					if slices.Contains(g.Seeds, seed) {
						c.Missing++
					}
				} else if cell.Failed == "" {
					cells++
					c.Tokens += cell.Tokens
					c.Steps, c.LossShare = cell.Steps, cell.LossShare
				}
			}
		}
		recipe, _ := g.recipe(m) // it was valid when the grid was read
		c.Epochs = recipe.Epochs
		if method.Best >= 0 {
			method.Edge = method.Best == 0 || method.Best == len(method.LRs)-1
			r.costs(m, &method)
			if method.Edge {
				edges = append(edges, fmt.Sprintf("%s (%.3g)", m.Name, method.LRs[method.Best].LR))
			}
		} else {
			c.Warnings = append(c.Warnings, m.Name+": diverged at every learning rate")
		}
		c.Methods = append(c.Methods, method)
	}
	c.Tokens /= max(1, cells)
	if len(edges) > 0 {
		c.Warnings = append(c.Warnings, "the best learning rate lies on the edge of the grid, so that it may be better beyond: "+strings.Join(edges, ", "))
	}
	reference := r.byName(c, g.Reference)
	if reference == nil || reference.Best < 0 {
		c.Warnings = append(c.Warnings, g.Reference+", the reference, has no result: nothing is compared with it")
		return c
	}
	c.AtGain = g.EqualGain * reference.LRs[reference.Best].Gain.Mean
	if c.AtGain <= 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s, the reference, learns nothing (gain %.4f nats): there is no equal gain to compare forgetting at, and no target to reach", g.Reference, c.AtGain/g.EqualGain))
	}
	for i := range c.Methods {
		m := &c.Methods[i]
		if m.Best < 0 {
			continue
		}
		var f []float64
		for _, seed := range g.seeds() {
			if x, ok := atGain(m.LRs, seed, c.AtGain); ok {
				f = append(f, x)
			}
		}
		if len(f) == len(g.seeds()) && c.AtGain > 0 {
			s := spread(f)
			m.AtEqual = &s
		}
		saving := 1 - m.Cost.Total()/reference.Cost.Total()
		m.Saving = &saving
		m.Verdict = r.verdict(c, m, reference)
	}
	return c
}

func (r *Runner) byName(c *report.Comparison, name string) *report.Method {
	for i := range c.Methods {
		if c.Methods[i].Name == name {
			return &c.Methods[i]
		}
	}
	return nil
}

// best are the cells of a method at its best learning rate, seed by seed.
func (r *Runner) best(m *report.Method) []*Cell {
	var out []*Cell
	method := &Method{Name: m.Name}
	for _, seed := range r.grid.seeds() {
		if c := r.cells[r.dir(id{method, m.LRs[m.Best].LR, seed})]; c != nil {
			out = append(out, c)
		}
	}
	return out
}

// costs fills in the costs of a method, as Retime measured them or else as the median over the cells of its best rate, and
// the saving that the FLOPs allow.
func (r *Runner) costs(m *Method, to *report.Method) {
	cells := r.best(to)
	median := func(part func(report.Cost) float64) float64 {
		var x []float64
		for _, c := range cells {
			x = append(x, part(c.Cost))
		}
		slices.Sort(x)
		return x[len(x)/2]
	}
	if t := r.timings[m.Name]; t != nil {
		to.Cost, to.Timed = t.middle().Cost, len(t.Clocks)
	} else {
		to.Cost = report.Cost{
			Stage0: median(func(c report.Cost) float64 { return c.Stage0 }), Train: median(func(c report.Cost) float64 { return c.Train }),
			Refresh: median(func(c report.Cost) float64 { return c.Refresh }), Mix: median(func(c report.Cost) float64 { return c.Mix }),
		}
	}
	var rho float64
	for _, c := range cells {
		if c.Rho == nil {
			rho = -1
			break
		}
		rho += *c.Rho / float64(len(cells))
	}
	if rho >= 0 {
		to.Rho = &rho
	}
	recipe, _ := r.grid.recipe(m)
	if recipe.Loss != "replay" {
		return
	}
	// FLOPs per token: six for every weight of the body, and for every weight of the head at positions with loss; two in
	// Stage 0.
	vocab, d := float64(r.base.Model.Config.VocabSize), float64(r.base.Model.Head().W.Cols)
	body, f := r.body(), cells[0].LossShare
	rows := cells[0].MeanSubset + float64(recipe.TailDraws(r.base.Model.Config.VocabSize))
	full, cheap, once := 6*(body+float64(f*vocab*d)), 6*(body+float64(f*rows*d)), 2*(body+float64(f*vocab*d))
	epochs := float64(recipe.Epochs)
	ceiling := 1 - (float64(epochs*cheap)+once)/float64(epochs*full)
	to.Ceiling = &ceiling
}

// body is the number of weights in matrix products other than the head's.
func (r *Runner) body() float64 {
	n := 0
	for p := range r.base.Model.Params() {
		if len(p.Shape) == 2 && p.W.Rows != r.base.Model.Config.VocabSize {
			n += len(p.W.Data)
		}
	}
	return float64(n)
}

func (r *Runner) headShare() float64 {
	head := float64(r.base.Model.Config.VocabSize * r.base.Model.Head().W.Cols)
	return head / (head + r.body())
}

// resamples of the bootstrap.
const resamples = 2000

// verdict weighs a method against the reference by the three criteria of docs/METHOD.md, Verdicts.
func (r *Runner) verdict(c *report.Comparison, m, ref *report.Method) *report.Verdict {
	if m == ref {
		return nil
	}
	v := &report.Verdict{SeedsAgree: true}
	ours, theirs := r.best(m), r.best(ref)
	sums := func(cells []*Cell) []float64 { // sum of every document, mean over the seeds
		out := make([]float64, len(r.origin.Sums))
		for _, c := range cells {
			for i, s := range c.Sums {
				out[i] += s / float64(len(cells))
			}
		}
		return out
	}
	a, b, counts := sums(ours), sums(theirs), r.origin.Counts
	v.Difference = mean(a, counts) - mean(b, counts)
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
	timed := r.timings[m.Name] != nil && r.timings[ref.Name] != nil
	until := func(method *report.Method, c *Cell, target float64) (seconds float64, reached bool) {
		at := slices.IndexFunc(c.Curve, func(p Point) bool { return p.Loss <= target })
		if at < 0 {
			return 0, false
		}
		if timed {
			k := r.timings[method.Name].middle()
			return k.Cost.Stage0 + k.Cost.Mix + k.seconds(at, len(c.Curve)), true
		}
		return c.Cost.Stage0 + c.Cost.Mix + c.Curve[at].Seconds, true
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
