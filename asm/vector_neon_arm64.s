//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"
#include "vec_neon_arm64.h"

// func addNEON(dst, a, b []float32)
//
//	for i := range a { dst[i] = a[i] + b[i] }
//
// R0 dst, R1 a, R2 b. Requires equal lengths.
#define ADDBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	LD(R2, 1); \
	FADD4(1, 0, 0); \
	ST(0, R0)

TEXT ·addNEON(SB), NOSPLIT, $0-72
	MOVD dst_base+0(FP), R0
	MOVD a_base+24(FP), R1
	MOVD a_len+32(FP), R9
	MOVD b_base+48(FP), R2
	EACH4(ADDBODY)
	RET

// func mulNEON(dst, a, b []float32)
//
//	for i := range a { dst[i] = a[i] * b[i] }
//
// R0 dst, R1 a, R2 b. Requires equal lengths.
#define MULBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	LD(R2, 1); \
	FMUL4(1, 0, 0); \
	ST(0, R0)

TEXT ·mulNEON(SB), NOSPLIT, $0-72
	MOVD dst_base+0(FP), R0
	MOVD a_base+24(FP), R1
	MOVD a_len+32(FP), R9
	MOVD b_base+48(FP), R2
	EACH4(MULBODY)
	RET

// func scaleNEON(dst []float32, alpha float32, x []float32)
//
//	for i := range x { dst[i] = alpha * x[i] }
//
// R0 dst, V2 alpha, R1 x. Requires len(dst) = len(x).
#define SCALEBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	FMUL4(0, 2, 0); \
	ST(0, R0)

TEXT ·scaleNEON(SB), NOSPLIT, $0-56
	MOVD dst_base+0(FP), R0
	FMOVS alpha+24(FP), F2
	MOVD x_base+32(FP), R1
	MOVD x_len+40(FP), R9
	SPLAT4(2)
	EACH4(SCALEBODY)
	RET

// func divNEON(dst, x []float32, y float32)
//
//	for i := range x { dst[i] = x[i] / y }
//
// R0 dst, R1 x, V2 y. Requires len(dst) = len(x).
#define DIVBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	FDIV4(2, 0, 0); \
	ST(0, R0)

TEXT ·divNEON(SB), NOSPLIT, $0-52
	MOVD dst_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	FMOVS y+48(FP), F2
	SPLAT4(2)
	EACH4(DIVBODY)
	RET

// func axpyNEON(dst []float32, alpha float32, x []float32)
//
//	for i := range x { dst[i] = FMA(alpha, x[i], dst[i]) }
//
// R0 dst, V2 alpha, R1 x. Requires len(dst) = len(x).
#define AXPYBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	PEEK(R0, 1); \
	FMLA4(0, 2, 1); \
	ST(1, R0)

TEXT ·axpyNEON(SB), NOSPLIT, $0-56
	MOVD dst_base+0(FP), R0
	FMOVS alpha+24(FP), F2
	MOVD x_base+32(FP), R1
	MOVD x_len+40(FP), R9
	SPLAT4(2)
	EACH4(AXPYBODY)
	RET

// func ropeNEON(lo, hi, cos, sin []float32)
//
//	for i := range lo {
//		a, b := lo[i], hi[i]
//		lo[i] = FMA(-b, sin[i], a*cos[i])
//		hi[i] = FMA(a, sin[i], b*cos[i])
//	}
//
// R0 lo, R1 hi, R2 cos, R3 sin. Requires equal lengths.
#define ROPEBODY(LD, PEEK, ST) \
	PEEK(R0, 0); \
	PEEK(R1, 1); \
	LD(R2, 2); \
	LD(R3, 3); \
	FMUL4(2, 0, 4); \
	FMUL4(2, 1, 5); \
	FMLS4(3, 1, 4); \
	FMLA4(3, 0, 5); \
	ST(4, R0); \
	ST(5, R1)

TEXT ·ropeNEON(SB), NOSPLIT, $0-96
	MOVD lo_base+0(FP), R0
	MOVD lo_len+8(FP), R9
	MOVD hi_base+24(FP), R1
	MOVD cos_base+48(FP), R2
	MOVD sin_base+72(FP), R3
	EACH4(ROPEBODY)
	RET
