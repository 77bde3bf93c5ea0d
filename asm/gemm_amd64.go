//go:build !purego

package asm

import "unsafe"

// gemmArgs are the arguments of a tile; distances are in bytes.
type gemmArgs struct {
	a, b, c  unsafe.Pointer
	aRow, aK int
	bK       int
	cRow     int
	k        int
	mask     int // bit j: column j of c exists
	acc      int // 0: the sums start from +0, else from c
}

//go:noescape
func gemm1x32AVX512(t *gemmArgs)

//go:noescape
func gemm2x32AVX512(t *gemmArgs)

//go:noescape
func gemm3x32AVX512(t *gemmArgs)

//go:noescape
func gemm4x32AVX512(t *gemmArgs)

//go:noescape
func gemm5x32AVX512(t *gemmArgs)

//go:noescape
func gemm6x32AVX512(t *gemmArgs)

//go:noescape
func gemm7x32AVX512(t *gemmArgs)

//go:noescape
func gemm8x32AVX512(t *gemmArgs)

//go:noescape
func gemm9x32AVX512(t *gemmArgs)

//go:noescape
func gemm10x32AVX512(t *gemmArgs)

//go:noescape
func gemm11x32AVX512(t *gemmArgs)

//go:noescape
func gemm12x32AVX512(t *gemmArgs)

//go:noescape
func gemm13x32AVX512(t *gemmArgs)

//go:noescape
func gemm14x32AVX512(t *gemmArgs)
