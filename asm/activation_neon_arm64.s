//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"
#include "vec_neon_arm64.h"
#include "exp_neon_arm64.h"

// SIGMOID sets s = 1/(1+exp(-x)) and keeps x; t, r, u and m are scratch.
#define SIGMOID(x, m, t, r, u, s) \
	FNEG4(x, m); \
	EXP(m, t, r, u, s); \
	FADD4(ONE, s, s); \
	FDIV4(s, ONE, s)

// func sigmoidNEON(dst, x []float32)
//
//	for i := range x { dst[i] = sigmoidOne(x[i]) }
//
// R0 dst, R1 x. Requires len(dst) = len(x).
#define SIGMOIDBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	SIGMOID(0, 5, 1, 2, 3, 4); \
	ST(4, R0)

TEXT ·sigmoidNEON(SB), NOSPLIT, $0-48
	MOVD dst_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	EXPCONST
	EACH4(SIGMOIDBODY)
	RET

// func swigluNEON(dst, gate, up []float32)
//
//	for i, v := range gate { dst[i] = (v * sigmoidOne(v)) * up[i] }
//
// R0 dst, R1 gate, R2 up. Requires equal lengths.
#define SWIGLUBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	LD(R2, 6); \
	SIGMOID(0, 5, 1, 2, 3, 4); \
	FMUL4(4, 0, 4); \
	FMUL4(6, 4, 4); \
	ST(4, R0)

TEXT ·swigluNEON(SB), NOSPLIT, $0-72
	MOVD dst_base+0(FP), R0
	MOVD gate_base+24(FP), R1
	MOVD gate_len+32(FP), R9
	MOVD up_base+48(FP), R2
	EXPCONST
	EACH4(SWIGLUBODY)
	RET

// func swigluBackwardNEON(dgate, dup, dy, gate, up []float32)
//
//	for i, v := range gate {
//		s := sigmoidOne(v)
//		dgate[i], dup[i] = (dy[i]*up[i]) * (s*FMA(v, 1-s, 1)), dy[i] * (v*s)
//	}
//
// R0 dgate, R1 dup, R2 dy, R3 gate, R4 up. Requires equal lengths.
#define SWIGLUBACKBODY(LD, PEEK, ST) \
	LD(R3, 0); \
	LD(R4, 6); \
	LD(R2, 7); \
	SIGMOID(0, 5, 1, 2, 3, 4); \
	FMUL4(4, 0, 1);              /* a = v*s */ \
	FMUL4(7, 1, 1);              /* dup = dy*a */ \
	FSUB4(4, ONE, 2);            /* 1-s */ \
	MOVV(ONE, 3); \
	FMLA4(2, 0, 3);              /* fma(v, 1-s, 1) */ \
	FMUL4(3, 4, 3);              /* s*... */ \
	FMUL4(6, 7, 6);              /* dy*up */ \
	FMUL4(3, 6, 3); \
	ST(1, R1); \
	ST(3, R0)

TEXT ·swigluBackwardNEON(SB), NOSPLIT, $0-120
	MOVD dgate_base+0(FP), R0
	MOVD dup_base+24(FP), R1
	MOVD dy_base+48(FP), R2
	MOVD gate_base+72(FP), R3
	MOVD gate_len+80(FP), R9
	MOVD up_base+96(FP), R4
	EXPCONST
	EACH4(SWIGLUBACKBODY)
	RET

// GELUSIGMOID sets s = sigmoid(x * fma(gelu3, z, gelu1)) with z = x*x and
// keeps x; t, r, u and m are scratch. The constants are in V18 to V20.
#define GELU1 18
#define GELU3 19
#define GELU9 20
#define GELUSIGMOID(x, z, m, t, r, u, s) \
	FMUL4(x, x, z); \
	MOVV(GELU1, m); \
	FMLA4(z, GELU3, m); \
	FMUL4(m, x, m); \
	SIGMOID(m, m, t, r, u, s)

#define GELUCONST \
	MOVD $·activationTable(SB), R10; \
	VLD1R.P 4(R10), [V18.S4]; \
	VLD1R.P 4(R10), [V19.S4]; \
	VLD1R (R10), [V20.S4]

// func geluNEON(dst, x []float32)
//
//	for i, v := range x { dst[i] = v * s }, s from geluSigmoid(v)
//
// R0 dst, R1 x. Requires len(dst) = len(x).
#define GELUBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	GELUSIGMOID(0, 6, 5, 1, 2, 3, 4); \
	FMUL4(4, 0, 4); \
	ST(4, R0)

TEXT ·geluNEON(SB), NOSPLIT, $0-48
	MOVD dst_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	EXPCONST
	GELUCONST
	EACH4(GELUBODY)
	RET

// func geluBackwardNEON(dx, dy, x []float32)
//
//	for i, v := range x {
//		h := (v*s) * (1-s), s and z from geluSigmoid(v)
//		dx[i] = dy[i] * FMA(h, FMA(gelu9, z, gelu1), s)
//	}
//
// R0 dx, R1 x, R2 dy. Requires equal lengths.
#define GELUBACKBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	LD(R2, 7); \
	GELUSIGMOID(0, 6, 5, 1, 2, 3, 4); \
	FMUL4(4, 0, 1);              /* v*s */ \
	FSUB4(4, ONE, 2);            /* 1-s */ \
	FMUL4(2, 1, 1);              /* h */ \
	MOVV(GELU1, 2); \
	FMLA4(6, GELU9, 2);          /* fma(gelu9, z, gelu1) */ \
	FMLA4(2, 1, 4);              /* fma(h, ..., s) */ \
	FMUL4(4, 7, 4); \
	ST(4, R0)

TEXT ·geluBackwardNEON(SB), NOSPLIT, $0-72
	MOVD dx_base+0(FP), R0
	MOVD dy_base+24(FP), R2
	MOVD x_base+48(FP), R1
	MOVD x_len+56(FP), R9
	EXPCONST
	GELUCONST
	EACH4(GELUBACKBODY)
	RET

// func tanhNEON(dst, x []float32)
//
//	for i := range x { dst[i] = tanhOne(x[i]) }
//
// R0 dst, R1 x; the constants of the polynomial are in V18 to V23, 2 in V24, the
// sign bits in V25. Requires len(dst) = len(x).
#define TANHBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	FABS4(0, 5);                 /* a = |x| */ \
	FADD4(5, 5, 6); \
	EXP(6, 1, 2, 3, 4); \
	FADD4(ONE, 4, 4); \
	FDIV4(4, 24, 4); \
	FSUB4(4, ONE, 4);            /* 1 - 2/(exp(2a)+1) */ \
	FMUL4(5, 5, 1);              /* z */ \
	MOVV(21, 2); \
	FMLA4(1, 22, 2);             /* fma(tanhC4, z, tanhC3) */ \
	MOVV(20, 3); \
	FMLA4(1, 2, 3); \
	MOVV(19, 2); \
	FMLA4(1, 3, 2); \
	MOVV(18, 3); \
	FMLA4(1, 2, 3);              /* p */ \
	FMUL4(1, 5, 1);              /* a*z */ \
	MOVV(5, 2); \
	FMLA4(3, 1, 2);              /* fma(a*z, p, a) */ \
	FGT4(5, 23, 3);              /* a < tanhSwitch */ \
	BITV(3, 2, 4); \
	BITV(25, 0, 4);              /* the sign of x */ \
	ST(4, R0)

TEXT ·tanhNEON(SB), NOSPLIT, $0-48
	MOVD dst_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	EXPCONST
	MOVD $·activationTable+12(SB), R10
	VLD1R.P 4(R10), [V18.S4]
	VLD1R.P 4(R10), [V19.S4]
	VLD1R.P 4(R10), [V20.S4]
	VLD1R.P 4(R10), [V21.S4]
	VLD1R.P 4(R10), [V22.S4]
	VLD1R (R10), [V23.S4]
	FADD4(ONE, ONE, 24)
	SIGNV(25)
	EACH4(TANHBODY)
	RET

// PHI sets f = Phi(x), e = exp(-a*a/2) and a = min(|x|, phiLimit), the sequence of phiOne, and keeps x; t, r, u and m are scratch.
// The constants are in V18 to V31; PHICONST loads them and leaves R21 pointing at the row of phiDensity.
#define PHISCALE 28
#define PHICENTRE 29
#define PHILIMIT 30
#define HALF 31
#define PHI(x, a, e, f, t, r, u, m) \
	FABS4(x, a); \
	FGT4(PHILIMIT, a, t); \
	BITV(t, PHILIMIT, a); \
	FMUL4(HALF, a, m);           /* h */ \
	FMUL4(m, a, f); \
	FNEG4(f, f);                 /* -z */ \
	MOVV(f, t); \
	FMLA4(m, a, t);              /* d = fma(h, a, -z) */ \
	MOVV(t, m); \
	EXP(f, t, r, u, e); \
	MOVV(e, t); \
	FMLS4(m, e, t);              /* fma(-e, d, e) */ \
	MOVV(t, e); \
	MOVV(ONE, t); \
	FMLA4(PHISCALE, a, t); \
	FDIV4(t, ONE, t);            /* t = 1/fma(a, scale, 1) */ \
	FSUB4(PHICENTRE, t, r);      /* w */ \
	MOVV(26, u); \
	FMLA4(27, r, u);             /* fma(phiC9, w, phiC8), in u and f by turns */ \
	MOVV(25, f); \
	FMLA4(u, r, f); \
	MOVV(24, u); \
	FMLA4(f, r, u); \
	MOVV(23, f); \
	FMLA4(u, r, f); \
	MOVV(22, u); \
	FMLA4(f, r, u); \
	MOVV(21, f); \
	FMLA4(u, r, f); \
	MOVV(20, u); \
	FMLA4(f, r, u); \
	MOVV(19, f); \
	FMLA4(u, r, f); \
	MOVV(18, u); \
	FMLA4(f, r, u); \
	FMUL4(t, u, u); \
	FMUL4(e, u, u);              /* q = (t*P)*e */ \
	FSUB4(u, ONE, f);            /* 1-q */ \
	ZEROV(t); \
	FGT4(x, t, t);               /* 0 > x */ \
	BITV(t, u, f)

#define PHICONST \
	MOVD $·phiRows(SB), R21; \
	VLD1.P 64(R21), [V18.S4, V19.S4, V20.S4, V21.S4]; \
	VLD1.P 64(R21), [V22.S4, V23.S4, V24.S4, V25.S4]; \
	VLD1.P 64(R21), [V26.S4, V27.S4, V28.S4, V29.S4]; \
	VLD1.P 32(R21), [V30.S4, V31.S4]

// func geluErfNEON(dst, x []float32)
//
//	for i, v := range x { dst[i] = v * p }, p from phiOne(v)
//
// R0 dst, R1 x. Requires len(dst) = len(x).
#define GELUERFBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	PHI(0, 5, 4, 6, 1, 2, 3, 7); \
	FMUL4(6, 0, 6); \
	ST(6, R0)

TEXT ·geluErfNEON(SB), NOSPLIT, $0-48
	MOVD dst_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	EXPCONST
	PHICONST
	EACH4(GELUERFBODY)
	RET

// func geluErfBackwardNEON(dx, dy, x []float32)
//
//	for i, v := range x {
//		s := copysign(a, v), p, e and a from phiOne(v)
//		dx[i] = dy[i] * FMA(s*phiDensity, e, p)
//	}
//
// R0 dx, R1 x, R2 dy. Requires equal lengths.
#define GELUERFBACKBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	PHI(0, 5, 4, 6, 1, 2, 3, 7); \
	SIGNV(1); \
	BITV(1, 0, 5);               /* a with the sign of x */ \
	FMOVQ (R21), F(2); \
	FMUL4(2, 5, 5); \
	FMLA4(4, 5, 6);              /* fma(s*density, e, p) */ \
	LD(R2, 2); \
	FMUL4(6, 2, 6); \
	ST(6, R0)

TEXT ·geluErfBackwardNEON(SB), NOSPLIT, $0-72
	MOVD dx_base+0(FP), R0
	MOVD dy_base+24(FP), R2
	MOVD x_base+48(FP), R1
	MOVD x_len+56(FP), R9
	EXPCONST
	PHICONST
	EACH4(GELUERFBACKBODY)
	RET
