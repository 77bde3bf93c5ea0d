package asm

// Atan2 computes dst[i] = atan2(y[i], x[i]) for x[i] >= 0, in [-pi/2, pi/2];
// atan2(0, 0) = 0. Two infinities or a NaN give NaN.
func Atan2(dst, y, x []float32) {
	sameLen("Atan2", len(dst), len(y))
	sameLen("Atan2", len(dst), len(x))
	for ; len(y) > chunk; dst, y, x = dst[chunk:], y[chunk:], x[chunk:] {
		atan2Tier(dst[:chunk], y[:chunk], x[:chunk])
	}
	atan2Tier(dst, y, x)
}

// StepCoef holds the numbers of an optimizer step that all elements of a tensor
// share. With m the first moment before the step:
//
//	g' = fma(MomMix, m, GradScale*g)      the gradient of the first moment
//	gv = fma(VMix, m, VScale*g)           the gradient of the second moment
//	m  = fma(Beta1, m, OneMinusBeta1*g')
//	v  = fma(Beta2, v, (OneMinusBeta2*gv)*gv)
//	mh = m*Correct1, vh = v*Correct2      bias correction
type StepCoef struct {
	GradScale, MomMix    float32
	VScale, VMix         float32
	Beta1, OneMinusBeta1 float32
	Beta2, OneMinusBeta2 float32
	Correct1, Correct2   float32
	Decay                float32 // factor of the weight: 1 - learning rate * weight decay
	LR                   float32 // learning rate (for Atan2Step times the method's a)
	Eps                  float32 // AdamW only
	AtanB                float32 // Atan2Step only
}

// AdamWStep advances weights and moments by one step of AdamW
// (arXiv:1711.05101): w = fma(-LR, mh/(sqrt(vh)+Eps), w*Decay).
func AdamWStep(w, g, m, v []float32, c *StepCoef) {
	stepLen("AdamWStep", w, g, m, v)
	for ; len(w) > chunk; w, g, m, v = w[chunk:], g[chunk:], m[chunk:], v[chunk:] {
		adamWTier(w[:chunk], g[:chunk], m[:chunk], v[:chunk], c)
	}
	adamWTier(w, g, m, v, c)
}

// Atan2Step advances weights and moments by one step of Adam-atan2
// (arXiv:2407.05872): w = fma(-LR, atan2(mh, AtanB*sqrt(vh)), w*Decay).
func Atan2Step(w, g, m, v []float32, c *StepCoef) {
	stepLen("Atan2Step", w, g, m, v)
	for ; len(w) > chunk; w, g, m, v = w[chunk:], g[chunk:], m[chunk:], v[chunk:] {
		atan2StepTier(w[:chunk], g[:chunk], m[:chunk], v[:chunk], c)
	}
	atan2StepTier(w, g, m, v, c)
}

func stepLen(op string, w, g, m, v []float32) {
	sameLen(op, len(w), len(g))
	sameLen(op, len(w), len(m))
	sameLen(op, len(w), len(v))
}
