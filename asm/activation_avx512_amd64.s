//go:build !purego

#include "textflag.h"
#include "vec_avx512_amd64.h"
#include "exp_avx512_amd64.h"

// SIGMOID sets s = 1/(1+exp(-x)) and keeps x; t, r and m are scratch. The sign
// bits are in Z18.
#define SIGN Z18
#define SIGMOID(x, m, t, r, s) \
	VPXORD SIGN, x, m; \
	EXP(m, t, r, s); \
	VADDPS ONE, s, s; \
	VDIVPS s, ONE, s

// SIGNCONST loads the sign bits. Clobbers DX.
#define SIGNCONST \
	MOVL $0x80000000, DX; \
	VPBROADCASTD DX, SIGN

// func sigmoidAVX512(dst, x []float32)
//
//	for i := range x { dst[i] = sigmoidOne(x[i]) }
//
// DI dst, SI x. Requires len(dst) = len(x).
#define SIGMOIDBODY(LD, ST) \
	LD(SI, Z0); \
	SIGMOID(Z0, Z4, Z1, Z2, Z3); \
	ST(Z3, DI)

TEXT ·sigmoidAVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EXPCONST
	SIGNCONST
	EACH16(SIGMOIDBODY)
	VZEROUPPER
	RET

// func swigluAVX512(dst, gate, up []float32)
//
//	for i, v := range gate { dst[i] = (v * sigmoidOne(v)) * up[i] }
//
// DI dst, SI gate, BX up. Requires equal lengths.
#define SWIGLUBODY(LD, ST) \
	LD(SI, Z0); \
	LD(BX, Z5); \
	SIGMOID(Z0, Z4, Z1, Z2, Z3); \
	VMULPS Z3, Z0, Z3; \
	VMULPS Z5, Z3, Z3; \
	ST(Z3, DI)

TEXT ·swigluAVX512(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ gate_base+24(FP), SI
	MOVQ gate_len+32(FP), CX
	MOVQ up_base+48(FP), BX
	EXPCONST
	SIGNCONST
	EACH16(SWIGLUBODY)
	VZEROUPPER
	RET

// func swigluBackwardAVX512(dgate, dup, dy, gate, up []float32)
//
//	for i, v := range gate {
//		s := sigmoidOne(v)
//		dgate[i], dup[i] = (dy[i]*up[i]) * (s*FMA(v, 1-s, 1)), dy[i] * (v*s)
//	}
//
// DI dgate, R8 dup, R9 dy, SI gate, BX up. Requires equal lengths.
#define SWIGLUBACKBODY(LD, ST) \
	LD(SI, Z0); \
	LD(BX, Z5); \
	LD(R9, Z6); \
	SIGMOID(Z0, Z4, Z1, Z2, Z3); \
	VMULPS Z3, Z0, Z1;           /* a = v*s */ \
	VMULPS Z6, Z1, Z1;           /* dup = dy*a */ \
	VSUBPS Z3, ONE, Z2;          /* 1-s */ \
	VFMADD213PS ONE, Z0, Z2;     /* fma(v, 1-s, 1) */ \
	VMULPS Z2, Z3, Z2;           /* s*... */ \
	VMULPS Z5, Z6, Z5;           /* dy*up */ \
	VMULPS Z2, Z5, Z2; \
	ST(Z1, R8); \
	ST(Z2, DI)

TEXT ·swigluBackwardAVX512(SB), NOSPLIT, $0-120
	MOVQ dgate_base+0(FP), DI
	MOVQ dup_base+24(FP), R8
	MOVQ dy_base+48(FP), R9
	MOVQ gate_base+72(FP), SI
	MOVQ gate_len+80(FP), CX
	MOVQ up_base+96(FP), BX
	EXPCONST
	SIGNCONST
	EACH16(SWIGLUBACKBODY)
	VZEROUPPER
	RET

// GELUSIGMOID sets s = sigmoid(x * fma(gelu3, z, gelu1)) with z = x*x and
// keeps x; t, r and m are scratch. The constants are in Z15 to Z17.
#define GELU1 Z17
#define GELU3 Z16
#define GELU9 Z15
#define GELUSIGMOID(x, z, m, t, r, s) \
	VMULPS x, x, z; \
	VMOVAPS z, m; \
	VFMADD213PS GELU1, GELU3, m; \
	VMULPS m, x, m; \
	SIGMOID(m, m, t, r, s)

#define GELUCONST \
	LEAQ ·activationTable(SB), DX; \
	VBROADCASTSS 0(DX), GELU1; \
	VBROADCASTSS 4(DX), GELU3; \
	VBROADCASTSS 8(DX), GELU9

// func geluAVX512(dst, x []float32)
//
//	for i, v := range x { dst[i] = v * s }, s from geluSigmoid(v)
//
// DI dst, SI x. Requires len(dst) = len(x).
#define GELUBODY(LD, ST) \
	LD(SI, Z0); \
	GELUSIGMOID(Z0, Z5, Z4, Z1, Z2, Z3); \
	VMULPS Z3, Z0, Z3; \
	ST(Z3, DI)

TEXT ·geluAVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EXPCONST
	SIGNCONST
	GELUCONST
	EACH16(GELUBODY)
	VZEROUPPER
	RET

// func geluBackwardAVX512(dx, dy, x []float32)
//
//	for i, v := range x {
//		h := (v*s) * (1-s), s and z from geluSigmoid(v)
//		dx[i] = dy[i] * FMA(h, FMA(gelu9, z, gelu1), s)
//	}
//
// DI dx, BX dy, SI x. Requires equal lengths.
#define GELUBACKBODY(LD, ST) \
	LD(SI, Z0); \
	LD(BX, Z6); \
	GELUSIGMOID(Z0, Z5, Z4, Z1, Z2, Z3); \
	VMULPS Z3, Z0, Z1;           /* v*s */ \
	VSUBPS Z3, ONE, Z2;          /* 1-s */ \
	VMULPS Z2, Z1, Z1;           /* h */ \
	VFMADD213PS GELU1, GELU9, Z5; \
	VFMADD213PS Z3, Z5, Z1; \
	VMULPS Z1, Z6, Z1; \
	ST(Z1, DI)

TEXT ·geluBackwardAVX512(SB), NOSPLIT, $0-72
	MOVQ dx_base+0(FP), DI
	MOVQ dy_base+24(FP), BX
	MOVQ x_base+48(FP), SI
	MOVQ x_len+56(FP), CX
	EXPCONST
	SIGNCONST
	GELUCONST
	EACH16(GELUBACKBODY)
	VZEROUPPER
	RET

// func tanhAVX512(dst, x []float32)
//
//	for i := range x { dst[i] = tanhOne(x[i]) }
//
// DI dst, SI x; the constants of the polynomial are in Z10 to Z15, 2 in Z16.
// Requires len(dst) = len(x).
#define TANHBODY(LD, ST) \
	LD(SI, Z0); \
	VPANDND Z0, SIGN, Z4;        /* a = |x| */ \
	VPANDD Z0, SIGN, Z0;         /* sign */ \
	VADDPS Z4, Z4, Z5; \
	EXP(Z5, Z1, Z2, Z3); \
	VADDPS ONE, Z3, Z3; \
	VDIVPS Z3, Z16, Z3; \
	VSUBPS Z3, ONE, Z3;          /* 1 - 2/(exp(2a)+1) */ \
	VMULPS Z4, Z4, Z1;           /* z */ \
	VMOVAPS Z14, Z2; \
	VFMADD213PS Z13, Z1, Z2; \
	VFMADD213PS Z12, Z1, Z2; \
	VFMADD213PS Z11, Z1, Z2; \
	VFMADD213PS Z10, Z1, Z2; \
	VMULPS Z1, Z4, Z1;           /* a*z */ \
	VFMADD213PS Z4, Z2, Z1;      /* fma(a*z, p, a) */ \
	VCMPPS $17, Z15, Z4, K1;     /* a < tanhSwitch */ \
	VMOVAPS Z1, K1, Z3; \
	VPORD Z0, Z3, Z3; \
	ST(Z3, DI)

TEXT ·tanhAVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EXPCONST
	SIGNCONST
	LEAQ ·activationTable(SB), DX
	VBROADCASTSS 12(DX), Z10
	VBROADCASTSS 16(DX), Z11
	VBROADCASTSS 20(DX), Z12
	VBROADCASTSS 24(DX), Z13
	VBROADCASTSS 28(DX), Z14
	VBROADCASTSS 32(DX), Z15
	VADDPS ONE, ONE, Z16
	EACH16(TANHBODY)
	VZEROUPPER
	RET

// PHI sets f = Phi(x), e = exp(-a*a/2) and a = min(|x|, phiLimit), the sequence of phiOne, and keeps x; t, r and m are scratch.
// R11 points to the constants; the polynomial's are in Z8 to Z17. Clobbers K1 to K3.
#define PHI(x, a, e, f, t, r, m) \
	VPANDND x, SIGN, a; \
	VBROADCASTSS 0(R11), t; \
	VMINPS a, t, a;              /* limit < a ? limit : a, which keeps a NaN */ \
	VMULPS.BCST 4(R11), a, f;    /* h */ \
	VMULPS a, f, m;              /* z = h*a */ \
	VFMSUB213PS m, a, f;         /* d = fma(h, a, -z) */ \
	VPXORD SIGN, m, m; \
	EXP(m, t, r, e); \
	VMOVAPS e, t; \
	VFNMADD213PS e, f, t;        /* fma(-e, d, e) */ \
	VMOVAPS t, e; \
	VBROADCASTSS 8(R11), t; \
	VFMADD213PS ONE, a, t; \
	VDIVPS t, ONE, t;            /* t = 1/fma(a, scale, 1) */ \
	VSUBPS.BCST 12(R11), t, r;   /* w */ \
	VMOVAPS Z17, f; \
	VFMADD213PS Z16, r, f; \
	VFMADD213PS Z15, r, f; \
	VFMADD213PS Z14, r, f; \
	VFMADD213PS Z13, r, f; \
	VFMADD213PS Z12, r, f; \
	VFMADD213PS Z11, r, f; \
	VFMADD213PS Z10, r, f; \
	VFMADD213PS Z9, r, f; \
	VFMADD213PS Z8, r, f; \
	VMULPS t, f, f; \
	VMULPS e, f, f;              /* q = (t*P)*e */ \
	VSUBPS f, ONE, t;            /* 1-q */ \
	VPXORD m, m, m; \
	VCMPPS $17, m, x, K1;        /* x < 0 */ \
	VMOVAPS f, K1, t; \
	VMOVAPS t, f

#define PHICONST \
	LEAQ ·phiTable(SB), R11; \
	VBROADCASTSS 20(R11), Z8; \
	VBROADCASTSS 24(R11), Z9; \
	VBROADCASTSS 28(R11), Z10; \
	VBROADCASTSS 32(R11), Z11; \
	VBROADCASTSS 36(R11), Z12; \
	VBROADCASTSS 40(R11), Z13; \
	VBROADCASTSS 44(R11), Z14; \
	VBROADCASTSS 48(R11), Z15; \
	VBROADCASTSS 52(R11), Z16; \
	VBROADCASTSS 56(R11), Z17

// func geluErfAVX512(dst, x []float32)
//
//	for i, v := range x { dst[i] = v * p }, p from phiOne(v)
//
// DI dst, SI x. Requires len(dst) = len(x).
#define GELUERFBODY(LD, ST) \
	LD(SI, Z0); \
	PHI(Z0, Z1, Z2, Z3, Z4, Z5, Z6); \
	VMULPS Z3, Z0, Z3; \
	ST(Z3, DI)

TEXT ·geluErfAVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EXPCONST
	SIGNCONST
	PHICONST
	EACH16(GELUERFBODY)
	VZEROUPPER
	RET

// func geluErfBackwardAVX512(dx, dy, x []float32)
//
//	for i, v := range x {
//		s := copysign(a, v), p, e and a from phiOne(v)
//		dx[i] = dy[i] * FMA(s*phiDensity, e, p)
//	}
//
// DI dx, BX dy, SI x. Requires equal lengths.
#define GELUERFBACKBODY(LD, ST) \
	LD(SI, Z0); \
	LD(BX, Z7); \
	PHI(Z0, Z1, Z2, Z3, Z4, Z5, Z6); \
	VPANDD Z0, SIGN, Z0; \
	VPORD Z0, Z1, Z1;            /* a with the sign of x */ \
	VMULPS.BCST 16(R11), Z1, Z1; \
	VFMADD213PS Z3, Z2, Z1; \
	VMULPS Z1, Z7, Z1; \
	ST(Z1, DI)

TEXT ·geluErfBackwardAVX512(SB), NOSPLIT, $0-72
	MOVQ dx_base+0(FP), DI
	MOVQ dy_base+24(FP), BX
	MOVQ x_base+48(FP), SI
	MOVQ x_len+56(FP), CX
	EXPCONST
	SIGNCONST
	PHICONST
	EACH16(GELUERFBACKBODY)
	VZEROUPPER
	RET
