//go:build !purego

#include "textflag.h"
#include "vec_avx2_amd64.h"
#include "exp_avx2_amd64.h"

// func expAVX2(dst, x []float32)
//
//	for i := range x { dst[i] = expOne(x[i]) }
//
// DI dst, SI x. Requires len(dst) = len(x).
#define EXPBODY(LD, ST) \
	LD(SI, Y0); \
	EXP(Y0, Y1, Y2, Y3, Y4); \
	ST(Y4, DI)

TEXT ·expAVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EXPCONST
	EACH8(EXPBODY)
	VZEROUPPER
	RET

// func softmaxGradAVX2(dst, x []float32, max, inv, scale float32)
//
//	for i := range x { dst[i] = (expOne(x[i]-max) * inv) * scale }
//
// DI dst, SI x, Y5 max, Y6 inv, Y7 scale. Requires len(dst) = len(x).
#define GRADBODY(LD, ST) \
	LD(SI, Y0); \
	VSUBPS Y5, Y0, Y0; \
	EXP(Y0, Y1, Y2, Y3, Y4); \
	VMULPS Y6, Y4, Y4; \
	VMULPS Y7, Y4, Y4; \
	ST(Y4, DI)

TEXT ·softmaxGradAVX2(SB), NOSPLIT, $0-60
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	VBROADCASTSS max+48(FP), Y5
	VBROADCASTSS inv+52(FP), Y6
	VBROADCASTSS scale+56(FP), Y7
	EXPCONST
	EACH8(GRADBODY)
	VZEROUPPER
	RET

// func attentionGradAVX2(p, ds, s, dp []float32, scale, max, inv, d float32)
//
//	for i := range s {
//		e := expOne(scale*s[i]-max) * inv
//		p[i], ds[i] = e, (e*(dp[i]-d))*scale
//	}
//
// DI p, R8 ds, SI s, R9 dp, Y5 max, Y6 inv, Y7 scale, Y8 d. Requires equal lengths.
#define ATTNBODY(LD, ST) \
	LD(SI, Y0); \
	LD(R9, Y9); \
	VMULPS Y0, Y7, Y0; \
	VSUBPS Y5, Y0, Y0; \
	EXP(Y0, Y1, Y2, Y3, Y4); \
	VSUBPS Y8, Y9, Y9; \
	VMULPS Y6, Y4, Y4; \
	VMULPS Y9, Y4, Y9; \
	ST(Y4, DI); \
	VMULPS Y7, Y9, Y9; \
	ST(Y9, R8)

TEXT ·attentionGradAVX2(SB), NOSPLIT, $0-112
	MOVQ p_base+0(FP), DI
	MOVQ p_len+8(FP), CX
	MOVQ ds_base+24(FP), R8
	MOVQ s_base+48(FP), SI
	MOVQ dp_base+72(FP), R9
	VBROADCASTSS scale+96(FP), Y7
	VBROADCASTSS max+100(FP), Y5
	VBROADCASTSS inv+104(FP), Y6
	VBROADCASTSS d+108(FP), Y8
	EXPCONST
	EACH8(ATTNBODY)
	VZEROUPPER
	RET

// func expSumAVX2(dst, x []float32, max float32, lane int, lanes *[32]float32) float32
// func expSumScaledAVX2(dst, x []float32, scale, max float32, lane int, lanes *[32]float32) float32
//
//	for i := range x {
//		dst[i] = expOne(x[i]-max) // or scale*x[i]-max
//		lanes[(lane+i)%32] += dst[i]
//	}
//	return fold(*lanes)
//
// DI dst, SI x, both moved back by lane elements, so that index AX belongs to
// lane AX mod 32; CX the elements that remain from AX on; R8 lanes; Y5 max,
// Y6 scale. In
// the first and the last block a mask hides what is not of the slice: R9 points
// to the mask of the lanes from lane on, R12 to that of the elements left.
// Requires 0 <= lane < 32 and len(dst) = len(x).
#define UNSCALED(x)
#define SCALED(x) VMULPS x, Y6, x

#define SUMPART(PRE, LD, ST, KEEP, acc) \
	LD(SI, Y0); \
	PRE(Y0); \
	VSUBPS Y5, Y0, Y0; \
	EXP(Y0, Y1, Y2, Y3, Y4); \
	ST(Y4, DI); \
	KEEP(Y4); \
	VADDPS Y4, acc, acc; \
	ADDQ $8, AX

#define SUMMASKED(PRE, off, acc) \
	VMOVUPS off(R12), Y15; \
	VMOVUPS off(R9), Y14; \
	VANDPS Y14, Y15, Y15; \
	SUMPART(PRE, LOADK, STOREK, ZERO, acc)

#define SUM(PRE) \
	LOADLANES(R8); \
	EXPCONST; \
	XORQ AX, AX; \
	TESTQ BX, BX; \
	JZ   done; \
	LEAQ (BX)(DX*1), CX; \
	LEAQ ·maskTable+256(SB), R9; \
	SHLQ $2, DX; \
	SUBQ DX, SI; \
	SUBQ DX, DI; \
	SUBQ DX, R9; \
	JMP  check; \
loop: \
	SUMPART(PRE, LOAD, STORE, PLAIN, Y8); \
	SUMPART(PRE, LOAD, STORE, PLAIN, Y9); \
	SUMPART(PRE, LOAD, STORE, PLAIN, Y10); \
	SUMPART(PRE, LOAD, STORE, PLAIN, Y11); \
	SUBQ $32, CX; \
	JZ   done; \
check: \
	TESTQ DX, DX; \
	JNZ  masked; \
	CMPQ CX, $32; \
	JGE  loop; \
masked: \
	MOVQ CX, R11; \
	CMPQ CX, $32; \
	JLE  short; \
	MOVQ $32, CX; \
short: \
	TAILMASK; \
	SUMMASKED(PRE, 0, Y8); \
	SUMMASKED(PRE, 32, Y9); \
	SUMMASKED(PRE, 64, Y10); \
	SUMMASKED(PRE, 96, Y11); \
	XORQ DX, DX; \
	LEAQ ·maskTable+256(SB), R9; \
	MOVQ R11, CX; \
	SUBQ $32, CX; \
	JGT  check; \
done: \
	STORELANES(R8); \
	FOLD
	VZEROUPPER

TEXT ·expSumAVX2(SB), NOSPLIT, $0-76
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), BX
	MOVQ lane+56(FP), DX
	MOVQ lanes+64(FP), R8
	VBROADCASTSS max+48(FP), Y5
	SUM(UNSCALED)
	VMOVSS X8, ret+72(FP)
	VZEROUPPER
	RET

TEXT ·expSumScaledAVX2(SB), NOSPLIT, $0-76
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), BX
	MOVQ lane+56(FP), DX
	MOVQ lanes+64(FP), R8
	VBROADCASTSS scale+48(FP), Y6
	VBROADCASTSS max+52(FP), Y5
	SUM(SCALED)
	VMOVSS X8, ret+72(FP)
	VZEROUPPER
	RET
