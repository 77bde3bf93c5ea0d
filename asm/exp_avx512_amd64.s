//go:build !purego

#include "go_asm.h"
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

// func expSumAVX512(dst, x []float32, max float32, lane int, lanes *[32]float32) float32
//
//	for i := range x {
//		dst[i] = expOne(x[i]-max)
//		lanes[(lane+i)%32] += dst[i]
//	}
//	return fold(*lanes)
//
// DI dst, SI x, both moved back by lane elements, so that index AX belongs to
// lane AX mod 32; CX the elements that remain from AX on; R8 lanes; Z4 max.
// R9 is the mask of the first and of the last block; K7 takes one half of it after the other, and masked elements are not
// touched. Requires 0 <= lane < 32 and len(dst) = len(x).
//
// SUM adds the exponentials to the lanes in registers; PRE may scale an element
// first.
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
	JZ   done; \
	KMOVW R9, K7; \
	SUMHALF(PRE, LOADK, STOREK, KEEP, Z9); \
	ADDQ $16, AX; \
	SUBQ $32, CX; \
	JLE  done; \
	CMPQ CX, $32; \
	JGE  loop; \
	JMP  last; \
done:

TEXT ·expSumAVX512(SB), NOSPLIT, $0-76
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), BX
	MOVQ lane+56(FP), CX
	MOVQ lanes+64(FP), R8
	VBROADCASTSS max+48(FP), Z4
	EXPCONST
	VMOVUPS 0(R8), Z8
	VMOVUPS 64(R8), Z9
	SUM(UNSCALED)
	VMOVUPS Z8, 0(R8)
	VMOVUPS Z9, 64(R8)
	FOLD
	VMOVSS X8, ret+72(FP)
	VZEROUPPER
	RET

// func softmaxRowsAVX512(t *rowsArgs)
//
//	for r := range t.rows {
//		x := t.s[:t.n]
//		t.stats[r].Max = t.scale * Max(x)
//		t.stats[r].Sum = expSum(x, t.scale*x, t.stats[r].Max, t.lane, zeros)
//		t.s, t.n, t.lane = t.s[t.step:], t.n+t.grow, (t.lane+t.turn)%32 // distances in bytes
//	}
//
// R10 t, R11 s, R12 n, R13 lane, R14 rows left, R15 stats; Z4 max, Z5 scale, Z18
// -Inf. The rest as in expSum and max: lanes 0 to 15 are in Z8, 16 to 31 in Z9. Requires t.n >= 1 in every row.
#define MAXPART(LD, acc, OP) \
	LD(SI, Z0); \
	VCMPPS $3, Z0, Z0, K2; \
	KORW K2, K1, K1; \
	OP(VMAXPS, acc, Z0, acc)

TEXT ·softmaxRowsAVX512(SB), NOSPLIT, $0-8
	MOVQ t+0(FP), R10
	MOVQ rowsArgs_s(R10), R11
	MOVQ rowsArgs_n(R10), R12
	MOVQ rowsArgs_lane(R10), R13
	MOVQ rowsArgs_rows(R10), R14
	MOVQ rowsArgs_stats(R10), R15
	VBROADCASTSS rowsArgs_scale(R10), Z5
	EXPCONST
	MOVL $0xFF800000, AX
	VPBROADCASTD AX, Z18

row:
	MOVQ R11, SI
	MOVQ R12, CX
	VMOVAPS Z18, Z8
	VMOVAPS Z18, Z9
	KXORW K1, K1, K1
	XORQ AX, AX
	SUBQ $32, CX
	JLT  few

most:
	MAXPART(LOAD, Z8, PLAIN)
	ADDQ $16, AX
	MAXPART(LOAD, Z9, PLAIN)
	ADDQ $16, AX
	SUBQ $32, CX
	JGE  most

few:
	ADDQ $32, CX
	JZ   found
	CMPQ CX, $16
	JLT  low
	MAXPART(LOAD, Z8, PLAIN)
	ADDQ $16, AX
	SUBQ $16, CX
	JZ   found
	TAILMASK
	MAXPART(LOADK, Z9, KEEP)
	JMP  found

low:
	TAILMASK
	MAXPART(LOADK, Z8, KEEP)

found:
	VMAXPS Z8, Z9, Z8
	VEXTRACTF64X4 $1, Z8, Y9
	VMAXPS Y8, Y9, Y8
	VEXTRACTF128 $1, Y8, X9
	VMAXPS X8, X9, X8
	VMOVHLPS X8, X8, X9
	VMAXPS X8, X9, X8
	VMOVSHDUP X8, X9
	VMAXSS X8, X9, X8
	KMOVW K1, AX
	TESTL AX, AX
	JZ   number
	VSUBPS X19, X19, X8   // Inf - Inf

number:
	VMULSS X5, X8, X4
	VMOVSS X4, 0(R15)
	VBROADCASTSS X4, Z4
	VPXORD Z8, Z8, Z8
	VPXORD Z9, Z9, Z9
	MOVQ R11, SI
	MOVQ R11, DI
	MOVQ R12, BX
	MOVQ R13, CX
	SUM(SCALED)
	FOLD
	VMOVSS X8, 4(R15)
	ADDQ $8, R15
	ADDQ rowsArgs_step(R10), R11
	ADDQ rowsArgs_grow(R10), R12
	ADDQ rowsArgs_turn(R10), R13
	ANDQ $31, R13
	DECQ R14
	JNE  row
	VZEROUPPER
	RET

// func attentionGradRowsAVX512(t *rowsArgs)
//
//	for r := range t.rows {
//		max, inv := t.stats[r].Max, 1/t.stats[r].Sum
//		for i := range t.n {
//			p := expOne(t.scale*t.s[i]-max) * inv
//			t.s[i], t.g[i] = p, (p*(t.g[i]-t.dots[r]))*t.scale
//		}
//		t.s, t.g, t.n = t.s[t.step:], t.g[t.step:], t.n+t.grow // distances in bytes
//	}
//
// R10 t, SI s, DI g, R12 n, R13 dots, R14 rows left, R15 stats; Z4 max, Z5 inv, Z6
// scale, Z7 dot.
#define ATTNBODY(LD, ST) \
	LD(SI, Z0); \
	LD(DI, Z8); \
	VMULPS Z0, Z6, Z0; \
	VSUBPS Z4, Z0, Z0; \
	EXP(Z0, Z1, Z2, Z3); \
	VSUBPS Z7, Z8, Z8; \
	VMULPS Z5, Z3, Z3; \
	VMULPS Z8, Z3, Z8; \
	ST(Z3, SI); \
	VMULPS Z6, Z8, Z8; \
	ST(Z8, DI)

TEXT ·attentionGradRowsAVX512(SB), NOSPLIT, $0-8
	MOVQ t+0(FP), R10
	MOVQ rowsArgs_s(R10), SI
	MOVQ rowsArgs_g(R10), DI
	MOVQ rowsArgs_n(R10), R12
	MOVQ rowsArgs_dots(R10), R13
	MOVQ rowsArgs_rows(R10), R14
	MOVQ rowsArgs_stats(R10), R15
	VBROADCASTSS rowsArgs_scale(R10), Z6
	EXPCONST

row:
	MOVQ R12, CX
	VBROADCASTSS 0(R15), Z4
	VDIVSS 4(R15), X20, X5
	VBROADCASTSS X5, Z5
	VBROADCASTSS 0(R13), Z7
	EACH16(ATTNBODY)
	ADDQ $8, R15
	ADDQ $4, R13
	ADDQ rowsArgs_step(R10), SI
	ADDQ rowsArgs_step(R10), DI
	ADDQ rowsArgs_grow(R10), R12
	DECQ R14
	JNE  row
	VZEROUPPER
	RET
