package compare

import (
	"fmt"
	"slices"

	"reprise/cmd/reprise/internal/report"
)

// point is what a trained model learnt and forgot.
type point struct{ gain, forget float64 }

// along interpolates forgetting at a gain along a line of points that begins at the base model (gain 0, forgetting 0). Where the
// line passes the gain more than once, the least forgetting counts. false: not reached.
func along(line []point, gain float64) (float64, bool) {
	from := point{}
	best, found := 0.0, false
	for _, to := range line {
		if (from.gain-gain)*(to.gain-gain) <= 0 {
			f := min(from.forget, to.forget)
			if to.gain != from.gain {
				f = from.forget + float64((to.forget-from.forget)*((gain-from.gain)/(to.gain-from.gain)))
			}
			if !found || f < best {
				best, found = f, true
			}
		}
		from = to
	}
	return best, found
}

// side says on which half of the held-out texts a line is drawn.
type side bool

const (
	reported side = false
	choosing side = true
)

func (h side) of(s *report.Seed) point {
	if h == choosing {
		return point{s.ChooseGain, s.ChooseForget}
	}
	return point{s.Gain, s.Forget}
}

func (h side) mixture(m *report.Mixture) point {
	if h == choosing {
		return point{m.ChooseGain, m.ChooseForget}
	}
	return point{m.Gain, m.Forget}
}

// front is a seed's line through a method's learning rates.
func front(points []report.LRPoint, seed uint64, h side) (line []point) {
	for _, p := range points {
		if at := seedOf(&p, seed); at != nil {
			line = append(line, h.of(at))
		}
	}
	return line
}

// mixtureLine is a seed's line from the base model through its mixtures with the model of one learning rate to that model; nil:
// they were not measured.
func mixtureLine(p *report.LRPoint, seed uint64, h side) (line []point) {
	at := seedOf(p, seed)
	if at == nil || len(at.Mixtures) == 0 {
		return nil
	}
	for i := range at.Mixtures {
		line = append(line, h.mixture(&at.Mixtures[i]))
	}
	return append(line, h.of(at))
}

func seedOf(p *report.LRPoint, seed uint64) *report.Seed {
	if at := slices.IndexFunc(p.Seeds, func(s report.Seed) bool { return s.Seed == seed }); at >= 0 {
		return &p.Seeds[at]
	}
	return nil
}

// atGain is a seed's forgetting at a gain along the front of its learning rates, on the reported halves.
func atGain(points []report.LRPoint, seed uint64, gain float64) (float64, bool) {
	return along(front(points, seed, reported), gain)
}

// spreadAt is forgetting at a gain over the seeds; nil: not every seed reaches it.
func (r *Runner) spreadAt(m *report.Method, gain float64, h side) *report.Spread {
	return r.over(gain, func(seed uint64) []point { return front(m.LRs, seed, h) }, h)
}

// over is forgetting at a gain over the seeds, each with a line of its own; nil: not every seed reaches it. Choosing is left to the
// seeds that were run at every rate.
func (r *Runner) over(gain float64, line func(seed uint64) []point, h side) *report.Spread {
	seeds := r.grid.seeds()
	if h == choosing {
		seeds = r.grid.Seeds
	}
	var f []float64
	for _, seed := range seeds {
		x, ok := along(line(seed), gain)
		if !ok {
			return nil
		}
		f = append(f, x)
	}
	s := spread(f)
	return &s
}

// mixedFront is forgetting at equal gain where a method may also be mixed with the base model: of the line through its rates and
// those through its mixtures at its best rate and the rates beside it, the one that forgets least on the choosing halves is reported.
// nil: there are no mixtures, or what is chosen does not reach the gain on the reported halves.
func (r *Runner) mixedFront(m *report.Method, gain, chooseAt float64) *report.MixedFront {
	type candidate struct {
		name string
		line func(h side) func(seed uint64) []point
	}
	list := []candidate{{"rates", func(h side) func(uint64) []point {
		return func(seed uint64) []point { return front(m.LRs, seed, h) }
	}}}
	for i := max(0, m.Best-1); i <= min(m.Best+1, len(m.LRs)-1); i++ {
		p := &m.LRs[i]
		if len(p.Seeds) == 0 || len(p.Seeds[0].Mixtures) == 0 || p.Failed > 0 {
			continue
		}
		list = append(list, candidate{fmt.Sprintf("α at %.3g", p.LR), func(h side) func(uint64) []point {
			return func(seed uint64) []point { return mixtureLine(p, seed, h) }
		}})
	}
	if len(list) == 1 {
		return nil
	}
	var out *report.MixedFront
	least := 0.0
	for _, c := range list {
		f := r.over(chooseAt, c.line(choosing), choosing)
		if f == nil || out != nil && f.Mean >= least {
			continue
		}
		least, out = f.Mean, nil
		if s := r.over(gain, c.line(reported), reported); s != nil {
			out = &report.MixedFront{Spread: *s, Line: c.name}
		}
	}
	return out
}
