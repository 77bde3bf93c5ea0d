package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// A kernelCase runs one kernel over slices of n elements. Every slice is
// compared afterwards, so that a changed input or a write past the end shows;
// scalar results are returned.
type kernelCase struct {
	name string
	n    int // number of slices
	run  func(s [][]float32) []float64

	positive int // a slice that must not be negative, 0 for none
}

// makePositive takes the sign off the slice that must have none.
func (c kernelCase) makePositive(s [][]float32) {
	if c.positive != 0 {
		for i, x := range s[c.positive] {
			s[c.positive][i] = float32(math.Abs(float64(x)))
		}
	}
}

func f64(v ...float32) []float64 {
	r := make([]float64, len(v))
	for i, x := range v {
		r[i] = float64(x)
	}
	return r
}

var kernelCases = []kernelCase{
	{"Exp", 2, func(s [][]float32) []float64 { Exp(s[0], s[1]); return nil }, 0},
	{"ExpSum", 2, func(s [][]float32) []float64 { return f64(ExpSum(s[0], s[1], 1.5, 0)) }, 0},
	{"ExpSum lane 5", 2, func(s [][]float32) []float64 { return f64(ExpSum(s[0], s[1], 1.5, 5)) }, 0},
	{"ExpSum lane 16", 2, func(s [][]float32) []float64 { return f64(ExpSum(s[0], s[1], 1.5, 16)) }, 0},
	{"ExpSum lane 31", 2, func(s [][]float32) []float64 { return f64(ExpSum(s[0], s[1], 1.5, 31)) }, 0},
	{"SoftmaxGrad", 2, func(s [][]float32) []float64 { SoftmaxGrad(s[0], s[1], 0.5, 0.3, 0.01); return nil }, 0},
	{"SoftmaxBackward", 3, func(s [][]float32) []float64 { SoftmaxBackward(s[0], s[1], s[2], 0.3, 0.125); return nil }, 0},
	{"Sigmoid", 2, func(s [][]float32) []float64 { Sigmoid(s[0], s[1]); return nil }, 0},
	{"Tanh", 2, func(s [][]float32) []float64 { Tanh(s[0], s[1]); return nil }, 0},
	{"SwiGLU", 3, func(s [][]float32) []float64 { SwiGLU(s[0], s[1], s[2]); return nil }, 0},
	{"SwiGLUBackward", 5, func(s [][]float32) []float64 { SwiGLUBackward(s[0], s[1], s[2], s[3], s[4]); return nil }, 0},
	{"SwiGLUBackward in place", 3, func(s [][]float32) []float64 { SwiGLUBackward(s[0], s[1], s[2], s[0], s[1]); return nil }, 0},
	{"GELU", 2, func(s [][]float32) []float64 { GELU(s[0], s[1]); return nil }, 0},
	{"GELUBackward", 3, func(s [][]float32) []float64 { GELUBackward(s[0], s[1], s[2]); return nil }, 0},
	{"Add", 3, func(s [][]float32) []float64 { Add(s[0], s[1], s[2]); return nil }, 0},
	{"Add in place", 2, func(s [][]float32) []float64 { Add(s[0], s[0], s[1]); return nil }, 0},
	{"Mul", 3, func(s [][]float32) []float64 { Mul(s[0], s[1], s[2]); return nil }, 0},
	{"Scale", 2, func(s [][]float32) []float64 { Scale(s[0], -1.7, s[1]); return nil }, 0},
	{"Axpy", 2, func(s [][]float32) []float64 { Axpy(s[0], -1.7, s[1]); return nil }, 0},
	{"Sum", 1, func(s [][]float32) []float64 { return f64(Sum(s[0])) }, 0},
	{"Dot", 2, func(s [][]float32) []float64 { return f64(Dot(s[0], s[1])) }, 0},
	{"Max", 1, func(s [][]float32) []float64 { return f64(Max(s[0])) }, 0},
	{"Moments64", 2, func(s [][]float32) []float64 {
		gg, gm, mm := Moments64(s[0], s[1])
		return []float64{gg, gm, mm}
	}, 0},
	{"SumSquares64", 1, func(s [][]float32) []float64 { return []float64{SumSquares64(s[0])} }, 0},
	{"RMSNorm", 3, func(s [][]float32) []float64 { return f64(RMSNorm(s[0], s[1], s[2], 1e-5)) }, 0},
	{"RMSNormBackward", 4, func(s [][]float32) []float64 { RMSNormBackward(s[0], s[1], s[2], s[3], 0.7); return nil }, 0},
	{"RMSNormBackward inf", 4, func(s [][]float32) []float64 {
		RMSNormBackward(s[0], s[1], s[2], s[3], float32(math.Inf(1)))
		return nil
	}, 0},
	{"RMSNormGain", 3, func(s [][]float32) []float64 { RMSNormGain(s[0], s[1], s[2], 0.7); return nil }, 0},
	{"LayerNorm", 4, func(s [][]float32) []float64 { return f64(LayerNorm(s[0], s[1], s[2], s[3], 1e-5)) }, 0},
	{"LayerNormBackward", 4, func(s [][]float32) []float64 {
		LayerNormBackward(s[0], s[1], s[2], s[3], 0.3, 0.7)
		return nil
	}, 0},
	{"LayerNormGain", 4, func(s [][]float32) []float64 {
		LayerNormGain(s[0], s[1], s[2], s[3], 0.3, 0.7)
		return nil
	}, 0},
	{"RoPE", 3, func(s [][]float32) []float64 {
		h := len(s[0]) / 2
		RoPE(s[0][:2*h], s[1][:h], s[2][:h])
		return nil
	}, 0},
	{"Atan2", 3, func(s [][]float32) []float64 { Atan2(s[0], s[1], s[2]); return nil }, 2},
	{"AdamWStep", 4, func(s [][]float32) []float64 { AdamWStep(s[0], s[1], s[2], s[3], &stepCoef); return nil }, 0},
	{"Atan2Step", 4, func(s [][]float32) []float64 { Atan2Step(s[0], s[1], s[2], s[3], &stepCoef); return nil }, 0},
}

var stepCoef = StepCoef{
	GradScale: 0.9, MomMix: 0.05, VScale: 0.8, VMix: 0.1,
	Beta1: 0.9, OneMinusBeta1: 0.1, Beta2: 0.95, OneMinusBeta2: 0.05,
	Correct1: 5.3, Correct2: 10.3, Decay: 0.999, LR: 1e-3, Eps: 1e-8, AtanB: 1.2,
}

// specials are values at which a kernel might take another path.
var specials = []float32{
	0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
	math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 1e-40, -3e-39, 0x1p-126,
	math.MaxFloat32, -math.MaxFloat32, expLow, expHigh, -expHigh, 88.73, -87.34, 104, -104,
	tanhSwitch, -tanhSwitch, 1, -1, 0.5, 16, 1e-20, 1e20,
}

// fill writes reproducible values: tame ones around 1, or wild ones of every
// magnitude with special values among them.
func fill(r *rand.Rand, s []float32, wild bool) {
	for i := range s {
		switch {
		case !wild:
			s[i] = float32(r.NormFloat64() * 3)
		case r.IntN(4) == 0:
			s[i] = specials[r.IntN(len(specials))]
		case r.IntN(2) == 0:
			s[i] = math.Float32frombits(r.Uint32())
		default:
			s[i] = float32(r.NormFloat64() * 50)
		}
	}
}

// differ returns the first index at which two slices differ, NaN being equal
// to NaN, or -1.
func differ(a, b []float32) int {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) && (a[i] == a[i] || b[i] == b[i]) {
			return i
		}
	}
	return -1
}

// sizes are the lengths 0 to two unrolled blocks, and a few longer ones; one
// exceeds the chunks and the float64 blocks.
func sizes() []int {
	var n []int
	for i := range 2*64 + 4 {
		n = append(n, i)
	}
	return append(n, 288, 1000, 4096, 4096+33, chunk+77)
}

// TestTiersAgree compares every tier with the portable code, bit by bit, on
// slices that start off alignment and have neighbours on both sides.
func TestTiersAgree(t *testing.T) {
	for _, c := range kernelCases {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(len(c.name))))
			for _, n := range sizes() {
				if testing.Short() && n > 5000 {
					continue
				}
				for _, wild := range []bool{false, true} {
					checkTiers(t, c, n, n%5, wild, r)
				}
			}
		})
	}
}

func checkTiers(t *testing.T, c kernelCase, n, offset int, wild bool, r *rand.Rand) {
	t.Helper()
	const pad = 40
	input := make([][]float32, c.n)
	for i := range input {
		input[i] = make([]float32, offset+i+n+pad)
		fill(r, input[i], wild)
	}
	c.makePositive(input)
	var want [][]float32
	var wantScalar []float64
	for _, tier := range Available() {
		got, view := make([][]float32, c.n), make([][]float32, c.n)
		for i := range input {
			got[i] = append([]float32(nil), input[i]...)
			view[i] = got[i][offset+i:][:n]
		}
		restore := Force(tier)
		scalar := c.run(view)
		restore()
		if tier == Generic {
			want, wantScalar = got, scalar
			continue
		}
		for i := range got {
			if j := differ(got[i], want[i]); j >= 0 {
				t.Fatalf("%v, n=%d, wild=%v: slice %d, element %d: got %x, portable %x",
					tier, n, wild, i, j-offset-i, got[i][j], want[i][j])
			}
		}
		for i, v := range scalar {
			if math.Float64bits(v) != math.Float64bits(wantScalar[i]) && (v == v || wantScalar[i] == wantScalar[i]) {
				t.Fatalf("%v, n=%d, wild=%v: result %d: got %x, portable %x", tier, n, wild, i, v, wantScalar[i])
			}
		}
	}
}

// TestTierNames makes a run on a processor without AVX visible.
func TestTierNames(t *testing.T) {
	t.Log(fmt.Sprint("tiers under test: ", Available()))
}
