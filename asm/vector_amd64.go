//go:build !purego

package asm

//go:noescape
func addAVX512(dst, a, b []float32)

//go:noescape
func addAVX2(dst, a, b []float32)

//go:noescape
func mulAVX512(dst, a, b []float32)

//go:noescape
func mulAVX2(dst, a, b []float32)

//go:noescape
func scaleAVX512(dst []float32, alpha float32, x []float32)

//go:noescape
func scaleAVX2(dst []float32, alpha float32, x []float32)

//go:noescape
func divAVX512(dst, x []float32, y float32)

//go:noescape
func divAVX2(dst, x []float32, y float32)

//go:noescape
func axpyAVX512(dst []float32, alpha float32, x []float32)

//go:noescape
func axpyAVX2(dst []float32, alpha float32, x []float32)

//go:noescape
func ropeAVX512(lo, hi, cos, sin []float32)

//go:noescape
func ropeAVX2(lo, hi, cos, sin []float32)

func addTier(dst, a, b []float32) {
	switch {
	case useAVX512:
		addAVX512(dst, a, b)
	case useAVX2:
		addAVX2(dst, a, b)
	default:
		addGeneric(dst, a, b)
	}
}

func mulTier(dst, a, b []float32) {
	switch {
	case useAVX512:
		mulAVX512(dst, a, b)
	case useAVX2:
		mulAVX2(dst, a, b)
	default:
		mulGeneric(dst, a, b)
	}
}

func scaleTier(dst []float32, alpha float32, x []float32) {
	switch {
	case useAVX512:
		scaleAVX512(dst, alpha, x)
	case useAVX2:
		scaleAVX2(dst, alpha, x)
	default:
		scaleGeneric(dst, alpha, x)
	}
}

func divTier(dst, x []float32, y float32) {
	switch {
	case useAVX512:
		divAVX512(dst, x, y)
	case useAVX2:
		divAVX2(dst, x, y)
	default:
		divGeneric(dst, x, y)
	}
}

func axpyTier(dst []float32, alpha float32, x []float32) {
	switch {
	case useAVX512:
		axpyAVX512(dst, alpha, x)
	case useAVX2:
		axpyAVX2(dst, alpha, x)
	default:
		axpyGeneric(dst, alpha, x)
	}
}

func ropeTier(lo, hi, cos, sin []float32) {
	switch {
	case useAVX512:
		ropeAVX512(lo, hi, cos, sin)
	case useAVX2:
		ropeAVX2(lo, hi, cos, sin)
	default:
		ropeGeneric(lo, hi, cos, sin)
	}
}
