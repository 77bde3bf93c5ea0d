//go:build !purego

package asm

// axpyRowsKernel says whether the active tier has a kernel for AxpyRows.
func axpyRowsKernel() bool { return useAVX2 }

// axpyRowsTier continues the chains in cols elements of y, a multiple of
// axpyCols, over rows of b, whose number is a multiple of axpyStep.
func axpyRowsTier(y, a, b *float32, cols, rows, bRow int) {
	if useAVX512 {
		axpyRowsAVX512(y, a, b, cols, rows, bRow)
	} else {
		axpyRowsAVX2(y, a, b, cols, rows, bRow)
	}
}

//go:noescape
func axpyRowsAVX512(y, a, b *float32, cols, rows, bRow int)

//go:noescape
func axpyRowsAVX2(y, a, b *float32, cols, rows, bRow int)
