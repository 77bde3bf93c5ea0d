package tensor

import "reprise/asm"

// Scratch holds the packing buffers of one worker.
type Scratch struct{}

// MatMul computes c[M,N] = (acc ? c : 0) + a[M,K]·b[K,N].
func (s *Scratch) MatMul(c, a, b *Matrix, acc bool) {
	s.gemm(c, a.Cols, a.Data, a.Stride, 1, b.Data, b.Stride, 1, acc)
}

// MatMulNT computes c[M,N] = (acc ? c : 0) + a[M,K]·b[N,K]ᵀ.
func (s *Scratch) MatMulNT(c, a, b *Matrix, acc bool) {
	s.gemm(c, a.Cols, a.Data, a.Stride, 1, b.Data, 1, b.Stride, acc)
}

// MatMulTN computes c[M,N] = (acc ? c : 0) + a[K,M]ᵀ·b[K,N].
func (s *Scratch) MatMulTN(c, a, b *Matrix, acc bool) {
	s.gemm(c, a.Rows, a.Data, 1, a.Stride, b.Data, b.Stride, 1, acc)
}

func (s *Scratch) gemm(c *Matrix, k int, a []float32, ai, ak int, b []float32, bk, bj int, acc bool) {
	for i := range c.Rows {
		row := c.Row(i)
		for j := range row {
			var x float32
			if acc {
				x = row[j]
			}
			for l := range k {
				x = asm.FMA(a[i*ai+l*ak], b[l*bk+j*bj], x)
			}
			row[j] = x
		}
	}
}

// MatMul is Scratch.MatMul over the workers of the pool.
func (p *Pool) MatMul(c, a, b *Matrix, acc bool) { p.scratch[0].MatMul(c, a, b, acc) }

// MatMulNT is Scratch.MatMulNT over the workers of the pool.
func (p *Pool) MatMulNT(c, a, b *Matrix, acc bool) { p.scratch[0].MatMulNT(c, a, b, acc) }

// MatMulTN is Scratch.MatMulTN over the workers of the pool.
func (p *Pool) MatMulTN(c, a, b *Matrix, acc bool) { p.scratch[0].MatMulTN(c, a, b, acc) }
