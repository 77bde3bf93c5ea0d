//go:build !purego

#include "textflag.h"
#include "transpose_avx512_amd64.h"

// Packing for matrix products, AVX-512.

// func packTransposeAVX512(dst *float32, dstK int, rows *[16]*float32, k int)
//
// Transposes 16 rows, k a positive multiple of 16:
//
//	for l := range k {
//		for i := range 16 {
//			dst[l*dstK+i] = rows[i][l]
//		}
//	}
//
//	DI R8  dst and its step in k, bytes     AX  rows
//	DX     l, bytes                         CX  k, bytes

#define PUT(x) \
	VMOVUPS x, (DI) \
	ADDQ    R8, DI

TEXT ·packTransposeAVX512(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ dstK+8(FP), R8
	SHLQ $2, R8
	MOVQ rows+16(FP), AX
	MOVQ k+24(FP), CX
	SHLQ $2, CX
	XORQ DX, DX

block:
	TRANSPOSE(PAIR)
	PUT(Z0)
	PUT(Z1)
	PUT(Z2)
	PUT(Z3)
	PUT(Z4)
	PUT(Z5)
	PUT(Z6)
	PUT(Z7)
	PUT(Z8)
	PUT(Z9)
	PUT(Z10)
	PUT(Z11)
	PUT(Z12)
	PUT(Z13)
	PUT(Z14)
	PUT(Z15)
	ADDQ $64, DX
	CMPQ DX, CX
	JLT  block
	VZEROUPPER
	RET

// func packCopyAVX512(dst *float32, dstK int, src *float32, srcK, k int, mask int)
//
// Copies k >= 1 rows of up to 32 values; those whose mask bit is clear become
// +0 and are not read:
//
//	for l := range k {
//		for j := range 32 { // 16 when the upper half of the mask is zero
//			dst[l*dstK+j] = mask>>j&1 == 1 ? src[l*srcK+j] : 0
//		}
//	}
//
//	DI R8  dst and its step     SI R9  src and its step     CX  rows left
//	R10    eight rows ahead
//	K1 K2  values 0-15, 16-31
TEXT ·packCopyAVX512(SB), NOSPLIT, $0-48
	MOVQ  dst+0(FP), DI
	MOVQ  dstK+8(FP), R8
	SHLQ  $2, R8
	MOVQ  src+16(FP), SI
	MOVQ  srcK+24(FP), R9
	SHLQ  $2, R9
	LEAQ  (R9*8), R10
	MOVQ  k+32(FP), CX
	MOVQ  mask+40(FP), AX
	KMOVW AX, K1
	SHRQ  $16, AX
	KMOVW AX, K2
	TESTL AX, AX
	JEQ   narrow

wide:
	PREFETCHT0 1024(DI)
	PREFETCHT0 1088(DI)
	PREFETCHT0 (SI)(R10*1)
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z 64(SI), K2, Z1
	VMOVUPS   Z0, (DI)
	VMOVUPS   Z1, 64(DI)
	ADDQ      R9, SI
	ADDQ      R8, DI
	DECQ      CX
	JNE       wide
	VZEROUPPER
	RET

narrow:
	PREFETCHT0 1024(DI)
	PREFETCHT0 (SI)(R10*1)
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS   Z0, (DI)
	ADDQ      R9, SI
	ADDQ      R8, DI
	DECQ      CX
	JNE       narrow
	VZEROUPPER
	RET
