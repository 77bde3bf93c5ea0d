//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"
#include "vec_neon_arm64.h"
#include "exp_neon_arm64.h"

// func expNEON(dst, x []float32)
//
//	for i := range x { dst[i] = expOne(x[i]) }
//
// R0 dst, R1 x. Requires len(dst) = len(x).
#define EXPBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	EXP(0, 1, 2, 3, 4); \
	ST(4, R0)

TEXT ·expNEON(SB), NOSPLIT, $0-48
	MOVD dst_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	EXPCONST
	EACH4(EXPBODY)
	RET

// func softmaxGradNEON(dst, x []float32, max, inv, scale float32)
//
//	for i := range x { dst[i] = (expOne(x[i]-max) * inv) * scale }
//
// R0 dst, R1 x, V5 max, V6 inv, V7 scale. Requires len(dst) = len(x).
#define GRADBODY(LD, PEEK, ST) \
	LD(R1, 0); \
	FSUB4(5, 0, 0); \
	EXP(0, 1, 2, 3, 4); \
	FMUL4(6, 4, 4); \
	FMUL4(7, 4, 4); \
	ST(4, R0)

TEXT ·softmaxGradNEON(SB), NOSPLIT, $0-60
	MOVD dst_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	FMOVS max+48(FP), F5
	FMOVS inv+52(FP), F6
	FMOVS scale+56(FP), F7
	SPLAT4(5)
	SPLAT4(6)
	SPLAT4(7)
	EXPCONST
	EACH4(GRADBODY)
	RET

// func attentionGradNEON(s, g []float32, scale, max, inv, d float32)
//
//	for i := range s {
//		p := expOne(scale*s[i]-max) * inv
//		s[i], g[i] = p, (p*(g[i]-d))*scale
//	}
//
// R0 s, R1 g, V5 max, V6 inv, V7 scale, V18 d. Requires len(s) = len(g).
#define ATTNBODY(LD, PEEK, ST) \
	PEEK(R0, 0); \
	PEEK(R1, 19); \
	FMUL4(0, 7, 0); \
	FSUB4(5, 0, 0); \
	EXP(0, 1, 2, 3, 4); \
	FSUB4(18, 19, 19); \
	FMUL4(6, 4, 4); \
	FMUL4(19, 4, 19); \
	ST(4, R0); \
	FMUL4(7, 19, 19); \
	ST(19, R1)

TEXT ·attentionGradNEON(SB), NOSPLIT, $0-64
	MOVD s_base+0(FP), R0
	MOVD s_len+8(FP), R9
	MOVD g_base+24(FP), R1
	FMOVS scale+48(FP), F7
	FMOVS max+52(FP), F5
	FMOVS inv+56(FP), F6
	FMOVS d+60(FP), F18
	SPLAT4(7)
	SPLAT4(5)
	SPLAT4(6)
	SPLAT4(18)
	EXPCONST
	EACH4(ATTNBODY)
	RET

// func expSumNEON(dst, x []float32, max float32, lane int, lanes *[32]float32) float32
// func expSumScaledNEON(dst, x []float32, scale, max float32, lane int, lanes *[32]float32) float32
//
//	for i := range x {
//		dst[i] = expOne(x[i]-max) // or scale*x[i]-max
//		lanes[(lane+i)%32] += dst[i]
//	}
//	return fold(*lanes)
//
// R0 dst, R1 x, V5 max, V6 scale, R8 lanes, R9 elements left, R10 a lane in
// memory, R11 the number of the next lane. Up to lane 0, and after the last block of 32, elements are added to their lanes
// in memory. Requires 0 <= lane < 32 and len(dst) = len(x).
#define UNSCALED(x)
#define SCALED(x) FMUL4(x, 6, x)

#define SUMPART(PRE, LD, ST, acc) \
	LD(R1, 0); \
	PRE(0); \
	FSUB4(5, 0, 0); \
	EXP(0, 1, 2, 3, 4); \
	ST(4, R0); \
	FADD4(4, acc, acc)

#define SUMFOUR(PRE) \
	ADD R11<<2, R8, R10; \
	PEEK(R10, 24); \
	SUMPART(PRE, LOAD, STORE, 24); \
	STORE(24, R10); \
	ADD $4, R11; \
	SUB $4, R9

#define SUMSINGLE(PRE) \
	ADD R11<<2, R8, R10; \
	PEEK1(R10, 24); \
	SUMPART(PRE, LOAD1, STORE1, 24); \
	STORE1(24, R10); \
	ADD $1, R11; \
	SUB $1, R9

#define SUM(PRE) \
	SPLAT4(5); \
	EXPCONST; \
align: \
	TST  $3, R11; \
	BEQ  head; \
	CBZ  R9, fold; \
	SUMSINGLE(PRE); \
	B    align; \
head: \
	ANDS $31, R11; \
	BEQ  blocks; \
	CMP  $4, R9; \
	BLT  rest; \
	SUMFOUR(PRE); \
	B    head; \
blocks: \
	SUBS $32, R9; \
	BLT  few; \
	LOADLANES(R8); \
loop: \
	SUMPART(PRE, LOAD, STORE, 24); \
	SUMPART(PRE, LOAD, STORE, 25); \
	SUMPART(PRE, LOAD, STORE, 26); \
	SUMPART(PRE, LOAD, STORE, 27); \
	SUMPART(PRE, LOAD, STORE, 28); \
	SUMPART(PRE, LOAD, STORE, 29); \
	SUMPART(PRE, LOAD, STORE, 30); \
	SUMPART(PRE, LOAD, STORE, 31); \
	SUBS $32, R9; \
	BGE  loop; \
	STORELANES(R8); \
few: \
	ADD  $32, R9; \
four: \
	CMP  $4, R9; \
	BLT  rest; \
	SUMFOUR(PRE); \
	B    four; \
rest: \
	CBZ  R9, fold; \
	SUMSINGLE(PRE); \
	B    rest; \
fold: \
	LOADLANES(R8); \
	FOLD

TEXT ·expSumNEON(SB), NOSPLIT, $0-76
	MOVD dst_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	MOVD lane+56(FP), R11
	MOVD lanes+64(FP), R8
	FMOVS max+48(FP), F5
	SUM(UNSCALED)
	FMOVS F24, ret+72(FP)
	RET

TEXT ·expSumScaledNEON(SB), NOSPLIT, $0-76
	MOVD dst_base+0(FP), R0
	MOVD x_base+24(FP), R1
	MOVD x_len+32(FP), R9
	MOVD lane+56(FP), R11
	MOVD lanes+64(FP), R8
	FMOVS scale+48(FP), F6
	FMOVS max+52(FP), F5
	SPLAT4(6)
	SUM(SCALED)
	FMOVS F24, ret+72(FP)
	RET
