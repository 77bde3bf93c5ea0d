package asm

import (
	"math/rand/v2"
	"slices"
	"testing"

	"reprise/internal/guard"
)

// tileCase is one tile whose operands a test places.
type tileCase struct {
	shape         TileShape
	rows, cols, k int
	columns, acc  bool // a stored by columns; the sums start from c
}

// run computes the tile with operands at the places that alloc gives, filled by fill, and compares it with chains of FMA.
func (c tileCase) run(t *testing.T, alloc func(i, n int) []float32, fill func(s []float32)) {
	t.Helper()
	width := c.cols
	if tile := GEMMTiling(); tile.Rows > 0 {
		width = tile.Width(c.cols)
	}
	aRow, aK := c.k, 1
	if c.columns {
		aRow, aK = 1, c.rows
	}
	a, b, out := alloc(0, c.rows*c.k), alloc(1, c.k*width), alloc(2, c.rows*c.cols)
	fill(a)
	fill(b)
	fill(out)
	want := slices.Clone(out)
	for i := range c.rows {
		for j := range c.cols {
			x := want[i*c.cols+j]
			if !c.acc {
				x = 0
			}
			for l := range c.k {
				if c.shape == Whole || c.shape == Rising && l >= i || c.shape == Falling && l <= i {
					x = FMA(a[i*aRow+l*aK], b[l*width+j], x)
				}
			}
			want[i*c.cols+j] = x
		}
	}
	GEMMTile(c.shape, c.rows, c.cols, c.k, a, aRow, aK, b, width, out, c.cols, c.acc)
	if i := differ(out, want); i >= 0 {
		t.Fatalf("%v, %+v: element (%d, %d): got %x, want %x", Active(), c, i/c.cols, i%c.cols, out[i], want[i])
	}
}

// tileLimits are the largest tiles of the active tier.
func tileLimits() (rows, cols int) {
	if t := GEMMTiling(); t.Rows > 0 {
		return t.Rows, t.Cols
	}
	return 5, 9
}

// Tiles of every shape and size have the bits of the FMA chains that define them, with wild values too: a step that a shape
// leaves out changes nothing, not even a NaN or the sign of a zero. Tiles stay inside their slices.
func TestTileShapes(t *testing.T) {
	const space = 1 << 10
	r := rand.New(rand.NewPCG(21, 0))
	var before, after [3][]float32
	for i := range before {
		before[i], after[i] = guard.Slice[float32](t, space, true), guard.Slice[float32](t, space, false)
	}
	onTiers(func(tier Tier) {
		rows, cols := tileLimits()
		if most := GEMMTiling(); most.Rows > 0 {
			if r, c := tileMost(); r != most.Rows || c != most.Cols || gemmWidth(c-1) != most.Width(c-1) {
				t.Errorf("%v: tiles of %d×%d, tiling %+v", tier, r, c, most)
			}
		}
		for n := range rows {
			for col := range cols {
				for _, shape := range []TileShape{Whole, Rising, Falling} {
					for variant := range 4 {
						c := tileCase{shape: shape, rows: n + 1, cols: col + 1, k: n + 1, columns: variant%2 == 1, acc: variant/2 == 1}
						if shape == Whole {
							c.k = 1 + (n+col)%4
						}
						wild := (n+col+variant)%3 == 0
						c.run(t, func(i, n int) []float32 { return head(before[i], n) }, func(s []float32) { fill(r, s, wild) })
						c.run(t, func(i, n int) []float32 { return tail(after[i], n) }, func(s []float32) { fill(r, s, wild) })
					}
				}
			}
		}
	})
}

func FuzzTileShapes(f *testing.F) {
	r := rand.New(rand.NewPCG(22, 0))
	for range 200 {
		f.Add(uint8(r.IntN(3)), uint8(r.IntN(100)), uint8(r.IntN(100)), uint8(r.IntN(40)), r.IntN(2) == 0, r.IntN(2) == 0, fuzzBits(r))
	}
	f.Fuzz(func(t *testing.T, shape, rows, cols, k uint8, columns, acc bool, bits []byte) {
		if len(bits) < 4 {
			return
		}
		onTiers(func(Tier) {
			maxRows, maxCols := tileLimits()
			c := tileCase{shape: TileShape(shape % 3), rows: 1 + int(rows)%maxRows, cols: 1 + int(cols)%maxCols, k: 1 + int(k), columns: columns, acc: acc}
			if c.shape != Whole {
				c.k = c.rows
			}
			c.run(t, func(_, n int) []float32 { return make([]float32, n) }, words(bits))
		})
	})
}
