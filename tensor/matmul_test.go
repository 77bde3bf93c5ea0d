package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"reprise/asm"
	"reprise/internal/guard"
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

// poison fills the gaps between rows and after the last one: no code may write
// there, and a result that reads it becomes a NaN.
var poison = math.Float32frombits(0x7fc0beef)

// filled returns a rows×cols matrix of values from draw, with gap poisoned values after
// every row but the last.
func filled(rows, cols, gap int, draw func() float32) *Matrix {
	m := &Matrix{Rows: rows, Cols: cols, Stride: cols + gap}
	if rows == 0 || cols == 0 {
		return m
	}
	m.Data = make([]float32, rows*m.Stride)[: (rows-1)*m.Stride+cols : (rows-1)*m.Stride+cols]
	for i := range m.Data {
		m.Data[i] = poison
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

// wild draws from the extremes of float32: zeros, subnormals, infinities, NaN,
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

// same fails unless the matrices, gaps included, agree bit for bit; NaNs agree.
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

// run computes one of the three products: plain, with a transposed, with b
// transposed.
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

// edges returns lengths around one and two tiles of every tier, given a tile's
// length on a tier, and the longest length worth testing.
func edges(length func(asm.Tiling) int) (at []int, most int) {
	for _, tier := range asm.Available() {
		restore := asm.Force(tier)
		n := max(4, length(asm.GEMMTiling())) // the portable code takes 4 columns at a time
		restore()
		at = append(at, 1, n-1, n, n+1, 2*n+1)
		most = max(most, 2*n+3)
	}
	slices.Sort(at)
	return slices.Compact(at), most
}

// TestMatMulDefinition compares every variant with the definition: each dimension
// runs from 0 to a little more than two tiles while the others are at the edges
// of tiles, with and without gaps between rows, starting from C and from +0, on
// ordinary and on wild values.
func TestMatMulDefinition(t *testing.T) {
	rows, mostRows := edges(func(t asm.Tiling) int { return t.Rows })
	cols, mostCols := edges(func(t asm.Tiling) int { return t.Cols })
	depths, mostDepth := []int{1, 3, 8, 17, 33}, 2*16+3 // 16 columns are transposed together
	upTo := func(n int) (all []int) {
		for i := range n + 1 {
			all = append(all, i)
		}
		return all
	}
	type dims struct{ m, n, k int }
	seen := map[dims]bool{}
	for _, sweep := range [][3][]int{
		{upTo(mostRows), cols, depths}, {rows, upTo(mostCols), depths}, {rows, cols, upTo(mostDepth)},
	} {
		for _, m := range sweep[0] {
			for _, n := range sweep[1] {
				for _, k := range sweep[2] {
					seen[dims{m, n, k}] = true
				}
			}
		}
	}
	var s Scratch
	for d := range seen {
		// The other settings are derived from the dimensions.
		h := d.m*131 + d.n*17 + d.k
		draw := uniform(uint64(h))
		if h%4 == 0 {
			draw = wild(uint64(h))
		}
		for i, v := range variants {
			c, a, b := operands(d.m, d.n, d.k, (h+i)%3, v.ta, v.tb, draw)
			a0, b0 := clone(a), clone(b)
			for _, acc := range []bool{false, true} {
				w := want(c, a, b, v.ta, v.tb, acc)
				for _, tier := range asm.Available() {
					got := clone(c)
					restore := asm.Force(tier)
					s.run(got, a, b, v.ta, v.tb, acc)
					restore()
					what := fmt.Sprintf("%v %s %v gap %d acc %v", tier, v.name, d, (h+i)%3, acc)
					same(t, what, got, w)
				}
			}
			same(t, v.name+": a", a, a0)
			same(t, v.name+": b", b, b0)
		}
	}
}

// TestMatMulGuardPages puts the operands next to inaccessible pages: nothing
// outside them is touched, not even by reads whose result is discarded.
func TestMatMulGuardPages(t *testing.T) {
	rows, _ := edges(func(t asm.Tiling) int { return t.Rows })
	cols, _ := edges(func(t asm.Tiling) int { return t.Cols })
	rng := NewRNG(1, "test/guard", 0)
	pick := func(from []int) int { return from[rng.Intn(len(from))] }
	draw := uniform(2)
	var s Scratch
	for i := range 300 {
		d := [3]int{pick(rows), pick(cols), pick([]int{1, 2, 15, 16, 17, 33, stripeRows + 1})}
		v := variants[i%3]
		c, a, b := operands(d[0], d[1], d[2], rng.Intn(3), v.ta, v.tb, draw)
		for _, m := range []*Matrix{c, a, b} {
			data := guard.Slice[float32](t, len(m.Data), i%2 == 0)
			copy(data, m.Data)
			m.Data = data
		}
		w := want(c, a, b, v.ta, v.tb, true)
		start := slices.Clone(c.Data)
		for _, tier := range asm.Available() {
			copy(c.Data, start)
			restore := asm.Force(tier)
			s.run(c, a, b, v.ta, v.tb, true)
			restore()
			same(t, fmt.Sprintf("%v %s %v", tier, v.name, d), c, w)
		}
	}
}

// FuzzMatMul compares the tiers with the definition on arbitrary bit patterns.
func FuzzMatMul(f *testing.F) {
	rng := NewRNG(3, "test/fuzz", 0)
	for i := range 300 {
		m := rng.Intn(80)
		if i%2 == 0 {
			m = rng.Intn(9) // few rows take another path
		}
		bits := make([]byte, 4*(1+rng.Intn(64)))
		for i := range bits {
			bits[i] = byte(rng.Uint32())
		}
		f.Add(uint16(m), uint16(rng.Intn(80)), uint16(rng.Intn(80)), uint8(rng.Uint32()), bits)
	}
	f.Fuzz(func(t *testing.T, m, n, k uint16, flags uint8, bits []byte) {
		if len(bits) < 4 || int(m)*int(n)*int(k) > 1<<20 {
			return
		}
		i := 0
		draw := func() float32 {
			i += 4
			return math.Float32frombits(binary.LittleEndian.Uint32(bits[i%(len(bits)-3):]))
		}
		v, acc := variants[flags%3], flags&4 != 0
		c, a, b := operands(int(m), int(n), int(k), int(flags>>3%4), v.ta, v.tb, draw)
		w := want(c, a, b, v.ta, v.tb, acc)
		for _, tier := range asm.Available() {
			restore := asm.Force(tier)
			var s Scratch
			got := clone(c)
			s.run(got, a, b, v.ta, v.tb, acc)
			restore()
			same(t, fmt.Sprintf("%v %s", tier, v.name), got, w)
		}
	})
}

// TestMatMulBlocks has shapes that are cut into several blocks of k, m and n, and
// rows at a distance at which A is packed.
func TestMatMulBlocks(t *testing.T) {
	shapes := [][3]int{
		{5, 35, 2*maxK + 3}, {33, 33, maxK + 1}, {150, 7, 1200}, {61, 700, 70}, {3, 200, 2 * stripeRows}, {20, 180, 1024}, {8, 37, 2100},
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
