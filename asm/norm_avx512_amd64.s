//go:build !purego

#include "textflag.h"
#include "vec_avx512_amd64.h"

// func scaleGainAVX512(dst, x, gain []float32, inv float32)
//
//	for i := range x { dst[i] = (x[i]*inv) * gain[i] }
//
// DI dst, SI x, BX gain, Z4 inv. Requires equal lengths.
#define GAINBODY(LD, ST) \
	LD(SI, Z0); \
	LD(BX, Z1); \
	VMULPS Z4, Z0, Z0; \
	VMULPS Z1, Z0, Z0; \
	ST(Z0, DI)

TEXT ·scaleGainAVX512(SB), NOSPLIT, $0-76
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ gain_base+48(FP), BX
	VBROADCASTSS inv+72(FP), Z4
	EACH16(GAINBODY)
	VZEROUPPER
	RET

// func rmsDotAVX512(dy, x, gain []float32, inv float32, lanes *[32]float32) float32
//
//	for i := range x { lanes[i%32] = FMA(dy[i]*gain[i], x[i]*inv, lanes[i%32]) }
//	return fold(*lanes)
//
// DI dy, SI x, BX gain, Z4 inv, R8 lanes. Requires equal lengths.
#define RMSDOTBODY(LD, acc, OP) \
	LD(DI, Z0); \
	LD(SI, Z1); \
	LD(BX, Z2); \
	VMULPS Z2, Z0, Z0;           /* t */ \
	VMULPS Z4, Z1, Z1;           /* h */ \
	OP(VFMADD231PS, Z1, Z0, acc)

TEXT ·rmsDotAVX512(SB), NOSPLIT, $0-92
	MOVQ dy_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ gain_base+48(FP), BX
	VBROADCASTSS inv+72(FP), Z4
	MOVQ lanes+80(FP), R8
	VMOVUPS 0(R8), Z8
	VMOVUPS 64(R8), Z9
	EACH32(RMSDOTBODY)
	VMOVUPS Z8, 0(R8)
	VMOVUPS Z9, 64(R8)
	FOLD
	VMOVSS X8, ret+88(FP)
	VZEROUPPER
	RET

// func rmsInputAVX512(dx, dy, x, gain []float32, inv, k float32)
//
//	for i := range x { dx[i] += inv * FMA(-(x[i]*inv), k, dy[i]*gain[i]) }
//
// R9 dx, DI dy, SI x, BX gain, Z4 inv, Z5 k. Requires equal lengths.
#define RMSINPUTBODY(LD, ST) \
	LD(DI, Z0); \
	LD(SI, Z1); \
	LD(BX, Z2); \
	LD(R9, Z3); \
	VMULPS Z2, Z0, Z0;           /* t */ \
	VMULPS Z4, Z1, Z1;           /* h */ \
	VFNMADD231PS Z5, Z1, Z0;     /* fma(-h, k, t) */ \
	VMULPS Z0, Z4, Z0; \
	VADDPS Z0, Z3, Z3; \
	ST(Z3, R9)

TEXT ·rmsInputAVX512(SB), NOSPLIT, $0-104
	MOVQ dx_base+0(FP), R9
	MOVQ dy_base+24(FP), DI
	MOVQ x_base+48(FP), SI
	MOVQ x_len+56(FP), CX
	MOVQ gain_base+72(FP), BX
	VBROADCASTSS inv+96(FP), Z4
	VBROADCASTSS k+100(FP), Z5
	EACH16(RMSINPUTBODY)
	VZEROUPPER
	RET

// func rmsGainAVX512(dgain, dy, x []float32, inv float32)
//
//	for i := range x { dgain[i] = FMA(dy[i], x[i]*inv, dgain[i]) }
//
// R9 dgain, DI dy, SI x, Z4 inv. Requires equal lengths.
#define RMSGAINBODY(LD, ST) \
	LD(DI, Z0); \
	LD(SI, Z1); \
	LD(R9, Z3); \
	VMULPS Z4, Z1, Z1; \
	VFMADD231PS Z1, Z0, Z3; \
	ST(Z3, R9)

TEXT ·rmsGainAVX512(SB), NOSPLIT, $0-76
	MOVQ dgain_base+0(FP), R9
	MOVQ dy_base+24(FP), DI
	MOVQ x_base+48(FP), SI
	MOVQ x_len+56(FP), CX
	VBROADCASTSS inv+72(FP), Z4
	EACH16(RMSGAINBODY)
	VZEROUPPER
	RET
