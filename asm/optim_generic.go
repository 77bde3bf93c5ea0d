package asm

import "math"

// Coefficients of atan: see docs/NUMERICS.md and scripts/remez.py.
const (
	atanC0 = -0x1.555506p-2
	atanC1 = 0x1.997f68p-3
	atanC2 = -0x1.2339d4p-3
	atanC3 = 0x1.b6352p-4
	atanC4 = -0x1.37fc74p-4
	atanC5 = 0x1.67e8ap-5
	atanC6 = -0x1.131f54p-6
	atanC7 = 0x1.8c2ee4p-9

	halfPi = 0x1.921fb6p+0
)

// atan2One is the angle of (x, y) for x >= 0: atan of the smaller over the larger
// of x and |y|, subtracted from pi/2 where |y| is the larger.
func atan2One(y, x float32) float32 {
	sign := math.Float32bits(y) & (1 << 31)
	a := math.Float32frombits(math.Float32bits(y) &^ (1 << 31))
	swap := a > x
	small, large := a, x
	if swap {
		small, large = x, a
	}
	if large == 0 {
		large = 1 // atan2(0, 0) = 0
	}
	q := small / large
	z := q * q
	p := FMA(atanC7, z, atanC6)
	p = FMA(p, z, atanC5)
	p = FMA(p, z, atanC4)
	p = FMA(p, z, atanC3)
	p = FMA(p, z, atanC2)
	p = FMA(p, z, atanC1)
	p = FMA(p, z, atanC0)
	r := FMA(q*z, p, q)
	if swap {
		r = halfPi - r
	}
	return math.Float32frombits(math.Float32bits(r) | sign)
}

func atan2Generic(dst, y, x []float32) {
	for i, v := range y {
		dst[i] = atan2One(v, x[i])
	}
}

// momentsOne advances the two moments of one weight.
func momentsOne(g, m, v float32, c *StepCoef) (m1, v1 float32) {
	gm := FMA(c.MomMix, m, c.GradScale*g)
	gv := FMA(c.VMix, m, c.VScale*g)
	m1 = FMA(c.Beta1, m, c.OneMinusBeta1*gm)
	v1 = FMA(c.Beta2, v, float32(c.OneMinusBeta2*gv)*gv)
	return m1, v1
}

func adamWGeneric(w, g, m, v []float32, c *StepCoef) {
	for i, x := range w {
		m1, v1 := momentsOne(g[i], m[i], v[i], c)
		u := float32(m1*c.Correct1) / (sqrt32(v1*c.Correct2) + c.Eps)
		w[i], m[i], v[i] = FMA(-c.LR, u, x*c.Decay), m1, v1
	}
}

func atan2StepGeneric(w, g, m, v []float32, c *StepCoef) {
	for i, x := range w {
		m1, v1 := momentsOne(g[i], m[i], v[i], c)
		u := atan2One(m1*c.Correct1, c.AtanB*sqrt32(v1*c.Correct2))
		w[i], m[i], v[i] = FMA(-c.LR, u, x*c.Decay), m1, v1
	}
}
