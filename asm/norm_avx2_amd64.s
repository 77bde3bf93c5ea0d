//go:build !purego

#include "textflag.h"
#include "vec_avx2_amd64.h"

// func scaleGainAVX2(dst, x, gain []float32, inv float32)
//
//	for i := range x { dst[i] = (x[i]*inv) * gain[i] }
//
// DI dst, SI x, BX gain, Y4 inv. Requires equal lengths.
#define GAINBODY(LD, ST) \
	LD(SI, Y0); \
	LD(BX, Y1); \
	VMULPS Y4, Y0, Y0; \
	VMULPS Y1, Y0, Y0; \
	ST(Y0, DI)

TEXT ·scaleGainAVX2(SB), NOSPLIT, $0-76
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ gain_base+48(FP), BX
	VBROADCASTSS inv+72(FP), Y4
	EACH8(GAINBODY)
	VZEROUPPER
	RET

// func rmsDotAVX2(dy, x, gain []float32, inv float32, lanes *[32]float32) float32
//
//	for i := range x { lanes[i%32] = FMA(dy[i]*gain[i], x[i]*inv, lanes[i%32]) }
//	return fold(*lanes)
//
// DI dy, SI x, BX gain, Y4 inv, R8 lanes. Requires equal lengths.
#define RMSDOTBODY(LD, acc, KEEP) \
	LD(DI, Y0); \
	LD(SI, Y1); \
	LD(BX, Y2); \
	VMULPS Y2, Y0, Y0;           /* t */ \
	VMULPS Y4, Y1, Y1;           /* h */ \
	KEEP(Y1);                    /* 0*inv may be NaN */ \
	VFMADD231PS Y1, Y0, acc

TEXT ·rmsDotAVX2(SB), NOSPLIT, $0-92
	MOVQ dy_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ gain_base+48(FP), BX
	VBROADCASTSS inv+72(FP), Y4
	MOVQ lanes+80(FP), R8
	LOADLANES(R8)
	EACH32(RMSDOTBODY)
	STORELANES(R8)
	FOLD
	VMOVSS X8, ret+88(FP)
	VZEROUPPER
	RET

// func rmsInputAVX2(dx, dy, x, gain []float32, inv, k float32)
//
//	for i := range x { dx[i] += inv * FMA(-(x[i]*inv), k, dy[i]*gain[i]) }
//
// R9 dx, DI dy, SI x, BX gain, Y4 inv, Y5 k. Requires equal lengths.
#define RMSINPUTBODY(LD, ST) \
	LD(DI, Y0); \
	LD(SI, Y1); \
	LD(BX, Y2); \
	LD(R9, Y3); \
	VMULPS Y2, Y0, Y0;           /* t */ \
	VMULPS Y4, Y1, Y1;           /* h */ \
	VFNMADD231PS Y5, Y1, Y0;     /* fma(-h, k, t) */ \
	VMULPS Y0, Y4, Y0; \
	VADDPS Y0, Y3, Y3; \
	ST(Y3, R9)

TEXT ·rmsInputAVX2(SB), NOSPLIT, $0-104
	MOVQ dx_base+0(FP), R9
	MOVQ dy_base+24(FP), DI
	MOVQ x_base+48(FP), SI
	MOVQ x_len+56(FP), CX
	MOVQ gain_base+72(FP), BX
	VBROADCASTSS inv+96(FP), Y4
	VBROADCASTSS k+100(FP), Y5
	EACH8(RMSINPUTBODY)
	VZEROUPPER
	RET

// func rmsGainAVX2(dgain, dy, x []float32, inv float32)
//
//	for i := range x { dgain[i] = FMA(dy[i], x[i]*inv, dgain[i]) }
//
// R9 dgain, DI dy, SI x, Y4 inv. Requires equal lengths.
#define RMSGAINBODY(LD, ST) \
	LD(DI, Y0); \
	LD(SI, Y1); \
	LD(R9, Y3); \
	VMULPS Y4, Y1, Y1; \
	VFMADD231PS Y1, Y0, Y3; \
	ST(Y3, R9)

TEXT ·rmsGainAVX2(SB), NOSPLIT, $0-76
	MOVQ dgain_base+0(FP), R9
	MOVQ dy_base+24(FP), DI
	MOVQ x_base+48(FP), SI
	MOVQ x_len+56(FP), CX
	VBROADCASTSS inv+72(FP), Y4
	EACH8(RMSGAINBODY)
	VZEROUPPER
	RET
