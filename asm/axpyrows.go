package asm

// axpyStep is how many rows of b the kernels of AxpyRows take at a time, and
// axpyCols how many columns.
const (
	axpyStep = 8
	axpyCols = 16
)

// axpyWork bounds the elements of b in one call of the assembly, which the
// scheduler cannot interrupt.
const axpyWork = 1 << 20

// AxpyRows computes the product of a row with a matrix b. It reads the rows of b
// in place and once, for a b that is used too seldom to be worth packing.
//
//	for j := range y {
//		x := acc ? y[j] : 0
//		for l := range a {
//			x = fma(a[l], b[l*bRow+j], x)
//		}
//		y[j] = x
//	}
//
// Vector lanes run over the columns, so that every chain keeps its order.
func AxpyRows(y, a, b []float32, bRow int, acc bool) {
	n, k := len(y), len(a)
	cols, rows := n&^(axpyCols-1), k&^(axpyStep-1)
	if !axpyRowsKernel() || cols == 0 || rows == 0 {
		GEMM(1, n, k, a, k, 1, b, bRow, 1, y, n, acc)
		return
	}
	_ = b[(k-1)*bRow+n-1]
	if cols < n {
		GEMM(1, n-cols, k, a, k, 1, b[cols:], bRow, 1, y[cols:], n-cols, acc)
		y = y[:cols]
	}
	if !acc {
		clear(y)
	}
	most := max(axpyStep, axpyWork/cols&^(axpyStep-1))
	for l := 0; l < rows; l += most {
		axpyRowsTier(&y[0], &a[l], &b[l*bRow], cols, min(most, rows-l), bRow)
	}
	for l := rows; l < k; l++ {
		Axpy(y, a[l], b[l*bRow:][:cols])
	}
}
