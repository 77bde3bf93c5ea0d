package asm_test

import (
	"fmt"
	"math"

	"reprise/asm"
)

// A kernel returns the same bits on every tier that the processor has: exp(1) is this number with AVX-512, AVX2, NEON and
// portable Go.
func Example() {
	x, y := []float32{1, -2, 0.5}, make([]float32, 3)
	asm.Exp(y, x) // the destination comes first
	fmt.Printf("exp(1) = %v, bits %08x\n", y[0], math.Float32bits(y[0]))
	for _, tier := range asm.Available() {
		restore := asm.Force(tier) // for tests only: the best tier is chosen at start-up
		z := make([]float32, 3)
		asm.Exp(z, x)
		restore()
		if z[0] != y[0] || z[1] != y[1] || z[2] != y[2] {
			fmt.Println(tier, "differs")
		}
	}
	fmt.Println(asm.Dot(x, []float32{4, 1, 2}))
	// Output:
	// exp(1) = 2.7182817, bits 402df854
	// 3
}
