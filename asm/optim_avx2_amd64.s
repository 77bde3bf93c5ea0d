//go:build !purego

#include "textflag.h"
#include "go_asm.h"
#include "vec_avx2_amd64.h"

// Constants, rows of eight in atanRows; R10 points there.
#define ONE 0(R10)
#define SIGN 32(R10)
#define HALFPI 64(R10)
#define ATANC0 96(R10)
#define ATANC1 128(R10)
#define ATANC2 160(R10)
#define ATANC3 192(R10)
#define ATANC4 224(R10)
#define ATANC5 256(R10)
#define ATANC6 288(R10)
#define ATANC7 320(R10)

#define ATANCONST LEAQ ·atanRows(SB), R10

// ATAN2 sets r = atan2One(y, x), the sequence of optim_generic.go; x, y, s and
// q are clobbered, as are Y6 and Y7.
#define ATAN2(y, x, q, s, r) \
	VMOVUPS SIGN, Y6; \
	VANDPS Y6, y, s;             /* sign of y */ \
	VANDNPS y, Y6, y;            /* a = |y| */ \
	VCMPPS $30, x, y, Y7;        /* swap = a > x */ \
	VBLENDVPS Y7, x, y, q;       /* small */ \
	VBLENDVPS Y7, y, x, x;       /* large */ \
	VXORPS Y6, Y6, Y6; \
	VCMPPS $0, Y6, x, Y6; \
	VBLENDVPS Y6, ONE, x, x;     /* 1 for 0 */ \
	VDIVPS x, q, q; \
	VMULPS q, q, y;              /* z */ \
	VMOVUPS ATANC7, r; \
	VFMADD213PS ATANC6, y, r; \
	VFMADD213PS ATANC5, y, r; \
	VFMADD213PS ATANC4, y, r; \
	VFMADD213PS ATANC3, y, r; \
	VFMADD213PS ATANC2, y, r; \
	VFMADD213PS ATANC1, y, r; \
	VFMADD213PS ATANC0, y, r; \
	VMULPS y, q, y;              /* q*z */ \
	VFMADD213PS q, y, r;         /* fma(q*z, p, q) */ \
	VMOVUPS HALFPI, y; \
	VSUBPS r, y, y; \
	VBLENDVPS Y7, y, r, r; \
	VORPS s, r, r

// func atan2AVX2(dst, y, x []float32)
//
//	for i := range y { dst[i] = atan2One(y[i], x[i]) }
//
// DI dst, SI y, BX x. Requires equal lengths.
#define ATAN2BODY(LD, ST) \
	LD(SI, Y0); \
	LD(BX, Y1); \
	ATAN2(Y0, Y1, Y2, Y3, Y4); \
	ST(Y4, DI)

TEXT ·atan2AVX2(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ y_base+24(FP), SI
	MOVQ y_len+32(FP), CX
	MOVQ x_base+48(FP), BX
	ATANCONST
	EACH8(ATAN2BODY)
	VZEROUPPER
	RET

// The coefficients of a step, from StepCoef: some stay in registers, the others
// are broadcast into Y4 and Y5 just before use.
#define GRADSCALE Y8
#define VSCALE Y9
#define BETA1 Y10
#define BETA2 Y11
#define CORRECT2 Y12
#define DECAY Y13
#define LR Y14

#define STEPCONST(c) \
	VBROADCASTSS StepCoef_GradScale(c), GRADSCALE; \
	VBROADCASTSS StepCoef_VScale(c), VSCALE; \
	VBROADCASTSS StepCoef_Beta1(c), BETA1; \
	VBROADCASTSS StepCoef_Beta2(c), BETA2; \
	VBROADCASTSS StepCoef_Correct2(c), CORRECT2; \
	VBROADCASTSS StepCoef_Decay(c), DECAY; \
	VBROADCASTSS StepCoef_LR(c), LR

// MOMENTS loads g, m, v from BX, R8, R9, stores the new moments and leaves
// mh = m*Correct1 in Y1 and sqrt(v*Correct2) in Y2. Clobbers Y0, Y3, Y4, Y5.
#define MOMENTS(LD, ST) \
	LD(BX, Y0);                      /* g */ \
	LD(R8, Y1);                      /* m */ \
	LD(R9, Y2);                      /* v */ \
	VBROADCASTSS StepCoef_MomMix(SI), Y4; \
	VBROADCASTSS StepCoef_VMix(SI), Y5; \
	VMULPS Y0, GRADSCALE, Y3; \
	VMULPS Y0, VSCALE, Y0; \
	VFMADD231PS Y1, Y4, Y3;          /* g' = fma(MomMix, m, GradScale*g) */ \
	VFMADD231PS Y1, Y5, Y0;          /* gv = fma(VMix, m, VScale*g) */ \
	VBROADCASTSS StepCoef_OneMinusBeta1(SI), Y4; \
	VBROADCASTSS StepCoef_OneMinusBeta2(SI), Y5; \
	VMULPS Y3, Y4, Y3; \
	VFMADD213PS Y3, BETA1, Y1;       /* m = fma(Beta1, m, OneMinusBeta1*g') */ \
	VMULPS Y0, Y5, Y3; \
	VMULPS Y0, Y3, Y3; \
	VFMADD213PS Y3, BETA2, Y2;       /* v = fma(Beta2, v, (OneMinusBeta2*gv)*gv) */ \
	VBROADCASTSS StepCoef_Correct1(SI), Y4; \
	ST(Y1, R8); \
	ST(Y2, R9); \
	VMULPS Y1, Y4, Y1;               /* mh */ \
	VMULPS Y2, CORRECT2, Y2;         /* vh */ \
	VSQRTPS Y2, Y2

// WEIGHT applies the update u: w = fma(-LR, u, w*Decay), w at DI.
#define WEIGHT(LD, ST, u) \
	LD(DI, Y0); \
	VMULPS Y0, DECAY, Y0; \
	VFNMADD231PS u, LR, Y0; \
	ST(Y0, DI)

// func adamWAVX2(w, g, m, v []float32, c *StepCoef)
//
//	see adamWGeneric
//
// DI w, BX g, R8 m, R9 v, SI c. Requires equal lengths.
#define ADAMWBODY(LD, ST) \
	MOMENTS(LD, ST); \
	VBROADCASTSS StepCoef_Eps(SI), Y4; \
	VADDPS Y4, Y2, Y2; \
	VDIVPS Y2, Y1, Y1;               /* mh / (sqrt(vh) + Eps) */ \
	WEIGHT(LD, ST, Y1)

TEXT ·adamWAVX2(SB), NOSPLIT, $0-104
	MOVQ w_base+0(FP), DI
	MOVQ w_len+8(FP), CX
	MOVQ g_base+24(FP), BX
	MOVQ m_base+48(FP), R8
	MOVQ v_base+72(FP), R9
	MOVQ c+96(FP), SI
	STEPCONST(SI)
	EACH8(ADAMWBODY)
	VZEROUPPER
	RET

// func atan2MomentsAVX2(y, x, g, m, v []float32, c *StepCoef)
//
//	advances m and v as momentsOne does, and sets
//	y[i], x[i] = m[i]*Correct1, AtanB*sqrt(v[i]*Correct2)
//
// DI y, R11 x, BX g, R8 m, R9 v, SI c. Requires equal lengths.
#define ATANMOMENTSBODY(LD, ST) \
	MOMENTS(LD, ST); \
	VBROADCASTSS StepCoef_AtanB(SI), Y4; \
	VMULPS Y2, Y4, Y2;               /* AtanB * sqrt(vh) */ \
	ST(Y1, DI); \
	ST(Y2, R11)

TEXT ·atan2MomentsAVX2(SB), NOSPLIT, $0-128
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), CX
	MOVQ x_base+24(FP), R11
	MOVQ g_base+48(FP), BX
	MOVQ m_base+72(FP), R8
	MOVQ v_base+96(FP), R9
	MOVQ c+120(FP), SI
	STEPCONST(SI)
	EACH8(ATANMOMENTSBODY)
	VZEROUPPER
	RET

// func atan2WeightsAVX2(w, y, x []float32, c *StepCoef)
//
//	for i := range w { w[i] = FMA(-LR, atan2One(y[i], x[i]), w[i]*Decay) }
//
// DI w, BX y, R8 x, SI c. Requires equal lengths.
#define ATANWEIGHTSBODY(LD, ST) \
	LD(BX, Y1); \
	LD(R8, Y2); \
	ATAN2(Y1, Y2, Y3, Y4, Y5); \
	WEIGHT(LD, ST, Y5)

TEXT ·atan2WeightsAVX2(SB), NOSPLIT, $0-80
	MOVQ w_base+0(FP), DI
	MOVQ w_len+8(FP), CX
	MOVQ y_base+24(FP), BX
	MOVQ x_base+48(FP), R8
	MOVQ c+72(FP), SI
	STEPCONST(SI)
	ATANCONST
	EACH8(ATANWEIGHTSBODY)
	VZEROUPPER
	RET
