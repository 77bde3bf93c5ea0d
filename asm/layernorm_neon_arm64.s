//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"
#include "vec_neon_arm64.h"

// func subSquaresNEON(x []float32, mean float32, lanes *[32]float32) float32
//
//	for i := range x { c := x[i]-mean; lanes[i%32] = FMA(c, c, lanes[i%32]) }
//	return fold(*lanes)
//
// R1 x, V4 mean, R8 lanes.
#define SUBSQUARESBODY(LD, acc) \
	LD(R1, 0); \
	FSUB4(4, 0, 0); \
	FMLA4(0, 0, acc)

TEXT ·subSquaresNEON(SB), NOSPLIT, $0-44
	MOVD x_base+0(FP), R1
	MOVD x_len+8(FP), R9
	FMOVS mean+24(FP), F4
	MOVD lanes+32(FP), R8
	SPLAT4(4)
	EACH32(SUBSQUARESBODY)
	FOLD
	FMOVS F24, ret+40(FP)
	RET

// func layerScaleNEON(dst, x, gain, bias []float32, mean, inv float32)
//
//	for i := range x { dst[i] = FMA((x[i]-mean)*inv, gain[i], bias[i]) }
//
// R0 dst, R1 x, R2 gain, R3 bias, V4 mean, V5 inv. Requires equal lengths.
#define LAYERSCALEBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	LD(R2, 1); \
	LD(R3, 2); \
	FSUB4(4, 0, 0); \
	FMUL4(5, 0, 0); \
	FMLA4(1, 0, 2); \
	ST(2, R0)

TEXT ·layerScaleNEON(SB), NOSPLIT, $0-104
	MOVD dst_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	MOVD gain_base+48(FP), R2
	MOVD bias_base+72(FP), R3
	FMOVS mean+96(FP), F4
	FMOVS inv+100(FP), F5
	SPLAT4(4)
	SPLAT4(5)
	EACH4(LAYERSCALEBODY)
	RET

// func layerDotNEON(dy, x, gain []float32, mean, inv float32, lanes *[32]float32) float32
//
//	for i := range x {
//		lanes[i%32] = FMA(dy[i]*gain[i], (x[i]-mean)*inv, lanes[i%32])
//	}
//	return fold(*lanes)
//
// R0 dy, R1 x, R2 gain, V4 mean, V5 inv, R8 lanes. Requires equal lengths.
#define LAYERDOTBODY(LD, acc) \
	LD(R0, 0); \
	LD(R1, 1); \
	LD(R2, 2); \
	FMUL4(2, 0, 0);              /* t */ \
	FSUB4(4, 1, 1); \
	FMUL4(5, 1, 1);              /* h */ \
	FMLA4(1, 0, acc)

TEXT ·layerDotNEON(SB), NOSPLIT, $0-92
	MOVD dy_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	MOVD gain_base+48(FP), R2
	FMOVS mean+72(FP), F4
	FMOVS inv+76(FP), F5
	MOVD lanes+80(FP), R8
	SPLAT4(4)
	SPLAT4(5)
	EACH32(LAYERDOTBODY)
	FOLD
	FMOVS F24, ret+88(FP)
	RET

// func sumMulNEON(a, b []float32, lanes *[32]float32) float32
//
//	for i := range a { lanes[i%32] += a[i]*b[i] }, the product rounded
//	return fold(*lanes)
//
// R1 a, R2 b, R8 lanes. Requires len(a) = len(b).
#define SUMMULBODY(LD, acc) \
	LD(R1, 0); \
	LD(R2, 1); \
	FMUL4(1, 0, 0); \
	FADD4(0, acc, acc)

TEXT ·sumMulNEON(SB), NOSPLIT, $0-60
	MOVD a_base+0(FP), R1
	MOVD a_len+8(FP), R9
	MOVD b_base+24(FP), R2
	MOVD lanes+48(FP), R8
	EACH32(SUMMULBODY)
	FOLD
	FMOVS F24, ret+56(FP)
	RET

// func layerInputNEON(dx, dy, x, gain []float32, mean, inv, k1, k2 float32)
//
//	for i := range x {
//		dx[i] += inv * (FMA(-((x[i]-mean)*inv), k2, dy[i]*gain[i]) - k1)
//	}
//
// R3 dx, R0 dy, R1 x, R2 gain, V4 mean, V5 inv, V6 k1, V7 k2. Requires equal
// lengths.
#define LAYERINPUTBODY(LD, PEEK, ST) \
	LD(R0, 0); \
	LD(R1, 1); \
	LD(R2, 2); \
	PEEK(R3, 3); \
	FMUL4(2, 0, 0);              /* t */ \
	FSUB4(4, 1, 1); \
	FMUL4(5, 1, 1);              /* h */ \
	FMLS4(7, 1, 0);              /* fma(-h, k2, t) */ \
	FSUB4(6, 0, 0); \
	FMUL4(0, 5, 0); \
	FADD4(0, 3, 3); \
	ST(3, R3)

TEXT ·layerInputNEON(SB), NOSPLIT, $0-112
	MOVD dx_base+0(FP), R3
	MOVD dy_base+24(FP), R0
	MOVD x_base+48(FP), R1
	MOVD x_len+56(FP), R9
	MOVD gain_base+72(FP), R2
	FMOVS mean+96(FP), F4
	FMOVS inv+100(FP), F5
	FMOVS k1+104(FP), F6
	FMOVS k2+108(FP), F7
	SPLAT4(4)
	SPLAT4(5)
	SPLAT4(6)
	SPLAT4(7)
	EACH4(LAYERINPUTBODY)
	RET

// func layerGainNEON(dgain, dbias, dy, x []float32, mean, inv float32)
//
//	for i := range x {
//		dgain[i] = FMA(dy[i], (x[i]-mean)*inv, dgain[i])
//		dbias[i] += dy[i]
//	}
//
// R3 dgain, R2 dbias, R0 dy, R1 x, V4 mean, V5 inv. Requires equal lengths.
#define LAYERGAINBODY(LD, PEEK, ST) \
	LD(R0, 0); \
	LD(R1, 1); \
	PEEK(R2, 2); \
	PEEK(R3, 3); \
	FSUB4(4, 1, 1); \
	FMUL4(5, 1, 1); \
	FMLA4(1, 0, 3); \
	FADD4(0, 2, 2); \
	ST(3, R3); \
	ST(2, R2)

TEXT ·layerGainNEON(SB), NOSPLIT, $0-104
	MOVD dgain_base+0(FP), R3
	MOVD dbias_base+24(FP), R2
	MOVD dy_base+48(FP), R0
	MOVD x_base+72(FP), R1
	MOVD x_len+80(FP), R9
	FMOVS mean+96(FP), F4
	FMOVS inv+100(FP), F5
	SPLAT4(4)
	SPLAT4(5)
	EACH4(LAYERGAINBODY)
	RET
