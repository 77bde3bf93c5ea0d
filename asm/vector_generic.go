package asm

func addGeneric(dst, a, b []float32) {
	for i, v := range a {
		dst[i] = v + b[i]
	}
}

func mulGeneric(dst, a, b []float32) {
	for i, v := range a {
		dst[i] = v * b[i]
	}
}

func scaleGeneric(dst []float32, alpha float32, x []float32) {
	for i, v := range x {
		dst[i] = alpha * v
	}
}

func divGeneric(dst, x []float32, y float32) {
	for i, v := range x {
		dst[i] = v / y
	}
}

func axpyGeneric(dst []float32, alpha float32, x []float32) {
	for i, v := range x {
		dst[i] = FMA(alpha, v, dst[i])
	}
}

func ropeGeneric(lo, hi, cos, sin []float32) {
	for i, a := range lo {
		b, c, s := hi[i], cos[i], sin[i]
		lo[i] = FMA(-b, s, a*c)
		hi[i] = FMA(a, s, b*c)
	}
}
