//go:build !purego

package asm

//go:noescape
func sumNEON(x []float32, lanes *[32]float32) float32

//go:noescape
func dotNEON(a, b []float32, lanes *[32]float32) float32

//go:noescape
func maxNEON(x []float32, lanes *[32]float32) (max float32, nan bool)

//go:noescape
func moments64NEON(g, m []float32, lanes *[3][32]float64)

//go:noescape
func sumSquares64NEON(x []float32, lanes *[32]float64)

func sumTier(x []float32, lanes *[32]float32) float32 {
	if useNEON {
		return sumNEON(x, lanes)
	}
	return sumGeneric(x, lanes)
}

func dotTier(a, b []float32, lanes *[32]float32) float32 {
	if useNEON {
		return dotNEON(a, b, lanes)
	}
	return dotGeneric(a, b, lanes)
}

func maxTier(x []float32, lanes *[32]float32) (max float32, nan bool) {
	if useNEON {
		return maxNEON(x, lanes)
	}
	return maxGeneric(x, lanes)
}

// The assembly of the float64 sums takes multiples of 32; the portable code
// takes the rest.

func moments64Tier(g, m []float32, lanes *[3][32]float64) {
	n := 0
	if useNEON {
		n = len(g) &^ 31
		moments64NEON(g[:n], m[:n], lanes)
	}
	moments64Generic(g[n:], m[n:], lanes)
}

func sumSquares64Tier(x []float32, lanes *[32]float64) {
	n := 0
	if useNEON {
		n = len(x) &^ 31
		sumSquares64NEON(x[:n], lanes)
	}
	sumSquares64Generic(x[n:], lanes)
}
