package asm

import (
	"math/rand/v2"
	"slices"
	"testing"

	"reprise/internal/guard"
)

// tail returns the last n elements of s, head the first n.
func tail[T any](s []T, n int) []T { return s[len(s)-n:] }
func head[T any](s []T, n int) []T { return s[:n] }

// Tiles of every size, from packed panels and straight from the rows of b, stay
// inside their slices and have the bits of the portable product.
func TestGuardPagesGEMM(t *testing.T) {
	const space = 1 << 13
	r := rand.New(rand.NewPCG(11, 0))
	before := [3][]float32{guard.Slice[float32](t, space, true), guard.Slice[float32](t, space, true), guard.Slice[float32](t, space, true)}
	after := [3][]float32{guard.Slice[float32](t, space, false), guard.Slice[float32](t, space, false), guard.Slice[float32](t, space, false)}
	onTiers(func(tier Tier) {
		tile := GEMMTiling()
		if tile.Rows == 0 {
			return
		}
		check := func(m, n, k int, packed, columns, acc bool, place func(s []float32, n int) []float32, in [3][]float32) {
			aRow, aK := k, 1
			if columns {
				aRow, aK = 1, m
			}
			a, c := place(in[0], m*k), place(in[1], m*n)
			fill(r, a, false)
			fill(r, c, false)
			plain := make([]float32, k*n)
			fill(r, plain, false)
			want := slices.Clone(c)
			GEMM(m, n, k, a, aRow, aK, plain, n, 1, want, n, acc)

			full, rest := n/tile.Cols, n%tile.Cols
			b, bK, bStep := place(in[2], k*n), n, tile.Cols
			if packed {
				bK, bStep = tile.Cols, tile.Cols*k
				b = place(in[2], full*bStep+tile.Width(rest)*k)
				for l := range k {
					for j := range n {
						panel, width := j/tile.Cols, tile.Cols
						if panel == full {
							width = tile.Width(rest)
						}
						b[panel*bStep+l*width+j%tile.Cols] = plain[l*n+j]
					}
				}
			} else {
				copy(b, plain)
			}
			GEMMTiles(m, n, k, a, aRow, aK, b, bK, bStep, c, n, acc)
			if i := differ(c, want); i >= 0 {
				t.Fatalf("%v, %d×%d×%d, packed %v, columns %v, acc %v: element (%d, %d): got %x, portable %x",
					tier, m, n, k, packed, columns, acc, i/n, i%n, c[i], want[i])
			}
		}
		count := 0
		for m := 1; m <= tile.Rows; m++ {
			for n := 1; n <= 2*tile.Cols+3; n++ {
				for _, k := range []int{1, 2, 7} {
					count++
					columns, acc := count%2 == 0, count%5%2 == 0
					check(m, n, k, true, columns, acc, head, before)
					check(m, n, k, true, !columns, !acc, tail, after)
					if n%tile.Cols == 0 {
						check(m, n, k, false, columns, acc, head, before)
						check(m, n, k, false, !columns, !acc, tail, after)
					}
				}
			}
		}
	})
}

// Packing reads no more than the source holds, and neither it nor its padding
// writes outside the destination.
func TestGuardPagesPack(t *testing.T) {
	const space = 1 << 13
	r := rand.New(rand.NewPCG(12, 0))
	src0, dst0 := guard.Slice[float32](t, space, true), guard.Slice[float32](t, space, true)
	src1, dst1 := guard.Slice[float32](t, space, false), guard.Slice[float32](t, space, false)
	fill(r, src0, true)
	fill(r, src1, true)
	onTiers(func(tier Tier) {
		tile := GEMMTiling()
		if tile.Rows == 0 {
			tile = Tiling{Cols: 4, Step: 1}
		}
		check := func(n, k, lead, gap, room int, place func(s []float32, n int) []float32, src, dst []float32) {
			dst = place(dst, (k-1)*lead+room)
			row := k + gap
			s := place(src, (n-1)*row+k)
			PackTranspose(dst, lead, s, row, n, k)
			for l := range k {
				for i := range n {
					if differ(dst[l*lead+i:][:1], s[i*row+l:][:1]) >= 0 {
						t.Fatalf("%v: PackTranspose of %d×%d: row %d, column %d", tier, n, k, l, i)
					}
				}
			}
			row = n + gap
			s = place(src, (k-1)*row+n)
			PackCopy(dst, lead, s, row, n, k)
			for l := range k {
				if differ(dst[l*lead:][:n], s[l*row:][:n]) >= 0 {
					t.Fatalf("%v: PackCopy of %d×%d: row %d", tier, k, n, l)
				}
			}
		}
		for n := 1; n <= tile.Cols; n++ {
			width := tile.Width(n)
			for _, k := range []int{1, 2, 3, 4, 5, 8, 15, 16, 17, 33, 67} {
				for gap := range 3 {
					for _, room := range []int{n, width} {
						for _, lead := range []int{n, width, width + tile.Step} {
							check(n, k, max(lead, room), gap, room, head, src0, dst0)
							check(n, k, max(lead, room), gap, room, tail, src1, dst1)
						}
					}
				}
			}
		}
	})
}
