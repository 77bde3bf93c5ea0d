package asm

// Exp computes dst[i] = exp(x[i]) within 1 ulp: below -87.3365 it is +0, above
// 88.7228 +Inf, and NaN stays NaN.
func Exp(dst, x []float32) {
	sameLen("Exp", len(dst), len(x))
	for ; len(dst) > chunk; dst, x = dst[chunk:], x[chunk:] {
		expTier(dst[:chunk], x[:chunk])
	}
	expTier(dst, x)
}

// ExpSum computes dst[i] = exp(x[i]-max) and returns the sum over 32 lanes,
// where element i belongs to lane (lane+i) mod 32.
func ExpSum(dst, x []float32, max float32, lane int) float32 {
	sameLen("ExpSum", len(dst), len(x))
	var lanes [32]float32
	lane &= 31
	for ; len(x) > chunk; dst, x = dst[chunk:], x[chunk:] {
		expSumTier(dst[:chunk], x[:chunk], max, lane, &lanes)
	}
	return expSumTier(dst, x, max, lane, &lanes)
}

// SoftmaxGrad computes dst[i] = (exp(x[i]-max) * inv) * scale: a probability
// times the weight of its position.
func SoftmaxGrad(dst, x []float32, max, inv, scale float32) {
	sameLen("SoftmaxGrad", len(dst), len(x))
	for ; len(dst) > chunk; dst, x = dst[chunk:], x[chunk:] {
		softmaxGradTier(dst[:chunk], x[:chunk], max, inv, scale)
	}
	softmaxGradTier(dst, x, max, inv, scale)
}
