package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"reprise/cmd/reprise/internal/report"
	"reprise/internal/build"
)

// points collects a method's cells by learning rate.
func (r *Runner) points(m *Method) []report.LRPoint {
	var out []report.LRPoint
	for _, lr := range m.LRs {
		p := report.LRPoint{LR: lr}
		var choose, loss, gain, forget, kl, gauge []float64
		for _, seed := range r.grid.seeds() {
			c := r.cells[r.key(id{m, lr, seed})]
			if c == nil {
				continue
			}
			if c.Failed != "" {
				p.Failed++
				continue
			}
			s := report.Seed{Seed: seed, Seconds: c.Cost.Total(), Gain: r.origin.Report - c.Report, Forget: r.forget(c.General),
				ChooseGain: r.origin.Choose - c.Choose, ChooseForget: r.forgetChoosing(c.General)}
			var drift float64
			for i, g := range c.General {
				s.General = append(s.General, g.Report-r.origin.General[i].Report)
				drift += g.KL / float64(len(c.General))
			}
			for _, alpha := range r.grid.Alphas {
				if mix := c.at(alpha); mix != nil {
					s.Mixtures = append(s.Mixtures, report.Mixture{Alpha: alpha, Gain: r.origin.Report - mix.Report, Forget: r.forget(mix.General),
						ChooseGain: r.origin.Choose - mix.Choose, ChooseForget: r.forgetChoosing(mix.General)})
				}
			}
			p.Seeds = append(p.Seeds, s)
			if slices.Contains(r.grid.Seeds, seed) { // seeds that were run at all rates
				choose = append(choose, c.Choose)
			}
			loss, gain = append(loss, c.Report), append(gain, s.Gain)
			forget, kl = append(forget, s.Forget), append(kl, drift)
			if c.Gauge != nil {
				gauge = append(gauge, c.Gauge.KL)
			}
		}
		p.Choose, p.Loss, p.Gain, p.Forget, p.KL = spread(choose), spread(loss), spread(gain), spread(forget), spread(kl)
		if len(gauge) > 0 && len(gauge) == len(p.Seeds) {
			g := spread(gauge)
			p.Gauge = &g
		}
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

// analyse draws the conclusions from the cells that exist.
func (r *Runner) analyse() *report.Comparison {
	g := r.grid
	by := build.Get()
	c := &report.Comparison{
		Build: &by,
		Title: g.Title, Base: g.Base, Domain: g.Domain.Name, Machine: r.machine().String(), Seeds: g.seeds(), EqualGain: g.EqualGain,
		Reference: g.Reference, Mixing: g.MixingBase, BaseDomain: r.origin.Report, HeadShare: r.headShare(), Warnings: []string{},
	}
	for i, t := range g.General {
		c.General = append(c.General, t.Name)
		c.BaseGeneral = append(c.BaseGeneral, r.origin.General[i].Report)
	}
	r.chooseClocks()
	if r.clocks != (Machine{}) {
		c.Machine = r.clocks.String()
	}
	cells := 0
	var edges []string
	for i := range g.Methods {
		m := &g.Methods[i]
		method := report.Method{Name: m.Name, Note: m.Note, LRs: r.points(m)}
		method.Best = bestOf(method.LRs)
		for _, lr := range m.LRs {
			for _, seed := range g.seeds() {
				cell := r.cells[r.key(id{m, lr, seed})]
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
		} else if method.Diverged() {
			c.Warnings = append(c.Warnings, m.Name+": diverged at every learning rate")
		}
		method.Stability = r.stability(m)
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
	chooseAt := g.EqualGain * (r.origin.Choose - reference.LRs[reference.Best].Choose.Mean)
	if c.AtGain <= 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s, the reference, learns nothing (gain %.4f nats): there is no equal gain to compare forgetting at, and no target to reach", g.Reference, c.AtGain/g.EqualGain))
	}
	for i := range c.Methods {
		m := &c.Methods[i]
		if m.Best < 0 {
			continue
		}
		if c.AtGain > 0 {
			m.AtEqual = r.spreadAt(m, c.AtGain, reported)
		}
		if chooseAt > 0 {
			m.ChooseAtEqual = r.spreadAt(m, chooseAt, choosing)
			m.Mixed = r.mixedFront(m, c.AtGain, chooseAt)
		}
		if m.Cost.Total() > 0 && reference.Cost.Total() > 0 {
			saving := 1 - m.Cost.Total()/reference.Cost.Total()
			m.Saving = &saving
		}
		m.Verdict = r.verdict(c, m, reference)
	}
	r.compareNamed(c)
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
		if c := r.cells[r.key(id{method, m.LRs[m.Best].LR, seed})]; c != nil {
			out = append(out, c)
		}
	}
	return out
}

// costs fills in the costs of a method, as Retime measured them or else as the median over the cells of its best rate, and
// the saving that the FLOPs allow.
func (r *Runner) costs(m *Method, to *report.Method) {
	cells := r.best(to)
	middle := func(part func(report.Cost) float64) float64 {
		var x []float64
		for _, c := range cells {
			if c.Machine == r.clocks {
				x = append(x, part(c.Cost))
			}
		}
		if len(x) == 0 {
			return 0
		}
		return median(x)
	}
	if t := r.timings[m.Name]; t != nil {
		to.Cost, to.Timed = t.middle().Cost, len(t.Clocks)
	} else {
		to.Cost = report.Cost{
			Stage0: middle(func(c report.Cost) float64 { return c.Stage0 }), Train: middle(func(c report.Cost) float64 { return c.Train }),
			Refresh: middle(func(c report.Cost) float64 { return c.Refresh }), Mix: middle(func(c report.Cost) float64 { return c.Mix }),
			Sample: middle(func(c report.Cost) float64 { return c.Sample }),
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
	var q float64 // packs of the base model's own for each of the domain; all their positions carry loss, and it writes each once
	if recipe.Rehearse > 0 {
		_, _, own := recipe.Batch(math.MaxInt, r.grid.mixes(m), true)
		q = float64(own) / float64(recipe.GlobalBatchSize)
	}
	both := body + float64(q*body)
	full, cheap, once := 6*(body+float64(f*vocab*d)), 6*(both+float64((f+q)*rows*d)), 2*(both+float64((f+q)*vocab*d))
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
