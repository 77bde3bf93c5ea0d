//go:build !purego

#include "textflag.h"

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

// PAIR reads rows 2p and 2p+1 and interleaves them.
#define PAIR(off0, off1, t, lo, hi) \
	MOVQ       off0(AX), R9          \
	MOVQ       off1(AX), R10         \
	VMOVUPS    (R9)(DX*1), t         \
	VUNPCKLPS  (R10)(DX*1), t, lo    \
	VUNPCKHPS  (R10)(DX*1), t, hi

// QUAD turns two interleaved pairs into columns c of four rows, every lane of
// 128 bits holding column 4·lane + c.
#define QUAD(lo0, hi0, lo1, hi1, c0, c1, c2, c3) \
	VUNPCKLPD lo1, lo0, c0 \
	VUNPCKHPD lo1, lo0, c1 \
	VUNPCKLPD hi1, hi0, c2 \
	VUNPCKHPD hi1, hi0, c3

// LANES gathers the lanes of four such registers: x0-x3 become columns c, 4+c,
// 8+c and 12+c of 16 rows.
#define LANES(x0, x1, x2, x3) \
	VSHUFF32X4 $0x44, x1, x0, Z16   \
	VSHUFF32X4 $0xee, x1, x0, Z17   \
	VSHUFF32X4 $0x44, x3, x2, Z18   \
	VSHUFF32X4 $0xee, x3, x2, Z19   \
	VSHUFF32X4 $0x88, Z18, Z16, x0  \
	VSHUFF32X4 $0xdd, Z18, Z16, x1  \
	VSHUFF32X4 $0x88, Z19, Z17, x2  \
	VSHUFF32X4 $0xdd, Z19, Z17, x3

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
	PAIR(0, 8, Z24, Z16, Z17)
	PAIR(16, 24, Z25, Z18, Z19)
	QUAD(Z16, Z17, Z18, Z19, Z0, Z1, Z2, Z3)
	PAIR(32, 40, Z24, Z20, Z21)
	PAIR(48, 56, Z25, Z22, Z23)
	QUAD(Z20, Z21, Z22, Z23, Z4, Z5, Z6, Z7)
	PAIR(64, 72, Z24, Z16, Z17)
	PAIR(80, 88, Z25, Z18, Z19)
	QUAD(Z16, Z17, Z18, Z19, Z8, Z9, Z10, Z11)
	PAIR(96, 104, Z24, Z20, Z21)
	PAIR(112, 120, Z25, Z22, Z23)
	QUAD(Z20, Z21, Z22, Z23, Z12, Z13, Z14, Z15)
	LANES(Z0, Z4, Z8, Z12)
	LANES(Z1, Z5, Z9, Z13)
	LANES(Z2, Z6, Z10, Z14)
	LANES(Z3, Z7, Z11, Z15)
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
