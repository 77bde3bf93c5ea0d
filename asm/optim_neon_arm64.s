//go:build !purego

#include "textflag.h"
#include "go_asm.h"
#include "neon_arm64.h"
#include "vec_neon_arm64.h"

// Constants of atan2, from atanRows: ATANCONST loads what stays in registers and
// leaves R20 pointing at the rows with the coefficients that each step of the
// polynomial loads.
#define SIGN 22
#define ONE 23
#define HALFPI 24
#define ATANC7 25
#define ATANC6 0(R20)
#define ATANC5 16(R20)
#define ATANC4 32(R20)
#define ATANC3 48(R20)
#define ATANC2 64(R20)
#define ATANC1 80(R20)
#define ATANC0 96(R20)

#define ATANCONST \
	SIGNV(SIGN); \
	MOVD $·atanRows(SB), R20; \
	VLD1.P 48(R20), [V23.S4, V24.S4, V25.S4]

// ATAN2 sets r = atan2One(y, x), the sequence of optim_generic.go; x, y, s and q
// are clobbered, as are V6 and V7.
#define ATAN2(y, x, q, s, r) \
	ANDV(SIGN, y, s);            /* sign of y */ \
	FABS4(y, y);                 /* a = |y| */ \
	FGT4(x, y, 7);               /* swap = a > x */ \
	MOVV(7, q); \
	BSLV(y, x, q);               /* small = swap ? x : a */ \
	BITV(7, y, x);               /* large = swap ? a : x */ \
	ZEROV(6); \
	FEQ4(6, x, 6); \
	BITV(6, ONE, x);             /* 1 for 0 */ \
	FDIV4(x, q, q); \
	FMUL4(q, q, y);              /* z */ \
	FMOVQ ATANC6, F(r); \
	FMLA4(y, ATANC7, r);         /* fma(atanC7, z, atanC6), in r and x by turns */ \
	FMOVQ ATANC5, F(x); \
	FMLA4(y, r, x); \
	FMOVQ ATANC4, F(r); \
	FMLA4(y, x, r); \
	FMOVQ ATANC3, F(x); \
	FMLA4(y, r, x); \
	FMOVQ ATANC2, F(r); \
	FMLA4(y, x, r); \
	FMOVQ ATANC1, F(x); \
	FMLA4(y, r, x); \
	FMOVQ ATANC0, F(r); \
	FMLA4(y, x, r);              /* p */ \
	FMUL4(y, q, y);              /* q*z */ \
	FMLA4(r, y, q);              /* fma(q*z, p, q) */ \
	FSUB4(q, HALFPI, r); \
	BIFV(7, q, r);               /* swap ? pi/2 - ... : ... */ \
	ORRV(s, r, r)

// func atan2NEON(dst, y, x []float32)
//
//	for i := range y { dst[i] = atan2One(y[i], x[i]) }
//
// R0 dst, R1 y, R2 x. Requires equal lengths.
#define ATAN2BODY(LD, PEEK, ST) \
	LD(R1, 0); \
	LD(R2, 1); \
	ATAN2(0, 1, 2, 3, 4); \
	ST(4, R0)

TEXT ·atan2NEON(SB), NOSPLIT, $0-72
	MOVD dst_base+0(FP), R0
	MOVD y_base+24(FP), R1
	MOVD y_len+32(FP), R9
	MOVD x_base+48(FP), R2
	ATANCONST
	EACH4(ATAN2BODY)
	RET

// The coefficients of a step, from StepCoef.
#define GRADSCALE 8
#define MOMMIX 9
#define VSCALE 10
#define VMIX 11
#define BETA1 12
#define ONEMINUSBETA1 13
#define BETA2 14
#define ONEMINUSBETA2 15
#define CORRECT1 16
#define CORRECT2 17
#define DECAY 18
#define LR 19
#define EPS 20
#define ATANB 21

#define COEF(offset, v) \
	FMOVS offset(R4), F(v); \
	SPLAT4(v)

#define STEPCONST \
	COEF(StepCoef_GradScale, GRADSCALE); \
	COEF(StepCoef_MomMix, MOMMIX); \
	COEF(StepCoef_VScale, VSCALE); \
	COEF(StepCoef_VMix, VMIX); \
	COEF(StepCoef_Beta1, BETA1); \
	COEF(StepCoef_OneMinusBeta1, ONEMINUSBETA1); \
	COEF(StepCoef_Beta2, BETA2); \
	COEF(StepCoef_OneMinusBeta2, ONEMINUSBETA2); \
	COEF(StepCoef_Correct1, CORRECT1); \
	COEF(StepCoef_Correct2, CORRECT2); \
	COEF(StepCoef_Decay, DECAY); \
	COEF(StepCoef_LR, LR); \
	COEF(StepCoef_Eps, EPS); \
	COEF(StepCoef_AtanB, ATANB)

// MOMENTS loads g, m, v from R1, R2, R3, stores the new moments and leaves
// mh = m*Correct1 in V1 and sqrt(v*Correct2) in V2. Clobbers V0, V3, V4, V5.
#define MOMENTS(LD, PEEK, ST) \
	LD(R1, 0);                       /* g */ \
	PEEK(R2, 1);                     /* m */ \
	PEEK(R3, 2);                     /* v */ \
	FMUL4(0, GRADSCALE, 3); \
	FMUL4(0, VSCALE, 0); \
	FMLA4(1, MOMMIX, 3);             /* g' = fma(MomMix, m, GradScale*g) */ \
	FMLA4(1, VMIX, 0);               /* gv = fma(VMix, m, VScale*g) */ \
	FMUL4(3, ONEMINUSBETA1, 3); \
	FMLA4(1, BETA1, 3);              /* m = fma(Beta1, m, OneMinusBeta1*g') */ \
	FMUL4(0, ONEMINUSBETA2, 4); \
	FMUL4(0, 4, 4); \
	FMLA4(2, BETA2, 4);              /* v = fma(Beta2, v, (OneMinusBeta2*gv)*gv) */ \
	ST(3, R2); \
	ST(4, R3); \
	FMUL4(3, CORRECT1, 1);           /* mh */ \
	FMUL4(4, CORRECT2, 2);           /* vh */ \
	FSQRT4(2, 2)

// WEIGHT applies the update u: w = fma(-LR, u, w*Decay), w at R0.
#define WEIGHT(PEEK, ST, u) \
	PEEK(R0, 0); \
	FMUL4(0, DECAY, 0); \
	FMLS4(u, LR, 0); \
	ST(0, R0)

// func adamWNEON(w, g, m, v []float32, c *StepCoef)
//
//	see adamWGeneric
//
// R0 w, R1 g, R2 m, R3 v, R4 c. Requires equal lengths.
#define ADAMWBODY(LD, PEEK, ST) \
	MOMENTS(LD, PEEK, ST); \
	FADD4(EPS, 2, 2); \
	FDIV4(2, 1, 1);                  /* mh / (sqrt(vh) + Eps) */ \
	WEIGHT(PEEK, ST, 1)

TEXT ·adamWNEON(SB), NOSPLIT, $0-104
	MOVD w_base+0(FP), R0
	MOVD w_len+8(FP), R9
	MOVD g_base+24(FP), R1
	MOVD m_base+48(FP), R2
	MOVD v_base+72(FP), R3
	MOVD c+96(FP), R4
	STEPCONST
	EACH4(ADAMWBODY)
	RET

// func atan2StepNEON(w, g, m, v []float32, c *StepCoef)
//
//	see atan2StepGeneric
//
// R0 w, R1 g, R2 m, R3 v, R4 c. Requires equal lengths.
#define ATANSTEPBODY(LD, PEEK, ST) \
	MOMENTS(LD, PEEK, ST); \
	FMUL4(2, ATANB, 2);              /* AtanB * sqrt(vh) */ \
	ATAN2(1, 2, 3, 4, 5); \
	WEIGHT(PEEK, ST, 5)

TEXT ·atan2StepNEON(SB), NOSPLIT, $0-104
	MOVD w_base+0(FP), R0
	MOVD w_len+8(FP), R9
	MOVD g_base+24(FP), R1
	MOVD m_base+48(FP), R2
	MOVD v_base+72(FP), R3
	MOVD c+96(FP), R4
	STEPCONST
	ATANCONST
	EACH4(ATANSTEPBODY)
	RET
