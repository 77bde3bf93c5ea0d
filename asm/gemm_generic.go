package asm

import "math"

// GEMM computes an m×n block of a matrix product with the portable fma:
//
//	c[i*cRow+j] = fma chain over ascending l, starting from c[i*cRow+j] (acc) or
//	              +0, of a[i*aRow+l*aK] * b[l*bK+j*bCol]
//
// It is the definition against which the tile kernels of every tier are tested,
// and it runs where a tier has none.
func GEMM(m, n, k int, a []float32, aRow, aK int, b []float32, bK, bCol int, c []float32, cRow int, acc bool) {
	for i := range m {
		row := c[i*cRow : i*cRow+n]
		if !acc {
			clear(row)
		}
		if k == 0 {
			continue
		}
		// Four columns at a time, to overlap the latencies of their chains.
		j := 0
		for ; j+4 <= n; j += 4 {
			x0, x1, x2, x3 := row[j], row[j+1], row[j+2], row[j+3]
			p, q := i*aRow, j*bCol
			for range k {
				v := a[p]
				w0, w1, w2, w3 := b[q], b[q+bCol], b[q+2*bCol], b[q+3*bCol]
				// FMA written out, because the compiler does not inline it.
				f := float64(v)
				s0 := float64(f*float64(w0)) + float64(x0)
				s1 := float64(f*float64(w1)) + float64(x1)
				s2 := float64(f*float64(w2)) + float64(x2)
				s3 := float64(f*float64(w3)) + float64(x3)
				if math.Float64bits(s0)<<36 == 0 || math.Float64bits(s1)<<36 == 0 ||
					math.Float64bits(s2)<<36 == 0 || math.Float64bits(s3)<<36 == 0 {
					x0, x1, x2, x3 = fmaTie(v, w0, x0), fmaTie(v, w1, x1), fmaTie(v, w2, x2), fmaTie(v, w3, x3)
				} else {
					x0, x1, x2, x3 = float32(s0), float32(s1), float32(s2), float32(s3)
				}
				p += aK
				q += bK
			}
			row[j], row[j+1], row[j+2], row[j+3] = x0, x1, x2, x3
		}
		for ; j < n; j++ {
			x := row[j]
			for l := range k {
				x = FMA(a[i*aRow+l*aK], b[l*bK+j*bCol], x)
			}
			row[j] = x
		}
	}
}
