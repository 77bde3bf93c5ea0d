package report

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"reprise/internal/build"
)

// Page is the comparison as one HTML file.
func (c *Comparison) Page() []byte {
	var d doc
	title := cmp.Or(c.Title, "Comparison on "+c.Domain)
	d.add("<h1>%s</h1>", html.EscapeString(title))
	d.add(`<p class="soft">What each method learns of %s, what it forgets of %s, and what that costs. Every loss is full cross-entropy in nats per token on held-out text; learning rates were chosen on one half of the domain's validation documents and are reported on the other. ± is one standard deviation over seeds.</p>`,
		html.EscapeString(c.Domain), html.EscapeString(strings.Join(c.General, ", ")))
	d.facts(fmt.Sprint(len(c.Methods)), "methods", fmt.Sprint(len(c.Seeds)), "seeds", fmt.Sprint(c.Steps), "steps a run",
		thousands(c.Tokens), "tokens a run", fmt.Sprintf("%.3f", c.BaseDomain), "base, "+c.Domain,
		fmt.Sprintf("%.3f", mean(c.BaseGeneral)), "base, general", fmt.Sprintf("%.0f %%", 100*c.LossShare), "positions with loss",
		fmt.Sprintf("%.0f %%", 100*c.HeadShare), "head's share of weights")
	if len(c.Warnings) > 0 || c.Missing > 0 {
		d.add(`<div class="card warn"><b>Read with care</b><ul>`)
		if c.Missing > 0 {
			d.add("<li>%d cells have not been run yet.</li>", c.Missing)
		}
		for _, w := range c.Warnings {
			d.add("<li>%s</li>", html.EscapeString(w))
		}
		d.add("</ul></div>")
	}
	var names []string
	for _, m := range c.Methods {
		names = append(names, m.Name)
	}
	d.heading("Learning against forgetting", "Each line follows one method through its learning rates, from the base model at (0, 0); large markers are the rate chosen on the other half, small dots its seeds. The dashed part lies beyond that rate. Down and to the right is better. Point at a line to single it out.")
	d.card(c.pareto())
	d.heading("Forgetting at equal gain", fmt.Sprintf("Interpolated along each method's line at a gain of %.3f nats, %.0f %% of what %s gains at its best. Whiskers: one standard deviation over seeds.", c.AtGain, 100*c.EqualGain, html.EscapeString(c.Reference)))
	d.card(c.equalGain())
	d.heading("Cost", fmt.Sprintf("Wall seconds of a run at its best learning rate, evaluations left out, median over %s. A diamond marks the time to %s's best domain loss, where it is reached. Machine: %s.", c.medianOver(), html.EscapeString(c.Reference), html.EscapeString(c.Machine)))
	d.card(c.costs())
	d.heading("Learning rates", "Domain loss on the choosing half. A best rate at the end of its line is on the edge of the grid. Rates of methods that divide by √v and of methods that take the arctangent are not comparable one to one.")
	d.card(c.rates() + legend(names))
	d.heading("Numbers", "At the best learning rate of each method.")
	d.card(c.table())
	d.heading("The three claims", "Better domain: the 95 % interval of a paired bootstrap over documents excludes 0 and all seeds agree. Less forgetting: at equal gain lower by more than max(0.02, 2 standard deviations). More than 40 % cheaper: at most 0.60 of the time to the reference's best domain loss, with Stage 0 and all records counted in. Otherwise the answer is no.")
	d.card(c.verdicts())
	c.study(&d)
	var by build.Info
	if c.Build != nil {
		by = *c.Build
	}
	d.footer("Made by <code>reprise compare</code> from results.json in this directory.", "The results were put together by", by)
	return page(title, d.String())
}

// medianOver says of which times the costs are medians.
func (c *Comparison) medianOver() string {
	least := math.MaxInt
	for _, m := range c.Methods {
		if m.Best >= 0 {
			least = min(least, m.Timed)
		}
	}
	if least == 0 || least == math.MaxInt {
		return "seeds"
	}
	return fmt.Sprintf("%d runs that were made for their time, the methods in turn", least)
}

// pareto draws forgetting against gain.
func (c *Comparison) pareto() string {
	v := canvas{w: 1040, h: 560}
	xs, ys := newSpan(), newSpan()
	xs.add(0)
	ys.add(0)
	for _, m := range c.Methods { // only useful points set the range: a ruined model far away would squeeze the rest into a corner
		for _, p := range m.LRs {
			if p.Gain.N > 0 && p.Gain.Mean > 0 {
				xs.add(p.Gain.Mean)
			}
		}
		if m.Best >= 0 {
			ys.add(m.LRs[m.Best].Forget.Mean * 1.15)
		}
	}
	x, y := xs.linear(64, min(866, v.w-24-c.nameWidth())), ys.linear(500, 34)
	v.frame(x, y, "gain: fall of the domain's loss (nats per token)", "forgetting: rise of the general loss (nats per token)")
	v.el(`<clipPath id="inside"><rect x="%.0f" y="%.0f" width="%.0f" height="%.0f"/></clipPath>`, x.a, y.b, x.b-x.a, y.a-y.b)
	if c.AtGain > 0 {
		v.el(`<line class="ref" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, x.at(c.AtGain), y.a, x.at(c.AtGain), y.b)
		v.text(x.at(c.AtGain)-6, y.b+10, "end", "note", "compared at this gain")
	}
	v.text(x.b-6, y.a-10, "end", "note", "better ↘")
	labels := c.labelPlaces(y)
	for i, m := range c.Methods {
		v.el(`<g class="series">`)
		if m.Best >= 0 {
			p := &m.LRs[m.Best]
			from := min(max(x.at(p.Gain.Mean), x.a), x.b) // a model that got worse is to the left of the plot
			v.el(`<path d="M%.1f %.1fL%.1f %.1fH%.1f" fill="none" stroke="%s" stroke-width=".8" stroke-opacity=".55"/>`, from, y.at(p.Forget.Mean), x.b+8, labels[i], x.b+16, colour(i))
			v.text(x.b+20, labels[i]+4, "start", "", "%s", m.Name)
		}
		v.el(`<g clip-path="url(#inside)">`)
		gx, gy := []float64{0}, []float64{0}
		turn := 0 // points up to the best rate
		for k, p := range m.LRs {
			if p.Gain.N > 0 {
				gx, gy = append(gx, p.Gain.Mean), append(gy, p.Forget.Mean)
			}
			if k == m.Best {
				turn = len(gx) - 1
			}
		}
		v.line(i, gx[:turn+1], gy[:turn+1], x, y, `stroke-width="1.8" stroke-opacity=".8" stroke-linejoin="round"`)
		v.line(i, gx[turn:], gy[turn:], x, y, `stroke-width="1" stroke-opacity=".4" stroke-dasharray="3 4"`)
		for k, p := range m.LRs {
			if p.Gain.N == 0 {
				continue
			}
			if k == m.Best {
				for _, s := range p.Seeds {
					v.el(`<circle cx="%.1f" cy="%.1f" r="2.2" fill="%s" fill-opacity=".7"/>`, x.at(s.Gain), y.at(s.Forget), colour(i))
				}
			}
			size := 0.62
			if k == m.Best {
				size = 1.5
			}
			v.mark(i, x.at(p.Gain.Mean), y.at(p.Forget.Mean), size, fmt.Sprintf("%s, lr %s: gain %.4f, forgetting %+.4f, KL %.4f", m.Name, number(p.LR), p.Gain.Mean, p.Forget.Mean, p.KL.Mean))
		}
		v.el("</g></g>")
	}
	return v.svg("Forgetting over gain for every method")
}

// nameWidth is the width of the longest name of a method in a drawing.
func (c *Comparison) nameWidth() float64 {
	most := 0
	for _, m := range c.Methods {
		most = max(most, utf8.RuneCountInString(m.Name))
	}
	return min(480, 7.3*float64(most)) // the mean width of a character in the widest of the fonts
}

// labelPlaces are the heights of the methods' names beside the plot.
func (c *Comparison) labelPlaces(y scale) []float64 {
	at := make([]float64, len(c.Methods))
	for i, m := range c.Methods {
		at[i] = y.a
		if m.Best >= 0 {
			at[i] = y.at(m.LRs[m.Best].Forget.Mean)
		}
	}
	return spreadOut(at, 17, y.b+4, y.a)
}

// equalGain draws forgetting at one gain, methods sorted by it.
func (c *Comparison) equalGain() string {
	order := c.sorted(func(m *Method) float64 {
		if m.AtEqual == nil {
			return math.Inf(1)
		}
		return m.AtEqual.Mean
	})
	const row = 30.0
	v := canvas{w: 1040, h: 70 + row*float64(len(order))}
	xs := newSpan()
	xs.add(0)
	for _, m := range c.Methods {
		if m.AtEqual != nil {
			xs.add(m.AtEqual.Mean-m.AtEqual.SD, m.AtEqual.Mean+m.AtEqual.SD)
		}
	}
	bottom := 16 + row*float64(len(order))
	x := xs.linear(max(230, c.nameWidth()+20), 1000)
	v.frame(x, scale{a: bottom, b: 12, lo: 0, hi: 0}, "forgetting at equal gain (nats per token)", "")
	for k, i := range order {
		m := &c.Methods[i]
		at := 16 + row*(float64(k)+0.5)
		v.el(`<g class="series">`)
		v.text(x.a-14, at+4, "end", "", "%s", m.Name)
		if m.AtEqual == nil {
			v.text(x.a+8, at+4, "start", "note", "%s", c.notReached(m))
		} else {
			s := m.AtEqual
			v.el(`<line class="whisker" stroke="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, colour(i), x.at(s.Mean-s.SD), at, x.at(s.Mean+s.SD), at)
			v.mark(i, x.at(s.Mean), at, 1.3, fmt.Sprintf("%s: %s", m.Name, s))
			v.text(x.at(s.Mean+s.SD)+12, at+4, "start", "tick", "%.3f", s.Mean)
		}
		v.el("</g>")
	}
	return v.svg("Forgetting at equal gain")
}

func (c *Comparison) notReached(m *Method) string {
	if m.Best < 0 {
		return m.NoResult()
	}
	top := math.Inf(-1)
	for _, p := range m.LRs {
		if p.Gain.N > 0 {
			top = max(top, p.Gain.Mean)
		}
	}
	switch {
	case c.AtGain <= 0:
		return "the reference gains nothing"
	case top >= c.AtGain:
		return fmt.Sprintf("not every seed gains so much (on average %.3f)", top)
	}
	return fmt.Sprintf("never gains so much (at best %.3f)", top)
}

// costs draws stacked bars.
func (c *Comparison) costs() string {
	order := c.sorted(func(m *Method) float64 { return m.Cost.Total() })
	const row = 30.0
	v := canvas{w: 1040, h: 92 + row*float64(len(order))}
	xs := newSpan()
	xs.add(0)
	for _, m := range c.Methods {
		xs.add(m.Cost.Total() * 1.08)
	}
	bottom := 40 + row*float64(len(order))
	x := scale{lo: 0, hi: max(1e-9, xs.hi), a: max(230, c.nameWidth()+20), b: 1000}
	parts := []struct {
		name, fill string
		of         func(Cost) float64
	}{
		{"Stage 0: recording", "var(--c4)", func(c Cost) float64 { return c.Stage0 }},
		{"record of mixed text", "var(--c7)", func(c Cost) float64 { return c.Mix }},
		{"Stage 1: training", "var(--c0)", func(c Cost) float64 { return c.Train }},
		{"records made again", "var(--c5)", func(c Cost) float64 { return c.Refresh }},
		{"text it wrote itself", "var(--c3)", func(c Cost) float64 { return c.Sample }},
	}
	at := x.a
	for _, p := range parts {
		v.el(`<rect x="%.1f" y="8" width="12" height="12" rx="2" fill="%s"/>`, at, p.fill)
		v.text(at+18, 18, "start", "tick", "%s", p.name)
		at += 156
	}
	v.frame(x, scale{a: bottom, b: 34, lo: 0, hi: 0}, "seconds", "")
	for k, i := range order {
		m := &c.Methods[i]
		top := 40 + row*float64(k) + 6
		v.text(x.a-14, top+13, "end", "", "%s", m.Name)
		at := 0.0
		for _, p := range parts {
			if s := p.of(m.Cost); s > 0 {
				v.el(`<rect x="%.1f" y="%.1f" width="%.1f" height="18" fill="%s"><title>%s, %s: %.1f s</title></rect>`,
					x.at(at), top, x.at(at+s)-x.at(at), p.fill, html.EscapeString(m.Name), p.name, s)
				at += s
			}
		}
		label := fmt.Sprintf("%.1f s", at)
		if m.Best < 0 {
			label = m.NoResult()
		}
		v.text(x.at(at)+8, top+13, "start", "tick", "%s", label)
		if m.Target != nil {
			v.el(`<path d="%s" transform="translate(%.1f %.1f) scale(1.15)" fill="var(--ink)" class="mark"><title>%.1f s to the target</title></path>`, shapes[3], x.at(m.Target.Mean), top+9, m.Target.Mean)
		}
	}
	return v.svg("Cost of every method in seconds")
}

// rates draws the domain loss against the learning rate.
func (c *Comparison) rates() string {
	v := canvas{w: 1040, h: 440}
	xs, ys := newSpan(), newSpan()
	ys.add(c.BaseDomain)
	for _, m := range c.Methods {
		for _, p := range m.LRs {
			xs.add(p.LR)
			if p.Choose.N > 0 && p.Choose.Mean < c.BaseDomain+0.5 {
				ys.add(p.Choose.Mean)
			}
		}
	}
	x, y := xs.decades(64, 1020), ys.linear(384, 34)
	v.frame(x, y, "learning rate", "domain loss, choosing half (nats per token)")
	v.el(`<clipPath id="box"><rect x="%.0f" y="%.0f" width="%.0f" height="%.0f"/></clipPath>`, x.a, y.b-8, x.b-x.a+8, y.a-y.b+8)
	v.el(`<line class="ref" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, x.a, y.at(c.BaseDomain), x.b, y.at(c.BaseDomain))
	v.text(x.b-4, y.at(c.BaseDomain)-6, "end", "note", "base model")
	for i, m := range c.Methods {
		v.el(`<g class="series" clip-path="url(#box)">`)
		var lx, ly []float64
		for _, p := range m.LRs {
			if p.Choose.N > 0 {
				lx, ly = append(lx, p.LR), append(ly, p.Choose.Mean)
			}
		}
		v.line(i, lx, ly, x, y, `stroke-width="1.6" stroke-opacity=".8"`)
		for k, p := range m.LRs {
			if p.Choose.N > 0 {
				size := 0.62
				if k == m.Best {
					size = 1.45
				}
				v.mark(i, x.at(p.LR), y.at(p.Choose.Mean), size, fmt.Sprintf("%s, lr %s: %s", m.Name, number(p.LR), p.Choose))
			}
		}
		v.el("</g>")
	}
	return v.svg("Domain loss over the learning rate")
}

// sorted lists the methods' indices by a key.
func (c *Comparison) sorted(by func(*Method) float64) []int {
	order := make([]int, len(c.Methods))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(by(&c.Methods[a]), by(&c.Methods[b])) })
	return order
}

func (c *Comparison) table() string {
	var b strings.Builder
	gauged, columns := c.gauged(), 10
	gauge := func(cell string) string {
		if !gauged {
			return ""
		}
		return cell
	}
	if gauged {
		columns++
	}
	fmt.Fprintf(&b, `<table><tr><th>method</th><th>best lr</th><th>domain loss</th><th>gain</th><th>forgetting</th><th>at equal gain</th><th>KL from base</th>%s<th>ρ at the end</th><th>seconds</th><th>saving</th><th>FLOP ceiling</th></tr>`,
		gauge(`<th title="estimated on text that the base model wrote">KL on its own text</th>`))
	for i, m := range c.Methods {
		name := key(i, m.Name)
		if m.Note != "" {
			name += `<br/><small class="soft">` + html.EscapeString(m.Note) + "</small>"
		}
		if m.Best < 0 {
			fmt.Fprintf(&b, `<tr><td>%s</td><td class="l" colspan="%d">%s</td></tr>`, name, columns, m.NoResult())
			continue
		}
		p := &m.LRs[m.Best]
		edge := ""
		if m.Edge {
			edge = ` <span class="no" title="on the edge of the grid">edge</span>`
		}
		fmt.Fprintf(&b, "<tr><td>%s</td><td>%s%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td>%s<td>%s</td><td>%.1f</td><td>%s</td><td>%s</td></tr>",
			name, number(p.LR), edge, p.Loss.html(), p.Gain.html(), p.Forget.html(), m.AtEqual.orNone("not reached"), p.KL.html(),
			gauge("<td>"+p.Gauge.orNone("–")+"</td>"), share(m.Rho, 1), m.Cost.Total(), share(m.Saving, 100), share(m.Ceiling, 100))
	}
	return b.String() + "</table>"
}

// gauged says whether a method's best rate has the gauge of forgetting.
func (c *Comparison) gauged() bool {
	return slices.ContainsFunc(c.Methods, func(m Method) bool { return m.Best >= 0 && m.LRs[m.Best].Gauge != nil })
}

func (c *Comparison) verdicts() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<table><tr><th>against %s</th><th class="l">better domain</th><th class="l">less forgetting</th><th class="l">more than 40 %% cheaper</th></tr>`, html.EscapeString(c.Reference))
	for i, m := range c.Methods {
		v := m.Verdict
		if v == nil {
			continue
		}
		agree := "all seeds agree"
		switch {
		case len(c.Seeds) == 1:
			agree = "one seed only"
		case !v.SeedsAgree:
			agree = "seeds disagree"
		}
		fmt.Fprintf(&b, `<tr><td>%s</td><td class="l">%s %+.4f [%+.4f, %+.4f], %s</td><td class="l">%s %s</td><td class="l">%s %s</td></tr>`,
			key(i, m.Name), yes(v.Better), v.Difference, v.Low, v.High, agree, yes(v.Less), html.EscapeString(v.ForgetWhy), yes(v.Cheaper), html.EscapeString(v.TimeToTarget))
	}
	return b.String() + "</table>"
}

func yes(b bool) string {
	if b {
		return `<span class="yes">yes</span>`
	}
	return `<span class="no">no</span>`
}

func (s Spread) html() string {
	if s.N < 2 {
		return fmt.Sprintf("%.3f", s.Mean)
	}
	return fmt.Sprintf(`%.3f <span class="soft">±%.3f</span>`, s.Mean, s.SD)
}

func (s *Spread) orNone(none string) string {
	if s == nil {
		return `<span class="soft">` + none + "</span>"
	}
	return s.html()
}

// share writes an optional number, times a unit of 1 or 100 (then as percent).
func share(x *float64, unit float64) string {
	switch {
	case x == nil:
		return `<span class="soft">–</span>`
	case unit == 100:
		return fmt.Sprintf("%.0f %%", 100**x)
	}
	return fmt.Sprintf("%.3f", *x)
}

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}

func thousands(n int) string {
	if n >= 10000 {
		return fmt.Sprintf("%d k", (n+500)/1000)
	}
	return fmt.Sprint(n)
}
