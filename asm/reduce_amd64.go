//go:build !purego

package asm

//go:noescape
func sumAVX512(x []float32, lanes *[32]float32) float32

//go:noescape
func sumAVX2(x []float32, lanes *[32]float32) float32

//go:noescape
func dotAVX512(a, b []float32, lanes *[32]float32) float32

//go:noescape
func dotAVX2(a, b []float32, lanes *[32]float32) float32

//go:noescape
func maxAVX512(x []float32, lanes *[32]float32) (max float32, nan bool)

//go:noescape
func maxAVX2(x []float32, lanes *[32]float32) (max float32, nan bool)

func sumTier(x []float32, lanes *[32]float32) float32 {
	switch {
	case useAVX512:
		return sumAVX512(x, lanes)
	case useAVX2:
		return sumAVX2(x, lanes)
	}
	return sumGeneric(x, lanes)
}

func dotTier(a, b []float32, lanes *[32]float32) float32 {
	switch {
	case useAVX512:
		return dotAVX512(a, b, lanes)
	case useAVX2:
		return dotAVX2(a, b, lanes)
	}
	return dotGeneric(a, b, lanes)
}

func maxTier(x []float32, lanes *[32]float32) (max float32, nan bool) {
	switch {
	case useAVX512:
		return maxAVX512(x, lanes)
	case useAVX2:
		return maxAVX2(x, lanes)
	}
	return maxGeneric(x, lanes)
}

//go:noescape
func moments64AVX512(g, m []float32, lanes *[3][32]float64)

//go:noescape
func moments64AVX2(g, m []float32, lanes *[3][32]float64)

//go:noescape
func sumSquares64AVX512(x []float32, lanes *[32]float64)

//go:noescape
func sumSquares64AVX2(x []float32, lanes *[32]float64)

// The assembly of the float64 sums takes multiples of 32; the portable code
// takes the rest.

func moments64Tier(g, m []float32, lanes *[3][32]float64) {
	n := len(g) &^ 31
	switch {
	case useAVX512:
		moments64AVX512(g[:n], m[:n], lanes)
	case useAVX2:
		moments64AVX2(g[:n], m[:n], lanes)
	default:
		n = 0
	}
	moments64Generic(g[n:], m[n:], lanes)
}

func sumSquares64Tier(x []float32, lanes *[32]float64) {
	n := len(x) &^ 31
	switch {
	case useAVX512:
		sumSquares64AVX512(x[:n], lanes)
	case useAVX2:
		sumSquares64AVX2(x[:n], lanes)
	default:
		n = 0
	}
	sumSquares64Generic(x[n:], lanes)
}
