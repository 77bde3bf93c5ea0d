//go:build !purego

#include "textflag.h"
#include "vec_avx512_amd64.h"

// func addAVX512(dst, a, b []float32)
//
//	for i := range a { dst[i] = a[i] + b[i] }
//
// DI dst, SI a, BX b. Requires equal lengths.
#define ADDBODY(LD, ST) \
	LD(SI, Z0); \
	LD(BX, Z1); \
	VADDPS Z1, Z0, Z0; \
	ST(Z0, DI)

TEXT ·addAVX512(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ a_base+24(FP), SI
	MOVQ a_len+32(FP), CX
	MOVQ b_base+48(FP), BX
	EACH16(ADDBODY)
	VZEROUPPER
	RET

// func mulAVX512(dst, a, b []float32)
//
//	for i := range a { dst[i] = a[i] * b[i] }
//
// DI dst, SI a, BX b. Requires equal lengths.
#define MULBODY(LD, ST) \
	LD(SI, Z0); \
	LD(BX, Z1); \
	VMULPS Z1, Z0, Z0; \
	ST(Z0, DI)

TEXT ·mulAVX512(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ a_base+24(FP), SI
	MOVQ a_len+32(FP), CX
	MOVQ b_base+48(FP), BX
	EACH16(MULBODY)
	VZEROUPPER
	RET

// func scaleAVX512(dst []float32, alpha float32, x []float32)
//
//	for i := range x { dst[i] = alpha * x[i] }
//
// DI dst, Z2 alpha, SI x. Requires len(dst) = len(x).
#define SCALEBODY(LD, ST) \
	LD(SI, Z0); \
	VMULPS Z0, Z2, Z0; \
	ST(Z0, DI)

TEXT ·scaleAVX512(SB), NOSPLIT, $0-56
	MOVQ dst_base+0(FP), DI
	VBROADCASTSS alpha+24(FP), Z2
	MOVQ x_base+32(FP), SI
	MOVQ x_len+40(FP), CX
	EACH16(SCALEBODY)
	VZEROUPPER
	RET

// func divAVX512(dst, x []float32, y float32)
//
//	for i := range x { dst[i] = x[i] / y }
//
// DI dst, SI x, Z2 y. Requires len(dst) = len(x).
#define DIVBODY(LD, ST) \
	LD(SI, Z0); \
	VDIVPS Z2, Z0, Z0; \
	ST(Z0, DI)

TEXT ·divAVX512(SB), NOSPLIT, $0-52
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	VBROADCASTSS y+48(FP), Z2
	EACH16(DIVBODY)
	VZEROUPPER
	RET

// func axpyAVX512(dst []float32, alpha float32, x []float32)
//
//	for i := range x { dst[i] = FMA(alpha, x[i], dst[i]) }
//
// DI dst, Z2 alpha, SI x. Requires len(dst) = len(x).
#define AXPYBODY(LD, ST) \
	LD(SI, Z0); \
	LD(DI, Z1); \
	VFMADD231PS Z0, Z2, Z1; \
	ST(Z1, DI)

TEXT ·axpyAVX512(SB), NOSPLIT, $0-56
	MOVQ dst_base+0(FP), DI
	VBROADCASTSS alpha+24(FP), Z2
	MOVQ x_base+32(FP), SI
	MOVQ x_len+40(FP), CX
	EACH16(AXPYBODY)
	VZEROUPPER
	RET

// func ropeAVX512(lo, hi, cos, sin []float32)
//
//	for i := range lo {
//		a, b := lo[i], hi[i]
//		lo[i] = FMA(-b, sin[i], a*cos[i])
//		hi[i] = FMA(a, sin[i], b*cos[i])
//	}
//
// DI lo, SI hi, R8 cos, R9 sin. Requires equal lengths.
#define ROPEBODY(LD, ST) \
	LD(DI, Z0); \
	LD(SI, Z1); \
	LD(R8, Z2); \
	LD(R9, Z3); \
	VMULPS Z2, Z0, Z4; \
	VMULPS Z2, Z1, Z5; \
	VFNMADD231PS Z3, Z1, Z4; \
	VFMADD231PS Z3, Z0, Z5; \
	ST(Z4, DI); \
	ST(Z5, SI)

TEXT ·ropeAVX512(SB), NOSPLIT, $0-96
	MOVQ lo_base+0(FP), DI
	MOVQ lo_len+8(FP), CX
	MOVQ hi_base+24(FP), SI
	MOVQ cos_base+48(FP), R8
	MOVQ sin_base+72(FP), R9
	EACH16(ROPEBODY)
	VZEROUPPER
	RET
