//go:build !purego

package asm

import "math"

// atanTable holds 1, the sign bits, pi/2 and the coefficients of atan for
// AVX-512; atanRows holds each eight times for AVX2.
var (
	//lint:ignore U1000 the assembly reads it
	atanTable = [11]float32{
		1, math.Float32frombits(1 << 31), halfPi,
		atanC0, atanC1, atanC2, atanC3, atanC4, atanC5, atanC6, atanC7,
	}
	//lint:ignore U1000 the assembly reads it
	atanRows = func() (rows [11][8]float32) {
		for j := range 8 {
			for i, c := range atanTable {
				rows[i][j] = c
			}
		}
		return rows
	}()
)

//go:noescape
func atan2AVX512(dst, y, x []float32)

//go:noescape
func atan2AVX2(dst, y, x []float32)

//go:noescape
func adamWAVX512(w, g, m, v []float32, c *StepCoef)

//go:noescape
func adamWAVX2(w, g, m, v []float32, c *StepCoef)

//go:noescape
func atan2MomentsAVX512(y, x, g, m, v []float32, c *StepCoef)

//go:noescape
func atan2MomentsAVX2(y, x, g, m, v []float32, c *StepCoef)

//go:noescape
func atan2WeightsAVX512(w, y, x []float32, c *StepCoef)

//go:noescape
func atan2WeightsAVX2(w, y, x []float32, c *StepCoef)

func atan2Tier(dst, y, x []float32) {
	switch {
	case useAVX512:
		atan2AVX512(dst, y, x)
	case useAVX2:
		atan2AVX2(dst, y, x)
	default:
		atan2Generic(dst, y, x)
	}
}

func adamWTier(w, g, m, v []float32, c *StepCoef) {
	switch {
	case useAVX512:
		adamWAVX512(w, g, m, v, c)
	case useAVX2:
		adamWAVX2(w, g, m, v, c)
	default:
		adamWGeneric(w, g, m, v, c)
	}
}

// atan2Part is how many elements atan2StepTier advances at a time.
const atan2Part = 512

// atan2StepTier goes over each part of the elements twice, first for the moments, then for the angle: the square root, the
// division and the polynomial of one element form a chain that is longer than the processor can look ahead.
func atan2StepTier(w, g, m, v []float32, c *StepCoef) {
	if !useAVX512 && !useAVX2 {
		atan2StepGeneric(w, g, m, v, c)
		return
	}
	var y, x [atan2Part]float32
	for n := 0; len(w) > 0; w, g, m, v = w[n:], g[n:], m[n:], v[n:] {
		n = min(len(w), atan2Part)
		if useAVX512 {
			atan2MomentsAVX512(y[:n], x[:n], g[:n], m[:n], v[:n], c)
			atan2WeightsAVX512(w[:n], y[:n], x[:n], c)
		} else {
			atan2MomentsAVX2(y[:n], x[:n], g[:n], m[:n], v[:n], c)
			atan2WeightsAVX2(w[:n], y[:n], x[:n], c)
		}
	}
}
