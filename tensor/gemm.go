package tensor

import "reprise/asm"

// How a product is cut into blocks (BLIS; Van Zee and van de Geijn, ACM TOMS
// 41(3), 2015). Sizes are in float32 and suit a second-level cache of 512 KB or
// more; the optimum is flat. None of them changes a result.
const (
	// maxK is the longest chain computed without a pause where A is not packed: C
	// is read and written once for every maxK values of k or part of them.
	maxK = 3072
	// shortK bounds the chains where A is packed, and cuts those longer than
	// maxK: a panel of A, which is read again for every panel of B, then stays in
	// the first-level cache. That gains more than reading and writing C more
	// often costs.
	shortK = 256
	// thirdLevel is how much of B is packed at a time where all workers share it,
	// and how large C may be if it is read and written repeatedly: a part of the
	// third-level cache.
	thirdLevel = 3 << 19
	// blockA and blockB are the parts of packed A and B that share the
	// second-level cache.
	blockA = 24 << 10
	blockB = 160 << 10
	// packRows is how many rows of k are copied before the next panel. It keeps
	// the reads sequential. It is low because neighbouring panels share cache
	// lines, and those of all the rows must stay in the first-level cache even
	// where rows lie a power of two apart.
	packRows = 16
	// stripeRows is the length of the chains over a b that is not packed: this
	// many of its rows are walked together. One row times a b of wideStripe columns
	// or more reads b from memory and takes oneStripeRows, about as many streams as
	// a processor prefetches by itself.
	stripeRows    = 64
	oneStripeRows = 12
	wideStripe    = 256
)

// Scratch holds the packing buffers of one worker. The zero value is ready; the
// buffers grow to what the largest product needs and are kept.
type Scratch struct {
	a, b []float32
}

// grow returns n values of buf, which it replaces if it is too short.
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
	case g.bK == 1 && g.bCol != 1 && g.aK == 1 && g.m <= t.Dots:
		asm.DotRows(g.m, g.n, g.k, g.a, g.aRow, g.b, g.bCol, g.c, g.cRow, g.acc, grow(&s.a, g.m*g.k))
	case g.bCol == 1 && g.m == 1 && g.aK == 1 && t.Axpys > 0 && g.n >= t.Axpys:
		n := g.n / t.Axpys * t.Axpys
		asm.AxpyRows(g.c[:n], g.a[:g.k], g.b, g.bK, g.acc)
		if n < g.n {
			right := g.part(0, 1, n, g.n)
			s.blocked(&right, t)
		}
	case g.bCol == 1 && g.m <= 2*t.Rows && g.n >= t.Cols:
		// Few rows: packing B would cost more than it saves. Columns that do not
		// fill a panel are left to the general case.
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

// stripes computes a product from A and B without packing; n is a multiple of the
// tile's columns.
func stripes(g *gemm, t asm.Tiling) {
	most := stripeRows
	if g.m == 1 && g.n >= wideStripe {
		most = oneStripeRows
	}
	for l0 := 0; l0 < g.k; l0 += most {
		k := min(most, g.k-l0)
		for i := 0; i < g.m; {
			rows := tileRows(g.m-i, t.Rows)
			asm.GEMMTiles(rows, g.n, k, g.a[i*g.aRow+l0*g.aK:], g.aRow, g.aK, g.b[l0*g.bK:], g.bK, t.Cols, g.c[i*g.cRow:], g.cRow, g.acc || l0 > 0)
			i += rows
		}
	}
}

// blocked computes a product with B, and A where that pays, packed.
func (s *Scratch) blocked(g *gemm, t asm.Tiling) {
	bl := newBlocking(g, t)
	b := grow(&s.b, bl.size())
	for j0 := 0; j0 < g.n; j0 += bl.nc {
		for l0 := 0; l0 < g.k; l0 += bl.kp {
			p := packedB{b: b, j0: j0, j1: min(j0+bl.nc, g.n), l0: l0, l1: min(l0+bl.kp, g.k)}
			s.multiply(g, &bl, &p, 0, g.m, p.j0, p.j1)
		}
	}
}

// blocking is how a product with packed panels is cut.
type blocking struct {
	t     asm.Tiling
	packA bool
	kc    int // values of k computed without a pause
	mc    int // rows of A that are packed at a time, or all
	nb    int // columns of B that share the second-level cache with them
	// kp rows and nc columns of B are packed at a time. keep says that they stay
	// until the last rows of A were multiplied with them; otherwise nb columns of
	// kc rows are used as soon as they are packed, and the next ones overwrite
	// them.
	kp, nc int
	keep   bool
}

func newBlocking(g *gemm, t asm.Tiling) blocking {
	bl := blocking{t: t, packA: packsA(g, t), kc: g.k, mc: g.m, kp: g.k, nc: g.n}
	if bl.packA || g.k > maxK {
		bl.kc = even(g.k, shortK, 16)
	}
	if bl.packA {
		bl.mc = even(g.m, max(t.Rows, blockA/bl.kc), t.Rows)
	}
	bl.nb = even(g.n, max(t.Cols, blockB/bl.kc), t.Cols)
	if g.m <= t.Rows {
		bl.nb = t.Cols
	}
	if bl.mc < g.m {
		// Keeping panels in the second-level cache is worth reading and writing C
		// more often, unless C is in memory.
		most := blockB
		if g.m*g.n > thirdLevel {
			most = thirdLevel
		}
		bl.keepPanels(g, most)
	}
	return bl
}

// keepPanels makes room for panels that several blocks of A use: about most values
// of B, but no fewer than kc rows.
func (bl *blocking) keepPanels(g *gemm, most int) {
	bl.keep = true
	bl.nc = even(g.n, max(bl.t.Cols, thirdLevel/bl.kc), bl.t.Cols)
	bl.nb = min(bl.nb, bl.nc)
	chunks := (g.k + bl.kc - 1) / bl.kc
	bl.kp = bl.kc * even(chunks, max(1, most/bl.chunk()), 1)
}

// place is the distance between panels of B, in values.
func (bl *blocking) place() int { return bl.t.Cols * bl.kc }

// chunk is the distance between the panels of kc rows of B and those of the next.
func (bl *blocking) chunk() int { return (bl.nc + bl.t.Cols - 1) / bl.t.Cols * bl.place() }

// size is the length of the buffer for the panels of B.
func (bl *blocking) size() int {
	if bl.keep {
		return (bl.kp + bl.kc - 1) / bl.kc * bl.chunk()
	}
	return (bl.nb + bl.t.Cols - 1) / bl.t.Cols * bl.place()
}

// sizeA is the length of the buffer for the panels of A.
func (bl *blocking) sizeA() int {
	if !bl.packA {
		return 0
	}
	return (bl.mc + bl.t.Rows - 1) / bl.t.Rows * bl.t.LeadA * bl.kc
}

// packedB is rows l0 to l1 and columns j0 to j1 of B, as panels in b. ready
// says that they are packed; otherwise multiply packs them when it meets them.
type packedB struct {
	b              []float32
	j0, j1, l0, l1 int
	ready          bool
}

// at returns the panels of the kc rows from l on and of the columns from j on.
func (p *packedB) at(bl *blocking, l, j int) []float32 {
	if !bl.keep {
		return p.b
	}
	return p.b[(l-p.l0)/bl.kc*bl.chunk()+(j-p.j0)/bl.t.Cols*bl.place():]
}

// multiply computes rows i0 to i1 and columns j0 to j1 over the rows of B that p
// holds. A panel begins at j0.
func (s *Scratch) multiply(g *gemm, bl *blocking, p *packedB, i0, i1, j0, j1 int) {
	abuf := grow(&s.a, bl.sizeA())
	for i := i0; i < i1; i += bl.mc {
		m := min(bl.mc, i1-i)
		for l := p.l0; l < p.l1; l += bl.kc {
			part := block{t: bl.t, l0: l, k: min(bl.kc, p.l1-l), place: bl.place(), packed: bl.packA, a: abuf}
			if bl.packA {
				packBlock(abuf, g, bl.t, i, m, l, part.k)
			}
			for j := j0; j < j1; j += bl.nb {
				n := min(bl.nb, j1-j)
				part.b = p.at(bl, l, j)
				if !p.ready && i == i0 {
					packB(part.b, part.place, g, bl.t, j, n, l, part.k)
				}
				part.run(g, i, i+m, j, j+n)
			}
		}
	}
}

// block is a part of a product whose panels of B, and of A if packed, are ready.
type block struct {
	t      asm.Tiling
	l0, k  int // the part of the chains
	b      []float32
	place  int // distance between panels of b
	packed bool
	a      []float32
}

// run computes rows i0 to i1 and columns j0 to j1, tile by tile along the rows of
// C: its pages and lines are then written in order.
func (p *block) run(g *gemm, i0, i1, j0, j1 int) {
	t := p.t
	acc := g.acc || p.l0 > 0
	for i := i0; i < i1; {
		var rows int
		a, aRow, aK := p.a, 1, t.LeadA
		if p.packed {
			rows = min(t.Rows, i1-i)
			a = a[(i-i0)/t.Rows*t.LeadA*p.k:]
		} else {
			rows = tileRows(i1-i, t.Rows)
			a, aRow, aK = g.a[i*g.aRow+p.l0*g.aK:], g.aRow, g.aK
		}
		asm.GEMMTiles(rows, j1-j0, p.k, a, aRow, aK, p.b, t.Cols, p.place, g.c[i*g.cRow+j0:], g.cRow, acc)
		i += rows
	}
}

// even returns the length of the parts when total is cut into about equal parts,
// none longer than most: a multiple of unit, or total if one part is enough.
func even(total, most, unit int) int {
	if total <= most {
		return total
	}
	parts := (total + most - 1) / most
	return ((total+parts-1)/parts + unit - 1) / unit * unit
}

// packsA says whether to pack A: not if B is so narrow that A is read only a few
// times, and not if the rows of A are contiguous along k, unless their distance
// would put all rows of a tile into the same few lines of the first-level cache.
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

// packB packs n columns of B from j0 on, k rows from l0 on, in panels of a
// tile's columns at a distance of place.
func packB(dst []float32, place int, g *gemm, t asm.Tiling, j0, n, l0, k int) {
	if g.bCol != 1 {
		for j := 0; j < n; j += t.Cols {
			cols := min(t.Cols, n-j)
			asm.PackTranspose(dst[j/t.Cols*place:], t.Width(cols), g.b[(j0+j)*g.bCol+l0:], g.bCol, cols, k)
		}
		return
	}
	for l := 0; l < k; l += packRows {
		for j := 0; j < n; j += t.Cols {
			cols := min(t.Cols, n-j)
			width := t.Width(cols)
			asm.PackCopy(dst[j/t.Cols*place+l*width:], width, g.b[(l0+l)*g.bK+j0+j:], g.bK, cols, min(packRows, k-l))
		}
	}
}

// tileRows returns the rows of the next tile when left remain: at the end it
// prefers two tiles of about equal size to a full one and a small one.
func tileRows(left, most int) int {
	switch {
	case left <= most:
		return left
	case left < most+most/2:
		return (left + 1) / 2
	}
	return most
}
