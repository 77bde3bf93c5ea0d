package compare

import (
	"cmp"
	"slices"

	"reprise/cmd/reprise/internal/report"
)

// compareNamed fills in the pairs and triples of methods that the grid names.
func (r *Runner) compareNamed(c *report.Comparison) {
	for _, p := range r.grid.Pairs {
		a, b := r.byName(c, p.Method), r.byName(c, p.Against)
		if a.Best >= 0 && b.Best >= 0 {
			c.Pairs = append(c.Pairs, r.pair(c, a, b))
		}
	}
	for _, k := range r.grid.Kept {
		c.Kept = append(c.Kept, r.kept(c, k))
	}
}

// pair is the paired difference of two methods.
func (r *Runner) pair(c *report.Comparison, a, b *report.Method) report.Pair {
	p := report.Pair{Method: a.Name, Against: b.Name}
	pa, pb := &a.LRs[a.Best], &b.LRs[b.Best]
	var domain, forget []float64
	reached := c.AtGain > 0
	for _, seed := range r.grid.seeds() {
		x, y := seedOf(pa, seed), seedOf(pb, seed)
		if x == nil || y == nil {
			continue
		}
		p.Seeds = append(p.Seeds, seed)
		domain = append(domain, y.Gain-x.Gain)
		fa, okA := atGain(a.LRs, seed, c.AtGain)
		fb, okB := atGain(b.LRs, seed, c.AtGain)
		reached = reached && okA && okB
		forget = append(forget, fa-fb)
	}
	p.DomainSeeds, p.Domain = domain, spread(domain)
	if reached && len(forget) > 0 {
		s := spread(forget)
		p.ForgetSeeds, p.Forget = forget, &s
		if a.AtEqual != nil && b.AtEqual != nil && b.AtEqual.Mean > 0 {
			ratio := a.AtEqual.Mean / b.AtEqual.Mean
			p.Ratio = &ratio
		}
	}
	p.Less, p.LessWhy = r.lessForgetting(a, b)
	return p
}

// kept is (F_plain − F_self)/(F_plain − F_real) at equal gain.
func (r *Runner) kept(c *report.Comparison, k Kept) report.Kept {
	out := report.Kept{Plain: k.Plain, Self: k.Self, Real: k.Real}
	of := func(name string, seed uint64) (float64, bool) { return atGain(r.byName(c, name).LRs, seed, c.AtGain) }
	var plain, self, real float64
	for _, seed := range r.grid.seeds() {
		p, okP := of(k.Plain, seed)
		s, okS := of(k.Self, seed)
		o, okO := of(k.Real, seed)
		if !okP || !okS || !okO || c.AtGain <= 0 {
			return report.Kept{Plain: k.Plain, Self: k.Self, Real: k.Real, Why: "not every seed of the three reaches equal gain"}
		}
		plain, self, real = plain+p, self+s, real+o
		if p > o {
			out.Seeds = append(out.Seeds, (p-s)/(p-o))
		}
	}
	if plain <= real {
		out.Why, out.Seeds = "real old text saves nothing here", nil
		return out
	}
	x := (plain - self) / (plain - real)
	out.Share = &x
	return out
}

// chooseClocks picks the machine whose seconds are compared: the one on which most of the cells were run.
func (r *Runner) chooseClocks() {
	count := map[Machine]int{}
	for _, c := range r.cells {
		count[c.Machine]++
	}
	r.clocks = Machine{}
	for m, n := range count {
		best := count[r.clocks]
		if n > best || n == best && cmp.Compare(m.String(), r.clocks.String()) < 0 {
			r.clocks = m
		}
	}
}

// stability is what the probes of a method's runs saw, by learning rate; nil: there were none.
func (r *Runner) stability(m *Method) (list []report.Stability) {
	for _, lr := range m.LRs {
		s := report.Stability{LR: lr}
		var spikes []float64
		probed := false
		for _, seed := range r.grid.seeds() {
			c := r.cells[r.key(id{m, lr, seed})]
			if c == nil {
				continue
			}
			s.Seeds++
			if c.Failed != "" {
				s.Diverged++
			}
			if c.Probe != nil {
				probed = true
				spikes = append(spikes, float64(c.Probe.Spikes))
				s.Norm = max(s.Norm, float64(c.Probe.Norm))
				s.Rise = max(s.Rise, float64(c.Probe.Rise))
			}
		}
		if probed {
			s.Spikes = spread(spikes)
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b report.Stability) int { return cmp.Compare(a.LR, b.LR) })
	return list
}
