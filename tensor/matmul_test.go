package tensor

import (
	"fmt"
	"math"
	"testing"

	"reprise/asm"
)

// perTier runs f once for every tier of this host.
func perTier(t *testing.T, f func(t *testing.T)) {
	for _, tier := range asm.Available() {
		t.Run(tier.String(), func(t *testing.T) {
			defer asm.Force(tier)()
			f(t)
		})
	}
}

var variants = []struct {
	name   string
	ta, tb bool
}{{"NN", false, false}, {"NT", false, true}, {"TN", true, false}}

// guard stands in the gaps between rows and behind the last one: nobody may
// write it, and whoever reads it into a result turns that into a NaN.
var guard = math.Float32frombits(0x7fc0beef)

// filled returns a rows×cols matrix of values from draw, with gap guards after
// every row but the last.
func filled(rows, cols, gap int, draw func() float32) *Matrix {
	m := &Matrix{Rows: rows, Cols: cols, Stride: cols + gap}
	if rows == 0 || cols == 0 {
		return m
	}
	m.Data = make([]float32, rows*m.Stride)[: (rows-1)*m.Stride+cols : (rows-1)*m.Stride+cols]
	for i := range m.Data {
		m.Data[i] = guard
	}
	for i := range rows {
		for j := range m.Row(i) {
			m.Data[i*m.Stride+j] = draw()
		}
	}
	return m
}

// uniform draws from -1 to 1.
func uniform(seed uint64) func() float32 {
	rng := NewRNG(seed, "test/uniform", 0)
	return func() float32 { return float32(2*rng.Float64() - 1) }
}

// wild draws from the corners of float32: zeros, subnormals, infinities, NaN,
// huge values, and values whose products need every bit.
func wild(seed uint64) func() float32 {
	rng := NewRNG(seed, "test/wild", 0)
	corners := []float32{0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, -0x1p-140, 0x1p-126, 0x1p-75, -0x1p-70,
		math.MaxFloat32, -0x1p120, 1, -1, 1 + 0x1p-23, 1 - 0x1p-24, 0x1p24, float32(math.Inf(1)), float32(math.NaN())}
	return func() float32 {
		switch n := rng.Intn(300); {
		case n < 14*10:
			return corners[n/10]
		case n == 299:
			return corners[14+rng.Intn(2)]
		}
		return float32(2*rng.Float64() - 1)
	}
}

func clone(m *Matrix) *Matrix {
	c := *m
	c.Data = append([]float32(nil), m.Data...)
	return &c
}

// want computes a product by its definition.
func want(c, a, b *Matrix, ta, tb, acc bool) *Matrix {
	c = clone(c)
	g := product(c, a, b, ta, tb, acc)
	for i := range g.m {
		for j := range g.n {
			var x float32
			if acc {
				x = g.c[i*g.cRow+j]
			}
			for l := range g.k {
				x = asm.FMA(g.a[i*g.aRow+l*g.aK], g.b[l*g.bK+j*g.bCol], x)
			}
			g.c[i*g.cRow+j] = x
		}
	}
	return c
}

// same fails unless the matrices, guards included, agree bit for bit; NaNs agree.
func same(t *testing.T, what string, got, want *Matrix) {
	t.Helper()
	for i, x := range got.Data {
		y := want.Data[i]
		if math.Float32bits(x) != math.Float32bits(y) && (x == x || y == y) {
			t.Fatalf("%s: element (%d, %d) of %d×%d is %x, want %x", what, i/got.Stride, i%got.Stride, got.Rows, got.Cols, x, y)
		}
	}
}

// operands returns c, a and b of an m×n product over k.
func operands(m, n, k, gap int, ta, tb bool, draw func() float32) (c, a, b *Matrix) {
	a, b = filled(m, k, gap, draw), filled(k, n, gap, draw)
	if ta {
		a = filled(k, m, gap, draw)
	}
	if tb {
		b = filled(n, k, gap, draw)
	}
	return filled(m, n, gap, draw), a, b
}

// run computes a variant.
func (s *Scratch) run(c, a, b *Matrix, ta, tb, acc bool) {
	switch {
	case ta:
		s.MatMulTN(c, a, b, acc)
	case tb:
		s.MatMulNT(c, a, b, acc)
	default:
		s.MatMul(c, a, b, acc)
	}
}

// TestMatMulDefinition compares every variant with the definition at the edges
// of tiles and panels, with and without gaps, on ordinary and on wild values.
func TestMatMulDefinition(t *testing.T) {
	ms := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 17, 27, 28, 29, 31}
	ns := []int{0, 1, 4, 7, 8, 9, 12, 14, 15, 16, 17, 18, 22, 31, 32, 33, 47, 48, 49, 64, 67}
	ks := []int{0, 1, 2, 7, 8, 15, 16, 17, 33, 65}
	perTier(t, func(t *testing.T) {
		var s Scratch
		count := 0
		for _, v := range variants {
			for _, m := range ms {
				for _, n := range ns {
					for _, k := range ks {
						// A third of the product of the lists, a different one
						// for every variant.
						if count++; count%3 != 0 {
							continue
						}
						gap, acc, draw := count%5%3, count%2 == 0, uniform(uint64(count))
						if count%4 == 0 {
							draw = wild(uint64(count))
						}
						c, a, b := operands(m, n, k, gap, v.ta, v.tb, draw)
						w := want(c, a, b, v.ta, v.tb, acc)
						a0, b0 := clone(a), clone(b)
						s.run(c, a, b, v.ta, v.tb, acc)
						what := fmt.Sprintf("%s %d×%d×%d gap %d acc %v", v.name, m, n, k, gap, acc)
						same(t, what, c, w)
						same(t, what+": a", a, a0)
						same(t, what+": b", b, b0)
					}
				}
			}
		}
	})
}

// TestMatMulBlocks has shapes that are cut into several blocks of k, m and n,
// and rows at a distance that makes A be packed.
func TestMatMulBlocks(t *testing.T) {
	shapes := [][3]int{
		{5, 35, 2*maxK + 3}, {33, 33, maxK + 1}, {150, 7, 1200}, {61, 700, 70}, {3, 200, 2 * stripeRows}, {20, 180, 1024},
	}
	for _, v := range variants {
		for _, d := range shapes {
			m, n, k := d[0], d[1], d[2]
			c, a, b := operands(m, n, k, 0, v.ta, v.tb, uniform(uint64(m)))
			w := want(c, a, b, v.ta, v.tb, true)
			perTier(t, func(t *testing.T) {
				var s Scratch
				got := clone(c)
				s.run(got, a, b, v.ta, v.tb, true)
				same(t, fmt.Sprintf("%s %v", v.name, d), got, w)
			})
		}
	}
}
