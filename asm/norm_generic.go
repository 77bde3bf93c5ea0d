package asm

import "math"

// sqrt32 is the correctly rounded float32 square root: a float64 square root
// rounded once more cannot differ (Figueroa, 1995).
func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// scaleGainGeneric: dst = (x*inv)*gain.
func scaleGainGeneric(dst, x, gain []float32, inv float32) {
	for i, v := range x {
		dst[i] = v * inv * gain[i]
	}
}

// rmsDotGeneric: the 32-lane sum of t*h with t = dy*gain, h = x*inv.
func rmsDotGeneric(dy, x, gain []float32, inv float32, lanes *[32]float32) float32 {
	for i, v := range x {
		lanes[i%32] = FMA(dy[i]*gain[i], v*inv, lanes[i%32])
	}
	return fold(*lanes)
}

// rmsInputGeneric: dx += inv*fma(-h, k, t).
func rmsInputGeneric(dx, dy, x, gain []float32, inv, k float32) {
	for i, v := range x {
		dx[i] += float32(inv * FMA(-float32(v*inv), k, dy[i]*gain[i]))
	}
}

// rmsGainGeneric: dgain = fma(dy, x*inv, dgain).
func rmsGainGeneric(dgain, dy, x []float32, inv float32) {
	for i, v := range x {
		dgain[i] = FMA(dy[i], v*inv, dgain[i])
	}
}

// subSquaresGeneric: the 32-lane sum of (x-mean)².
func subSquaresGeneric(x []float32, mean float32, lanes *[32]float32) float32 {
	for i, v := range x {
		c := v - mean
		lanes[i%32] = FMA(c, c, lanes[i%32])
	}
	return fold(*lanes)
}

// layerScaleGeneric: dst = fma((x-mean)*inv, gain, bias).
func layerScaleGeneric(dst, x, gain, bias []float32, mean, inv float32) {
	for i, v := range x {
		dst[i] = FMA((v-mean)*inv, gain[i], bias[i])
	}
}

// layerDotGeneric: the 32-lane fma sum of t*h with t = dy*gain, h = (x-mean)*inv.
func layerDotGeneric(dy, x, gain []float32, mean, inv float32, lanes *[32]float32) float32 {
	for i, v := range x {
		lanes[i%32] = FMA(dy[i]*gain[i], (v-mean)*inv, lanes[i%32])
	}
	return fold(*lanes)
}

// sumMulGeneric: the 32-lane sum of the rounded products a*b.
func sumMulGeneric(a, b []float32, lanes *[32]float32) float32 {
	for i, v := range a {
		lanes[i%32] += float32(v * b[i])
	}
	return fold(*lanes)
}

// layerInputGeneric: dx += inv*(fma(-h, k2, t) - k1).
func layerInputGeneric(dx, dy, x, gain []float32, mean, inv, k1, k2 float32) {
	for i, v := range x {
		u := FMA(-float32((v-mean)*inv), k2, dy[i]*gain[i]) - k1
		dx[i] += float32(inv * u)
	}
}

// layerGainGeneric: dgain = fma(dy, (x-mean)*inv, dgain); dbias += dy.
func layerGainGeneric(dgain, dbias, dy, x []float32, mean, inv float32) {
	for i, v := range x {
		dgain[i] = FMA(dy[i], (v-mean)*inv, dgain[i])
		dbias[i] += dy[i]
	}
}
