//go:build !purego

package asm

import "math"

// expTable holds the constants of exp for AVX-512, expRows those for AVX2:
// each eight times, then the exponent bias of two factors minus the bits of the
// rounding constant, and the sign bit.
var (
	//lint:ignore U1000 the assembly reads it
	expTable = [13]float32{
		expLow, expHigh, log2e, rounding, ln2High, ln2Low,
		expC2, expC3, expC4, expC5, expC6, 1, float32(math.Inf(1)),
	}
	//lint:ignore U1000 the assembly reads it
	expRows = func() (rows [15][8]float32) {
		for j := range 8 {
			for i, c := range expTable {
				rows[i][j] = c
			}
			rows[13][j] = math.Float32frombits(254 - math.Float32bits(rounding))
			rows[14][j] = math.Float32frombits(1 << 31)
		}
		return rows
	}()
)

//go:noescape
func expAVX512(dst, x []float32)

//go:noescape
func expAVX2(dst, x []float32)

//go:noescape
func expSumAVX512(dst, x []float32, max float32, lane int, lanes *[32]float32) float32

//go:noescape
func expSumAVX2(dst, x []float32, max float32, lane int, lanes *[32]float32) float32

//go:noescape
func softmaxGradAVX512(dst, x []float32, max, inv, scale float32)

//go:noescape
func softmaxGradAVX2(dst, x []float32, max, inv, scale float32)

func expTier(dst, x []float32) {
	switch {
	case useAVX512:
		expAVX512(dst, x)
	case useAVX2:
		expAVX2(dst, x)
	default:
		expGeneric(dst, x)
	}
}

func expSumTier(dst, x []float32, max float32, lane int, lanes *[32]float32) float32 {
	switch {
	case useAVX512:
		return expSumAVX512(dst, x, max, lane, lanes)
	case useAVX2:
		return expSumAVX2(dst, x, max, lane, lanes)
	}
	return expSumGeneric(dst, x, max, lane, lanes)
}

func softmaxGradTier(dst, x []float32, max, inv, scale float32) {
	switch {
	case useAVX512:
		softmaxGradAVX512(dst, x, max, inv, scale)
	case useAVX2:
		softmaxGradAVX2(dst, x, max, inv, scale)
	default:
		softmaxGradGeneric(dst, x, max, inv, scale)
	}
}
