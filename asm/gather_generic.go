package asm

func gatherDotGeneric(dst, h, w []float32, stride int, ids []int32) {
	for i, id := range ids {
		row := w[int(id)*stride:][:len(h)]
		var acc float32
		for k, v := range h {
			acc = FMA(v, row[k], acc)
		}
		dst[i] = acc
	}
}

func gatherAxpyGeneric(dh, coef, w []float32, stride int, ids []int32) {
	for i, id := range ids {
		axpyGeneric(dh, coef[i], w[int(id)*stride:][:len(dh)])
	}
}

func selectAboveGeneric(idx []int32, x []float32, threshold float32, first int) int {
	n := 0
	for i, v := range x {
		if v > threshold {
			idx[n] = int32(first + i)
			n++
		}
	}
	return n
}
