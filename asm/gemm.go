package asm

import (
	"fmt"
	"unsafe"
)

// Tiling describes how the active tier wants a matrix product cut into tiles.
// The zero value means that the tier has no tile kernels: then GEMM does the
// work.
type Tiling struct {
	Rows  int // most rows of a tile
	Cols  int // most columns of a tile, and the width of a full panel of b
	Step  int // a narrower panel is as wide as the next multiple of Step
	LeadA int // distance between successive k in a packed panel of a
	Dots  int // with a transposed b, this many rows of a or fewer are faster with DotRows
	Axpys int // with a b that is not transposed, one row of a and a multiple of this many columns are faster with AxpyRows
}

// Width returns the width of the panel that holds cols columns of b.
func (t Tiling) Width(cols int) int { return (cols + t.Step - 1) / t.Step * t.Step }

// gemmArgs are the arguments of the assembly; distances are in bytes.
type gemmArgs struct {
	a, b, c  unsafe.Pointer
	aRow, aK int
	bK       int
	bStep    int // from a panel of b to the next
	cRow     int
	k        int
	tiles    int
	mask     int // bit j: column j of a tile exists
	acc      int // 0: the sums start from +0, else from c
}

// callWork bounds tiles·k of one call of the assembly, which the scheduler
// cannot interrupt: a quarter of a millisecond.
const callWork = 1 << 15

// GEMMTiles computes n columns of a matrix product for at most Tiling.Rows
// rows and k >= 1:
//
//	for i := range rows {
//		for j := range n {
//			x := acc ? c[i*cRow+j] : 0
//			for l := range k {
//				x = fma(a[i*aRow+l*aK], b[j/Cols*bStep+l*bK+j%Cols], x)
//			}
//			c[i*cRow+j] = x
//		}
//	}
//
// b is a sequence of panels of Tiling.Cols columns at a distance of bStep. If n
// is not a multiple of Cols, the last panel is packed: its bK is the Width of the
// columns that remain, and its padding is read as well.
func GEMMTiles(rows, n, k int, a []float32, aRow, aK int, b []float32, bK, bStep int, c []float32, cRow int, acc bool) {
	t := GEMMTiling()
	if rows < 1 || rows > t.Rows || n < 1 || k < 1 {
		panic(fmt.Sprintf("asm: GEMMTiles: %d rows, %d columns, k = %d; tiles of tier %v have 1 to %d rows", rows, n, k, active, t.Rows))
	}
	_ = a[(rows-1)*aRow+(k-1)*aK]
	_ = c[(rows-1)*cRow+n-1]
	args := gemmArgs{
		a: unsafe.Pointer(&a[0]), aRow: 4 * aRow, aK: 4 * aK, bK: 4 * bK, bStep: 4 * bStep, cRow: 4 * cRow,
		k: k, mask: 1<<t.Cols - 1,
	}
	if acc {
		args.acc = 1
	}
	full := n / t.Cols
	if full > 0 {
		_ = b[(full-1)*bStep+(k-1)*bK+t.Cols-1]
	}
	for i := 0; i < full; i += args.tiles {
		args.tiles = min(full-i, max(1, callWork/k))
		args.b, args.c = unsafe.Pointer(&b[i*bStep]), unsafe.Pointer(&c[i*t.Cols])
		tiles := args.tiles // the assembly counts them down
		gemmTiles(rows, t.Cols, &args)
		args.tiles = tiles
	}
	if cols := n - full*t.Cols; cols > 0 {
		width := t.Width(cols)
		b, c = b[full*bStep:], c[full*t.Cols:]
		_ = b[k*width-1]
		args.b, args.c = unsafe.Pointer(&b[0]), unsafe.Pointer(&c[0])
		args.bK, args.tiles, args.mask = 4*width, 1, 1<<cols-1
		gemmTiles(rows, width, &args)
	}
}

// PackTranspose writes n rows of k values as columns; n is at most the width of a
// panel:
//
//	dst[l*dstK+i] = src[i*srcRow+l]
//
// Columns from n to the next multiple of the tier's step are padding, if dstK has
// room for them: they may receive any values, finite or not.
func PackTranspose(dst []float32, dstK int, src []float32, srcRow, n, k int) {
	if n == 0 || k == 0 {
		return
	}
	_ = dst[(k-1)*dstK+n-1]
	_ = src[(n-1)*srcRow+k-1]
	done := packTranspose(dst, dstK, src, srcRow, n, k)
	for i := range n {
		row := src[i*srcRow : i*srcRow+k]
		for l := done; l < k; l++ {
			dst[l*dstK+i] = row[l]
		}
	}
}

// PackCopy copies k rows of n values; n is at most the width of a panel:
//
//	dst[l*dstK+j] = src[l*srcK+j]
//
// Values from n to the next multiple of the tier's step are padding, as in
// PackTranspose.
func PackCopy(dst []float32, dstK int, src []float32, srcK, n, k int) {
	if n == 0 || k == 0 {
		return
	}
	_ = dst[(k-1)*dstK+n-1]
	_ = src[(k-1)*srcK+n-1]
	if packCopy(dst, dstK, src, srcK, n, k) {
		return
	}
	for l := range k {
		copy(dst[l*dstK:l*dstK+n], src[l*srcK:l*srcK+n])
	}
}
