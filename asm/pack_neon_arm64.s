//go:build !purego

#include "textflag.h"

// Packing for matrix products, NEON.

// func packTransposeNEON(dst *float32, dstK int, rows *[12]*float32, fours, k int)
//
// Transposes 4, 8 or 12 rows, fours = 1, 2 or 3, k a positive multiple of 4:
//
//	for l := range k {
//		for i := range 4*fours {
//			dst[l*dstK+i] = rows[i][l]
//		}
//	}
//
// It works on squares of 4 rows and 4 k; squares of the same k follow one
// another, so that dst is written in order.
//
//	R0 R1    dst and its step in k, bytes     R2 R3  rows and fours
//	R4 R5    k left, l in bytes               R6 R7  row pointers and fours left
//	R8 R9    the square's place in dst        R10-R13  rows of the square
//	V0-V3 V4-V7  the square, rows and columns
TEXT ·packTransposeNEON(SB), NOSPLIT, $0-40
	MOVD dst+0(FP), R0
	MOVD dstK+8(FP), R1
	LSL  $2, R1
	MOVD rows+16(FP), R2
	MOVD fours+24(FP), R3
	MOVD k+32(FP), R4
	MOVD $0, R5

block:
	MOVD R2, R6
	MOVD R3, R7
	MOVD R0, R8

square:
	LDP.P 16(R6), (R10, R11)
	LDP.P 16(R6), (R12, R13)
	ADD   R5, R10
	ADD   R5, R11
	ADD   R5, R12
	ADD   R5, R13
	FMOVQ (R10), F0
	FMOVQ (R11), F1
	FMOVQ (R12), F2
	FMOVQ (R13), F3
	VTRN1 V1.S4, V0.S4, V4.S4    // k0: r0 r1, k2: r0 r1
	VTRN2 V1.S4, V0.S4, V5.S4    // k1: r0 r1, k3: r0 r1
	VTRN1 V3.S4, V2.S4, V6.S4    // k0: r2 r3, k2: r2 r3
	VTRN2 V3.S4, V2.S4, V7.S4    // k1: r2 r3, k3: r2 r3
	VTRN1 V6.D2, V4.D2, V0.D2    // k0
	VTRN1 V7.D2, V5.D2, V1.D2    // k1
	VTRN2 V6.D2, V4.D2, V2.D2    // k2
	VTRN2 V7.D2, V5.D2, V3.D2    // k3
	MOVD  R8, R9
	VST1.P [V0.S4], (R9)(R1)
	VST1.P [V1.S4], (R9)(R1)
	VST1.P [V2.S4], (R9)(R1)
	VST1.P [V3.S4], (R9)(R1)
	ADD   $16, R8
	SUBS  $1, R7
	BNE   square
	ADD   R1<<2, R0
	ADD   $16, R5
	SUBS  $4, R4
	BNE   block
	RET

// func packCopyNEON(dst *float32, dstK int, src *float32, srcK, k, n int)
//
// Copies k >= 1 rows of n = 4, 8 or 12 values:
//
//	for l := range k {
//		for j := range n {
//			dst[l*dstK+j] = src[l*srcK+j]
//		}
//	}
//
//	R0 R1  dst and its step     R2 R3  src and its step     R4 R5  rows left, n
TEXT ·packCopyNEON(SB), NOSPLIT, $0-48
	MOVD dst+0(FP), R0
	MOVD dstK+8(FP), R1
	LSL  $2, R1
	MOVD src+16(FP), R2
	MOVD srcK+24(FP), R3
	LSL  $2, R3
	MOVD k+32(FP), R4
	MOVD n+40(FP), R5
	CMP  $8, R5
	BLT  four
	BEQ  eight

twelve:
	VLD1.P (R2)(R3), [V0.S4, V1.S4, V2.S4]
	VST1.P [V0.S4, V1.S4, V2.S4], (R0)(R1)
	SUBS   $1, R4
	BNE    twelve
	RET

eight:
	VLD1.P (R2)(R3), [V0.S4, V1.S4]
	VST1.P [V0.S4, V1.S4], (R0)(R1)
	SUBS   $1, R4
	BNE    eight
	RET

four:
	VLD1.P (R2)(R3), [V0.S4]
	VST1.P [V0.S4], (R0)(R1)
	SUBS   $1, R4
	BNE    four
	RET
