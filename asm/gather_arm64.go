//go:build !purego

package asm

//go:noescape
func gatherDotNEON(dst *[16]float32, h []float32, rows *[16]*float32)

//go:noescape
func gatherAxpyNEON(dh []float32, coef, w []float32, stride int, ids []int32)

//go:noescape
func selectAboveNEON(idx []int32, x []float32, threshold float32, first int) int

// gatherDotTier hands 16 rows at a time to the assembly, which takes a multiple
// of 4 values of k; the chains continue here over the last one to three.
func gatherDotTier(dst, h, w []float32, stride int, ids []int32) {
	if !useNEON || len(h) < 4 {
		gatherDotGeneric(dst, h, w, stride, ids)
		return
	}
	n := len(h) &^ 3
	var rows [16]*float32
	var acc [16]float32
	for len(ids) > 0 {
		m := min(len(ids), len(rows))
		for i, id := range ids[:m] {
			rows[i] = &w[int(id)*stride:][:len(h)][0]
		}
		for i := m; i < len(rows); i++ {
			rows[i] = rows[0]
		}
		gatherDotNEON(&acc, h[:n], &rows)
		copy(dst[:m], acc[:])
		if n < len(h) {
			for i, id := range ids[:m] {
				row := w[int(id)*stride:][:len(h)]
				for k := n; k < len(h); k++ {
					dst[i] = FMA(h[k], row[k], dst[i])
				}
			}
		}
		dst, ids = dst[m:], ids[m:]
	}
}

func gatherAxpyTier(dh, coef, w []float32, stride int, ids []int32) {
	if !useNEON {
		gatherAxpyGeneric(dh, coef, w, stride, ids)
		return
	}
	for _, id := range ids {
		_ = w[int(id)*stride:][:len(dh)]
	}
	// The time of one call is bounded by the number of ids in it.
	most := max(1, (1<<19)/max(1, len(dh)))
	for len(ids) > 0 {
		m := min(len(ids), most)
		gatherAxpyNEON(dh, coef[:m], w, stride, ids[:m])
		coef, ids = coef[m:], ids[m:]
	}
}

// selectAboveTier hands a multiple of 16 elements to the assembly.
func selectAboveTier(idx []int32, x []float32, threshold float32, first int) int {
	n, k := 0, 0
	if useNEON {
		n = len(x) &^ 15
		k = selectAboveNEON(idx, x[:n], threshold, first)
	}
	return k + selectAboveGeneric(idx[k:], x[n:], threshold, first+n)
}
