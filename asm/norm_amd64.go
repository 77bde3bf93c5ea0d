//go:build !purego

package asm

//go:noescape
func scaleGainAVX512(dst, x, gain []float32, inv float32)

//go:noescape
func scaleGainAVX2(dst, x, gain []float32, inv float32)

//go:noescape
func rmsDotAVX512(dy, x, gain []float32, inv float32, lanes *[32]float32) float32

//go:noescape
func rmsDotAVX2(dy, x, gain []float32, inv float32, lanes *[32]float32) float32

//go:noescape
func rmsInputAVX512(dx, dy, x, gain []float32, inv, k float32)

//go:noescape
func rmsInputAVX2(dx, dy, x, gain []float32, inv, k float32)

//go:noescape
func rmsGainAVX512(dgain, dy, x []float32, inv float32)

//go:noescape
func rmsGainAVX2(dgain, dy, x []float32, inv float32)

//go:noescape
func subSquaresAVX512(x []float32, mean float32, lanes *[32]float32) float32

//go:noescape
func subSquaresAVX2(x []float32, mean float32, lanes *[32]float32) float32

//go:noescape
func layerScaleAVX512(dst, x, gain, bias []float32, mean, inv float32)

//go:noescape
func layerScaleAVX2(dst, x, gain, bias []float32, mean, inv float32)

//go:noescape
func layerDotAVX512(dy, x, gain []float32, mean, inv float32, lanes *[32]float32) float32

//go:noescape
func layerDotAVX2(dy, x, gain []float32, mean, inv float32, lanes *[32]float32) float32

//go:noescape
func sumMulAVX512(a, b []float32, lanes *[32]float32) float32

//go:noescape
func sumMulAVX2(a, b []float32, lanes *[32]float32) float32

//go:noescape
func layerInputAVX512(dx, dy, x, gain []float32, mean, inv, k1, k2 float32)

//go:noescape
func layerInputAVX2(dx, dy, x, gain []float32, mean, inv, k1, k2 float32)

//go:noescape
func layerGainAVX512(dgain, dbias, dy, x []float32, mean, inv float32)

//go:noescape
func layerGainAVX2(dgain, dbias, dy, x []float32, mean, inv float32)

func scaleGainTier(dst, x, gain []float32, inv float32) {
	switch {
	case useAVX512:
		scaleGainAVX512(dst, x, gain, inv)
	case useAVX2:
		scaleGainAVX2(dst, x, gain, inv)
	default:
		scaleGainGeneric(dst, x, gain, inv)
	}
}

func rmsDotTier(dy, x, gain []float32, inv float32, lanes *[32]float32) float32 {
	switch {
	case useAVX512:
		return rmsDotAVX512(dy, x, gain, inv, lanes)
	case useAVX2:
		return rmsDotAVX2(dy, x, gain, inv, lanes)
	}
	return rmsDotGeneric(dy, x, gain, inv, lanes)
}

func rmsInputTier(dx, dy, x, gain []float32, inv, k float32) {
	switch {
	case useAVX512:
		rmsInputAVX512(dx, dy, x, gain, inv, k)
	case useAVX2:
		rmsInputAVX2(dx, dy, x, gain, inv, k)
	default:
		rmsInputGeneric(dx, dy, x, gain, inv, k)
	}
}

func rmsGainTier(dgain, dy, x []float32, inv float32) {
	switch {
	case useAVX512:
		rmsGainAVX512(dgain, dy, x, inv)
	case useAVX2:
		rmsGainAVX2(dgain, dy, x, inv)
	default:
		rmsGainGeneric(dgain, dy, x, inv)
	}
}

func subSquaresTier(x []float32, mean float32, lanes *[32]float32) float32 {
	switch {
	case useAVX512:
		return subSquaresAVX512(x, mean, lanes)
	case useAVX2:
		return subSquaresAVX2(x, mean, lanes)
	}
	return subSquaresGeneric(x, mean, lanes)
}

func layerScaleTier(dst, x, gain, bias []float32, mean, inv float32) {
	switch {
	case useAVX512:
		layerScaleAVX512(dst, x, gain, bias, mean, inv)
	case useAVX2:
		layerScaleAVX2(dst, x, gain, bias, mean, inv)
	default:
		layerScaleGeneric(dst, x, gain, bias, mean, inv)
	}
}

func layerDotTier(dy, x, gain []float32, mean, inv float32, lanes *[32]float32) float32 {
	switch {
	case useAVX512:
		return layerDotAVX512(dy, x, gain, mean, inv, lanes)
	case useAVX2:
		return layerDotAVX2(dy, x, gain, mean, inv, lanes)
	}
	return layerDotGeneric(dy, x, gain, mean, inv, lanes)
}

func sumMulTier(a, b []float32, lanes *[32]float32) float32 {
	switch {
	case useAVX512:
		return sumMulAVX512(a, b, lanes)
	case useAVX2:
		return sumMulAVX2(a, b, lanes)
	}
	return sumMulGeneric(a, b, lanes)
}

func layerInputTier(dx, dy, x, gain []float32, mean, inv, k1, k2 float32) {
	switch {
	case useAVX512:
		layerInputAVX512(dx, dy, x, gain, mean, inv, k1, k2)
	case useAVX2:
		layerInputAVX2(dx, dy, x, gain, mean, inv, k1, k2)
	default:
		layerInputGeneric(dx, dy, x, gain, mean, inv, k1, k2)
	}
}

func layerGainTier(dgain, dbias, dy, x []float32, mean, inv float32) {
	switch {
	case useAVX512:
		layerGainAVX512(dgain, dbias, dy, x, mean, inv)
	case useAVX2:
		layerGainAVX2(dgain, dbias, dy, x, mean, inv)
	default:
		layerGainGeneric(dgain, dbias, dy, x, mean, inv)
	}
}
