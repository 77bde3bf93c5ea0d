package tensor

import "fmt"

// MatMul computes c[M,N] = (acc ? c : 0) + a[M,K]·b[K,N] over the pool's
// workers. c must not overlap a or b. Shapes that disagree panic.
func (p *Pool) MatMul(c, a, b *Matrix, acc bool) { p.gemm(product(c, a, b, false, false, acc)) }

// MatMulNT computes c[M,N] = (acc ? c : 0) + a[M,K]·b[N,K]ᵀ, as MatMul does.
func (p *Pool) MatMulNT(c, a, b *Matrix, acc bool) { p.gemm(product(c, a, b, false, true, acc)) }

// MatMulTN computes c[M,N] = (acc ? c : 0) + a[K,M]ᵀ·b[K,N], as MatMul does.
func (p *Pool) MatMulTN(c, a, b *Matrix, acc bool) { p.gemm(product(c, a, b, true, false, acc)) }

// MatMul is Pool.MatMul on the calling goroutine alone.
func (s *Scratch) MatMul(c, a, b *Matrix, acc bool) { s.gemm(product(c, a, b, false, false, acc)) }

// MatMulNT is Pool.MatMulNT on the calling goroutine alone.
func (s *Scratch) MatMulNT(c, a, b *Matrix, acc bool) { s.gemm(product(c, a, b, false, true, acc)) }

// MatMulTN is Pool.MatMulTN on the calling goroutine alone.
func (s *Scratch) MatMulTN(c, a, b *Matrix, acc bool) { s.gemm(product(c, a, b, true, false, acc)) }

// gemm is a matrix product as the kernels see it: element (i, l) of A is
// a[i*aRow+l*aK], element (l, j) of B is b[l*bK+j*bCol], and element (i, j) of
// C, m×n, is c[i*cRow+j].
type gemm struct {
	m, n, k  int
	a        []float32
	aRow, aK int
	b        []float32
	bK, bCol int
	c        []float32
	cRow     int
	acc      bool
	packed   bool // B is in panels, and b is nil
}

// product checks the shapes of c = a·b; ta and tb say that a and b are
// transposed.
func product(c, a, b *Matrix, ta, tb, acc bool) gemm {
	g := gemm{
		m: a.Rows, n: b.Cols, k: a.Cols,
		a: a.Data, aRow: a.Stride, aK: 1,
		b: b.Data, bK: b.Stride, bCol: 1,
		c: c.Data, cRow: c.Stride, acc: acc,
	}
	kb := b.Rows
	if ta {
		g.m, g.k, g.aRow, g.aK = a.Cols, a.Rows, 1, a.Stride
	}
	if tb {
		g.n, kb, g.bK, g.bCol = b.Rows, b.Cols, 1, b.Stride
	}
	if kb != g.k || c.Rows != g.m || c.Cols != g.n {
		badShapes(c, a, b, ta, tb)
	}
	return g
}

func badShapes(c, a, b *Matrix, ta, tb bool) {
	t := map[bool]string{true: "ᵀ"}
	panic(fmt.Sprintf("tensor: matrix product: c[%d, %d] = a[%d, %d]%s · b[%d, %d]%s", c.Rows, c.Cols, a.Rows, a.Cols, t[ta], b.Rows, b.Cols, t[tb]))
}

// part returns rows i0 to i1 and columns j0 to j1 of the product.
func (g *gemm) part(i0, i1, j0, j1 int) gemm {
	p := *g
	p.m, p.n = i1-i0, j1-j0
	if g.k > 0 {
		p.a = g.a[i0*g.aRow:]
		p.b = g.b[j0*g.bCol:]
	}
	p.c = g.c[i0*g.cRow+j0:]
	return p
}
