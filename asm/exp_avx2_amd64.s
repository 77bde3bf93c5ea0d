//go:build !purego

#include "go_asm.h"
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

// func expSumAVX2(dst, x []float32, max float32, lane int, lanes *[32]float32) float32
//
//	for i := range x {
//		dst[i] = expOne(x[i]-max)
//		lanes[(lane+i)%32] += dst[i]
//	}
//	return fold(*lanes)
//
// DI dst, SI x, both moved back by lane elements, so that index AX belongs to
// lane AX mod 32; CX the elements that remain from AX on; R8 lanes; Y5 max. In
// the first and the last block a mask hides what does not belong to the slice: R9
// points to the mask of the lanes from lane on, R12 to the mask of the elements
// left. Requires 0 <= lane < 32 and len(dst) = len(x).
//
// SUM adds the exponentials to the lanes in registers; PRE may scale an element
// first. No lane is ever -0, so adding the +0 that ZERO puts into masked elements
// leaves their lanes unchanged.
#define ZERO(y) VANDPS Y15, y, y
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
	CMPQ CX, $8; \
	JLE  done; \
	SUMMASKED(PRE, 32, Y9); \
	CMPQ CX, $16; \
	JLE  done; \
	SUMMASKED(PRE, 64, Y10); \
	CMPQ CX, $24; \
	JLE  done; \
	SUMMASKED(PRE, 96, Y11); \
	XORQ DX, DX; \
	LEAQ ·maskTable+256(SB), R9; \
	MOVQ R11, CX; \
	SUBQ $32, CX; \
	JGT  check; \
done:

TEXT ·expSumAVX2(SB), NOSPLIT, $0-76
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), BX
	MOVQ lane+56(FP), DX
	MOVQ lanes+64(FP), R8
	VBROADCASTSS max+48(FP), Y5
	EXPCONST
	LOADLANES(R8)
	SUM(UNSCALED)
	STORELANES(R8)
	FOLD
	VMOVSS X8, ret+72(FP)
	VZEROUPPER
	RET

// func softmaxRowsAVX2(t *rowsArgs)
//
//	for r := range t.rows {
//		x := t.s[:t.n]
//		t.stats[r].Max = t.scale * Max(x)
//		t.stats[r].Sum = expSum(x, t.scale*x, t.stats[r].Max, t.lane, zeros)
//		t.s, t.n, t.lane = t.s[t.step:], t.n+t.grow, (t.lane+t.turn)%32 // distances in bytes
//	}
//
// R14 t, whose n, lane and rows are updated, R8 s, R15 stats; Y5 max, Y6 scale.
// While the maximum is taken Y6 is -Inf, which replaces masked elements, and Y7
// collects the unordered comparisons. The rest as in expSum. Requires t.n >= 1 in
// every row.
#define LOWEST(y) VBLENDVPS Y15, y, Y6, y
#define MAXPART(LD, acc, KEEP) \
	LD(SI, Y0); \
	VCMPPS $3, Y0, Y0, Y1; \
	VORPS Y1, Y7, Y7; \
	KEEP(Y0); \
	VMAXPS acc, Y0, acc; \
	ADDQ $8, AX

#define MAXMASKED(off, acc) \
	VMOVUPS off(R12), Y15; \
	MAXPART(LOADK, acc, LOWEST)

TEXT ·softmaxRowsAVX2(SB), NOSPLIT, $0-8
	MOVQ t+0(FP), R14
	MOVQ rowsArgs_stats(R14), R15
	MOVQ rowsArgs_s(R14), R8
	EXPCONST

row:
	MOVQ R8, SI
	MOVQ rowsArgs_n(R14), CX
	MOVL $0xFF800000, DX
	VMOVD DX, X6
	VPBROADCASTD X6, Y6
	VMOVAPS Y6, Y8
	VMOVAPS Y6, Y9
	VMOVAPS Y6, Y10
	VMOVAPS Y6, Y11
	VXORPS Y7, Y7, Y7
	XORQ AX, AX
	SUBQ $32, CX
	JLT  few

most:
	MAXPART(LOAD, Y8, PLAIN)
	MAXPART(LOAD, Y9, PLAIN)
	MAXPART(LOAD, Y10, PLAIN)
	MAXPART(LOAD, Y11, PLAIN)
	SUBQ $32, CX
	JGE  most

few:
	ADDQ $32, CX
	JZ   found
	TAILMASK
	MAXMASKED(0, Y8)
	MAXMASKED(32, Y9)
	MAXMASKED(64, Y10)
	MAXMASKED(96, Y11)

found:
	VMAXPS Y8, Y10, Y8
	VMAXPS Y9, Y11, Y9
	VMAXPS Y8, Y9, Y8
	VEXTRACTF128 $1, Y8, X9
	VMAXPS X8, X9, X8
	VMOVHLPS X8, X8, X9
	VMAXPS X8, X9, X8
	VMOVSHDUP X8, X9
	VMAXSS X8, X9, X8
	VMOVMSKPS Y7, AX
	TESTL AX, AX
	JZ   number
	VSUBSS X6, X6, X8     // Inf - Inf

number:
	VBROADCASTSS rowsArgs_scale(R14), Y6
	VMULSS X6, X8, X5
	VMOVSS X5, 0(R15)
	VBROADCASTSS X5, Y5
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9
	VXORPS Y10, Y10, Y10
	VXORPS Y11, Y11, Y11
	MOVQ R8, SI
	MOVQ R8, DI
	MOVQ rowsArgs_n(R14), BX
	MOVQ rowsArgs_lane(R14), DX
	SUM(SCALED)
	FOLD
	VMOVSS X8, 4(R15)
	ADDQ $8, R15
	ADDQ rowsArgs_step(R14), R8
	MOVQ rowsArgs_grow(R14), AX
	ADDQ AX, rowsArgs_n(R14)
	MOVQ rowsArgs_lane(R14), AX
	ADDQ rowsArgs_turn(R14), AX
	ANDQ $31, AX
	MOVQ AX, rowsArgs_lane(R14)
	DECQ rowsArgs_rows(R14)
	JNE  row
	VZEROUPPER
	RET

// func attentionGradRowsAVX2(t *rowsArgs)
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
// R14 t, whose rows count down, SI s, DI g, R8 n, R9 dots, R15 stats; Y5 max, Y6
// inv, Y7 scale, Y8 dot.
#define ATTNBODY(LD, ST) \
	LD(SI, Y0); \
	LD(DI, Y9); \
	VMULPS Y0, Y7, Y0; \
	VSUBPS Y5, Y0, Y0; \
	EXP(Y0, Y1, Y2, Y3, Y4); \
	VSUBPS Y8, Y9, Y9; \
	VMULPS Y6, Y4, Y4; \
	VMULPS Y9, Y4, Y9; \
	ST(Y4, SI); \
	VMULPS Y7, Y9, Y9; \
	ST(Y9, DI)

TEXT ·attentionGradRowsAVX2(SB), NOSPLIT, $0-8
	MOVQ t+0(FP), R14
	MOVQ rowsArgs_s(R14), SI
	MOVQ rowsArgs_g(R14), DI
	MOVQ rowsArgs_n(R14), R8
	MOVQ rowsArgs_dots(R14), R9
	MOVQ rowsArgs_stats(R14), R15
	VBROADCASTSS rowsArgs_scale(R14), Y7
	EXPCONST

row:
	MOVQ R8, CX
	VBROADCASTSS 0(R15), Y5
	VMOVUPS ONE, Y6
	VDIVSS 4(R15), X6, X6
	VBROADCASTSS X6, Y6
	VBROADCASTSS 0(R9), Y8
	EACH8(ATTNBODY)
	ADDQ $8, R15
	ADDQ $4, R9
	ADDQ rowsArgs_step(R14), SI
	ADDQ rowsArgs_step(R14), DI
	ADDQ rowsArgs_grow(R14), R8
	DECQ rowsArgs_rows(R14)
	JNE  row
	VZEROUPPER
	RET
