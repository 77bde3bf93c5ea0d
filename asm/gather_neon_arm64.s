//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// func gatherDotNEON(dst *[16]float32, h []float32, rows *[16]*float32)
//
//	for i := range 16 {
//		dst[i] = 0
//		for k := range h { dst[i] = FMA(h[k], rows[i][k], dst[i]) }
//	}
//
// Lane j of V(28+i) is row 4i+j, so the chains over k stay in order; four of
// them side by side hide the latency. Four k at a time: four rows are transposed,
// which gives one register for each k.
//
// R0 to R15 rows, R16 h, R17 the number of k left, V16 four of h. Requires len(h)
// to be a positive multiple of 4.
#define FOURROWS(p, q, r, s, acc) \
	FMOVQ.P 16(p), F0; \
	FMOVQ.P 16(q), F1; \
	FMOVQ.P 16(r), F2; \
	FMOVQ.P 16(s), F3; \
	VTRN1 V1.S4, V0.S4, V4.S4;   /* k0: r0 r1, k2: r0 r1 */ \
	VTRN2 V1.S4, V0.S4, V5.S4;   /* k1: r0 r1, k3: r0 r1 */ \
	VTRN1 V3.S4, V2.S4, V6.S4;   /* k0: r2 r3, k2: r2 r3 */ \
	VTRN2 V3.S4, V2.S4, V7.S4;   /* k1: r2 r3, k3: r2 r3 */ \
	VTRN1 V6.D2, V4.D2, V0.D2;   /* k0 */ \
	VTRN1 V7.D2, V5.D2, V1.D2;   /* k1 */ \
	VTRN2 V6.D2, V4.D2, V2.D2;   /* k2 */ \
	VTRN2 V7.D2, V5.D2, V3.D2;   /* k3 */ \
	FMLA4E(16, 0, 0, acc); \
	FMLA4E(16, 1, 1, acc); \
	FMLA4E(16, 2, 2, acc); \
	FMLA4E(16, 3, 3, acc)

TEXT ·gatherDotNEON(SB), NOSPLIT, $0-40
	MOVD h_base+8(FP), R16
	MOVD h_len+16(FP), R17
	MOVD rows+32(FP), R19
	LDP  0(R19), (R0, R1)
	LDP  16(R19), (R2, R3)
	LDP  32(R19), (R4, R5)
	LDP  48(R19), (R6, R7)
	LDP  64(R19), (R8, R9)
	LDP  80(R19), (R10, R11)
	LDP  96(R19), (R12, R13)
	LDP  112(R19), (R14, R15)
	ZEROV(28)
	ZEROV(29)
	ZEROV(30)
	ZEROV(31)

loop:
	FMOVQ.P 16(R16), F16
	FOURROWS(R0, R1, R2, R3, 28)
	FOURROWS(R4, R5, R6, R7, 29)
	FOURROWS(R8, R9, R10, R11, 30)
	FOURROWS(R12, R13, R14, R15, 31)
	SUBS $4, R17
	BNE  loop
	MOVD dst+0(FP), R0
	VST1 [V28.S4, V29.S4, V30.S4, V31.S4], (R0)
	RET

// func gatherAxpyNEON(dh []float32, coef, w []float32, stride int, ids []int32)
//
//	for i, id := range ids {
//		for k := range dh { dh[k] = FMA(coef[i], w[int(id)*stride+k], dh[k]) }
//	}
//
// dh stays in registers over all ids: 64 elements at a time, then 16, 4, 1. R0
// dh, R9 its remaining length, R1 coef, R2 w (moved with dh), R3 stride in bytes,
// R4 ids, R5 their number; within a pass R6 coef, R7 ids, R8 ids left, R10 the
// row, V0 the coefficient in lane 0. Requires the rows to lie in w.
#define PASS \
	MOVD R1, R6; \
	MOVD R4, R7; \
	MOVD R5, R8

#define ROW \
	MOVW.P 4(R7), R10; \
	FMOVS.P 4(R6), F0; \
	MADD R3, R2, R10, R10

#define AXPY16(a, b, c, d) \
	VLD1.P 64(R10), [V4.S4, V5.S4, V6.S4, V7.S4]; \
	FMLA4E(0, 0, 4, a); \
	FMLA4E(0, 0, 5, b); \
	FMLA4E(0, 0, 6, c); \
	FMLA4E(0, 0, 7, d)

TEXT ·gatherAxpyNEON(SB), NOSPLIT, $0-104
	MOVD dh_base+0(FP), R0
	MOVD dh_len+8(FP), R9
	MOVD coef_base+24(FP), R1
	MOVD w_base+48(FP), R2
	MOVD stride+72(FP), R3
	MOVD ids_base+80(FP), R4
	MOVD ids_len+88(FP), R5
	LSL  $2, R3
	CBZ  R5, done

wide:
	CMP  $64, R9
	BLT  middle
	FLDPQ 0(R0), (F16, F17)
	FLDPQ 32(R0), (F18, F19)
	FLDPQ 64(R0), (F20, F21)
	FLDPQ 96(R0), (F22, F23)
	FLDPQ 128(R0), (F24, F25)
	FLDPQ 160(R0), (F26, F27)
	FLDPQ 192(R0), (F28, F29)
	FLDPQ 224(R0), (F30, F31)
	PASS

wideloop:
	ROW
	AXPY16(16, 17, 18, 19)
	AXPY16(20, 21, 22, 23)
	AXPY16(24, 25, 26, 27)
	AXPY16(28, 29, 30, 31)
	SUBS $1, R8
	BNE  wideloop
	FSTPQ (F16, F17), 0(R0)
	FSTPQ (F18, F19), 32(R0)
	FSTPQ (F20, F21), 64(R0)
	FSTPQ (F22, F23), 96(R0)
	FSTPQ (F24, F25), 128(R0)
	FSTPQ (F26, F27), 160(R0)
	FSTPQ (F28, F29), 192(R0)
	FSTPQ (F30, F31), 224(R0)
	ADD  $256, R0
	ADD  $256, R2
	SUB  $64, R9
	B    wide

middle:
	CMP  $16, R9
	BLT  narrow
	FLDPQ 0(R0), (F16, F17)
	FLDPQ 32(R0), (F18, F19)
	PASS

middleloop:
	ROW
	AXPY16(16, 17, 18, 19)
	SUBS $1, R8
	BNE  middleloop
	FSTPQ (F16, F17), 0(R0)
	FSTPQ (F18, F19), 32(R0)
	ADD  $64, R0
	ADD  $64, R2
	SUB  $16, R9
	B    middle

narrow:
	CMP  $4, R9
	BLT  single
	FMOVQ (R0), F16
	PASS

narrowloop:
	ROW
	FMOVQ (R10), F4
	FMLA4E(0, 0, 4, 16)
	SUBS $1, R8
	BNE  narrowloop
	FMOVQ.P F16, 16(R0)
	ADD  $16, R2
	SUB  $4, R9
	B    narrow

single:
	CBZ  R9, done
	FMOVS (R0), F16
	PASS

singleloop:
	ROW
	FMOVS (R10), F4
	FMADDS F4, F16, F0, F16
	SUBS $1, R8
	BNE  singleloop
	FMOVS.P F16, 4(R0)
	ADD  $4, R2
	SUB  $1, R9
	B    single

done:
	RET

// func selectAboveNEON(idx []int32, x []float32, threshold float32, first int) int
//
//	for i, v := range x { if v > threshold { idx[n] = int32(first+i); n++ } }
//	return n
//
// R0 idx, R1 x, R2 index, R3 n, R9 elements left, V4 threshold. A comparison of
// 16 elements is narrowed to 4 bits each, of which R4 keeps one; R5 is the number
// of an element. Requires len(idx) >= len(x), len(x) a multiple of 16.
TEXT ·selectAboveNEON(SB), NOSPLIT, $0-72
	MOVD idx_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	FMOVS threshold+48(FP), F4
	MOVD first+56(FP), R2
	SPLAT4(4)
	MOVD ZR, R3
	CBZ  R9, done

loop:
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	FGT4(4, 0, 0)                         // x > threshold
	FGT4(4, 1, 1)
	FGT4(4, 2, 2)
	FGT4(4, 3, 3)
	VUZP1 V1.H8, V0.H8, V0.H8             // halfwords of elements 0-7
	VUZP1 V3.H8, V2.H8, V2.H8
	VUZP1 V2.B16, V0.B16, V0.B16          // bytes of elements 0-15
	SHRN8B(0, 0)                          // half a byte each
	FMOVD F0, R4
	ANDS $0x1111111111111111, R4
	BEQ  next

bit:
	RBIT R4, R5
	CLZ  R5, R5
	ADD  R5>>2, R2, R5
	MOVW R5, (R0)(R3<<2)
	ADD  $1, R3
	SUB  $1, R4, R6
	ANDS R6, R4                           // without its lowest bit
	BNE  bit

next:
	ADD  $16, R2
	SUBS $16, R9
	BNE  loop

done:
	MOVD R3, ret+64(FP)
	RET
