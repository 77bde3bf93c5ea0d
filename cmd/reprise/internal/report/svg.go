package report

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"reprise/internal/exact"
)

// scale maps numbers to pixels, linearly or by logarithm.
type scale struct {
	lo, hi float64 // in the unit of the axis, or its logarithm
	a, b   float64 // pixels of lo and hi
	log    bool
}

func (s scale) at(x float64) float64 {
	if s.log {
		x = exact.Log(x)
	}
	if s.hi == s.lo {
		return (s.a + s.b) / 2
	}
	return s.a + (s.b-s.a)*((x-s.lo)/(s.hi-s.lo))
}

// span finds the range of finite numbers.
type span struct{ lo, hi float64 }

func newSpan() span { return span{math.Inf(1), math.Inf(-1)} }

func (s *span) add(x ...float64) {
	for _, v := range x {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			s.lo, s.hi = min(s.lo, v), max(s.hi, v)
		}
	}
}

// linear is an axis from pixel a to b over the span, with a margin.
func (s span) linear(a, b float64) scale {
	if s.lo > s.hi {
		s.lo, s.hi = 0, 1
	}
	if s.lo == s.hi {
		s.lo, s.hi = s.lo-max(1e-6, 0.05*math.Abs(s.lo)), s.hi+max(1e-6, 0.05*math.Abs(s.hi))
	}
	air := 0.04 * (s.hi - s.lo)
	return scale{lo: s.lo - air, hi: s.hi + air, a: a, b: b}
}

// decades is a logarithmic axis.
func (s span) decades(a, b float64) scale {
	lo, hi := exact.Log(s.lo), exact.Log(s.hi)
	air := max(0.15, 0.04*(hi-lo))
	return scale{lo: lo - air, hi: hi + air, a: a, b: b, log: true}
}

// ticks are round numbers on the axis, about n of them.
func (s scale) ticks(n int) []float64 {
	var out []float64
	if !(s.hi > s.lo) {
		return nil // an axis of names
	}
	if s.log {
		for e := -12; e <= 12; e++ {
			for _, m := range []float64{1, 3} {
				x := m
				for range max(e, -e) {
					if e > 0 {
						x *= 10
					} else {
						x /= 10
					}
				}
				if l := exact.Log(x); l >= s.lo && l <= s.hi {
					out = append(out, x)
				}
			}
		}
		return out
	}
	raw := (s.hi - s.lo) / float64(n)
	step := 1.0
	for step > raw {
		step /= 10
	}
	for step*10 <= raw {
		step *= 10
	}
	for _, m := range []float64{1, 2, 5, 10} {
		if step*m >= raw {
			step *= m
			break
		}
	}
	for i := math.Ceil(s.lo / step); i*step <= s.hi; i++ {
		out = append(out, i*step)
	}
	return out
}

// number writes a tick or a value in short form.
func number(x float64) string {
	switch a := math.Abs(x); {
	case x == 0 || a < 1e-12:
		return "0"
	case a < 1e-3 || a >= 1e5:
		s := fmt.Sprintf("%.2g", x)
		return strings.ReplaceAll(strings.ReplaceAll(s, "e-0", "e-"), "e+0", "e")
	default:
		return fmt.Sprintf("%.4g", math.Round(x*1e6)/1e6)
	}
}

// canvas collects the elements of one drawing.
type canvas struct {
	strings.Builder
	w, h float64
}

// el writes formatted SVG.
func (c *canvas) el(format string, args ...any) { fmt.Fprintf(&c.Builder, format+"\n", args...) }

// text writes an escaped label. anchor is start, middle or end; class adds style.
func (c *canvas) text(x, y float64, anchor, class, format string, args ...any) {
	c.el(`<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`, x, y, anchor, class, html.EscapeString(fmt.Sprintf(format, args...)))
}

// svg closes the drawing. label describes it in words.
func (c *canvas) svg(label string) string {
	return fmt.Sprintf(`<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`+"\n", c.w, c.h, html.EscapeString(label)) + c.String() + "</svg>\n"
}

// spreadOut moves places apart, by as little as possible and inside the bounds, until neighbours are a gap apart.
func spreadOut(at []float64, gap, top, bottom float64) []float64 {
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(at[a], at[b]) })
	out := slices.Clone(at)
	low := top
	for _, i := range order { // downwards
		out[i] = max(out[i], low)
		low = out[i] + gap
	}
	high := bottom
	for k := len(order) - 1; k >= 0; k-- { // and back up where that went too far
		out[order[k]] = min(out[order[k]], high)
		high = out[order[k]] - gap
	}
	return out
}

// frame draws axes with ticks and titles, and grid lines behind the data.
func (c *canvas) frame(x, y scale, xTitle, yTitle string) {
	left, right, bottom, top := x.a, x.b, y.a, y.b
	for _, t := range y.ticks(9) {
		p := y.at(t)
		c.el(`<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, left, p, right, p)
		c.text(left-8, p+4, "end", "tick", "%s", number(t))
	}
	for _, t := range x.ticks(12) {
		p := x.at(t)
		c.el(`<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, p, top, p, bottom)
		c.text(p, bottom+18, "middle", "tick", "%s", number(t))
	}
	c.el(`<line class="axis" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, left, bottom, right, bottom)
	c.text((left+right)/2, bottom+38, "middle", "title", "%s", xTitle)
	c.text(left, top-12, "start", "title", "%s", yTitle)
}

// shapes are the outlines of markers around (0, 0). There are as many as colours, so that the series of one page differ in
// their markers too: no ten colours can be distinguished by every reader.
var shapes = []string{
	"M0 -4.6A4.6 4.6 0 1 1 0 4.6A4.6 4.6 0 1 1 0 -4.6Z", "M-4.2 -4.2H4.2V4.2H-4.2Z", "M0 -5.4L5 3.8H-5Z",
	"M0 -5.6L5.6 0L0 5.6L-5.6 0Z", "M0 5.4L5 -3.8H-5Z", "M-1.7 -5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5V-1.7H-1.7Z",
	"M-5.4 0L3.8 -5V5Z", "M0 -2.4L2.6 -5L5 -2.6L2.4 0L5 2.6L2.6 5L0 2.4L-2.6 5L-5 2.6L-2.4 0L-5 -2.6L-2.6 -5Z",
	"M5.4 0L-3.8 5V-5Z", "M-4.6 -4.8H4.6L-4.6 4.8H4.6Z",
}

// colours is the number of series colours in the style sheet; further series begin again with the first colour and the next
// marker.
const colours = 10

func colour(i int) string { return fmt.Sprintf("var(--c%d)", i%colours) }

func shape(i int) string { return shapes[(i+i/colours)%len(shapes)] }

// mark draws series i's marker with a tooltip.
func (c *canvas) mark(i int, x, y, size float64, tip string) {
	c.el(`<path d="%s" transform="translate(%.1f %.1f) scale(%.2f)" fill="%s" class="mark"><title>%s</title></path>`,
		shape(i), x, y, size, colour(i), html.EscapeString(tip))
}

// line draws a polyline through finite points; it is interrupted at the others.
func (c *canvas) line(i int, xs, ys []float64, x, y scale, style string) {
	var d strings.Builder
	pen := "M"
	for k := range xs {
		if math.IsNaN(ys[k]) || math.IsInf(ys[k], 0) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&d, "%s%.1f %.1f", pen, x.at(xs[k]), y.at(ys[k]))
		pen = "L"
	}
	if d.Len() > 0 {
		c.el(`<path d="%s" fill="none" stroke="%s" %s/>`, d.String(), colour(i), style)
	}
}
