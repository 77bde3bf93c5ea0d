package asm

import "unsafe"

// dotArgs are the arguments of the assembly that DotRows and GatherDot use. Each kernel has its own number m of rows of a
// and its own width, and computes:
//
//	for l := range k {
//		for i := range m {
//			for j := range width {
//				acc[i][j] = fma(a[l*m+i], b[j][l], acc[i][j])
//			}
//		}
//	}
type dotArgs struct {
	a    *float32
	k    int
	acc  *[16]float32 // the first of m
	b    [16]*float32
	next [16]*float32 // the rows that will be b next: prefetched meanwhile
	step int          // bytes by which next advances for every 16 columns of b
}

// DotRows computes a matrix product of a few rows of a with a transposed b. It reads the rows of b in place and once, for a
// b that is used too seldom to be worth packing.
//
//	for i := range m {
//		for j := range n {
//			x := acc ? c[i*cRow+j] : 0
//			for l := range k {
//				x = fma(a[i*aRow+l], b[j*bRow+l], x)
//			}
//			c[i*cRow+j] = x
//		}
//	}
//
// Vector lanes run over n, so that every chain keeps its order. tmp holds m*k
// values and is overwritten; m is at most 8.
func DotRows(m, n, k int, a []float32, aRow int, b []float32, bRow int, c []float32, cRow int, acc bool, tmp []float32) {
	most, width := dotTiling(m)
	if most == 0 || m == 0 || n == 0 || k == 0 {
		GEMM(m, n, k, a, aRow, 1, b, 1, bRow, c, cRow, acc)
		return
	}
	_ = b[(n-1)*bRow+k-1]
	_ = c[(m-1)*cRow+n-1]
	packDots(tmp, m, k, most, a, aRow)
	var sums [8][16]float32
	var t dotArgs
	for j := 0; j < n; j += width {
		cols := min(width, n-j)
		if clear(sums[:m]); acc {
			for i := range m {
				copy(sums[i][:cols], c[i*cRow+j:])
			}
		}
		for l := range t.b[:width] {
			t.b[l] = &b[(j+min(l, cols-1))*bRow]
		}
		t.fetch(j+width, width, n, k, b, bRow)
		// When a has more rows than a kernel takes, b is still in a near cache as the next rows read it again.
		for i := 0; i < m; i += most {
			rows := min(most, m-i)
			t.run(sums[i:i+rows], width, k, tmp[i*k:][:rows*k])
		}
		for i := range m {
			copy(c[i*cRow+j:][:cols], sums[i][:])
		}
	}
}

// fetch points next at width rows of b from j on. Rows without gaps between them are fetched in the order of memory, which
// is the order that processors handle best.
func (t *dotArgs) fetch(j, width, n, k int, b []float32, bRow int) {
	if bRow == k && j+width <= n && k >= 16 {
		t.step = width * 64
		for l := range t.next[:width] {
			t.next[l] = &b[j*bRow+l*16]
		}
		return
	}
	t.step = 64
	for l := range t.next[:width] {
		t.next[l] = &b[min(j+l, n-1)*bRow]
	}
}

// packDots interleaves up to most rows of a at a time, in the layout that dotArgs expects. They are then contiguous: rows of
// a whose length is a power of two would compete with the rows of b for the same few lines of the first-level cache.
func packDots(dst []float32, m, k, most int, a []float32, aRow int) {
	for i := 0; i < m; i += most {
		rows := min(most, m-i)
		panel := dst[i*k:][:rows*k]
		for r := range rows {
			for l, x := range a[(i+r)*aRow:][:k] {
				panel[l*rows+r] = x
			}
		}
	}
}

// run continues the chains in the first width columns of acc over k >= 1 values of the rows in b. It works on a copy of t:
// storing into the caller's would send acc to the heap.
func (t dotArgs) run(acc [][16]float32, width, k int, a []float32) {
	const step = callWork / 16 // a multiple of every kernel's step in k
	m := len(acc)
	t.acc = &acc[0]
	for l := 0; l < k; l += step {
		t.a, t.k = &a[l*m], min(step, k-l)
		for done := dotRowsTier(m, &t); done < t.k; done++ {
			for j, row := range t.b[:width] {
				x := *(*float32)(unsafe.Add(unsafe.Pointer(row), 4*done))
				for i := range acc {
					acc[i][j] = FMA(a[(l+done)*m+i], x, acc[i][j])
				}
			}
		}
		if l+step < k {
			for j := range t.b[:width] {
				t.b[j] = (*float32)(unsafe.Add(unsafe.Pointer(t.b[j]), 4*step))
				t.next[j] = (*float32)(unsafe.Add(unsafe.Pointer(t.next[j]), step/16*t.step))
			}
		}
	}
}
