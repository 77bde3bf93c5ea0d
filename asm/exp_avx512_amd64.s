//go:build !purego

#include "textflag.h"
#include "vec_avx512_amd64.h"
#include "exp_avx512_amd64.h"

// func expAVX512(dst, x []float32)
//
//	for i := range x { dst[i] = expOne(x[i]) }
//
// DI dst, SI x. Requires len(dst) = len(x).
#define EXPBODY(LD, ST) \
	LD(SI, Z0); \
	EXP(Z0, Z1, Z2, Z3); \
	ST(Z3, DI)

TEXT ·expAVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	EXPCONST
	EACH16(EXPBODY)
	VZEROUPPER
	RET

// func softmaxGradAVX512(dst, x []float32, max, inv, scale float32)
//
//	for i := range x { dst[i] = (expOne(x[i]-max) * inv) * scale }
//
// DI dst, SI x, Z4 max, Z5 inv, Z6 scale. Requires len(dst) = len(x).
#define GRADBODY(LD, ST) \
	LD(SI, Z0); \
	VSUBPS Z4, Z0, Z0; \
	EXP(Z0, Z1, Z2, Z3); \
	VMULPS Z5, Z3, Z3; \
	VMULPS Z6, Z3, Z3; \
	ST(Z3, DI)

TEXT ·softmaxGradAVX512(SB), NOSPLIT, $0-60
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	VBROADCASTSS max+48(FP), Z4
	VBROADCASTSS inv+52(FP), Z5
	VBROADCASTSS scale+56(FP), Z6
	EXPCONST
	EACH16(GRADBODY)
	VZEROUPPER
	RET

// func attentionGradAVX512(p, ds, s, dp []float32, scale, max, inv, d float32)
//
//	for i := range s {
//		e := expOne(scale*s[i]-max) * inv
//		p[i], ds[i] = e, (e*(dp[i]-d))*scale
//	}
//
// DI p, R8 ds, SI s, R9 dp, Z4 max, Z5 inv, Z6 scale, Z7 d. Requires equal lengths.
#define ATTNBODY(LD, ST) \
	LD(SI, Z0); \
	LD(R9, Z8); \
	VMULPS Z0, Z6, Z0; \
	VSUBPS Z4, Z0, Z0; \
	EXP(Z0, Z1, Z2, Z3); \
	VSUBPS Z7, Z8, Z8; \
	VMULPS Z5, Z3, Z3; \
	VMULPS Z8, Z3, Z8; \
	ST(Z3, DI); \
	VMULPS Z6, Z8, Z8; \
	ST(Z8, R8)

TEXT ·attentionGradAVX512(SB), NOSPLIT, $0-112
	MOVQ p_base+0(FP), DI
	MOVQ p_len+8(FP), CX
	MOVQ ds_base+24(FP), R8
	MOVQ s_base+48(FP), SI
	MOVQ dp_base+72(FP), R9
	VBROADCASTSS scale+96(FP), Z6
	VBROADCASTSS max+100(FP), Z4
	VBROADCASTSS inv+104(FP), Z5
	VBROADCASTSS d+108(FP), Z7
	EXPCONST
	EACH16(ATTNBODY)
	VZEROUPPER
	RET

// func expSumAVX512(dst, x []float32, max float32, lane int, lanes *[32]float32) float32
// func expSumScaledAVX512(dst, x []float32, scale, max float32, lane int, lanes *[32]float32) float32
//
//	for i := range x {
//		dst[i] = expOne(x[i]-max) // or scale*x[i]-max
//		lanes[(lane+i)%32] += dst[i]
//	}
//	return fold(*lanes)
//
// DI dst, SI x, both moved back by lane elements, so that index AX belongs to
// lane AX mod 32; CX the elements that remain from AX on; R8 lanes; Z4 max, Z5
// scale.
// K6, K7 mask the two halves of the first and the last block; what they hide
// is not touched. Requires 0 <= lane < 32 and len(dst) = len(x).
#define UNSCALED(x)
#define SCALED(x) VMULPS x, Z5, x

#define SUMHALF(PRE, LD, ST, OP, acc) \
	LD(SI, Z0); \
	PRE(Z0); \
	VSUBPS Z4, Z0, Z0; \
	EXP(Z0, Z1, Z2, Z3); \
	ST(Z3, DI); \
	OP(VADDPS, Z3, acc, acc)

#define SUM(PRE) \
	VMOVUPS 0(R8), Z8; \
	VMOVUPS 64(R8), Z9; \
	EXPCONST; \
	XORQ AX, AX; \
	TESTQ BX, BX; \
	JZ   done; \
	MOVQ CX, DX; \
	SHLQ $2, DX; \
	SUBQ DX, SI; \
	SUBQ DX, DI; \
	MOVL $-1, R9; \
	SHLL CX, R9; \
	ADDQ BX, CX; \
	CMPL R9, $-1; \
	JNE  masked; \
	CMPQ CX, $32; \
	JLT  last; \
loop: \
	SUMHALF(PRE, LOAD, STORE, PLAIN, Z8); \
	ADDQ $16, AX; \
	SUMHALF(PRE, LOAD, STORE, PLAIN, Z9); \
	ADDQ $16, AX; \
	SUBQ $32, CX; \
	CMPQ CX, $32; \
	JGE  loop; \
	TESTQ CX, CX; \
	JZ   done; \
last: \
	MOVL $-1, R9; \
masked: \
	CMPQ CX, $32; \
	JGE  halves; \
	MOVL $1, DX; \
	SHLL CX, DX; \
	DECL DX; \
	ANDL DX, R9; \
halves: \
	KMOVW R9, K7; \
	SUMHALF(PRE, LOADK, STOREK, KEEP, Z8); \
	ADDQ $16, AX; \
	SHRL $16, R9; \
	KMOVW R9, K7; \
	SUMHALF(PRE, LOADK, STOREK, KEEP, Z9); \
	ADDQ $16, AX; \
	SUBQ $32, CX; \
	JLE  done; \
	CMPQ CX, $32; \
	JGE  loop; \
	JMP  last; \
done: \
	VMOVUPS Z8, 0(R8); \
	VMOVUPS Z9, 64(R8); \
	FOLD
	VZEROUPPER

TEXT ·expSumAVX512(SB), NOSPLIT, $0-76
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), BX
	MOVQ lane+56(FP), CX
	MOVQ lanes+64(FP), R8
	VBROADCASTSS max+48(FP), Z4
	SUM(UNSCALED)
	VMOVSS X8, ret+72(FP)
	VZEROUPPER
	RET

TEXT ·expSumScaledAVX512(SB), NOSPLIT, $0-76
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), BX
	MOVQ lane+56(FP), CX
	MOVQ lanes+64(FP), R8
	VBROADCASTSS scale+48(FP), Z5
	VBROADCASTSS max+52(FP), Z4
	SUM(SCALED)
	VMOVSS X8, ret+72(FP)
	VZEROUPPER
	RET
