//go:build !purego

package asm

import (
	"math/bits"
	"unsafe"
)

// GEMMTiling returns the tiling of the active tier.
func GEMMTiling() Tiling {
	if useNEON {
		return Tiling{Rows: 8, Cols: 12, Step: 4, LeadA: 8}
	}
	return Tiling{}
}

func gemmWidth(cols int) int { return (cols + 3) &^ 3 }

// gemmTiles computes tiles of a width that the tier has. NEON cannot mask a
// store: a tile that is wider than what is left of c is computed in a buffer and
// copied.
func gemmTiles(rows, width int, t *gemmArgs) {
	if t.mask&(1<<width-1) == 1<<width-1 {
		gemmWholeTiles(rows, width, t)
		return
	}
	var tile [8 * 12]float32
	edge := t.begin(&tile, rows, width)
	gemmWholeTiles(rows, width, &edge)
	t.end(&tile, rows, width)
}

// begin returns t with a buffer of the full tile width in place of c.
func (t *gemmArgs) begin(tile *[8 * 12]float32, rows, width int) gemmArgs {
	whole := *t
	whole.c, whole.cRow = unsafe.Pointer(tile), 4*width
	if t.acc != 0 {
		for i := range rows {
			copy(tile[i*width:], t.row(i, bits.Len(uint(t.mask))))
		}
	}
	return whole
}

// end copies the columns of the tile that c has into c.
func (t *gemmArgs) end(tile *[8 * 12]float32, rows, width int) {
	for i := range rows {
		copy(t.row(i, bits.Len(uint(t.mask))), tile[i*width:])
	}
}

// row returns the first columns of row i of c.
func (t *gemmArgs) row(i, cols int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(t.c, i*t.cRow)), cols)
}

// gemmWholeTiles computes tiles of 12, 8 or 4 columns.
func gemmWholeTiles(rows, width int, t *gemmArgs) {
	switch {
	case width == 12 && rows == 8 && t.aRow == 4:
		gemmCol8x12NEON(t)
	case width == 12:
		gemmTiles12NEON(rows, t)
	case width == 8:
		gemmTiles8NEON(rows, t)
	default:
		gemmTiles4NEON(rows, t)
	}
}

// packTranspose does PackTranspose for as many of the first k values as the
// assembly can take, and returns how many those were.
func packTranspose(dst []float32, dstK int, src []float32, srcRow, n, k int) int {
	k &^= 3
	width := gemmWidth(n)
	if !useNEON || k == 0 || n > 12 || dstK < width || len(dst) < (k-1)*dstK+width {
		return 0
	}
	var rows [12]*float32
	for r := range width {
		rows[r] = &src[min(r, n-1)*srcRow]
	}
	packTransposeNEON(&dst[0], dstK, &rows, width/4, k)
	return k
}

// packCopy does PackCopy if the tier can, and reports whether it did.
func packCopy(dst []float32, dstK int, src []float32, srcK, n, k int) bool {
	width := gemmWidth(n)
	if !useNEON || n > 12 || srcK < width && n < width || len(dst) < (k-1)*dstK+width {
		return false
	}
	whole := k
	if n < width {
		// Whole vectors are copied: after n values they take whatever the row
		// holds next. The last row is copied exactly, because the slice may end
		// with it.
		whole--
		copy(dst[whole*dstK:whole*dstK+n], src[whole*srcK:])
	}
	if whole > 0 {
		packCopyNEON(&dst[0], dstK, &src[0], srcK, whole, width)
	}
	return true
}

func gemmTiles12NEON(rows int, t *gemmArgs) {
	switch rows {
	case 1:
		gemm1x12NEON(t)
	case 2:
		gemm2x12NEON(t)
	case 3:
		gemm3x12NEON(t)
	case 4:
		gemm4x12NEON(t)
	case 5:
		gemm5x12NEON(t)
	case 6:
		gemm6x12NEON(t)
	case 7:
		gemm7x12NEON(t)
	case 8:
		gemm8x12NEON(t)
	}
}

func gemmTiles8NEON(rows int, t *gemmArgs) {
	switch rows {
	case 1:
		gemm1x8NEON(t)
	case 2:
		gemm2x8NEON(t)
	case 3:
		gemm3x8NEON(t)
	case 4:
		gemm4x8NEON(t)
	case 5:
		gemm5x8NEON(t)
	case 6:
		gemm6x8NEON(t)
	case 7:
		gemm7x8NEON(t)
	case 8:
		gemm8x8NEON(t)
	}
}

func gemmTiles4NEON(rows int, t *gemmArgs) {
	switch rows {
	case 1:
		gemm1x4NEON(t)
	case 2:
		gemm2x4NEON(t)
	case 3:
		gemm3x4NEON(t)
	case 4:
		gemm4x4NEON(t)
	case 5:
		gemm5x4NEON(t)
	case 6:
		gemm6x4NEON(t)
	case 7:
		gemm7x4NEON(t)
	case 8:
		gemm8x4NEON(t)
	}
}

// PeakFlops runs n rounds of independent fused multiply-adds of the active tier,
// all in registers, and returns the number of floating-point operations: two
// for every lane. The benchmarks measure against it. The portable tier has no
// such kernel and returns 0.
func PeakFlops(n int) int {
	if !useNEON {
		return 0
	}
	total := 0
	for n > 0 {
		step := min(n, 1000) // keep one call short: assembly cannot be preempted
		n -= step
		peakNEON(step)
		total += step * 24 * 4 * 2
	}
	return total
}

//go:noescape
func gemm1x12NEON(t *gemmArgs)

//go:noescape
func gemm2x12NEON(t *gemmArgs)

//go:noescape
func gemm3x12NEON(t *gemmArgs)

//go:noescape
func gemm4x12NEON(t *gemmArgs)

//go:noescape
func gemm5x12NEON(t *gemmArgs)

//go:noescape
func gemm6x12NEON(t *gemmArgs)

//go:noescape
func gemm7x12NEON(t *gemmArgs)

//go:noescape
func gemm8x12NEON(t *gemmArgs)

//go:noescape
func gemmCol8x12NEON(t *gemmArgs)

//go:noescape
func gemm1x8NEON(t *gemmArgs)

//go:noescape
func gemm2x8NEON(t *gemmArgs)

//go:noescape
func gemm3x8NEON(t *gemmArgs)

//go:noescape
func gemm4x8NEON(t *gemmArgs)

//go:noescape
func gemm5x8NEON(t *gemmArgs)

//go:noescape
func gemm6x8NEON(t *gemmArgs)

//go:noescape
func gemm7x8NEON(t *gemmArgs)

//go:noescape
func gemm8x8NEON(t *gemmArgs)

//go:noescape
func gemm1x4NEON(t *gemmArgs)

//go:noescape
func gemm2x4NEON(t *gemmArgs)

//go:noescape
func gemm3x4NEON(t *gemmArgs)

//go:noescape
func gemm4x4NEON(t *gemmArgs)

//go:noescape
func gemm5x4NEON(t *gemmArgs)

//go:noescape
func gemm6x4NEON(t *gemmArgs)

//go:noescape
func gemm7x4NEON(t *gemmArgs)

//go:noescape
func gemm8x4NEON(t *gemmArgs)

//go:noescape
func packTransposeNEON(dst *float32, dstK int, rows *[12]*float32, fours, k int)

//go:noescape
func packCopyNEON(dst *float32, dstK int, src *float32, srcK, k, n int)

func peakNEON(n int)
