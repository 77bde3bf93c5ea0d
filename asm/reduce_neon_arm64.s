//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"
#include "vec_neon_arm64.h"

// func sumNEON(x []float32, lanes *[32]float32) float32
//
//	for i := range x { lanes[i%32] += x[i] }
//	return fold(*lanes)
//
// R1 x, R8 lanes.
#define SUMBODY(LD, acc) \
	LD(R1, 0); \
	FADD4(0, acc, acc)

TEXT ·sumNEON(SB), NOSPLIT, $0-36
	MOVD x_base+0(FP), R1
	MOVD x_len+8(FP), R9
	MOVD lanes+24(FP), R8
	EACH32(SUMBODY)
	FOLD
	FMOVS F24, ret+32(FP)
	RET

// func dotNEON(a, b []float32, lanes *[32]float32) float32
//
//	for i := range a { lanes[i%32] = FMA(a[i], b[i], lanes[i%32]) }
//	return fold(*lanes)
//
// R1 a, R2 b, R8 lanes. Requires len(a) = len(b).
#define DOTBODY(LD, acc) \
	LD(R1, 0); \
	LD(R2, 1); \
	FMLA4(1, 0, acc)

TEXT ·dotNEON(SB), NOSPLIT, $0-60
	MOVD a_base+0(FP), R1
	MOVD a_len+8(FP), R9
	MOVD b_base+24(FP), R2
	MOVD lanes+48(FP), R8
	EACH32(DOTBODY)
	FOLD
	FMOVS F24, ret+56(FP)
	RET

// func maxNEON(x []float32, lanes *[32]float32) (max float32, nan bool)
//
//	for i, v := range x {
//		if v > lanes[i%32] { lanes[i%32] = v }
//		nan = nan || v != v
//	}
//	return the fold of lanes by the same comparison, nan
//
// R1 x, R8 lanes; a lane of V7 keeps its bits until its first NaN. FMAX and
// FMAXNM are not used: they order the zeros and treat NaN differently.
#define GREATER(m, d) \
	FGT4(d, m, 1); \
	BITV(1, m, d)

#define MAXBODY(LD, acc) \
	LD(R1, 0); \
	FEQ4(0, 0, 2); \
	ANDV(2, 7, 7); \
	GREATER(0, acc)

TEXT ·maxNEON(SB), NOSPLIT, $0-37
	MOVD x_base+0(FP), R1
	MOVD x_len+8(FP), R9
	MOVD lanes+24(FP), R8
	VMOVI $255, V7.B16
	EACH32(MAXBODY)
	FOLDBY(GREATER)
	FMOVS F24, max+32(FP)
	VMOV V7.D[0], R0
	VMOV V7.D[1], R1
	AND  R1, R0
	CMN  $1, R0
	CSET NE, R0
	MOVB R0, nan+36(FP)
	RET

// func moments64NEON(g, m []float32, lanes *[3][32]float64)
//
//	for i := range g {
//		a, b := float64(g[i]), float64(m[i])
//		lanes[0][i%32] += a*a; lanes[1][i%32] += a*b; lanes[2][i%32] += b*b
//	}
//
// The products are exact, so fma rounds as the sum does. The registers hold 16
// lanes, hence two passes. R0 g, R1 m, R8 lanes, R9 blocks of 32, R10 passes
// left; within a pass R2 g, R3 m, R4 blocks left; V8 to V15, V16 to V23, V24 to
// V31 lanes of g², gm, m². Requires len(g) = len(m), a multiple of 32.
#define MOMENT(aa, aaH, ab, abH, bb, bbH) \
	FMOVQ.P 16(R2), F0; \
	FMOVQ.P 16(R3), F1; \
	WIDEN2(0, 2); \
	WIDEN2H(0, 3); \
	WIDEN2(1, 4); \
	WIDEN2H(1, 5); \
	FMLA2(2, 2, aa); \
	FMLA2(3, 3, aaH); \
	FMLA2(2, 4, ab); \
	FMLA2(3, 5, abH); \
	FMLA2(4, 4, bb); \
	FMLA2(5, 5, bbH)

TEXT ·moments64NEON(SB), NOSPLIT, $0-56
	MOVD g_base+0(FP), R0
	MOVD g_len+8(FP), R9
	MOVD m_base+24(FP), R1
	MOVD lanes+48(FP), R8
	LSR  $5, R9
	CBZ  R9, done
	MOVD $2, R10

pass:
	FLDPQ 0(R8), (F8, F9)
	FLDPQ 32(R8), (F10, F11)
	FLDPQ 64(R8), (F12, F13)
	FLDPQ 96(R8), (F14, F15)
	FLDPQ 256(R8), (F16, F17)
	FLDPQ 288(R8), (F18, F19)
	FLDPQ 320(R8), (F20, F21)
	FLDPQ 352(R8), (F22, F23)
	FLDPQ 512(R8), (F24, F25)
	FLDPQ 544(R8), (F26, F27)
	FLDPQ 576(R8), (F28, F29)
	FLDPQ 608(R8), (F30, F31)
	MOVD R0, R2
	MOVD R1, R3
	MOVD R9, R4

loop:
	MOMENT(8, 9, 16, 17, 24, 25)
	MOMENT(10, 11, 18, 19, 26, 27)
	MOMENT(12, 13, 20, 21, 28, 29)
	MOMENT(14, 15, 22, 23, 30, 31)
	ADD  $64, R2          // past the other pass's 16
	ADD  $64, R3
	SUBS $1, R4
	BNE  loop
	FSTPQ (F8, F9), 0(R8)
	FSTPQ (F10, F11), 32(R8)
	FSTPQ (F12, F13), 64(R8)
	FSTPQ (F14, F15), 96(R8)
	FSTPQ (F16, F17), 256(R8)
	FSTPQ (F18, F19), 288(R8)
	FSTPQ (F20, F21), 320(R8)
	FSTPQ (F22, F23), 352(R8)
	FSTPQ (F24, F25), 512(R8)
	FSTPQ (F26, F27), 544(R8)
	FSTPQ (F28, F29), 576(R8)
	FSTPQ (F30, F31), 608(R8)
	ADD  $64, R0
	ADD  $64, R1
	ADD  $128, R8
	SUBS $1, R10
	BNE  pass

done:
	RET

// func sumSquares64NEON(x []float32, lanes *[32]float64)
//
//	for i := range x { lanes[i%32] += float64(x[i]) * float64(x[i]) }
//
// R1 x, R8 lanes, R9 blocks of 32; lanes in V16 to V31. Requires a multiple of 32.
#define SQUARE(acc, accH) \
	FMOVQ.P 16(R1), F0; \
	WIDEN2(0, 1); \
	WIDEN2H(0, 2); \
	FMLA2(1, 1, acc); \
	FMLA2(2, 2, accH)

TEXT ·sumSquares64NEON(SB), NOSPLIT, $0-32
	MOVD x_base+0(FP), R1
	MOVD x_len+8(FP), R9
	MOVD lanes+24(FP), R8
	LSR  $5, R9
	CBZ  R9, done
	FLDPQ 0(R8), (F16, F17)
	FLDPQ 32(R8), (F18, F19)
	FLDPQ 64(R8), (F20, F21)
	FLDPQ 96(R8), (F22, F23)
	FLDPQ 128(R8), (F24, F25)
	FLDPQ 160(R8), (F26, F27)
	FLDPQ 192(R8), (F28, F29)
	FLDPQ 224(R8), (F30, F31)

loop:
	SQUARE(16, 17)
	SQUARE(18, 19)
	SQUARE(20, 21)
	SQUARE(22, 23)
	SQUARE(24, 25)
	SQUARE(26, 27)
	SQUARE(28, 29)
	SQUARE(30, 31)
	SUBS $1, R9
	BNE  loop
	FSTPQ (F16, F17), 0(R8)
	FSTPQ (F18, F19), 32(R8)
	FSTPQ (F20, F21), 64(R8)
	FSTPQ (F22, F23), 96(R8)
	FSTPQ (F24, F25), 128(R8)
	FSTPQ (F26, F27), 160(R8)
	FSTPQ (F28, F29), 192(R8)
	FSTPQ (F30, F31), 224(R8)

done:
	RET
