//go:build !purego

#include "textflag.h"
#include "vec_avx2_amd64.h"
#include "exp_avx2_amd64.h"

// SIGMOID sets s = 1/(1+exp(-x)) and keeps x; t, r, u and m are scratch.
#define SIGMOID(x, m, t, r, u, s) \
	VXORPS SIGN, x, m; \
	EXP(m, t, r, u, s); \
	VADDPS ONE, s, s; \
	VMOVUPS ONE, t; \
	VDIVPS s, t, s

// func sigmoidAVX2(dst, x []float32)
//
//	for i := range x { dst[i] = sigmoidOne(x[i]) }
//
// DI dst, SI x. Requires len(dst) = len(x).
#define SIGMOIDBODY(LD, ST) \
	LD(SI, Y0); \
	SIGMOID(Y0, Y5, Y1, Y2, Y3, Y4); \
	ST(Y4, DI)

TEXT ·sigmoidAVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EXPCONST
	EACH8(SIGMOIDBODY)
	VZEROUPPER
	RET

// func swigluAVX2(dst, gate, up []float32)
//
//	for i, v := range gate { dst[i] = (v * sigmoidOne(v)) * up[i] }
//
// DI dst, SI gate, BX up. Requires equal lengths.
#define SWIGLUBODY(LD, ST) \
	LD(SI, Y0); \
	LD(BX, Y6); \
	SIGMOID(Y0, Y5, Y1, Y2, Y3, Y4); \
	VMULPS Y4, Y0, Y4; \
	VMULPS Y6, Y4, Y4; \
	ST(Y4, DI)

TEXT ·swigluAVX2(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ gate_base+24(FP), SI
	MOVQ gate_len+32(FP), CX
	MOVQ up_base+48(FP), BX
	EXPCONST
	EACH8(SWIGLUBODY)
	VZEROUPPER
	RET

// func swigluBackwardAVX2(dgate, dup, dy, gate, up []float32)
//
//	for i, v := range gate {
//		s := sigmoidOne(v)
//		dgate[i], dup[i] = (dy[i]*up[i]) * (s*FMA(v, 1-s, 1)), dy[i] * (v*s)
//	}
//
// DI dgate, R8 dup, R9 dy, SI gate, BX up. Requires equal lengths.
#define SWIGLUBACKBODY(LD, ST) \
	LD(SI, Y0); \
	LD(BX, Y6); \
	LD(R9, Y7); \
	SIGMOID(Y0, Y5, Y1, Y2, Y3, Y4); \
	VMULPS Y4, Y0, Y1;           /* a = v*s */ \
	VMULPS Y7, Y1, Y1;           /* dup = dy*a */ \
	VMOVUPS ONE, Y2; \
	VSUBPS Y4, Y2, Y2;           /* 1-s */ \
	VFMADD213PS ONE, Y0, Y2;     /* fma(v, 1-s, 1) */ \
	VMULPS Y2, Y4, Y2;           /* s*... */ \
	VMULPS Y6, Y7, Y6;           /* dy*up */ \
	VMULPS Y2, Y6, Y2; \
	ST(Y1, R8); \
	ST(Y2, DI)

TEXT ·swigluBackwardAVX2(SB), NOSPLIT, $0-120
	MOVQ dgate_base+0(FP), DI
	MOVQ dup_base+24(FP), R8
	MOVQ dy_base+48(FP), R9
	MOVQ gate_base+72(FP), SI
	MOVQ gate_len+80(FP), CX
	MOVQ up_base+96(FP), BX
	EXPCONST
	EACH8(SWIGLUBACKBODY)
	VZEROUPPER
	RET

// GELUSIGMOID sets s = sigmoid(x * fma(gelu3, z, gelu1)) with z = x*x and
// keeps x; t, r, u and m are scratch. The constants are in Y12 to Y14.
#define GELU1 Y12
#define GELU3 Y13
#define GELU9 Y14
#define GELUSIGMOID(x, z, m, t, r, u, s) \
	VMULPS x, x, z; \
	VMOVAPS z, m; \
	VFMADD213PS GELU1, GELU3, m; \
	VMULPS m, x, m; \
	SIGMOID(m, m, t, r, u, s)

#define GELUCONST \
	LEAQ ·activationTable(SB), DX; \
	VBROADCASTSS 0(DX), GELU1; \
	VBROADCASTSS 4(DX), GELU3; \
	VBROADCASTSS 8(DX), GELU9

// func geluAVX2(dst, x []float32)
//
//	for i, v := range x { dst[i] = v * s }, s from geluSigmoid(v)
//
// DI dst, SI x. Requires len(dst) = len(x).
#define GELUBODY(LD, ST) \
	LD(SI, Y0); \
	GELUSIGMOID(Y0, Y6, Y5, Y1, Y2, Y3, Y4); \
	VMULPS Y4, Y0, Y4; \
	ST(Y4, DI)

TEXT ·geluAVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EXPCONST
	GELUCONST
	EACH8(GELUBODY)
	VZEROUPPER
	RET

// func geluBackwardAVX2(dx, dy, x []float32)
//
//	for i, v := range x {
//		h := (v*s) * (1-s), s and z from geluSigmoid(v)
//		dx[i] = dy[i] * FMA(h, FMA(gelu9, z, gelu1), s)
//	}
//
// DI dx, BX dy, SI x. Requires equal lengths.
#define GELUBACKBODY(LD, ST) \
	LD(SI, Y0); \
	LD(BX, Y7); \
	GELUSIGMOID(Y0, Y6, Y5, Y1, Y2, Y3, Y4); \
	VMULPS Y4, Y0, Y1;           /* v*s */ \
	VMOVUPS ONE, Y2; \
	VSUBPS Y4, Y2, Y2;           /* 1-s */ \
	VMULPS Y2, Y1, Y1;           /* h */ \
	VFMADD213PS GELU1, GELU9, Y6; \
	VFMADD213PS Y4, Y6, Y1; \
	VMULPS Y1, Y7, Y1; \
	ST(Y1, DI)

TEXT ·geluBackwardAVX2(SB), NOSPLIT, $0-72
	MOVQ dx_base+0(FP), DI
	MOVQ dy_base+24(FP), BX
	MOVQ x_base+48(FP), SI
	MOVQ x_len+56(FP), CX
	EXPCONST
	GELUCONST
	EACH8(GELUBACKBODY)
	VZEROUPPER
	RET

// func tanhAVX2(dst, x []float32)
//
//	for i := range x { dst[i] = tanhOne(x[i]) }
//
// DI dst, SI x; the constants of the polynomial are in Y8 to Y13, 2 in Y14.
// Requires len(dst) = len(x).
#define TANHBODY(LD, ST) \
	LD(SI, Y0); \
	VMOVUPS SIGN, Y1; \
	VANDNPS Y0, Y1, Y5;          /* a = |x| */ \
	VANDPS Y0, Y1, Y0;           /* sign */ \
	VADDPS Y5, Y5, Y6; \
	EXP(Y6, Y1, Y2, Y3, Y4); \
	VADDPS ONE, Y4, Y4; \
	VDIVPS Y4, Y14, Y4; \
	VMOVUPS ONE, Y3; \
	VSUBPS Y4, Y3, Y4;           /* 1 - 2/(exp(2a)+1) */ \
	VMULPS Y5, Y5, Y1;           /* z */ \
	VMOVAPS Y12, Y2; \
	VFMADD213PS Y11, Y1, Y2; \
	VFMADD213PS Y10, Y1, Y2; \
	VFMADD213PS Y9, Y1, Y2; \
	VFMADD213PS Y8, Y1, Y2; \
	VMULPS Y1, Y5, Y1;           /* a*z */ \
	VFMADD213PS Y5, Y2, Y1;      /* fma(a*z, p, a) */ \
	VCMPPS $17, Y13, Y5, Y3;     /* a < tanhSwitch */ \
	VBLENDVPS Y3, Y1, Y4, Y4; \
	VORPS Y0, Y4, Y4; \
	ST(Y4, DI)

TEXT ·tanhAVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EXPCONST
	LEAQ ·activationTable(SB), DX
	VBROADCASTSS 12(DX), Y8
	VBROADCASTSS 16(DX), Y9
	VBROADCASTSS 20(DX), Y10
	VBROADCASTSS 24(DX), Y11
	VBROADCASTSS 28(DX), Y12
	VBROADCASTSS 32(DX), Y13
	VMOVUPS ONE, Y14
	VADDPS Y14, Y14, Y14
	EACH8(TANHBODY)
	VZEROUPPER
	RET

// PHI sets f = Phi(x), e = exp(-a*a/2) and a = min(|x|, phiLimit), the sequence of phiOne, and keeps x; t, r, u and m are scratch.
// R11 points to the rows of constants.
#define PHILIMIT 0(R11)
#define HALF 32(R11)
#define PHISCALE 64(R11)
#define PHICENTRE 96(R11)
#define PHIDENSITY 128(R11)
#define PHIC(i) (160+32*i)(R11)
#define PHI(x, a, e, f, t, r, u, m) \
	VMOVUPS SIGN, t; \
	VANDNPS x, t, a; \
	VMOVUPS PHILIMIT, t; \
	VMINPS a, t, a;              /* limit < a ? limit : a, which keeps a NaN */ \
	VMULPS HALF, a, f;           /* h */ \
	VMULPS a, f, m;              /* z = h*a */ \
	VFMSUB213PS m, a, f;         /* d = fma(h, a, -z) */ \
	VXORPS SIGN, m, m; \
	EXP(m, t, r, u, e); \
	VMOVAPS e, t; \
	VFNMADD213PS e, f, t;        /* fma(-e, d, e) */ \
	VMOVAPS t, e; \
	VMOVUPS PHISCALE, t; \
	VFMADD213PS ONE, a, t; \
	VMOVUPS ONE, r; \
	VDIVPS t, r, t;              /* t = 1/fma(a, scale, 1) */ \
	VSUBPS PHICENTRE, t, r;      /* w */ \
	VMOVUPS PHIC(9), f; \
	VFMADD213PS PHIC(8), r, f; \
	VFMADD213PS PHIC(7), r, f; \
	VFMADD213PS PHIC(6), r, f; \
	VFMADD213PS PHIC(5), r, f; \
	VFMADD213PS PHIC(4), r, f; \
	VFMADD213PS PHIC(3), r, f; \
	VFMADD213PS PHIC(2), r, f; \
	VFMADD213PS PHIC(1), r, f; \
	VFMADD213PS PHIC(0), r, f; \
	VMULPS t, f, f; \
	VMULPS e, f, f;              /* q = (t*P)*e */ \
	VMOVUPS ONE, t; \
	VSUBPS f, t, t;              /* 1-q */ \
	VXORPS u, u, u; \
	VCMPPS $17, u, x, u;         /* x < 0 */ \
	VBLENDVPS u, f, t, f

// func geluErfAVX2(dst, x []float32)
//
//	for i, v := range x { dst[i] = v * p }, p from phiOne(v)
//
// DI dst, SI x. Requires len(dst) = len(x).
#define GELUERFBODY(LD, ST) \
	LD(SI, Y0); \
	PHI(Y0, Y5, Y4, Y6, Y1, Y2, Y3, Y7); \
	VMULPS Y6, Y0, Y6; \
	ST(Y6, DI)

TEXT ·geluErfAVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EXPCONST
	LEAQ ·phiRows(SB), R11
	EACH8(GELUERFBODY)
	VZEROUPPER
	RET

// func geluErfBackwardAVX2(dx, dy, x []float32)
//
//	for i, v := range x {
//		s := copysign(a, v), p, e and a from phiOne(v)
//		dx[i] = dy[i] * FMA(s*phiDensity, e, p)
//	}
//
// DI dx, BX dy, SI x. Requires equal lengths.
#define GELUERFBACKBODY(LD, ST) \
	LD(SI, Y0); \
	LD(BX, Y8); \
	PHI(Y0, Y5, Y4, Y6, Y1, Y2, Y3, Y7); \
	VANDPS SIGN, Y0, Y0; \
	VORPS Y0, Y5, Y5;            /* a with the sign of x */ \
	VMULPS PHIDENSITY, Y5, Y5; \
	VFMADD213PS Y6, Y4, Y5; \
	VMULPS Y5, Y8, Y5; \
	ST(Y5, DI)

TEXT ·geluErfBackwardAVX2(SB), NOSPLIT, $0-72
	MOVQ dx_base+0(FP), DI
	MOVQ dy_base+24(FP), BX
	MOVQ x_base+48(FP), SI
	MOVQ x_len+56(FP), CX
	EXPCONST
	LEAQ ·phiRows(SB), R11
	EACH8(GELUERFBACKBODY)
	VZEROUPPER
	RET
