package asm

import "math"

// FMA returns a*b + c rounded once to float32, the same bits on every host.
//
// The product of two float32 is exact in float64; the sum s rounds once there
// and would round again on the way to float32. Rounding twice can differ from
// rounding once only if s lies half-way between two float32, in which case its
// last 28 bits are zero.
func FMA(a, b, c float32) float32 {
	s := float64(float64(a)*float64(b)) + float64(c)
	if math.Float64bits(s)<<36 == 0 {
		return fmaTie(a, b, c)
	}
	return float32(s)
}

// fmaTie is FMA where the float64 sum may be half-way between two float32: it
// moves that sum one unit towards the exact one before the last rounding (round
// to odd; Boldo and Melquiond, IEEE Trans. Comput. 57(4), 2008).
//
//go:noinline
func fmaTie(a, b, c float32) float32 {
	p, z := float64(float64(a)*float64(b)), float64(c)
	s := p + z
	// TwoSum: e = p + z - s exactly; NaN if s is infinite or NaN.
	t := s - p
	e := (p - (s - t)) + (z - t)
	if e > 0 || e < 0 {
		u := math.Float64bits(s)
		if (e > 0) == (s > 0) {
			u++
		} else {
			u--
		}
		s = math.Float64frombits(u)
	}
	return float32(s)
}
