//go:build !purego

package asm

//go:noescape
func addNEON(dst, a, b []float32)

//go:noescape
func mulNEON(dst, a, b []float32)

//go:noescape
func scaleNEON(dst []float32, alpha float32, x []float32)

//go:noescape
func divNEON(dst, x []float32, y float32)

//go:noescape
func axpyNEON(dst []float32, alpha float32, x []float32)

//go:noescape
func ropeNEON(lo, hi, cos, sin []float32)

func addTier(dst, a, b []float32) {
	if useNEON {
		addNEON(dst, a, b)
		return
	}
	addGeneric(dst, a, b)
}

func mulTier(dst, a, b []float32) {
	if useNEON {
		mulNEON(dst, a, b)
		return
	}
	mulGeneric(dst, a, b)
}

func scaleTier(dst []float32, alpha float32, x []float32) {
	if useNEON {
		scaleNEON(dst, alpha, x)
		return
	}
	scaleGeneric(dst, alpha, x)
}

func divTier(dst, x []float32, y float32) {
	if useNEON {
		divNEON(dst, x, y)
		return
	}
	divGeneric(dst, x, y)
}

func axpyTier(dst []float32, alpha float32, x []float32) {
	if useNEON {
		axpyNEON(dst, alpha, x)
		return
	}
	axpyGeneric(dst, alpha, x)
}

func ropeTier(lo, hi, cos, sin []float32) {
	if useNEON {
		ropeNEON(lo, hi, cos, sin)
		return
	}
	ropeGeneric(lo, hi, cos, sin)
}
