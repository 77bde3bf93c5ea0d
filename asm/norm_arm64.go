//go:build !purego

package asm

//go:noescape
func scaleGainNEON(dst, x, gain []float32, inv float32)

//go:noescape
func rmsDotNEON(dy, x, gain []float32, inv float32, lanes *[32]float32) float32

//go:noescape
func rmsInputNEON(dx, dy, x, gain []float32, inv, k float32)

//go:noescape
func rmsGainNEON(dgain, dy, x []float32, inv float32)

//go:noescape
func subSquaresNEON(x []float32, mean float32, lanes *[32]float32) float32

//go:noescape
func layerScaleNEON(dst, x, gain, bias []float32, mean, inv float32)

//go:noescape
func layerDotNEON(dy, x, gain []float32, mean, inv float32, lanes *[32]float32) float32

//go:noescape
func sumMulNEON(a, b []float32, lanes *[32]float32) float32

//go:noescape
func layerInputNEON(dx, dy, x, gain []float32, mean, inv, k1, k2 float32)

//go:noescape
func layerGainNEON(dgain, dbias, dy, x []float32, mean, inv float32)

func scaleGainTier(dst, x, gain []float32, inv float32) {
	if useNEON {
		scaleGainNEON(dst, x, gain, inv)
		return
	}
	scaleGainGeneric(dst, x, gain, inv)
}

func rmsDotTier(dy, x, gain []float32, inv float32, lanes *[32]float32) float32 {
	if useNEON {
		return rmsDotNEON(dy, x, gain, inv, lanes)
	}
	return rmsDotGeneric(dy, x, gain, inv, lanes)
}

func rmsInputTier(dx, dy, x, gain []float32, inv, k float32) {
	if useNEON {
		rmsInputNEON(dx, dy, x, gain, inv, k)
		return
	}
	rmsInputGeneric(dx, dy, x, gain, inv, k)
}

func rmsGainTier(dgain, dy, x []float32, inv float32) {
	if useNEON {
		rmsGainNEON(dgain, dy, x, inv)
		return
	}
	rmsGainGeneric(dgain, dy, x, inv)
}

func subSquaresTier(x []float32, mean float32, lanes *[32]float32) float32 {
	if useNEON {
		return subSquaresNEON(x, mean, lanes)
	}
	return subSquaresGeneric(x, mean, lanes)
}

func layerScaleTier(dst, x, gain, bias []float32, mean, inv float32) {
	if useNEON {
		layerScaleNEON(dst, x, gain, bias, mean, inv)
		return
	}
	layerScaleGeneric(dst, x, gain, bias, mean, inv)
}

func layerDotTier(dy, x, gain []float32, mean, inv float32, lanes *[32]float32) float32 {
	if useNEON {
		return layerDotNEON(dy, x, gain, mean, inv, lanes)
	}
	return layerDotGeneric(dy, x, gain, mean, inv, lanes)
}

func sumMulTier(a, b []float32, lanes *[32]float32) float32 {
	if useNEON {
		return sumMulNEON(a, b, lanes)
	}
	return sumMulGeneric(a, b, lanes)
}

func layerInputTier(dx, dy, x, gain []float32, mean, inv, k1, k2 float32) {
	if useNEON {
		layerInputNEON(dx, dy, x, gain, mean, inv, k1, k2)
		return
	}
	layerInputGeneric(dx, dy, x, gain, mean, inv, k1, k2)
}

func layerGainTier(dgain, dbias, dy, x []float32, mean, inv float32) {
	if useNEON {
		layerGainNEON(dgain, dbias, dy, x, mean, inv)
		return
	}
	layerGainGeneric(dgain, dbias, dy, x, mean, inv)
}
