package report

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// Mixture is a seed's trained model mixed with the base model, base + α(trained − base).
type Mixture struct {
	Alpha        float64 `json:"alpha"`
	Gain         float64 `json:"gain"`
	Forget       float64 `json:"forget"`
	ChooseGain   float64 `json:"choose_gain"` // on the choosing halves
	ChooseForget float64 `json:"choose_forget"`
}

// MixedFront is forgetting at equal gain where a method may also be mixed with the base model.
type MixedFront struct {
	Spread
	Line string `json:"line"` // what forgets least on the choosing halves: the line through the rates, or through α at one of them
}

// Pair is the paired difference of two methods, seed by seed: Method minus Against.
type Pair struct {
	Method  string   `json:"method"`
	Against string   `json:"against"`
	Seeds   []uint64 `json:"seeds"`

	Domain      Spread    `json:"domain"` // of the domain losses, both at their best rate
	DomainSeeds []float64 `json:"domain_seeds"`
	Forget      *Spread   `json:"forget,omitempty"` // of forgetting at Comparison.AtGain; nil: not every seed of both gets there
	ForgetSeeds []float64 `json:"forget_seeds,omitempty"`
	Ratio       *float64  `json:"ratio,omitempty"` // of the mean forgetting of both

	Less    bool   `json:"less_forgetting"` // at the greatest gain that both reach
	LessWhy string `json:"less_forgetting_why"`
}

// Kept is what text of the base model's own saves of what real old text saves: (F_plain − F_self)/(F_plain − F_real) at equal gain.
type Kept struct {
	Plain string    `json:"plain"`
	Self  string    `json:"self"`
	Real  string    `json:"real"`
	Share *float64  `json:"kept,omitempty"` // of the means over the seeds; nil: Why says why there is none
	Seeds []float64 `json:"seeds,omitempty"`
	Why   string    `json:"why,omitempty"`
}

// Stability is what the probes of a method's runs at one learning rate saw after the warm-up.
type Stability struct {
	LR       float64 `json:"lr"`
	Seeds    int     `json:"seeds"`
	Diverged int     `json:"diverged"`
	Spikes   Spread  `json:"spikes"` // steps with a gradient far above the median of those before
	Norm     float64 `json:"norm"`   // greatest norm of the gradient over its median
	Rise     float64 `json:"rise"`   // greatest rise of the full loss above its lowest value before
}

// Diverged says that a method without a best rate has none because its runs diverged; else it was not run yet.
func (m *Method) Diverged() bool {
	return m.Best < 0 && slices.ContainsFunc(m.LRs, func(p LRPoint) bool { return p.Failed > 0 })
}

// NoResult says why a method has no best rate.
func (m *Method) NoResult() string {
	if m.Diverged() {
		return "diverged at every learning rate"
	}
	return "not run yet"
}

// HighestStable is the highest learning rate below every rate at which a seed diverged; 0: none, or no probe.
func (m *Method) HighestStable() float64 {
	highest := 0.0
	for _, s := range m.Stability {
		if s.Diverged > 0 {
			break
		}
		highest = s.LR
	}
	return highest
}

// StudyText is what the comparison's grid asks for beside the methods' results, as text; "": nothing.
func (c *Comparison) StudyText() string {
	var b strings.Builder
	choose := false
	for _, m := range c.Methods {
		choose = choose || m.ChooseAtEqual != nil && (len(c.Pairs) > 0 || len(c.Kept) > 0)
	}
	if choose {
		fmt.Fprintf(&b, "On the choosing halves, by which settings may be chosen:\n%-28s %12s %20s\n", "method", "domain loss", "F at equal gain")
		for _, m := range c.Methods {
			if m.Best >= 0 {
				fmt.Fprintf(&b, "%-28s %12.4f %20s\n", m.Name, m.LRs[m.Best].Choose.Mean, orNot(m.ChooseAtEqual, "not reached"))
			}
		}
	}
	for _, m := range c.Methods {
		if m.Mixed != nil {
			fmt.Fprintf(&b, "%s, mixed with the base model where that forgets less: F at equal gain %s (%s)\n", m.Name, m.Mixed.Spread, m.Mixed.Line)
		}
	}
	for _, p := range c.Pairs {
		fmt.Fprintf(&b, "%s against %s: domain %s%s; %s; less forgetting: %s (%s)\n", p.Method, p.Against, signed(p.Domain), seeds(p.DomainSeeds, "%+.4f"),
			p.forget(), yesNo(p.Less), p.LessWhy)
	}
	for _, k := range c.Kept {
		fmt.Fprintf(&b, "kept by %s of what %s saves against %s: %s\n", k.Self, k.Real, k.Plain, k.share())
	}
	for _, m := range c.Methods {
		for _, s := range m.Stability {
			fmt.Fprintf(&b, "%s at %s: %d of %d seeds diverged, %.1f spikes, greatest norm %.1f times its median, loss rose by %.4f\n", m.Name, number(s.LR),
				s.Diverged, s.Seeds, s.Spikes.Mean, s.Norm, s.Rise)
		}
		if len(m.Stability) > 0 {
			fmt.Fprintf(&b, "%s: highest rate below which no seed diverged: %s\n", m.Name, m.stable())
		}
	}
	return b.String()
}

func (m *Method) stable() string {
	if lr := m.HighestStable(); lr > 0 {
		return number(lr)
	}
	return "none"
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func orNot(s *Spread, none string) string {
	if s == nil {
		return none
	}
	return s.String()
}

// signed is a spread of differences.
func signed(s Spread) string {
	if s.N < 2 {
		return fmt.Sprintf("%+.4f", s.Mean)
	}
	return fmt.Sprintf("%+.4f ± %.4f", s.Mean, s.SD)
}

// seeds lists the values of the seeds, if there are several.
func seeds(x []float64, format string) string {
	if len(x) < 2 {
		return ""
	}
	var list []string
	for _, v := range x {
		list = append(list, fmt.Sprintf(format, v))
	}
	return " (" + strings.Join(list, " ") + ")"
}

func (p *Pair) forget() string {
	if p.Forget == nil {
		return "F at equal gain not reached by every seed"
	}
	text := "F at equal gain " + signed(*p.Forget) + seeds(p.ForgetSeeds, "%+.4f")
	if p.Ratio != nil {
		text += fmt.Sprintf(", %.2f of the other's", *p.Ratio)
	}
	return text
}

func (k *Kept) share() string {
	if k.Share == nil {
		return k.Why
	}
	return fmt.Sprintf("%.2f%s", *k.Share, seeds(k.Seeds, "%.2f"))
}

// study adds to the page what the grid asks for beside the methods' results.
func (c *Comparison) study(d *doc) {
	var mixed, named, probes strings.Builder
	for i, m := range c.Methods {
		if m.Mixed != nil {
			fmt.Fprintf(&mixed, `<tr><td>%s</td><td>%s</td><td>%s</td><td class="l">%s</td></tr>`, key(i, m.Name), m.AtEqual.orNone("not reached"), m.Mixed.Spread.html(), m.Mixed.Line)
		}
		for _, s := range m.Stability {
			fmt.Fprintf(&probes, "<tr><td>%s</td><td>%s</td><td>%d of %d</td><td>%.1f</td><td>%.1f</td><td>%.3f</td></tr>", key(i, m.Name), number(s.LR),
				s.Diverged, s.Seeds, s.Spikes.Mean, s.Norm, s.Rise)
		}
	}
	for _, p := range c.Pairs {
		fmt.Fprintf(&named, `<tr><td>%s<br/><small class="soft">against %s</small></td><td class="l">%s%s</td><td class="l">%s</td><td class="l">%s %s</td></tr>`,
			html.EscapeString(p.Method), html.EscapeString(p.Against), signed(p.Domain), seeds(p.DomainSeeds, "%+.4f"), html.EscapeString(p.forget()), yes(p.Less), html.EscapeString(p.LessWhy))
	}
	if len(c.Pairs) > 0 {
		d.heading("Pairs", "Differences of two methods, seed by seed. Domain loss: both at their best rate.")
		d.card(`<table><tr><th>method</th><th class="l">domain loss</th><th class="l">forgetting</th><th class="l">less forgetting at the greatest gain that both reach</th></tr>` + named.String() + "</table>")
	}
	if len(c.Kept) > 0 {
		d.heading("What the model's own text keeps", "The share of what real old text saves of forgetting that text written by the base model saves, at equal gain.")
		var kept strings.Builder
		for _, k := range c.Kept {
			fmt.Fprintf(&kept, `<tr><td>%s</td><td class="l">%s</td><td class="l">%s</td><td class="l">%s</td></tr>`, html.EscapeString(k.Self), html.EscapeString(k.Real), html.EscapeString(k.Plain), html.EscapeString(k.share()))
		}
		d.card(`<table><tr><th>own text</th><th class="l">real old text</th><th class="l">neither</th><th class="l">kept</th></tr>` + kept.String() + "</table>")
	}
	if mixed.Len() > 0 {
		d.heading("Mixed with the base model", "Forgetting at equal gain along the learning rates, and where the weights may also be mixed with the base model's, base + α(trained − base). Which line is used is chosen on the choosing halves.")
		d.card(`<table><tr><th>method</th><th>rates</th><th>with mixtures</th><th class="l">chosen line</th></tr>` + mixed.String() + "</table>")
	}
	if probes.Len() > 0 {
		d.heading("Stability", "After the warm-up. A spike is a step whose gradient's norm is more than five times the median of the 50 steps before. A run has diverged when a number is not finite, or when its own loss has been above that of its first step for 50 steps.")
		d.card(`<table><tr><th>method</th><th>rate</th><th>diverged</th><th>spikes</th><th>greatest norm over median</th><th>greatest rise of the full loss</th></tr>` + probes.String() + "</table>")
	}
}
