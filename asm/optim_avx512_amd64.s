//go:build !purego

#include "textflag.h"
#include "go_asm.h"
#include "vec_avx512_amd64.h"

// Constants: 1, the sign bits, pi/2, the coefficients of atan.
#define ONE Z31
#define SIGN Z30
#define HALFPI Z29
#define ATANC0 Z28
#define ATANC1 Z27
#define ATANC2 Z26
#define ATANC3 Z25
#define ATANC4 Z24
#define ATANC5 Z23
#define ATANC6 Z22
#define ATANC7 Z21

// ATANCONST loads the constants. Clobbers DX.
#define ATANCONST \
	LEAQ ·atanTable(SB), DX; \
	VBROADCASTSS 0(DX), ONE; \
	VBROADCASTSS 4(DX), SIGN; \
	VBROADCASTSS 8(DX), HALFPI; \
	VBROADCASTSS 12(DX), ATANC0; \
	VBROADCASTSS 16(DX), ATANC1; \
	VBROADCASTSS 20(DX), ATANC2; \
	VBROADCASTSS 24(DX), ATANC3; \
	VBROADCASTSS 28(DX), ATANC4; \
	VBROADCASTSS 32(DX), ATANC5; \
	VBROADCASTSS 36(DX), ATANC6; \
	VBROADCASTSS 40(DX), ATANC7

// ATAN2 sets r = atan2One(y, x), the sequence of optim_generic.go; x, y and s,
// q are clobbered, as are K1 and K2 and Z20.
#define ATAN2(y, x, q, s, r) \
	VPANDD SIGN, y, s;           /* sign of y */ \
	VPANDND y, SIGN, y;          /* a = |y| */ \
	VCMPPS $30, x, y, K1;        /* swap = a > x */ \
	VMOVAPS y, q; \
	VMOVAPS x, K1, q;            /* small */ \
	VMOVAPS y, K1, x;            /* large */ \
	VPXORD Z20, Z20, Z20; \
	VCMPPS $0, Z20, x, K2; \
	VMOVAPS ONE, K2, x;          /* 1 for 0 */ \
	VDIVPS x, q, q; \
	VMULPS q, q, y;              /* z */ \
	VMOVAPS ATANC7, r; \
	VFMADD213PS ATANC6, y, r; \
	VFMADD213PS ATANC5, y, r; \
	VFMADD213PS ATANC4, y, r; \
	VFMADD213PS ATANC3, y, r; \
	VFMADD213PS ATANC2, y, r; \
	VFMADD213PS ATANC1, y, r; \
	VFMADD213PS ATANC0, y, r; \
	VMULPS y, q, y;              /* q*z */ \
	VFMADD213PS q, y, r;         /* fma(q*z, p, q) */ \
	VSUBPS r, HALFPI, K1, r; \
	VPORD s, r, r

// func atan2AVX512(dst, y, x []float32)
//
//	for i := range y { dst[i] = atan2One(y[i], x[i]) }
//
// DI dst, SI y, BX x. Requires equal lengths.
#define ATAN2BODY(LD, ST) \
	LD(SI, Z0); \
	LD(BX, Z1); \
	ATAN2(Z0, Z1, Z2, Z3, Z4); \
	ST(Z4, DI)

TEXT ·atan2AVX512(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ y_base+24(FP), SI
	MOVQ y_len+32(FP), CX
	MOVQ x_base+48(FP), BX
	ATANCONST
	EACH16(ATAN2BODY)
	VZEROUPPER
	RET

// The coefficients of a step, from StepCoef.
#define GRADSCALE Z19
#define MOMMIX Z18
#define VSCALE Z17
#define VMIX Z16
#define BETA1 Z15
#define REST1 Z14
#define BETA2 Z13
#define REST2 Z12
#define CORRECT1 Z11
#define CORRECT2 Z10
#define DECAY Z9
#define LR Z8
#define EPS Z7

#define STEPCONST(c) \
	VBROADCASTSS StepCoef_GradScale(c), GRADSCALE; \
	VBROADCASTSS StepCoef_MomMix(c), MOMMIX; \
	VBROADCASTSS StepCoef_VScale(c), VSCALE; \
	VBROADCASTSS StepCoef_VMix(c), VMIX; \
	VBROADCASTSS StepCoef_Beta1(c), BETA1; \
	VBROADCASTSS StepCoef_OneMinusBeta1(c), REST1; \
	VBROADCASTSS StepCoef_Beta2(c), BETA2; \
	VBROADCASTSS StepCoef_OneMinusBeta2(c), REST2; \
	VBROADCASTSS StepCoef_Correct1(c), CORRECT1; \
	VBROADCASTSS StepCoef_Correct2(c), CORRECT2; \
	VBROADCASTSS StepCoef_Decay(c), DECAY; \
	VBROADCASTSS StepCoef_LR(c), LR

// MOMENTS loads g, m, v from BX, R8, R9, stores the new moments and leaves
// mh = m*Correct1 in Z1 and sqrt(v*Correct2) in Z2. Clobbers Z0 and Z3.
#define MOMENTS(LD, ST) \
	LD(BX, Z0);                      /* g */ \
	LD(R8, Z1);                      /* m */ \
	LD(R9, Z2);                      /* v */ \
	VMULPS Z0, GRADSCALE, Z3; \
	VMULPS Z0, VSCALE, Z0; \
	VFMADD231PS Z1, MOMMIX, Z3;      /* g' = fma(MomMix, m, GradScale*g) */ \
	VFMADD231PS Z1, VMIX, Z0;        /* gv = fma(VMix, m, VScale*g) */ \
	VMULPS Z3, REST1, Z3; \
	VFMADD213PS Z3, BETA1, Z1;       /* m = fma(Beta1, m, OneMinusBeta1*g') */ \
	VMULPS Z0, REST2, Z3; \
	VMULPS Z0, Z3, Z3; \
	VFMADD213PS Z3, BETA2, Z2;       /* v = fma(Beta2, v, (OneMinusBeta2*gv)*gv) */ \
	ST(Z1, R8); \
	ST(Z2, R9); \
	VMULPS Z1, CORRECT1, Z1;         /* mh */ \
	VMULPS Z2, CORRECT2, Z2;         /* vh */ \
	VSQRTPS Z2, Z2

// WEIGHT applies the update u: w = fma(-LR, u, w*Decay), w at DI.
#define WEIGHT(LD, ST, u) \
	LD(DI, Z0); \
	VMULPS Z0, DECAY, Z0; \
	VFNMADD231PS u, LR, Z0; \
	ST(Z0, DI)

// func adamWAVX512(w, g, m, v []float32, c *StepCoef)
//
//	see adamWGeneric
//
// DI w, BX g, R8 m, R9 v, SI c. Requires equal lengths.
#define ADAMWBODY(LD, ST) \
	MOMENTS(LD, ST); \
	VADDPS EPS, Z2, Z2; \
	VDIVPS Z2, Z1, Z1;               /* mh / (sqrt(vh) + Eps) */ \
	WEIGHT(LD, ST, Z1)

TEXT ·adamWAVX512(SB), NOSPLIT, $0-104
	MOVQ w_base+0(FP), DI
	MOVQ w_len+8(FP), CX
	MOVQ g_base+24(FP), BX
	MOVQ m_base+48(FP), R8
	MOVQ v_base+72(FP), R9
	MOVQ c+96(FP), SI
	STEPCONST(SI)
	VBROADCASTSS StepCoef_Eps(SI), EPS
	EACH16(ADAMWBODY)
	VZEROUPPER
	RET

// func atan2MomentsAVX512(y, x, g, m, v []float32, c *StepCoef)
//
//	advances m and v as momentsOne does, and sets
//	y[i], x[i] = m[i]*Correct1, AtanB*sqrt(v[i]*Correct2)
//
// DI y, R11 x, BX g, R8 m, R9 v, SI c. Requires equal lengths.
#define ATANMOMENTSBODY(LD, ST) \
	MOMENTS(LD, ST); \
	VMULPS Z2, Z7, Z2;               /* AtanB * sqrt(vh) */ \
	ST(Z1, DI); \
	ST(Z2, R11)

TEXT ·atan2MomentsAVX512(SB), NOSPLIT, $0-128
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), CX
	MOVQ x_base+24(FP), R11
	MOVQ g_base+48(FP), BX
	MOVQ m_base+72(FP), R8
	MOVQ v_base+96(FP), R9
	MOVQ c+120(FP), SI
	STEPCONST(SI)
	VBROADCASTSS StepCoef_AtanB(SI), Z7
	EACH16(ATANMOMENTSBODY)
	VZEROUPPER
	RET

// func atan2WeightsAVX512(w, y, x []float32, c *StepCoef)
//
//	for i := range w { w[i] = FMA(-LR, atan2One(y[i], x[i]), w[i]*Decay) }
//
// DI w, BX y, R8 x, SI c. Requires equal lengths.
#define ATANWEIGHTSBODY(LD, ST) \
	LD(BX, Z1); \
	LD(R8, Z2); \
	ATAN2(Z1, Z2, Z3, Z4, Z5); \
	WEIGHT(LD, ST, Z5)

TEXT ·atan2WeightsAVX512(SB), NOSPLIT, $0-80
	MOVQ w_base+0(FP), DI
	MOVQ w_len+8(FP), CX
	MOVQ y_base+24(FP), BX
	MOVQ x_base+48(FP), R8
	MOVQ c+72(FP), SI
	STEPCONST(SI)
	ATANCONST
	EACH16(ATANWEIGHTSBODY)
	VZEROUPPER
	RET
