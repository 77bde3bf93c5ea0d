package tensor

import "reprise/asm"

// How a product is cut into blocks (BLIS; Van Zee and van de Geijn, ACM TOMS
// 41(3), 2015). Sizes are in float32 and suit a second-level cache of 512 KB or
// more; the optimum is flat. None of them can be seen in a result.
const (
	// maxK is the longest chain computed without a pause: C is read and written
	// once for every started maxK.
	maxK = 3072
	// blockA is the part of A that should stay in the second-level cache while
	// all of a block of B passes by.
	blockA = 96 << 10
	// blockB is the part of B that is packed at a time.
	blockB = 1 << 20
	// packRows is how many rows of k are copied before the next panel: it keeps
	// the reads sequential.
	packRows = 32
	// stripeRows is the length of the chains over a b that is not packed: so
	// many of its rows are walked together.
	stripeRows = 64
)

// Scratch holds the packing buffers of one worker. The zero value is ready; the
// buffers grow to what the largest product needs and stay.
type Scratch struct {
	a, b []float32
}

// grow returns n values of buf, which it replaces if that is too short.
func grow(buf *[]float32, n int) []float32 {
	if cap(*buf) < n {
		*buf = aligned(n)
	}
	return (*buf)[:n]
}

// gemm computes a product on the calling goroutine.
func (s *Scratch) gemm(g gemm) {
	t := asm.GEMMTiling()
	switch {
	case g.m == 0 || g.n == 0:
	case g.k == 0 || t.Rows == 0:
		asm.GEMM(g.m, g.n, g.k, g.a, g.aRow, g.aK, g.b, g.bK, g.bCol, g.c, g.cRow, g.acc)
	case g.bCol == 1 && g.m <= 2*t.Rows && g.n >= t.Cols && !t.PackA:
		// Few rows: packing B would cost more than it saves. What does not fill
		// a panel is left to the general case.
		n := g.n / t.Cols * t.Cols
		left := g.part(0, g.m, 0, n)
		stripes(&left, t)
		if n < g.n {
			right := g.part(0, g.m, n, g.n)
			s.blocked(&right, t)
		}
	default:
		s.blocked(&g, t)
	}
}

// stripes computes a product straight from A and B, n being a multiple of the
// tile's columns.
func stripes(g *gemm, t asm.Tiling) {
	for l0 := 0; l0 < g.k; l0 += stripeRows {
		k := min(stripeRows, g.k-l0)
		for j := 0; j < g.n; j += t.Cols {
			tiles(t, g.m, t.Cols, k, g.a[l0*g.aK:], g.aRow, g.aK, g.b[l0*g.bK+j:], g.bK, g.c[j:], g.cRow, g.acc || l0 > 0)
		}
	}
}

// blocked computes a product with B, and A where that pays, packed.
func (s *Scratch) blocked(g *gemm, t asm.Tiling) {
	kc := even(g.k, maxK, 16)
	mc := even(g.m, max(t.Rows, blockA/kc), t.Rows)
	nc := even(g.n, max(t.Cols, blockB/kc), t.Cols)
	packA := t.PackA || packsA(g, t)
	var abuf []float32
	if packA {
		abuf = grow(&s.a, (mc+t.Rows-1)/t.Rows*t.LeadA*kc)
	}
	// A transposed B is packed panel by panel, just before the panel is used; if
	// it is used once only, all panels share a place.
	lazy := g.bCol != 1
	place := t.Cols * kc
	if lazy && mc >= g.m {
		place = 0
	}
	bbuf := grow(&s.b, max(place*((nc+t.Cols-1)/t.Cols), t.Cols*kc))

	for j0 := 0; j0 < g.n; j0 += nc {
		n := min(nc, g.n-j0)
		for l0 := 0; l0 < g.k; l0 += kc {
			k := min(kc, g.k-l0)
			acc := g.acc || l0 > 0
			if !lazy {
				packB(bbuf, g, t, j0, n, l0, k)
			}
			for i0 := 0; i0 < g.m; i0 += mc {
				m := min(mc, g.m-i0)
				a, aRow, aK := g.a[i0*g.aRow+l0*g.aK:], g.aRow, g.aK
				if packA {
					packBlock(abuf, g, t, i0, m, l0, k)
				}
				for j := 0; j < n; j += t.Cols {
					cols := min(t.Cols, n-j)
					b, bK := bbuf[j/t.Cols*place:], t.Width(cols)
					if lazy && i0 == 0 {
						asm.PackTranspose(b, bK, g.b[(j0+j)*g.bCol+l0:], g.bCol, cols, k)
					}
					c := g.c[i0*g.cRow+j0+j:]
					if packA {
						packedTiles(t, m, cols, k, abuf, b, bK, c, g.cRow, acc)
					} else {
						tiles(t, m, cols, k, a, aRow, aK, b, bK, c, g.cRow, acc)
					}
				}
			}
		}
	}
}

// even returns the length of the parts when total is cut into equal parts of at
// most most, a multiple of unit (unless one part does).
func even(total, most, unit int) int {
	if total <= most {
		return total
	}
	parts := (total + most - 1) / most
	return (total/parts + unit) / unit * unit
}

// packsA says whether to pack A: not if B is so narrow that A is read a few
// times only, nor if its rows lie in memory along k, unless their distance would
// put all rows of a tile into the same few lines of the first-level cache.
func packsA(g *gemm, t asm.Tiling) bool {
	if g.n <= 4*t.Cols {
		return false
	}
	return g.aK != 1 || g.aRow%1024 == 0
}

// packBlock packs m rows of A from i0 on, k columns from l0 on, in panels of a
// tile's rows.
func packBlock(dst []float32, g *gemm, t asm.Tiling, i0, m, l0, k int) {
	panel := t.LeadA * k
	if g.aK == 1 {
		for i := 0; i < m; i += t.Rows {
			asm.PackTranspose(dst[i/t.Rows*panel:], t.LeadA, g.a[(i0+i)*g.aRow+l0:], g.aRow, min(t.Rows, m-i), k)
		}
		return
	}
	for l := 0; l < k; l += packRows {
		for i := 0; i < m; i += t.Rows {
			asm.PackCopy(dst[i/t.Rows*panel+l*t.LeadA:], t.LeadA, g.a[i0+i+(l0+l)*g.aK:], g.aK, min(t.Rows, m-i), min(packRows, k-l))
		}
	}
}

// packB packs n columns of B, which lie side by side in memory, from j0 on, k
// rows from l0 on.
func packB(dst []float32, g *gemm, t asm.Tiling, j0, n, l0, k int) {
	for l := 0; l < k; l += packRows {
		for j := 0; j < n; j += t.Cols {
			cols := min(t.Cols, n-j)
			width := t.Width(cols)
			asm.PackCopy(dst[j*k+l*width:], width, g.b[(l0+l)*g.bK+j0+j:], g.bK, cols, min(packRows, k-l))
		}
	}
}

// tiles computes a column of tiles with a where it lies.
func tiles(t asm.Tiling, m, cols, k int, a []float32, aRow, aK int, b []float32, bK int, c []float32, cRow int, acc bool) {
	for i := 0; i < m; {
		rows := tileRows(m-i, t.Rows)
		asm.GEMMTile(rows, cols, k, a[i*aRow:], aRow, aK, b, bK, c[i*cRow:], cRow, acc)
		i += rows
	}
}

// tileRows returns the rows of the next tile when left remain: rather two
// middling tiles at the end than a full and a small one.
func tileRows(left, most int) int {
	switch {
	case left <= most:
		return left
	case left < most+most/2:
		return (left + 1) / 2
	}
	return most
}

// packedTiles computes a column of tiles with packed panels of a.
func packedTiles(t asm.Tiling, m, cols, k int, a, b []float32, bK int, c []float32, cRow int, acc bool) {
	for i := 0; i < m; i += t.Rows {
		asm.GEMMTile(min(t.Rows, m-i), cols, k, a[i/t.Rows*t.LeadA*k:], 1, t.LeadA, b, bK, c[i*cRow:], cRow, acc)
	}
}
