package asm

// A normalized row is one call of a kernel: hidden sizes stay far below the
// lengths at which the other kernels split their work.

// RMSNorm computes dst = (x*inv)*gain with inv = 1/sqrt(Dot(x,x)/n + eps), and
// returns inv (Zhang and Sennrich, arXiv:1910.07467).
func RMSNorm(dst, x, gain []float32, eps float32) (inv float32) {
	sameLen("RMSNorm", len(dst), len(x))
	sameLen("RMSNorm", len(gain), len(x))
	inv = 1 / sqrt32(Dot(x, x)/float32(len(x))+eps)
	scaleGainTier(dst, x, gain, inv)
	return inv
}

// RMSNormBackward adds the gradient of the input to dx. With t = dy*gain,
// h = x*inv and k = (32-lane fma sum of t*h)/n:
//
//	dx += inv * fma(-h, k, t)
func RMSNormBackward(dx, dy, x, gain []float32, inv float32) {
	n := len(x)
	sameLen("RMSNormBackward", len(dx), n)
	sameLen("RMSNormBackward", len(dy), n)
	sameLen("RMSNormBackward", len(gain), n)
	var lanes [32]float32
	k := rmsDotTier(dy, x, gain, inv, &lanes) / float32(n)
	rmsInputTier(dx, dy, x, gain, inv, k)
}

// RMSNormGain continues the gradient of the gain: dgain = fma(dy, x*inv, dgain).
func RMSNormGain(dgain, dy, x []float32, inv float32) {
	sameLen("RMSNormGain", len(dgain), len(x))
	sameLen("RMSNormGain", len(dy), len(x))
	rmsGainTier(dgain, dy, x, inv)
}

// LayerNorm computes dst = fma((x-mean)*inv, gain, bias), where mean = Sum(x)/n
// and inv = 1/sqrt(v + eps) with v the 32-lane fma sum of (x-mean)² over n. It
// returns mean and inv (Ba et al., arXiv:1607.06450).
func LayerNorm(dst, x, gain, bias []float32, eps float32) (mean, inv float32) {
	n := len(x)
	sameLen("LayerNorm", len(dst), n)
	sameLen("LayerNorm", len(gain), n)
	sameLen("LayerNorm", len(bias), n)
	mean = Sum(x) / float32(n)
	var lanes [32]float32
	inv = 1 / sqrt32(subSquaresTier(x, mean, &lanes)/float32(n)+eps)
	layerScaleTier(dst, x, gain, bias, mean, inv)
	return mean, inv
}

// LayerNormBackward adds the gradient of the input to dx. With t = dy*gain,
// h = (x-mean)*inv, k1 = (32-lane sum of t)/n and k2 = (32-lane fma sum of t*h)/n:
//
//	dx += inv * (fma(-h, k2, t) - k1)
func LayerNormBackward(dx, dy, x, gain []float32, mean, inv float32) {
	n := len(x)
	sameLen("LayerNormBackward", len(dx), n)
	sameLen("LayerNormBackward", len(dy), n)
	sameLen("LayerNormBackward", len(gain), n)
	var lt, lth [32]float32
	k1 := sumMulTier(dy, gain, &lt) / float32(n)
	k2 := layerDotTier(dy, x, gain, mean, inv, &lth) / float32(n)
	layerInputTier(dx, dy, x, gain, mean, inv, k1, k2)
}

// LayerNormGain continues the gradients of gain and bias:
// dgain = fma(dy, (x-mean)*inv, dgain), dbias += dy.
func LayerNormGain(dgain, dbias, dy, x []float32, mean, inv float32) {
	n := len(x)
	sameLen("LayerNormGain", len(dgain), n)
	sameLen("LayerNormGain", len(dbias), n)
	sameLen("LayerNormGain", len(dy), n)
	layerGainTier(dgain, dbias, dy, x, mean, inv)
}
