//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"
#include "vec_neon_arm64.h"

// func scaleGainNEON(dst, x, gain []float32, inv float32)
//
//	for i := range x { dst[i] = (x[i]*inv) * gain[i] }
//
// R0 dst, R1 x, R2 gain, V4 inv. Requires equal lengths.
#define GAINBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	LD(R2, 1); \
	FMUL4(4, 0, 0); \
	FMUL4(1, 0, 0); \
	ST(0, R0)

TEXT ·scaleGainNEON(SB), NOSPLIT, $0-76
	MOVD dst_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	MOVD gain_base+48(FP), R2
	FMOVS inv+72(FP), F4
	SPLAT4(4)
	EACH4(GAINBODY)
	RET

// func rmsDotNEON(dy, x, gain []float32, inv float32, lanes *[32]float32) float32
//
//	for i := range x { lanes[i%32] = FMA(dy[i]*gain[i], x[i]*inv, lanes[i%32]) }
//	return fold(*lanes)
//
// R0 dy, R1 x, R2 gain, V4 inv, R8 lanes. Requires equal lengths.
#define RMSDOTBODY(LD, acc) \
	LD(R0, 0); \
	LD(R1, 1); \
	LD(R2, 2); \
	FMUL4(2, 0, 0);              /* t */ \
	FMUL4(4, 1, 1);              /* h */ \
	FMLA4(1, 0, acc)

TEXT ·rmsDotNEON(SB), NOSPLIT, $0-92
	MOVD dy_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	MOVD gain_base+48(FP), R2
	FMOVS inv+72(FP), F4
	MOVD lanes+80(FP), R8
	SPLAT4(4)
	EACH32(RMSDOTBODY)
	FOLD
	FMOVS F24, ret+88(FP)
	RET

// func rmsInputNEON(dx, dy, x, gain []float32, inv, k float32)
//
//	for i := range x { dx[i] += inv * FMA(-(x[i]*inv), k, dy[i]*gain[i]) }
//
// R3 dx, R0 dy, R1 x, R2 gain, V4 inv, V5 k. Requires equal lengths.
#define RMSINPUTBODY(LD, PEEK, ST) \
	LD(R0, 0); \
	LD(R1, 1); \
	LD(R2, 2); \
	PEEK(R3, 3); \
	FMUL4(2, 0, 0);              /* t */ \
	FMUL4(4, 1, 1);              /* h */ \
	FMLS4(5, 1, 0);              /* fma(-h, k, t) */ \
	FMUL4(0, 4, 0); \
	FADD4(0, 3, 3); \
	ST(3, R3)

TEXT ·rmsInputNEON(SB), NOSPLIT, $0-104
	MOVD dx_base+0(FP), R3
	MOVD dy_base+24(FP), R0
	MOVD x_base+48(FP), R1
	MOVD x_len+56(FP), R9
	MOVD gain_base+72(FP), R2
	FMOVS inv+96(FP), F4
	FMOVS k+100(FP), F5
	SPLAT4(4)
	SPLAT4(5)
	EACH4(RMSINPUTBODY)
	RET

// func rmsGainNEON(dgain, dy, x []float32, inv float32)
//
//	for i := range x { dgain[i] = FMA(dy[i], x[i]*inv, dgain[i]) }
//
// R3 dgain, R0 dy, R1 x, V4 inv. Requires equal lengths.
#define RMSGAINBODY(LD, PEEK, ST) \
	LD(R0, 0); \
	LD(R1, 1); \
	PEEK(R3, 3); \
	FMUL4(4, 1, 1); \
	FMLA4(1, 0, 3); \
	ST(3, R3)

TEXT ·rmsGainNEON(SB), NOSPLIT, $0-76
	MOVD dgain_base+0(FP), R3
	MOVD dy_base+24(FP), R0
	MOVD x_base+48(FP), R1
	MOVD x_len+56(FP), R9
	FMOVS inv+72(FP), F4
	SPLAT4(4)
	EACH4(RMSGAINBODY)
	RET
