package asm

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"
)

// TestBits holds the bits of every kernel on fixed inputs, so that a change shows
// on any architecture and with any compiler. A new value here is a change
// of the arithmetic contract: see docs/NUMERICS.md.
func TestBits(t *testing.T) {
	got := map[string]string{}
	for _, c := range kernelCases {
		r := rand.New(rand.NewPCG(9, 0))
		h := fnv.New64a()
		for _, n := range []int{1, 31, 100, 288, 5000} {
			s := make([][]float32, c.n)
			for i := range s {
				s[i] = make([]float32, n)
				for j := range s[i] {
					s[i][j] = float32(r.Float64()*20 - 10) // uses no function of package math
				}
			}
			c.makePositive(s)
			for _, v := range c.run(s) {
				write64(h.Write, v)
			}
			for _, x := range s {
				for _, v := range x {
					write64(h.Write, float64(v))
				}
			}
		}
		got[c.name] = fmt.Sprintf("%016x", h.Sum64())
	}
	for name, bits := range got {
		if golden[name] != bits {
			t.Errorf("%q: %q, want %q", name, bits, golden[name])
		}
	}
}

// write64 writes v, and the same bits for every NaN.
func write64(write func([]byte) (int, error), v float64) {
	if v != v {
		v = math.NaN()
	}
	_, _ = write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
}

var golden = map[string]string{
	"AdamWStep":                "03f6ab7ac279f156",
	"Add":                      "3678a0472514b02f",
	"Add in place":             "4be6a27428a882c2",
	"Atan2":                    "60091f5968050793",
	"Atan2Step":                "57c0016267168e91",
	"AttentionGradRows":        "4bc5cb7e2663f736",
	"Axpy":                     "928596f16a84d4e2",
	"Div":                      "15f364b48db32096",
	"Dot":                      "650f9dafbe8c3a79",
	"Exp":                      "d46e196639f24087",
	"ExpSum":                   "5ad985616528fd4b",
	"ExpSum lane 16":           "5ad985616528fd4b",
	"ExpSum lane 31":           "5ad985616528fd4b",
	"ExpSum lane 5":            "5ad985616528fd4b",
	"GELU":                     "3585927f111cbf7b",
	"GELUBackward":             "793e86cd2548dc9a",
	"GELUErf":                  "74bc26c67974caf3",
	"GELUErfBackward":          "6366c260b445834d",
	"GELUErfBackward in place": "9b144e0f8f1ed930",
	"LayerNorm":                "f50a404c57e23367",
	"LayerNormBackward":        "feb196fa7b1ce07d",
	"LayerNormGain":            "24d6e328f43ad7d3",
	"Max":                      "e9c50aa3d3c55e78",
	"Moments64":                "4194c9aefded8b55",
	"Mul":                      "6c98bd6047984035",
	"RMSNorm":                  "d3b32dec56c2aca8",
	"RMSNormBackward":          "5077584fe0f77636",
	"RMSNormBackward inf":      "45d40f54897952cd",
	"RMSNormGain":              "75ed8fc04d195eed",
	"RoPE":                     "5637ed5ffcc0883a",
	"Scale":                    "fead1d25b1fb033b",
	"Sigmoid":                  "a5c67643251d6234",
	"SoftmaxGrad":              "e95c568ac70af9cd",
	"SoftmaxRows":              "fcce860cca4c7c6d",
	"Sum":                      "620db9aed06504ef",
	"SumSquares64":             "aba36b53b3d86273",
	"SwiGLU":                   "cba2965ea61332e9",
	"SwiGLUBackward":           "aeef520848296b36",
	"SwiGLUBackward in place":  "48234b8f6d00e4b3",
	"Tanh":                     "6aac26f338e34dae",
}
