//go:build !purego

package asm

import "math"

// expRows holds the constants of exp, each four times: first those that stay in
// registers, then the coefficients that each step of the polynomial loads.
//
//lint:ignore U1000 the assembly reads it
var expRows = func() (rows [15][4]float32) {
	for i, c := range [15]float32{
		expLow, expHigh, log2e, rounding, ln2High, ln2Low, float32(math.Inf(1)),
		math.Float32frombits(254 - math.Float32bits(rounding)), // the exponent bias of two factors minus the bits of rounding
		1, expC6,
		expC5, expC4, expC3, expC2, 1,
	} {
		rows[i] = [4]float32{c, c, c, c}
	}
	return rows
}()

//go:noescape
func expNEON(dst, x []float32)

//go:noescape
func expSumNEON(dst, x []float32, max float32, lane int, lanes *[32]float32) float32

//go:noescape
func softmaxGradNEON(dst, x []float32, max, inv, scale float32)

func expTier(dst, x []float32) {
	if useNEON {
		expNEON(dst, x)
		return
	}
	expGeneric(dst, x)
}

func expSumTier(dst, x []float32, max float32, lane int, lanes *[32]float32) float32 {
	if useNEON {
		return expSumNEON(dst, x, max, lane, lanes)
	}
	return expSumGeneric(dst, x, max, lane, lanes)
}

func softmaxGradTier(dst, x []float32, max, inv, scale float32) {
	if useNEON {
		softmaxGradNEON(dst, x, max, inv, scale)
		return
	}
	softmaxGradGeneric(dst, x, max, inv, scale)
}
