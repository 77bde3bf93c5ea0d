package tensor

import (
	"fmt"
	"math"
	"testing"

	"reprise/asm"
)

// bandProduct is the definition of MulBand: chains of fma over the columns that count.
func bandProduct(c, a, b *Matrix, transposed bool, band Band, acc bool) {
	for i := range c.Rows {
		lo, hi := band.At(i, b.Rows)
		for j := range c.Cols {
			x := c.Data[i*c.Stride+j]
			if !acc {
				x = 0
			}
			for l := lo; l < hi; l++ {
				at := i*a.Stride + l
				if transposed {
					at = l*a.Stride + i
				}
				x = asm.FMA(a.Data[at], b.Data[l*b.Stride+j], x)
			}
			c.Data[i*c.Stride+j] = x
		}
	}
}

// checkBand computes c = a·b inside a band with panels and by definition, for freshly drawn operands; the elements of a
// outside the band are poison.
func checkBand(t *testing.T, m, n, k, gap int, transposed bool, band Band, acc bool, draw func() float32) {
	t.Helper()
	b, c := filled(k, n, gap, draw), filled(m, n, gap, draw)
	a := filled(m, k, gap, draw)
	if transposed {
		a = filled(k, m, gap, draw)
	}
	for i := range m {
		lo, hi := band.At(i, k)
		for l := range k {
			if l < lo || l >= hi {
				if transposed {
					a.Data[l*a.Stride+i] = poison
				} else {
					a.Data[i*a.Stride+l] = poison
				}
			}
		}
	}
	want := clone(c)
	bandProduct(want, a, b, transposed, band, acc)
	var p Panels
	p.Pack(b)
	p.MulBand(c, a, transposed, band, acc)
	same(t, fmt.Sprintf("MulBand %d×%d×%d, transposed %v, band %v, acc %v", m, n, k, transposed, band, acc), c, want)
}

// TestMatMulPanels: the bits of MatMul with any number of workers.
func TestMatMulPanels(t *testing.T) {
	perTier(t, func(t *testing.T) {
		tile := panelTiling()
		for _, workers := range []int{1, 2, 3, 8} {
			pool := NewPool(workers)
			for _, m := range []int{0, 1, 2, tile.Rows, tile.Rows + 1, 5*tile.Rows + 3} {
				for _, n := range []int{1, tile.Cols - 1, tile.Cols, 7*tile.Cols + 5} {
					for _, k := range []int{0, 1, 7, 300, 2 * maxK} {
						draw := uniform(uint64(m + n + k))
						a, b, c := filled(m, k, 1, draw), filled(k, n, 3, draw), filled(m, n, 2, draw)
						want := clone(c)
						pool.MatMul(want, a, b, false)
						var p Panels
						p.Pack(b)
						pool.MatMulPanels(c, a, &p)
						same(t, fmt.Sprintf("MatMulPanels %d×%d×%d, %d workers", m, n, k, workers), c, want)
					}
				}
			}
			pool.Close()
		}
	})
}

// TestMulBand: triangles as attention has them, with and without a window, and bands in which some rows have no element.
func TestMulBand(t *testing.T) {
	perTier(t, func(t *testing.T) {
		tile := panelTiling()
		const far = 1 << 20
		checkBand(t, 3, 5, 2*longestChain+10, 1, false, Band{2, 2*longestChain + 5}, false, uniform(1))
		for _, m := range []int{1, 2, tile.Rows, tile.Rows + 1, 3*tile.Rows + 2} {
			for _, n := range []int{1, 6, tile.Cols, tile.Cols + 5} {
				for _, k := range []int{m, m + 3, 2*m + 20} {
					for i, band := range []Band{
						{-far, k - m + 1}, {-far, 1}, {-far, far}, {0, far}, {-3, far}, {k - m, far}, {k / 2, far},
						{k - m, k - m + 1}, {k - m - 4, k - m + 1}, {-2, 3}, {-m / 2, k - m + 1}, {-tile.Rows - 3, 2}, {3, 3 + tile.Rows}, {-m - 5, -2}, {k + 1, k + 4},
					} {
						draw := uniform(uint64(m + n + k))
						if i%2 == 1 {
							draw = wild(uint64(m + n + k))
						}
						checkBand(t, m, n, k, i%3, i/2%2 == 1, band, i%5%2 == 0, draw)
						checkBand(t, m, n, k, i%3, i/2%2 == 0, band, i%5%2 == 1, draw)
					}
				}
			}
		}
	})
}

func FuzzMulBand(f *testing.F) {
	for i := range 120 {
		rng := NewRNG(uint64(i), "test/band", 0)
		f.Add(uint8(rng.Intn(60)), uint8(rng.Intn(70)), uint8(rng.Intn(90)), int16(rng.Intn(80)-50), uint8(rng.Intn(90)), uint8(i), uint64(i))
	}
	f.Fuzz(func(t *testing.T, m, n, k uint8, lo int16, width, flags uint8, seed uint64) {
		perTier(t, func(t *testing.T) {
			band := Band{Lo: int(lo), Hi: int(lo) + 1 + int(width)}
			checkBand(t, int(m), int(n), 1+int(k), int(flags/4%4), flags&1 != 0, band, flags&2 != 0, wild(seed))
		})
	})
}

// TestMulInside: the elements inside a band equal those of the whole product.
func TestMulInside(t *testing.T) {
	perTier(t, func(t *testing.T) {
		tile := panelTiling()
		for _, m := range []int{1, tile.Rows - 1, tile.Rows, 2*tile.Rows + 3} {
			for _, n := range []int{1, tile.Cols - 1, tile.Cols, tile.Cols + 1, 3*tile.Cols + tile.Cols/2 + 1} {
				for _, band := range []Band{{-1 << 20, 1}, {-1 << 20, n - m + 1}, {-5, 2}, {n - m - tile.Cols - 3, n - m + 1}, {-1 << 20, 1 << 20}} {
					for _, k := range []int{1, 19, 48} {
						draw := uniform(uint64(m + n + k))
						a, bT := filled(m, k, 3, draw), filled(n, k, 1, draw)
						whole := NewMatrix(m, n)
						var s Scratch
						s.MatMulNT(whole, a, bT, false)
						c := filled(m, n, 2, func() float32 { return poison })
						var p Panels
						p.PackTransposed(bT)
						p.MulInside(c, a, band)
						for i := range m {
							lo, hi := band.At(i, n)
							for j := lo; j < hi; j++ {
								if math.Float32bits(c.Row(i)[j]) != math.Float32bits(whole.Row(i)[j]) {
									t.Fatalf("MulInside %d×%d×%d, band %v: element (%d, %d): got %x, want %x", m, n, k, band, i, j, c.Row(i)[j], whole.Row(i)[j])
								}
							}
							for j := n; j < c.Stride && i < m-1; j++ {
								if math.Float32bits(c.Data[i*c.Stride+j]) != math.Float32bits(poison) {
									t.Fatalf("MulInside %d×%d×%d, band %v: the gap after row %d was written", m, n, k, band, i)
								}
							}
						}
					}
				}
			}
		}
	})
}

// TestBandRows: the runs of rows that kernels take together cover the rows of the band, each once.
func TestBandRows(t *testing.T) {
	const far = 1 << 20
	for _, n := range []int{1, 7, 20} {
		for lo := -12; lo < 25; lo++ {
			for _, band := range []Band{{-far, lo}, {lo, far}, {lo, lo + 1}, {lo, lo + 5}, {lo, lo + 30}} {
				const m, stride = 23, 40
				for i := 0; i < m; {
					rows, ok := band.Rows(i, m, n, stride)
					if rows.N < 1 || i+rows.N > m {
						t.Fatalf("band %v of %d columns, row %d: %+v", band, n, i, rows)
					}
					for r := range rows.N {
						lo, hi := band.At(i+r, n)
						if ok != (lo < hi) || ok && (rows.Lo+r*rows.LoStep != lo || rows.Hi+r*rows.HiStep != hi) {
							t.Fatalf("band %v of %d columns, row %d: %+v from row %d, want %d to %d", band, n, i+r, rows, i, lo, hi)
						}
					}
					i += rows.N
				}
			}
		}
	}
}
