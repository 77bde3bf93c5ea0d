package asm

// GatherDot computes for every id a dot product in strict order of k, the bits
// of the full matrix product:
//
//	dst[i] = fma chain from 0 over ascending k of h[k] * w[ids[i]*stride+k]
//
// len(dst) = len(ids). It panics when a row reaches beyond w.
func GatherDot(dst []float32, h []float32, w []float32, stride int, ids []int32) {
	sameLen("GatherDot", len(dst), len(ids))
	w = w[:len(w):len(w)] // a row beyond the length panics, even within the capacity
	gatherDotTier(dst, h, w, stride, ids)
}

// GatherAxpy adds rows of w to dh in the order of ids:
//
//	dh[k] = fma(coef[i], w[ids[i]*stride+k], dh[k])
//
// len(coef) = len(ids). It panics when a row reaches beyond w.
func GatherAxpy(dh []float32, coef []float32, w []float32, stride int, ids []int32) {
	sameLen("GatherAxpy", len(coef), len(ids))
	w = w[:len(w):len(w)] // a row beyond the length panics, even within the capacity
	gatherAxpyTier(dh, coef, w, stride, ids)
}

// SelectAbove writes the ascending indices i with x[i] > threshold to idx and
// returns their number. len(idx) must be at least len(x). NaN is not above.
func SelectAbove(idx []int32, x []float32, threshold float32) int {
	if len(idx) < len(x) {
		badLen("SelectAbove", len(idx), len(x))
	}
	n := 0
	for first := 0; first < len(x); first += chunk {
		n += selectAboveTier(idx[n:], x[first:min(first+chunk, len(x))], threshold, first)
	}
	return n
}
