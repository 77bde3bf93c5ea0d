package optim

import (
	"fmt"

	"reprise/asm"
)

// Pull moves dst towards ref by the share beta:
//
//	dst[i] = fma(beta, ref[i] − dst[i], dst[i])
//
// A beta of 0 leaves dst and one of 1 copies ref, to the bit. spare is overwritten; all three have the same length. Interpolation,
// averages, the reset and L2-SP are made of this (docs/METHOD.md, Weight space).
func Pull(dst, ref []float32, beta float32, spare []float32) {
	if len(ref) != len(dst) || len(spare) != len(dst) {
		panic(fmt.Sprintf("optim: Pull: lengths %d, %d and %d differ", len(dst), len(ref), len(spare)))
	}
	switch beta {
	case 0:
	case 1:
		copy(dst, ref)
	default:
		copy(spare, ref)
		asm.Axpy(spare, -1, dst) // fma(−1, dst, ref) is the rounded difference
		asm.Axpy(dst, beta, spare)
	}
}
