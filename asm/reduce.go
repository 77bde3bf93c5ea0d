package asm

import "math"

// block64 is the length after which the float64 reductions start new lanes.
const block64 = 4096

// Sum returns the sum of x over 32 lanes: lane l adds the elements whose index is
// l mod 32 in order, then lanes l and l+w are added for w = 16, 8, 4, 2, 1.
func Sum(x []float32) float32 {
	var lanes [32]float32
	for ; len(x) > chunk; x = x[chunk:] {
		sumTier(x[:chunk], &lanes)
	}
	return sumTier(x, &lanes)
}

// Dot returns the dot product of a and b over the 32 lanes of Sum; each lane
// is a chain of fma.
func Dot(a, b []float32) float32 {
	sameLen("Dot", len(a), len(b))
	var lanes [32]float32
	for ; len(a) > chunk; a, b = a[chunk:], b[chunk:] {
		dotTier(a[:chunk], b[:chunk], &lanes)
	}
	return dotTier(a, b, &lanes)
}

// Max returns the largest element, NaN if any element is NaN, and -Inf for an
// empty slice.
func Max(x []float32) float32 {
	lanes := lowest
	anyNaN := false
	for ; len(x) > chunk; x = x[chunk:] {
		_, nan := maxTier(x[:chunk], &lanes)
		anyNaN = anyNaN || nan
	}
	max, nan := maxTier(x, &lanes)
	if nan || anyNaN {
		return float32(math.NaN())
	}
	return max
}

// lowest holds the starting lanes of a maximum.
var lowest = func() (l [32]float32) {
	for i := range l {
		l[i] = float32(math.Inf(-1))
	}
	return l
}()

// Moments64 returns the sums of g², g m and m² in float64: 32 lanes as in Sum
// over blocks of 4,096 elements, the blocks added in order.
func Moments64(g, m []float32) (gg, gm, mm float64) {
	sameLen("Moments64", len(g), len(m))
	for len(g) > 0 {
		n := min(len(g), block64)
		var lanes [3][32]float64
		moments64Tier(g[:n], m[:n], &lanes)
		gg, gm, mm = gg+fold64(&lanes[0]), gm+fold64(&lanes[1]), mm+fold64(&lanes[2])
		g, m = g[n:], m[n:]
	}
	return gg, gm, mm
}

// SumSquares64 returns the sum of x² in the order of Moments64.
func SumSquares64(x []float32) (sum float64) {
	for len(x) > 0 {
		n := min(len(x), block64)
		var lanes [32]float64
		sumSquares64Tier(x[:n], &lanes)
		sum += fold64(&lanes)
		x = x[n:]
	}
	return sum
}
