package asm

import (
	"fmt"
	"unsafe"
)

// Tiling describes how the active tier wants a matrix product cut into tiles.
// The zero value means that it has no tiles: then GEMM does the work.
type Tiling struct {
	Rows  int  // most rows of a tile
	Cols  int  // most columns of a tile, and the width of a full panel of b
	Step  int  // a narrower panel is as wide as the next multiple of Step
	PackA bool // a must be packed with PackTranspose or PackCopy
	LeadA int  // distance between successive k in a packed panel of a
}

// Width returns the width of the panel that holds cols columns of b.
func (t Tiling) Width(cols int) int { return (cols + t.Step - 1) / t.Step * t.Step }

// gemmArgs are the arguments of an assembly tile; distances are in bytes.
type gemmArgs struct {
	a, b, c  unsafe.Pointer
	aRow, aK int
	bK       int
	cRow     int
	k        int
	mask     int // bit j: column j of c exists
	acc      int // 0: the sums start from +0, else from c
}

// GEMMTile computes a tile of rows×cols elements, at most Tiling.Rows by
// Tiling.Cols, of a matrix product with k >= 1:
//
//	for i := range rows {
//		for j := range cols {
//			x := acc ? c[i*cRow+j] : 0
//			for l := range k {
//				x = fma(a[i*aRow+l*aK], b[l*bK+j], x)
//			}
//			c[i*cRow+j] = x
//		}
//	}
//
// Of b it reads Width(cols) values for every l. If Tiling.PackA, then aRow is 1
// and a holds the padding of a packed panel.
func GEMMTile(rows, cols, k int, a []float32, aRow, aK int, b []float32, bK int, c []float32, cRow int, acc bool) {
	t := gemmArgs{
		a: unsafe.Pointer(&a[0]), b: unsafe.Pointer(&b[0]), c: unsafe.Pointer(&c[0]),
		aRow: 4 * aRow, aK: 4 * aK, bK: 4 * bK, cRow: 4 * cRow,
		k: k, mask: 1<<cols - 1,
	}
	if acc {
		t.acc = 1
	}
	if rows < 1 || cols < 1 || k < 1 {
		panic(fmt.Sprintf("asm: GEMMTile: %d×%d tile with k = %d", rows, cols, k))
	}
	_ = a[(rows-1)*aRow+(k-1)*aK]
	_ = b[(k-1)*bK+gemmWidth(cols)-1]
	_ = c[(rows-1)*cRow+cols-1]
	gemmTile(rows, cols, &t)
}

func badTile(rows, cols int) {
	panic(fmt.Sprintf("asm: GEMMTile: a %d×%d tile, tier %v has at most %d×%d", rows, cols, active, GEMMTiling().Rows, GEMMTiling().Cols))
}

// PackTranspose writes n rows of k values as columns, n at most the width of a
// panel:
//
//	dst[l*dstK+i] = src[i*srcRow+l]
//
// Columns from n to the next multiple of the tier's step, if dstK has room for
// them, take any finite or non-finite values: they are padding.
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

// PackCopy copies k rows of n values, n at most the width of a panel:
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
