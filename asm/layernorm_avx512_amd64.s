//go:build !purego

#include "textflag.h"
#include "vec_avx512_amd64.h"

// func subSquaresAVX512(x []float32, mean float32, lanes *[32]float32) float32
//
//	for i := range x { c := x[i]-mean; lanes[i%32] = FMA(c, c, lanes[i%32]) }
//	return fold(*lanes)
//
// SI x, Z4 mean, R8 lanes.
#define SUBSQUARESBODY(LD, acc, OP) \
	LD(SI, Z0); \
	VSUBPS Z4, Z0, Z0; \
	OP(VFMADD231PS, Z0, Z0, acc)

TEXT ·subSquaresAVX512(SB), NOSPLIT, $0-44
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	VBROADCASTSS mean+24(FP), Z4
	MOVQ lanes+32(FP), R8
	VMOVUPS 0(R8), Z8
	VMOVUPS 64(R8), Z9
	EACH32(SUBSQUARESBODY)
	VMOVUPS Z8, 0(R8)
	VMOVUPS Z9, 64(R8)
	FOLD
	VMOVSS X8, ret+40(FP)
	VZEROUPPER
	RET

// func layerScaleAVX512(dst, x, gain, bias []float32, mean, inv float32)
//
//	for i := range x { dst[i] = FMA((x[i]-mean)*inv, gain[i], bias[i]) }
//
// R9 dst, SI x, BX gain, DI bias, Z4 mean, Z5 inv. Requires equal lengths.
#define LAYERSCALEBODY(LD, ST) \
	LD(SI, Z0); \
	LD(BX, Z1); \
	LD(DI, Z2); \
	VSUBPS Z4, Z0, Z0; \
	VMULPS Z5, Z0, Z0; \
	VFMADD231PS Z1, Z0, Z2; \
	ST(Z2, R9)

TEXT ·layerScaleAVX512(SB), NOSPLIT, $0-104
	MOVQ dst_base+0(FP), R9
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ gain_base+48(FP), BX
	MOVQ bias_base+72(FP), DI
	VBROADCASTSS mean+96(FP), Z4
	VBROADCASTSS inv+100(FP), Z5
	EACH16(LAYERSCALEBODY)
	VZEROUPPER
	RET

// func layerDotAVX512(dy, x, gain []float32, mean, inv float32, lanes *[32]float32) float32
//
//	for i := range x {
//		lanes[i%32] = FMA(dy[i]*gain[i], (x[i]-mean)*inv, lanes[i%32])
//	}
//	return fold(*lanes)
//
// DI dy, SI x, BX gain, Z4 mean, Z5 inv, R8 lanes. Requires equal lengths.
#define LAYERDOTBODY(LD, acc, OP) \
	LD(DI, Z0); \
	LD(SI, Z1); \
	LD(BX, Z2); \
	VMULPS Z2, Z0, Z0;           /* t */ \
	VSUBPS Z4, Z1, Z1; \
	VMULPS Z5, Z1, Z1;           /* h */ \
	OP(VFMADD231PS, Z1, Z0, acc)

TEXT ·layerDotAVX512(SB), NOSPLIT, $0-92
	MOVQ dy_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ gain_base+48(FP), BX
	VBROADCASTSS mean+72(FP), Z4
	VBROADCASTSS inv+76(FP), Z5
	MOVQ lanes+80(FP), R8
	VMOVUPS 0(R8), Z8
	VMOVUPS 64(R8), Z9
	EACH32(LAYERDOTBODY)
	VMOVUPS Z8, 0(R8)
	VMOVUPS Z9, 64(R8)
	FOLD
	VMOVSS X8, ret+88(FP)
	VZEROUPPER
	RET

// func sumMulAVX512(a, b []float32, lanes *[32]float32) float32
//
//	for i := range a { lanes[i%32] += a[i]*b[i] }, the product rounded
//	return fold(*lanes)
//
// SI a, BX b, R8 lanes. Requires len(a) = len(b).
#define SUMMULBODY(LD, acc, OP) \
	LD(SI, Z0); \
	LD(BX, Z1); \
	VMULPS Z1, Z0, Z0; \
	OP(VADDPS, Z0, acc, acc)

TEXT ·sumMulAVX512(SB), NOSPLIT, $0-60
	MOVQ a_base+0(FP), SI
	MOVQ a_len+8(FP), CX
	MOVQ b_base+24(FP), BX
	MOVQ lanes+48(FP), R8
	VMOVUPS 0(R8), Z8
	VMOVUPS 64(R8), Z9
	EACH32(SUMMULBODY)
	VMOVUPS Z8, 0(R8)
	VMOVUPS Z9, 64(R8)
	FOLD
	VMOVSS X8, ret+56(FP)
	VZEROUPPER
	RET

// func layerInputAVX512(dx, dy, x, gain []float32, mean, inv, k1, k2 float32)
//
//	for i := range x {
//		dx[i] += inv * (FMA(-((x[i]-mean)*inv), k2, dy[i]*gain[i]) - k1)
//	}
//
// R9 dx, DI dy, SI x, BX gain, Z4 mean, Z5 inv, Z6 k1, Z7 k2. Requires equal
// lengths.
#define LAYERINPUTBODY(LD, ST) \
	LD(DI, Z0); \
	LD(SI, Z1); \
	LD(BX, Z2); \
	LD(R9, Z3); \
	VMULPS Z2, Z0, Z0;           /* t */ \
	VSUBPS Z4, Z1, Z1; \
	VMULPS Z5, Z1, Z1;           /* h */ \
	VFNMADD231PS Z7, Z1, Z0;     /* fma(-h, k2, t) */ \
	VSUBPS Z6, Z0, Z0; \
	VMULPS Z0, Z5, Z0; \
	VADDPS Z0, Z3, Z3; \
	ST(Z3, R9)

TEXT ·layerInputAVX512(SB), NOSPLIT, $0-112
	MOVQ dx_base+0(FP), R9
	MOVQ dy_base+24(FP), DI
	MOVQ x_base+48(FP), SI
	MOVQ x_len+56(FP), CX
	MOVQ gain_base+72(FP), BX
	VBROADCASTSS mean+96(FP), Z4
	VBROADCASTSS inv+100(FP), Z5
	VBROADCASTSS k1+104(FP), Z6
	VBROADCASTSS k2+108(FP), Z7
	EACH16(LAYERINPUTBODY)
	VZEROUPPER
	RET

// func layerGainAVX512(dgain, dbias, dy, x []float32, mean, inv float32)
//
//	for i := range x {
//		dgain[i] = FMA(dy[i], (x[i]-mean)*inv, dgain[i])
//		dbias[i] += dy[i]
//	}
//
// R9 dgain, BX dbias, DI dy, SI x, Z4 mean, Z5 inv. Requires equal lengths.
#define LAYERGAINBODY(LD, ST) \
	LD(DI, Z0); \
	LD(SI, Z1); \
	LD(BX, Z2); \
	LD(R9, Z3); \
	VSUBPS Z4, Z1, Z1; \
	VMULPS Z5, Z1, Z1; \
	VFMADD231PS Z1, Z0, Z3; \
	VADDPS Z0, Z2, Z2; \
	ST(Z3, R9); \
	ST(Z2, BX)

TEXT ·layerGainAVX512(SB), NOSPLIT, $0-104
	MOVQ dgain_base+0(FP), R9
	MOVQ dbias_base+24(FP), BX
	MOVQ dy_base+48(FP), DI
	MOVQ x_base+72(FP), SI
	MOVQ x_len+80(FP), CX
	VBROADCASTSS mean+96(FP), Z4
	VBROADCASTSS inv+100(FP), Z5
	EACH16(LAYERGAINBODY)
	VZEROUPPER
	RET
