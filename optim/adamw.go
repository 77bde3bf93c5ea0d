package optim

import (
	"math"

	"reprise/asm"
)

// adamW is Adam with decoupled weight decay (arXiv 1711.05101):
//
//	m ← β1 m + (1−β1) g;   v ← β2 v + (1−β2) g²;   m̂ = m/(1−β1^t);   v̂ = v/(1−β2^t)
//	θ ← θ − lr·wd·θ − lr·m̂/(√v̂ + ε)
var adamW = definition{
	name:     AdamW,
	keys:     []string{"eps"},
	defaults: func(c *Config) { c.Eps = 1e-8 },
	step:     divide,
}

// adamAtan2 is AdamW with the arctangent in place of the division, which makes ε unnecessary (arXiv 2407.05872):
//
//	θ ← θ − lr·wd·θ − lr·a·atan2(m̂, b·√v̂)
var adamAtan2 = definition{
	name:     AdamAtan2,
	keys:     []string{"a", "b"},
	defaults: func(c *Config) { c.A, c.B = 1.27, 1 },
	step:     arctangent,
}

func divide(b block) { asm.AdamWStep(b.w, b.g, b.m, b.v, &b.coef.StepCoef) }

func arctangent(b block) { asm.Atan2Step(b.w, b.g, b.m, b.v, &b.coef.StepCoef) }

// direction is m̂/(√v̂ + ε) of one element, in the arithmetic of asm.AdamWStep, for steps that move only some elements.
func direction(m, v float32, c *coefficients) float32 {
	vh := v * c.Correct2
	return float32(m*c.Correct1) / (float32(math.Sqrt(float64(vh))) + c.Eps)
}
