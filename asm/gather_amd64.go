//go:build !purego

package asm

// iota16 holds the offsets of 16 lanes.
//
//lint:ignore U1000 the assembly reads it
var iota16 = [16]int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

//go:noescape
func gatherAxpyAVX512(dh []float32, coef, w []float32, stride int, ids []int32)

//go:noescape
func gatherAxpyAVX2(dh []float32, coef, w []float32, stride int, ids []int32)

//go:noescape
func selectAboveAVX512(idx []int32, x []float32, threshold float32, first int) int

//go:noescape
func selectAboveAVX2(idx []int32, x []float32, threshold float32, first int) int

// gatherDotTier hands 16 rows at a time to the kernels of DotRows.
func gatherDotTier(dst, h, w []float32, stride int, ids []int32) {
	if !useAVX2 || len(h) == 0 || len(ids) == 0 {
		gatherDotGeneric(dst, h, w, stride, ids)
		return
	}
	row := func(id int32) *float32 { return &w[int(id)*stride:][:len(h)][0] }
	t := dotArgs{step: 64}
	for i := range t.next {
		t.next[i] = row(ids[min(i, len(ids)-1)])
	}
	for len(ids) > 0 {
		t.b = t.next
		m := min(len(ids), 16)
		for i := range t.next {
			if i+16 < len(ids) {
				t.next[i] = row(ids[i+16])
			}
		}
		var acc [1][16]float32
		t.run(acc[:], 16, len(h), h)
		copy(dst, acc[0][:m])
		dst, ids = dst[m:], ids[m:]
	}
}

func gatherAxpyTier(dh, coef, w []float32, stride int, ids []int32) {
	if !useAVX2 {
		gatherAxpyGeneric(dh, coef, w, stride, ids)
		return
	}
	for _, id := range ids {
		_ = w[int(id)*stride:][:len(dh)]
	}
	// The time of one call is bounded by the number of ids in it.
	most := max(1, (1<<20)/max(1, len(dh)))
	for len(ids) > 0 {
		m := min(len(ids), most)
		if useAVX512 {
			gatherAxpyAVX512(dh, coef[:m], w, stride, ids[:m])
		} else {
			gatherAxpyAVX2(dh, coef[:m], w, stride, ids[:m])
		}
		coef, ids = coef[m:], ids[m:]
	}
}

func selectAboveTier(idx []int32, x []float32, threshold float32, first int) int {
	switch {
	case useAVX512:
		return selectAboveAVX512(idx, x, threshold, first)
	case useAVX2:
		n := len(x) &^ 7
		k := selectAboveAVX2(idx, x[:n], threshold, first)
		return k + selectAboveGeneric(idx[k:], x[n:], threshold, first+n)
	}
	return selectAboveGeneric(idx, x, threshold, first)
}
