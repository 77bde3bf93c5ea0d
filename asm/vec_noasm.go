//go:build purego || !(amd64 || arm64)

package asm

// Without assembly every kernel is its portable definition.

func expTier(dst, x []float32) { expGeneric(dst, x) }

func expSumTier(dst, x []float32, max float32, lane int, lanes *[32]float32) float32 {
	return expSumGeneric(dst, x, max, lane, lanes)
}

func softmaxRowsTier(t *rowsArgs) { softmaxRowsGeneric(t) }

func attentionGradRowsTier(t *rowsArgs) { attentionGradRowsGeneric(t) }

func softmaxGradTier(dst, x []float32, max, inv, scale float32) {
	softmaxGradGeneric(dst, x, max, inv, scale)
}

func sigmoidTier(dst, x []float32) { sigmoidGeneric(dst, x) }

func tanhTier(dst, x []float32) { tanhGeneric(dst, x) }

func swigluTier(dst, gate, up []float32) { swigluGeneric(dst, gate, up) }

func swigluBackwardTier(dgate, dup, dy, gate, up []float32) {
	swigluBackwardGeneric(dgate, dup, dy, gate, up)
}

func geluTier(dst, x []float32) { geluGeneric(dst, x) }

func geluBackwardTier(dx, dy, x []float32) { geluBackwardGeneric(dx, dy, x) }

func geluErfTier(dst, x []float32) { geluErfGeneric(dst, x) }

func geluErfBackwardTier(dx, dy, x []float32) { geluErfBackwardGeneric(dx, dy, x) }

func addTier(dst, a, b []float32) { addGeneric(dst, a, b) }

func mulTier(dst, a, b []float32) { mulGeneric(dst, a, b) }

func scaleTier(dst []float32, alpha float32, x []float32) { scaleGeneric(dst, alpha, x) }

func axpyTier(dst []float32, alpha float32, x []float32) { axpyGeneric(dst, alpha, x) }

func divTier(dst, x []float32, y float32) { divGeneric(dst, x, y) }

func ropeTier(lo, hi, cos, sin []float32) { ropeGeneric(lo, hi, cos, sin) }

func sumTier(x []float32, lanes *[32]float32) float32 { return sumGeneric(x, lanes) }

func dotTier(a, b []float32, lanes *[32]float32) float32 { return dotGeneric(a, b, lanes) }

func maxTier(x []float32, lanes *[32]float32) (max float32, nan bool) { return maxGeneric(x, lanes) }

func scaleGainTier(dst, x, gain []float32, inv float32) { scaleGainGeneric(dst, x, gain, inv) }

func rmsDotTier(dy, x, gain []float32, inv float32, lanes *[32]float32) float32 {
	return rmsDotGeneric(dy, x, gain, inv, lanes)
}

func rmsInputTier(dx, dy, x, gain []float32, inv, k float32) {
	rmsInputGeneric(dx, dy, x, gain, inv, k)
}

func rmsGainTier(dgain, dy, x []float32, inv float32) { rmsGainGeneric(dgain, dy, x, inv) }

func subSquaresTier(x []float32, mean float32, lanes *[32]float32) float32 {
	return subSquaresGeneric(x, mean, lanes)
}

func layerScaleTier(dst, x, gain, bias []float32, mean, inv float32) {
	layerScaleGeneric(dst, x, gain, bias, mean, inv)
}

func layerDotTier(dy, x, gain []float32, mean, inv float32, lanes *[32]float32) float32 {
	return layerDotGeneric(dy, x, gain, mean, inv, lanes)
}

func sumMulTier(a, b []float32, lanes *[32]float32) float32 { return sumMulGeneric(a, b, lanes) }

func layerInputTier(dx, dy, x, gain []float32, mean, inv, k1, k2 float32) {
	layerInputGeneric(dx, dy, x, gain, mean, inv, k1, k2)
}

func layerGainTier(dgain, dbias, dy, x []float32, mean, inv float32) {
	layerGainGeneric(dgain, dbias, dy, x, mean, inv)
}

func moments64Tier(g, m []float32, lanes *[3][32]float64) { moments64Generic(g, m, lanes) }

func sumSquares64Tier(x []float32, lanes *[32]float64) { sumSquares64Generic(x, lanes) }

func gatherDotTier(dst, h, w []float32, stride int, ids []int32) {
	gatherDotGeneric(dst, h, w, stride, ids)
}

func gatherAxpyTier(dh, coef, w []float32, stride int, ids []int32) {
	gatherAxpyGeneric(dh, coef, w, stride, ids)
}

func selectAboveTier(idx []int32, x []float32, threshold float32, first int) int {
	return selectAboveGeneric(idx, x, threshold, first)
}

func atan2Tier(dst, y, x []float32) { atan2Generic(dst, y, x) }

func adamWTier(w, g, m, v []float32, c *StepCoef) { adamWGeneric(w, g, m, v, c) }

func atan2StepTier(w, g, m, v []float32, c *StepCoef) { atan2StepGeneric(w, g, m, v, c) }

func f32FromBF16Tier(dst []float32, src []uint16) { f32FromBF16Generic(dst, src) }

func bf16FromF32Tier(dst []uint16, src []float32) { bf16FromF32Generic(dst, src) }

func f32FromF16Tier(dst []float32, src []uint16) { f32FromF16Generic(dst, src) }

func f16FromF32Tier(dst []uint16, src []float32) { f16FromF32Generic(dst, src) }
