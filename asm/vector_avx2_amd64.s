//go:build !purego

#include "textflag.h"
#include "vec_avx2_amd64.h"

// func addAVX2(dst, a, b []float32)
//
//	for i := range a { dst[i] = a[i] + b[i] }
//
// DI dst, SI a, BX b. Requires equal lengths.
#define ADDBODY(LD, ST) \
	LD(SI, Y0); \
	LD(BX, Y1); \
	VADDPS Y1, Y0, Y0; \
	ST(Y0, DI)

TEXT ·addAVX2(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ a_base+24(FP), SI
	MOVQ a_len+32(FP), CX
	MOVQ b_base+48(FP), BX
	EACH8(ADDBODY)
	VZEROUPPER
	RET

// func mulAVX2(dst, a, b []float32)
//
//	for i := range a { dst[i] = a[i] * b[i] }
//
// DI dst, SI a, BX b. Requires equal lengths.
#define MULBODY(LD, ST) \
	LD(SI, Y0); \
	LD(BX, Y1); \
	VMULPS Y1, Y0, Y0; \
	ST(Y0, DI)

TEXT ·mulAVX2(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ a_base+24(FP), SI
	MOVQ a_len+32(FP), CX
	MOVQ b_base+48(FP), BX
	EACH8(MULBODY)
	VZEROUPPER
	RET

// func scaleAVX2(dst []float32, alpha float32, x []float32)
//
//	for i := range x { dst[i] = alpha * x[i] }
//
// DI dst, Y2 alpha, SI x. Requires len(dst) = len(x).
#define SCALEBODY(LD, ST) \
	LD(SI, Y0); \
	VMULPS Y0, Y2, Y0; \
	ST(Y0, DI)

TEXT ·scaleAVX2(SB), NOSPLIT, $0-56
	MOVQ dst_base+0(FP), DI
	VBROADCASTSS alpha+24(FP), Y2
	MOVQ x_base+32(FP), SI
	MOVQ x_len+40(FP), CX
	EACH8(SCALEBODY)
	VZEROUPPER
	RET

// func divAVX2(dst, x []float32, y float32)
//
//	for i := range x { dst[i] = x[i] / y }
//
// DI dst, SI x, Y2 y. Requires len(dst) = len(x).
#define DIVBODY(LD, ST) \
	LD(SI, Y0); \
	VDIVPS Y2, Y0, Y0; \
	ST(Y0, DI)

TEXT ·divAVX2(SB), NOSPLIT, $0-52
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	VBROADCASTSS y+48(FP), Y2
	EACH8(DIVBODY)
	VZEROUPPER
	RET

// func axpyAVX2(dst []float32, alpha float32, x []float32)
//
//	for i := range x { dst[i] = FMA(alpha, x[i], dst[i]) }
//
// DI dst, Y2 alpha, SI x. Requires len(dst) = len(x).
#define AXPYBODY(LD, ST) \
	LD(SI, Y0); \
	LD(DI, Y1); \
	VFMADD231PS Y0, Y2, Y1; \
	ST(Y1, DI)

TEXT ·axpyAVX2(SB), NOSPLIT, $0-56
	MOVQ dst_base+0(FP), DI
	VBROADCASTSS alpha+24(FP), Y2
	MOVQ x_base+32(FP), SI
	MOVQ x_len+40(FP), CX
	EACH8(AXPYBODY)
	VZEROUPPER
	RET

// func ropeAVX2(lo, hi, cos, sin []float32)
//
//	for i := range lo {
//		a, b := lo[i], hi[i]
//		lo[i] = FMA(-b, sin[i], a*cos[i])
//		hi[i] = FMA(a, sin[i], b*cos[i])
//	}
//
// DI lo, SI hi, R8 cos, R9 sin. Requires equal lengths.
#define ROPEBODY(LD, ST) \
	LD(DI, Y0); \
	LD(SI, Y1); \
	LD(R8, Y2); \
	LD(R9, Y3); \
	VMULPS Y2, Y0, Y4; \
	VMULPS Y2, Y1, Y5; \
	VFNMADD231PS Y3, Y1, Y4; \
	VFMADD231PS Y3, Y0, Y5; \
	ST(Y4, DI); \
	ST(Y5, SI)

TEXT ·ropeAVX2(SB), NOSPLIT, $0-96
	MOVQ lo_base+0(FP), DI
	MOVQ lo_len+8(FP), CX
	MOVQ hi_base+24(FP), SI
	MOVQ cos_base+48(FP), R8
	MOVQ sin_base+72(FP), R9
	EACH8(ROPEBODY)
	VZEROUPPER
	RET
