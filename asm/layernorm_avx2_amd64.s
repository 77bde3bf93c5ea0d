//go:build !purego

#include "textflag.h"
#include "vec_avx2_amd64.h"

// func subSquaresAVX2(x []float32, mean float32, lanes *[32]float32) float32
//
//	for i := range x { c := x[i]-mean; lanes[i%32] = FMA(c, c, lanes[i%32]) }
//	return fold(*lanes)
//
// SI x, Y4 mean, R8 lanes.
#define SUBSQUARESBODY(LD, acc, KEEP) \
	LD(SI, Y0); \
	VSUBPS Y4, Y0, Y0; \
	KEEP(Y0); \
	VFMADD231PS Y0, Y0, acc

TEXT ·subSquaresAVX2(SB), NOSPLIT, $0-44
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	VBROADCASTSS mean+24(FP), Y4
	MOVQ lanes+32(FP), R8
	LOADLANES(R8)
	EACH32(SUBSQUARESBODY)
	STORELANES(R8)
	FOLD
	VMOVSS X8, ret+40(FP)
	VZEROUPPER
	RET

// func layerScaleAVX2(dst, x, gain, bias []float32, mean, inv float32)
//
//	for i := range x { dst[i] = FMA((x[i]-mean)*inv, gain[i], bias[i]) }
//
// R9 dst, SI x, BX gain, DI bias, Y4 mean, Y5 inv. Requires equal lengths.
#define LAYERSCALEBODY(LD, ST) \
	LD(SI, Y0); \
	LD(BX, Y1); \
	LD(DI, Y2); \
	VSUBPS Y4, Y0, Y0; \
	VMULPS Y5, Y0, Y0; \
	VFMADD231PS Y1, Y0, Y2; \
	ST(Y2, R9)

TEXT ·layerScaleAVX2(SB), NOSPLIT, $0-104
	MOVQ dst_base+0(FP), R9
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ gain_base+48(FP), BX
	MOVQ bias_base+72(FP), DI
	VBROADCASTSS mean+96(FP), Y4
	VBROADCASTSS inv+100(FP), Y5
	EACH8(LAYERSCALEBODY)
	VZEROUPPER
	RET

// func layerDotAVX2(dy, x, gain []float32, mean, inv float32, lanes *[32]float32) float32
//
//	for i := range x {
//		lanes[i%32] = FMA(dy[i]*gain[i], (x[i]-mean)*inv, lanes[i%32])
//	}
//	return fold(*lanes)
//
// DI dy, SI x, BX gain, Y4 mean, Y5 inv, R8 lanes. Requires equal lengths.
#define LAYERDOTBODY(LD, acc, KEEP) \
	LD(DI, Y0); \
	LD(SI, Y1); \
	LD(BX, Y2); \
	VMULPS Y2, Y0, Y0;           /* t */ \
	VSUBPS Y4, Y1, Y1; \
	VMULPS Y5, Y1, Y1;           /* h */ \
	KEEP(Y1);                    /* 0*inv may be NaN */ \
	VFMADD231PS Y1, Y0, acc

TEXT ·layerDotAVX2(SB), NOSPLIT, $0-92
	MOVQ dy_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ gain_base+48(FP), BX
	VBROADCASTSS mean+72(FP), Y4
	VBROADCASTSS inv+76(FP), Y5
	MOVQ lanes+80(FP), R8
	LOADLANES(R8)
	EACH32(LAYERDOTBODY)
	STORELANES(R8)
	FOLD
	VMOVSS X8, ret+88(FP)
	VZEROUPPER
	RET

// func sumMulAVX2(a, b []float32, lanes *[32]float32) float32
//
//	for i := range a { lanes[i%32] += a[i]*b[i] }, the product rounded
//	return fold(*lanes)
//
// SI a, BX b, R8 lanes. Requires len(a) = len(b).
#define SUMMULBODY(LD, acc, KEEP) \
	LD(SI, Y0); \
	LD(BX, Y1); \
	VMULPS Y1, Y0, Y0; \
	VADDPS Y0, acc, acc

TEXT ·sumMulAVX2(SB), NOSPLIT, $0-60
	MOVQ a_base+0(FP), SI
	MOVQ a_len+8(FP), CX
	MOVQ b_base+24(FP), BX
	MOVQ lanes+48(FP), R8
	LOADLANES(R8)
	EACH32(SUMMULBODY)
	STORELANES(R8)
	FOLD
	VMOVSS X8, ret+56(FP)
	VZEROUPPER
	RET

// func layerInputAVX2(dx, dy, x, gain []float32, mean, inv, k1, k2 float32)
//
//	for i := range x {
//		dx[i] += inv * (FMA(-((x[i]-mean)*inv), k2, dy[i]*gain[i]) - k1)
//	}
//
// R9 dx, DI dy, SI x, BX gain, Y4 mean, Y5 inv, Y6 k1, Y7 k2. Requires equal
// lengths.
#define LAYERINPUTBODY(LD, ST) \
	LD(DI, Y0); \
	LD(SI, Y1); \
	LD(BX, Y2); \
	LD(R9, Y3); \
	VMULPS Y2, Y0, Y0;           /* t */ \
	VSUBPS Y4, Y1, Y1; \
	VMULPS Y5, Y1, Y1;           /* h */ \
	VFNMADD231PS Y7, Y1, Y0;     /* fma(-h, k2, t) */ \
	VSUBPS Y6, Y0, Y0; \
	VMULPS Y0, Y5, Y0; \
	VADDPS Y0, Y3, Y3; \
	ST(Y3, R9)

TEXT ·layerInputAVX2(SB), NOSPLIT, $0-112
	MOVQ dx_base+0(FP), R9
	MOVQ dy_base+24(FP), DI
	MOVQ x_base+48(FP), SI
	MOVQ x_len+56(FP), CX
	MOVQ gain_base+72(FP), BX
	VBROADCASTSS mean+96(FP), Y4
	VBROADCASTSS inv+100(FP), Y5
	VBROADCASTSS k1+104(FP), Y6
	VBROADCASTSS k2+108(FP), Y7
	EACH8(LAYERINPUTBODY)
	VZEROUPPER
	RET

// func layerGainAVX2(dgain, dbias, dy, x []float32, mean, inv float32)
//
//	for i := range x {
//		dgain[i] = FMA(dy[i], (x[i]-mean)*inv, dgain[i])
//		dbias[i] += dy[i]
//	}
//
// R9 dgain, BX dbias, DI dy, SI x, Y4 mean, Y5 inv. Requires equal lengths.
#define LAYERGAINBODY(LD, ST) \
	LD(DI, Y0); \
	LD(SI, Y1); \
	LD(BX, Y2); \
	LD(R9, Y3); \
	VSUBPS Y4, Y1, Y1; \
	VMULPS Y5, Y1, Y1; \
	VFMADD231PS Y1, Y0, Y3; \
	VADDPS Y0, Y2, Y2; \
	ST(Y3, R9); \
	ST(Y2, BX)

TEXT ·layerGainAVX2(SB), NOSPLIT, $0-104
	MOVQ dgain_base+0(FP), R9
	MOVQ dbias_base+24(FP), BX
	MOVQ dy_base+48(FP), DI
	MOVQ x_base+72(FP), SI
	MOVQ x_len+80(FP), CX
	VBROADCASTSS mean+96(FP), Y4
	VBROADCASTSS inv+100(FP), Y5
	EACH8(LAYERGAINBODY)
	VZEROUPPER
	RET
