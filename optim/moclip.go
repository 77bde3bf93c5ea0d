package optim

import (
	"math"

	"reprise/internal/exact"
)

// moClip is Adam-atan2 on a gradient whose angle φ to the momentum is capped at Δ, per tensor (arXiv 2510.09152):
//
//	g' = (sin Δ/sin φ)·g + (|g|/|m|)·(sin(φ−Δ)/sin φ)·m   where cos φ < cos Δ: norm kept, angle Δ, in the plane of g and m
//	g' = g                                                elsewhere
//
// The options, their defaults and the special cases in which the formula is not defined are ours (docs/METHOD.md, MoClip).
var moClip = definition{
	name: MoClip,
	keys: []string{"a", "b", "delta", "scope", "overshoot", "v_from", "cap_start", "cap_1d", "keep_norm"},
	defaults: func(c *Config) {
		c.Delta, c.Scope, c.Overshoot, c.VFrom, c.Cap1D, c.KeepNorm = 90, "tensor", "rotate", "clipped", true, true
	},
	momentum: true,
	angles:   true,
	steer:    capAngle,
	step:     arctangent,
}

// capAngle replaces g by g', in m and in v.
func capAngle(o *Optimizer, i int, own, all products, clip float64) Angle {
	s := own
	if o.Config.Scope == "global" {
		s = all
	}
	grad, mix, seen := o.cap(s, clip, len(o.params[i].Shape))
	c := &o.coef[i]
	c.GradScale, c.MomMix = grad, mix
	if o.Config.VFrom == "clipped" {
		c.VScale, c.VMix = grad, mix
	}
	return seen
}

// FirstCap is the first step, counted from 1, at which MoClip caps an angle: CapStart, or what its 0 stands for.
func (c Config) FirstCap() int {
	if c.CapStart > 0 {
		return c.CapStart
	}
	return int(math.Ceil(1/(1-c.Beta1)-1e-9)) + 1
}

// antiparallel is the sine of φ below which the plane of g and m is not defined.
const antiparallel = 1e-6

// cap returns the coefficients of g' = grad·g + mix·m for a gradient that global-norm clipping scales by clip, from the
// inner products of the raw gradient and the momentum (docs/METHOD.md, MoClip, with its special cases).
func (o *Optimizer) cap(s products, clip float64, dims int) (grad, mix float32, seen Angle) {
	c := &o.Config
	seen.Phi = math.NaN()
	if s.gg == 0 || s.mm == 0 {
		return float32(clip), 0, seen
	}
	g, m := math.Sqrt(s.gg), math.Sqrt(s.mm)
	cos := min(1, max(-1, s.gm/(g*m)))
	seen.Phi = degrees(cos)
	sinD, cosD := exact.Sincos(c.Delta * (math.Pi / 180))
	if o.Steps < c.FirstCap() || !c.Cap1D && dims < 2 || cos >= cosD {
		return float32(clip), 0, seen
	}
	sin := math.Sqrt((1 - cos) * (1 + cos))
	ratio := clip * g / m // |g|/|m| after clipping
	var a, b float64      // g' = a·clip·g + b·ratio·m, in units in which |g| = |m| = 1
	switch {
	case c.Overshoot == "project" && cos < 0:
		// The component along m is dropped: |g⊥| = sin φ, at 90° to m. Then the cap, if it is tighter.
		turn, keep := 0.0, 1.0
		if cosD > 0 {
			turn, keep = sin*cosD, sinD
		}
		a, b = keep, turn-float64(keep*cos)
		if sin < antiparallel {
			a, b = 0, 0
		}
	case sin < antiparallel:
		a, b = 0, max(0, cosD) // the part along m; 0 where Δ is obtuse, because the angle would stay above Δ
	default:
		a, b = sinD/sin, (float64(sin*cosD)-float64(cos*sinD))/sin
		if !c.KeepNorm { // the nearest point of the cone has norm |g|·cos(φ − Δ)
			near := max(0, float64(cos*cosD)+float64(sin*sinD))
			a, b = a*near, b*near
		}
	}
	grad, mix = float32(a*clip), float32(b*ratio)
	if math.IsInf(float64(mix), 0) { // m has decayed to the smallest float32 numbers, which have no useful direction
		return float32(clip), 0, seen
	}
	seen.Capped = true
	return grad, mix, seen
}

// degrees is the angle of a cosine, by bisection on our own cosine, because the logged angle must have the same bits
// everywhere.
func degrees(cos float64) float64 {
	lo, hi := 0.0, math.Pi
	for range 40 {
		mid := (lo + hi) / 2
		if _, c := exact.Sincos(mid); c > cos {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo * (180 / math.Pi)
}
