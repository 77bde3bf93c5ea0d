//go:build !purego

#include "textflag.h"

// Packing for matrix products, AVX2.

// func packTransposeAVX2(dst *float32, dstK int, rows *[8]*float32, k int)
//
// Transposes 8 rows, k a positive multiple of 8:
//
//	for l := range k {
//		for i := range 8 {
//			dst[l*dstK+i] = rows[i][l]
//		}
//	}
//
//	DI R8  dst and its step in k, bytes     AX  rows
//	DX     l, bytes                         CX  k, bytes

// PAIR reads two rows and interleaves them.
#define PAIR(off0, off1, t, lo, hi) \
	MOVQ      off0(AX), R9       \
	MOVQ      off1(AX), R10      \
	VMOVUPS   (R9)(DX*1), t      \
	VUNPCKLPS (R10)(DX*1), t, lo \
	VUNPCKHPS (R10)(DX*1), t, hi

// QUAD turns two interleaved pairs into columns c of four rows, the upper lane
// holding column 4 + c.
#define QUAD(lo0, hi0, lo1, hi1, c0, c1, c2, c3) \
	VUNPCKLPD lo1, lo0, c0 \
	VUNPCKHPD lo1, lo0, c1 \
	VUNPCKLPD hi1, hi0, c2 \
	VUNPCKHPD hi1, hi0, c3

#define PUT(x) \
	VMOVUPS x, (DI) \
	ADDQ    R8, DI

#define JOIN(sel, x, y) \
	VPERM2F128 sel, y, x, Y12 \
	PUT(Y12)

TEXT ·packTransposeAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ dstK+8(FP), R8
	SHLQ $2, R8
	MOVQ rows+16(FP), AX
	MOVQ k+24(FP), CX
	SHLQ $2, CX
	XORQ DX, DX

block:
	PAIR(0, 8, Y12, Y8, Y9)
	PAIR(16, 24, Y13, Y10, Y11)
	QUAD(Y8, Y9, Y10, Y11, Y0, Y1, Y2, Y3)
	PAIR(32, 40, Y12, Y8, Y9)
	PAIR(48, 56, Y13, Y10, Y11)
	QUAD(Y8, Y9, Y10, Y11, Y4, Y5, Y6, Y7)
	JOIN($0x20, Y0, Y4)
	JOIN($0x20, Y1, Y5)
	JOIN($0x20, Y2, Y6)
	JOIN($0x20, Y3, Y7)
	JOIN($0x31, Y0, Y4)
	JOIN($0x31, Y1, Y5)
	JOIN($0x31, Y2, Y6)
	JOIN($0x31, Y3, Y7)
	ADDQ $32, DX
	CMPQ DX, CX
	JLT  block
	VZEROUPPER
	RET

// func packCopyAVX2(dst *float32, dstK int, src *float32, srcK, k int, n int)
//
// Copies k >= 1 rows of n = 8 or 16 values:
//
//	for l := range k {
//		for j := range n {
//			dst[l*dstK+j] = src[l*srcK+j]
//		}
//	}
//
//	DI R8  dst and its step     SI R9  src and its step     CX  rows left
//	R10    eight rows ahead
TEXT ·packCopyAVX2(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ dstK+8(FP), R8
	SHLQ $2, R8
	MOVQ src+16(FP), SI
	MOVQ srcK+24(FP), R9
	SHLQ $2, R9
	LEAQ (R9*8), R10
	MOVQ k+32(FP), CX
	CMPQ n+40(FP), $8
	JEQ  narrow

wide:
	PREFETCHT0 1024(DI)
	PREFETCHT0 (SI)(R10*1)
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ    R9, SI
	ADDQ    R8, DI
	DECQ    CX
	JNE     wide
	VZEROUPPER
	RET

narrow:
	PREFETCHT0 1024(DI)
	PREFETCHT0 (SI)(R10*1)
	VMOVUPS (SI), Y0
	VMOVUPS Y0, (DI)
	ADDQ    R9, SI
	ADDQ    R8, DI
	DECQ    CX
	JNE     narrow
	VZEROUPPER
	RET
