package asm

import (
	"fmt"
	"unsafe"
)

// TileShape says which steps of k enter the rows of a tile.
type TileShape int

const (
	Whole   TileShape = iota // every step enters every row
	Rising                   // row i: steps i, i+1, … ; there are as many steps as rows
	Falling                  // row i: steps 0 to i; likewise
)

// steps returns the steps l0 to l1 (excluded) of k that enter row i.
func (s TileShape) steps(i, k int) (l0, l1 int) {
	switch s {
	case Rising:
		return i, k
	case Falling:
		return 0, i + 1
	}
	return 0, k
}

// GEMMTile computes one tile of a product, of which a shape may leave out a triangle:
//
//	for i := range rows {
//		for j := range cols {
//			x := acc ? c[i*cRow+j] : 0
//			for l := range k {
//				if a shape's step l enters row i {
//					x = fma(a[i*aRow+l*aK], b[l*bK+j], x)
//				}
//			}
//			c[i*cRow+j] = x
//		}
//	}
//
// rows and cols are at most those of the tiling; without tiles there is no bound. Of every row of b, the Width of cols is
// read. For a triangle, k = rows.
func GEMMTile(shape TileShape, rows, cols, k int, a []float32, aRow, aK int, b []float32, bK int, c []float32, cRow int, acc bool) {
	if rows < 1 || cols < 1 || k < 1 || shape != Whole && k != rows {
		panic(fmt.Sprintf("asm: GEMMTile: shape %d of %d×%d, k = %d", shape, rows, cols, k))
	}
	mostRows, mostCols := tileMost()
	if mostRows == 0 {
		for i := range rows {
			l0, l1 := shape.steps(i, k)
			GEMM(1, cols, l1-l0, a[i*aRow+l0*aK:], aRow, aK, b[l0*bK:], bK, 1, c[i*cRow:], cRow, acc)
		}
		return
	}
	if rows > mostRows || cols > mostCols {
		panic(fmt.Sprintf("asm: GEMMTile: %d×%d; tiles of tier %v have %d×%d", rows, cols, active, mostRows, mostCols))
	}
	width := gemmWidth(cols)
	_ = a[(rows-1)*aRow+(k-1)*aK]
	_ = b[(k-1)*bK+width-1]
	_ = c[(rows-1)*cRow+cols-1]
	// Field by field: the compiler builds a literal in another place and copies it, and the copy has to wait for the stores.
	var args gemmArgs
	args.a, args.aRow, args.aK = unsafe.Pointer(&a[0]), 4*aRow, 4*aK
	args.b, args.bK = unsafe.Pointer(&b[0]), 4*bK
	args.c, args.cRow = unsafe.Pointer(&c[0]), 4*cRow
	args.k, args.tiles, args.mask = k, 1, 1<<cols-1
	if acc {
		args.acc = 1
	}
	switch shape {
	case Rising:
		gemmTriangle(width, true, &args)
	case Falling:
		// From the last row upwards, because each step enters one row fewer.
		args.a, args.aRow = unsafe.Pointer(&a[(rows-1)*aRow]), -args.aRow
		args.c, args.cRow = unsafe.Pointer(&c[(rows-1)*cRow]), -args.cRow
		gemmTriangle(width, false, &args)
	default:
		gemmTiles(rows, width, &args)
	}
}
