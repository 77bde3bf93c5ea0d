package tensor

import (
	"fmt"

	"reprise/asm"
)

// Panels hold a matrix [Rows, Cols] in the order in which the tiles of a product read their right operand: packed once, for
// several products. The zero value is ready; its memory grows to what the largest matrix needs and is kept.
type Panels struct {
	Rows, Cols int
	tiling     asm.Tiling
	lastWidth  int // distance between the rows of the last panel
	data       []float32
}

// Pack copies b into the panels.
func (p *Panels) Pack(b *Matrix) {
	p.pack(&gemm{n: b.Cols, k: b.Rows, b: b.Data, bK: b.Stride, bCol: 1})
}

// PackTransposed copies bᵀ into the panels.
func (p *Panels) PackTransposed(b *Matrix) {
	p.pack(&gemm{n: b.Rows, k: b.Cols, b: b.Data, bK: 1, bCol: b.Stride})
}

func (p *Panels) pack(g *gemm) {
	p.Rows, p.Cols, p.tiling = g.k, g.n, panelTiling()
	if p.lastWidth = p.tiling.Cols; g.n%p.tiling.Cols != 0 {
		p.lastWidth = p.tiling.Width(g.n % p.tiling.Cols)
	}
	if need := PanelFloats(g.k, g.n); need > len(p.data) {
		p.Reserve(need + need/4)
	}
	packB(p.data, p.tiling.Cols*g.k, g, p.tiling, 0, g.n, 0, g.k)
}

// PanelFloats is the memory that panels of a matrix [rows, cols] take, in values.
func PanelFloats(rows, cols int) int {
	t := panelTiling()
	return (cols + t.Cols - 1) / t.Cols * t.Cols * rows
}

// Use makes data, of PanelFloats values, the memory of p, so that many matrices can share one allocation.
func (p *Panels) Use(data []float32) { p.data = data }

// Reserve allocates memory for matrices that take up to floats values in panels (PanelFloats).
func (p *Panels) Reserve(floats int) {
	if len(p.data) < floats {
		p.data = aligned(floats)
	}
}

// Floats is the memory that p has, in values.
func (p *Panels) Floats() int { return len(p.data) }

// panelTiling is the tiling of the active tier or, if the tier has no tiles, one that suits the portable code.
func panelTiling() asm.Tiling {
	if t := asm.GEMMTiling(); t.Rows > 0 {
		return t
	}
	return asm.Tiling{Rows: 8, Cols: 16, Step: 1}
}

// TileRows is the most rows of a left operand that one pass over panels takes.
func TileRows() int { return panelTiling().Rows }

// panel returns the panel that starts at column j, the distance between its rows, and its columns.
func (p *Panels) panel(j int) (b []float32, bK, cols int) {
	cols, bK = p.tiling.Cols, p.tiling.Cols
	if p.Cols-j < cols {
		cols, bK = p.Cols-j, p.lastWidth
	}
	return p.data[j*p.Rows:], bK, cols
}

// Width is the number of columns in a panel; the last one may have fewer.
func (p *Panels) Width() int { return p.tiling.Cols }

// Mul computes columns j0 to j1 of c = a·p on the calling goroutine; panels must start at j0 and end at j1. If a has one
// row, it reads p in the order of memory, at the speed of the memory.
func (p *Panels) Mul(c, a *Matrix, j0, j1 int) {
	p.check(c, a)
	if j0 < 0 || j0%p.Width() != 0 || j1 > p.Cols || j1 < p.Cols && j1%p.Width() != 0 {
		panic(fmt.Sprintf("tensor: Panels.Mul: columns %d to %d of %d in panels of %d", j0, j1, p.Cols, p.Width()))
	}
	p.mul(c, a, 0, a.Rows, j0, j1)
}

func (p *Panels) check(c, a *Matrix) {
	if a.Cols != p.Rows || c.Rows != a.Rows || c.Cols != p.Cols {
		badShapes(c, a, &Matrix{Rows: p.Rows, Cols: p.Cols}, false, false)
	}
}

// mul computes rows i0 to i1 and columns j0 to j1 of c = a·p: all rows are multiplied with the panels that fit into the
// second-level cache before the next panels are read.
func (p *Panels) mul(c, a *Matrix, i0, i1, j0, j1 int) {
	if p.Rows == 0 {
		for i := i0; i < i1; i++ {
			clear(c.Row(i)[j0:j1])
		}
		return
	}
	width := p.Width()
	near := max(1, blockB/(p.Rows*width)) * width
	for ; j0 < j1; j0 += near {
		for i := i0; i < i1; {
			rows := tileRows(i1-i, p.tiling.Rows)
			p.mulTile(c, a, i, rows, j0, min(j0+near, j1))
			i += rows
		}
	}
}

// mulTile computes rows i to i+rows and columns j0 to j1.
func (p *Panels) mulTile(c, a *Matrix, i, rows, j0, j1 int) {
	left := a.Data[i*a.Stride:]
	if asm.GEMMTiling().Rows > 0 {
		asm.GEMMTiles(rows, j1-j0, p.Rows, left, a.Stride, 1, p.data[j0*p.Rows:], p.Width(), p.Width()*p.Rows, c.Data[i*c.Stride+j0:], c.Stride, false)
		return
	}
	for j := j0; j < j1; j += p.Width() {
		panel, bK, cols := p.panel(j)
		asm.GEMMTile(asm.Whole, rows, min(cols, j1-j), p.Rows, left, a.Stride, 1, panel, bK, c.Data[i*c.Stride+j:], c.Stride, false)
	}
}

// MatMulPanels computes c = a·b over the workers of the pool.
func (p *Pool) MatMulPanels(c, a *Matrix, b *Panels) {
	b.check(c, a)
	if a.Rows == 0 || b.Cols == 0 {
		return
	}
	g := gemm{m: a.Rows, n: b.Cols, k: b.Rows, aRow: a.Stride, aK: 1, bCol: 1, packed: true}
	if p.busy.Load() || len(p.scratch) == 1 || g.cost(g.m, g.n) <= serialWork {
		b.mul(c, a, 0, a.Rows, 0, b.Cols)
		return
	}
	p.panels = panelsJob{c, a, b, grid(&g, len(p.scratch))}
	p.Run(p.panels.cut.tasks, &p.panels)
	p.panels = panelsJob{}
}

// panelsJob is a product with panels, cut into a grid of about equal parts of c.
type panelsJob struct {
	c, a *Matrix
	b    *Panels
	cut  cut
}

// Do computes one part.
func (j *panelsJob) Do(_, task int) {
	i0, i1, j0, j1 := j.cut.part(task, j.c.Rows, j.c.Cols)
	j.b.mul(j.c, j.a, i0, i1, j0, j1)
}

// Band says which columns of a matrix count in its row i: those from i+Lo on, before i+Hi.
type Band struct{ Lo, Hi int }

// At returns the columns lo to hi (excluded) of n that count in row i; lo >= hi means none.
func (b Band) At(i, n int) (lo, hi int) {
	return max(0, i+b.Lo), min(n, i+b.Hi)
}

// Rows describes a run of rows, from row i on and before end, whose bounds change alike, for kernels that take
// rows of a matrix of n columns. The run has at least one row. If no column counts in it, ok is false.
func (b Band) Rows(i, end, n, stride int) (rows asm.Rows, ok bool) {
	lo, hi := b.At(i, n)
	if lo >= hi {
		return asm.Rows{N: 1}, false
	}
	rows = asm.Rows{N: end - i, Stride: stride, Lo: lo, Hi: hi}
	if i+b.Lo >= 0 {
		rows.LoStep, rows.N = 1, min(rows.N, n-i-b.Lo)
	} else {
		rows.N = min(rows.N, 1-i-b.Lo)
	}
	if i+b.Hi < n {
		rows.HiStep, rows.N = 1, min(rows.N, n-i-b.Hi+1)
	}
	return rows, true
}

// Transposed is the band of the transposed matrix that has the same elements.
func (b Band) Transposed() Band { return Band{Lo: 1 - b.Hi, Hi: 1 - b.Lo} }

// tile returns the number of rows, left at most, of a tile from row i on: every row has columns that count, and each bound
// either moves by one with every row or stays.
func (b Band) tile(i, left, n, most int) int {
	parts := (left + most - 1) / most
	rows := min((left+parts-1)/parts, b.Hi-b.Lo)
	if i+b.Lo < 0 {
		rows = min(rows, 1-i-b.Lo)
	} else {
		rows = min(rows, n-i-b.Lo)
	}
	if i+b.Hi < n {
		rows = min(rows, n-i-b.Hi+1)
	}
	return rows
}

// longestChain is the length of the chains that one call of a kernel computes.
const longestChain = 1 << 13

// MulBand computes c = (acc ? c : 0) + a·p, or aᵀ·p with transposed, over the elements of a (of aᵀ) inside a band. Elements
// outside it do not enter a sum, not even if they are NaN.
func (p *Panels) MulBand(c, a *Matrix, transposed bool, band Band, acc bool) {
	m, k, aRow, aK := a.Rows, a.Cols, a.Stride, 1
	if transposed {
		m, k, aRow, aK = a.Cols, a.Rows, 1, a.Stride
	}
	if k != p.Rows || c.Rows != m || c.Cols != p.Cols {
		badShapes(c, a, &Matrix{Rows: p.Rows, Cols: p.Cols}, transposed, false)
	}
	if m == 0 || p.Cols == 0 {
		return
	}
	first := min(m, max(0, 1-band.Hi)) // rows before first have no element in the band, nor have rows from last on
	last := max(first, min(m, k-band.Lo))
	if !acc {
		for i := range m {
			if i < first || i >= last {
				clear(c.Row(i))
			}
		}
	}
	for i := first; i < last; {
		rows := band.tile(i, last-i, k, p.tiling.Rows)
		for j := 0; j < p.Cols; j += p.tiling.Cols {
			p.bandTile(c, a.Data, aRow, aK, band, i, rows, j, acc)
		}
		i += rows
	}
}

// bandTile computes rows i to i+rows of the panel at column j, in three steps over k: the values at which row after row
// enters the band, those that all rows have, and those at which row after row leaves it.
func (p *Panels) bandTile(c *Matrix, a []float32, aRow, aK int, band Band, i, rows, j int, acc bool) {
	lo, hi := band.At(i, p.Rows)
	panel, bK, cols := p.panel(j)
	out := c.Data[i*c.Stride+j:]
	at := func(row, l int) []float32 { return a[(i+row)*aRow+l*aK:] }
	b := func(l int) []float32 { return panel[l*bK:] }
	if rows > 1 && i+band.Lo >= 0 {
		asm.GEMMTile(asm.Rising, rows, cols, rows, at(0, lo), aRow, aK, b(lo), bK, out, c.Stride, acc)
		lo, acc = lo+rows, true
	}
	for ; lo < hi; lo += longestChain {
		asm.GEMMTile(asm.Whole, rows, cols, min(longestChain, hi-lo), at(0, lo), aRow, aK, b(lo), bK, out, c.Stride, acc)
		acc = true
	}
	if rows > 1 && hi < p.Rows {
		asm.GEMMTile(asm.Falling, rows-1, cols, rows-1, at(1, hi), aRow, aK, b(hi), bK, out[c.Stride:], c.Stride, true)
	}
}

// MulInside computes the elements of c = a·p inside a band of c. Those outside may be overwritten.
func (p *Panels) MulInside(c, a *Matrix, band Band) {
	if a.Cols != p.Rows || c.Rows != a.Rows || c.Cols != p.Cols {
		badShapes(c, a, &Matrix{Rows: p.Rows, Cols: p.Cols}, false, false)
	}
	t, tiled := p.tiling, asm.GEMMTiling().Rows > 0
	for i := 0; i < a.Rows; {
		parts := (a.Rows - i + t.Rows - 1) / t.Rows
		rows := (a.Rows - i + parts - 1) / parts
		lo, _ := band.At(i, p.Cols)
		_, hi := band.At(i+rows-1, p.Cols)
		x := a.Data[i*a.Stride:]
		lo -= lo % t.Cols
		if n := hi / t.Cols * t.Cols; tiled && n > lo {
			b, bK, _ := p.panel(lo)
			asm.GEMMTiles(rows, n-lo, p.Rows, x, a.Stride, 1, b, bK, t.Cols*p.Rows, c.Data[i*c.Stride+lo:], c.Stride, false)
			lo = n
		}
		for ; lo < hi; lo += t.Cols {
			b, bK, cols := p.panel(lo)
			asm.GEMMTile(asm.Whole, rows, min(cols, t.Width(hi-lo)), p.Rows, x, a.Stride, 1, b, bK, c.Data[i*c.Stride+lo:], c.Stride, false)
		}
		i += rows
	}
}
