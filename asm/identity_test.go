package asm

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
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

// makePositive clears the signs of the slice that must not be negative.
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
	{"SoftmaxRows", 1, func(s [][]float32) []float64 {
		var r []float64
		for i, rows := range rowsOf(len(s[0])) {
			stats := make([]SoftmaxStat, rows.N)
			SoftmaxRows(s[0], rows, 0.3, 13*i+len(s[0])/3, stats)
			for _, x := range stats {
				r = append(r, float64(x.Max), float64(x.Sum))
			}
		}
		return r
	}, 0},
	{"AttentionGradRows", 2, func(s [][]float32) []float64 {
		for _, rows := range rowsOf(len(s[0])) {
			stats, dots := make([]SoftmaxStat, rows.N), make([]float32, rows.N)
			for i := range stats {
				stats[i], dots[i] = SoftmaxStat{float32(i) - 0.5, float32(i) + 1.3}, float32(i)/16-0.05
			}
			AttentionGradRows(s[0], s[1], rows, 0.3, stats, dots)
		}
		return nil
	}, 0},
	{"SoftmaxGrad", 2, func(s [][]float32) []float64 { SoftmaxGrad(s[0], s[1], 0.5, 0.3, 0.01); return nil }, 0},
	{"Sigmoid", 2, func(s [][]float32) []float64 { Sigmoid(s[0], s[1]); return nil }, 0},
	{"Tanh", 2, func(s [][]float32) []float64 { Tanh(s[0], s[1]); return nil }, 0},
	{"SwiGLU", 3, func(s [][]float32) []float64 { SwiGLU(s[0], s[1], s[2]); return nil }, 0},
	{"SwiGLUBackward", 5, func(s [][]float32) []float64 { SwiGLUBackward(s[0], s[1], s[2], s[3], s[4]); return nil }, 0},
	{"SwiGLUBackward in place", 3, func(s [][]float32) []float64 { SwiGLUBackward(s[0], s[1], s[2], s[0], s[1]); return nil }, 0},
	{"GELU", 2, func(s [][]float32) []float64 { GELU(s[0], s[1]); return nil }, 0},
	{"GELUBackward", 3, func(s [][]float32) []float64 { GELUBackward(s[0], s[1], s[2]); return nil }, 0},
	{"GELUErf", 2, func(s [][]float32) []float64 { GELUErf(s[0], s[1]); return nil }, 0},
	{"GELUErfBackward", 3, func(s [][]float32) []float64 { GELUErfBackward(s[0], s[1], s[2]); return nil }, 0},
	{"GELUErfBackward in place", 2, func(s [][]float32) []float64 { GELUErfBackward(s[1], s[0], s[1]); return nil }, 0},
	{"Add", 3, func(s [][]float32) []float64 { Add(s[0], s[1], s[2]); return nil }, 0},
	{"Add in place", 2, func(s [][]float32) []float64 { Add(s[0], s[0], s[1]); return nil }, 0},
	{"Mul", 3, func(s [][]float32) []float64 { Mul(s[0], s[1], s[2]); return nil }, 0},
	{"Scale", 2, func(s [][]float32) []float64 { Scale(s[0], -1.7, s[1]); return nil }, 0},
	{"Axpy", 2, func(s [][]float32) []float64 { Axpy(s[0], -1.7, s[1]); return nil }, 0},
	{"Div", 2, func(s [][]float32) []float64 { Div(s[0], s[1], 1.7); return nil }, 0},
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

// rowsOf cuts n elements into rows of every kind: growing ones as under a causal mask, those of a sliding window, shrinking
// ones.
func rowsOf(n int) []Rows {
	var rows []Rows
	if n > 0 {
		rows = append(rows, Rows{N: 1, Stride: n, Hi: n})
	}
	if stride := n / 5; stride > 6 {
		rows = append(rows,
			Rows{N: 5, Stride: stride, Hi: stride - 4, HiStep: 1},
			Rows{N: 4, Stride: stride, Lo: 1, Hi: stride - 3, LoStep: 1, HiStep: 1},
			Rows{N: 5, Stride: stride, Lo: 1, Hi: stride, LoStep: 1})
	}
	return rows
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
	tanhSwitch, -tanhSwitch, phiLimit, -phiLimit, 13.2, -13.2, 1, -1, 0.5, 16, 1e-20, 1e20,
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

// differ returns the first index at which two slices differ, or -1; all NaNs count as equal.
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
	buf, view := make([][]float32, c.n), make([][]float32, c.n)
	for i := range buf {
		buf[i] = make([]float32, offset+i+n+pad)
		view[i] = buf[i][offset+i:][:n]
	}
	compareTiers(t, c, buf, view, r, wild)
}

// TestUnderflowKeepsItsSign: products that underflow leave -0 in a lane, and the masked elements of a tail must not turn it
// into +0.
func TestUnderflowKeepsItsSign(t *testing.T) {
	for n := 1; n <= 70; n++ {
		a, b, ones := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range a {
			a[i], b[i], ones[i] = 1e-30, -1e-30, 1
		}
		var want []float32
		onTiers(func(tier Tier) {
			var lanes [2][32]float32
			got := []float32{Dot(a, b), rmsDotTier(a, b, ones, 1, &lanes[0]), layerDotTier(a, b, ones, 0, 1, &lanes[1])}
			if tier == Generic {
				want = got
			} else if i := differ(got, want); i >= 0 {
				t.Errorf("%v, n=%d: sum %d: got %x, portable %x", tier, n, i, got[i], want[i])
			}
		})
	}
}

// TestAlignments runs every kernel at every distance of its slices from a cache
// line, and with slices at distances that differ.
func TestAlignments(t *testing.T) {
	const line = 16 // float32 in a cache line
	r := rand.New(rand.NewPCG(11, 0))
	for _, c := range kernelCases {
		for _, n := range []int{1, 13, 32, 67, 100} {
			buf := make([][]float32, c.n)
			view := make([][]float32, c.n)
			for at := range line {
				for _, apart := range []int{0, 1, 7} {
					for i := range buf {
						buf[i] = alignedFloats(n + 2*line)
						view[i] = buf[i][(at+i*apart)%line:][:n]
					}
					compareTiers(t, c, buf, view, r, at%2 == 1)
				}
			}
		}
	}
}

// alignedFloats returns zeros that start at a cache line.
func alignedFloats(n int) []float32 {
	s := make([]float32, n+16)
	for uintptr(unsafe.Pointer(&s[0]))%64 != 0 {
		s = s[1:]
	}
	return s[:n]
}

// compareTiers fills buf, of which view is a part, and runs a kernel on every tier, each time from the same contents.
func compareTiers(t *testing.T, c kernelCase, buf, view [][]float32, r *rand.Rand, wild bool) {
	t.Helper()
	for i := range buf {
		fill(r, buf[i], wild)
	}
	c.makePositive(view)
	compareFilled(t, c, buf, view)
}

// compareFilled is compareTiers without the filling.
func compareFilled(t *testing.T, c kernelCase, buf, view [][]float32) {
	t.Helper()
	var input, want [][]float32
	for i := range buf {
		input = append(input, slices.Clone(buf[i]))
	}
	var wantScalar []float64
	for _, tier := range Available() {
		for i := range buf {
			copy(buf[i], input[i])
		}
		restore := Force(tier)
		scalar := c.run(view)
		restore()
		if tier == Generic {
			for i := range buf {
				want = append(want, slices.Clone(buf[i]))
			}
			wantScalar = scalar
			continue
		}
		for i := range buf {
			if j := differ(buf[i], want[i]); j >= 0 {
				t.Fatalf("%v, %s, n=%d: slice %d, element %d of its surroundings: got %x, portable %x",
					tier, c.name, len(view[0]), i, j, buf[i][j], want[i][j])
			}
		}
		for i, v := range scalar {
			if math.Float64bits(v) != math.Float64bits(wantScalar[i]) && (v == v || wantScalar[i] == wantScalar[i]) {
				t.Fatalf("%v, %s, n=%d: result %d: got %x, portable %x", tier, c.name, len(view[0]), i, v, wantScalar[i])
			}
		}
	}
}
