package asm

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns a slice of n elements that ends (or begins) at an
// inaccessible page, so that a kernel that reads past it crashes the test.
func guarded[T float32 | uint16 | int32](t *testing.T, n int, atStart bool) []T {
	t.Helper()
	var zero T
	page := syscall.Getpagesize()
	size := n * int(unsafe.Sizeof(zero))
	inner := (size + page) / page * page
	m, err := syscall.Mmap(-1, 0, inner+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(m) })
	for _, p := range [][]byte{m[:page], m[page+inner:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	first := page
	if !atStart {
		first = page + inner - size
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&m[first])), n)
}

// Nothing reads or writes outside its slices.
func TestGuardPages(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 0))
	for _, n := range []int{1, 2, 5, 7, 8, 9, 15, 16, 17, 23, 31, 32, 33, 47, 48, 49, 63, 64, 65, 131} {
		for _, atStart := range []bool{false, true} {
			s := make([][]float32, 5)
			for i := range s {
				s[i] = guarded[float32](t, n, atStart)
				fill(r, s[i], false)
			}
			h := guarded[uint16](t, n, atStart)
			idx := guarded[int32](t, n, atStart)
			w := guarded[float32](t, 9*n, atStart)
			ids := guarded[int32](t, 11, atStart)
			coef := guarded[float32](t, 11, atStart)
			for i := range ids {
				ids[i] = int32(i * 5 % 9)
			}
			onTiers(func(Tier) {
				for _, c := range kernelCases {
					c.run(s[:c.n])
				}
				for lane := range 32 {
					ExpSum(s[0], s[1], 0, lane)
				}
				F32FromBF16(s[0], h)
				BF16FromF32(h, s[1])
				F32FromF16(s[0], h)
				F16FromF32(h, s[1])
				SelectAbove(idx, s[1], 0)
				GatherDot(coef, s[1], w, n, ids)
				GatherAxpy(s[1], coef, w, n, ids)
			})
		}
	}
}

// tail returns the last n elements of s, head the first.
func tail[T any](s []T, n int) []T { return s[len(s)-n:] }
func head[T any](s []T, n int) []T { return s[:n] }

// Tiles of every size, from packed panels and straight from the rows of b, stay
// inside their slices and have the bits of the portable product.
func TestGuardPagesGEMM(t *testing.T) {
	const space = 1 << 13
	r := rand.New(rand.NewPCG(11, 0))
	before := [3][]float32{guarded[float32](t, space, true), guarded[float32](t, space, true), guarded[float32](t, space, true)}
	after := [3][]float32{guarded[float32](t, space, false), guarded[float32](t, space, false), guarded[float32](t, space, false)}
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
	src0, dst0 := guarded[float32](t, space, true), guarded[float32](t, space, true)
	src1, dst1 := guarded[float32](t, space, false), guarded[float32](t, space, false)
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
