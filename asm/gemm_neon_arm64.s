//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "neon_arm64.h"

// Tiles of a matrix product, NEON: gemmRx12NEON, gemmRx8NEON and gemmRx4NEON
// compute a number of tiles side by side, each of R rows, 1 to 8, and N = 12, 8
// or 4 columns. Each equals
//
//	func gemmRxNNEON(t *gemmArgs) // distances in floats here, in bytes there
//	for range t.tiles {
//		for i := range R {
//			for j := range N {
//				acc := t.acc ? c[i*cRow+j] : 0
//				for l := range k {
//					acc = fma(a[i*aRow+l*aK], b[l*bK+j], acc)
//				}
//				c[i*cRow+j] = acc
//			}
//		}
//		b, c = b[bStep:], c[N:]
//	}
//
// for k >= 1, tiles >= 1. The mask is not read: gemmTiles handles the tiles that
// are wider than c.
//
//	V8-V31       accumulators, N/4 for each row
//	V2-V4        a row of b
//	V0 V1 V5-V7  values of a, each in lane 0, in turn; or V0 V1 a column of a
//	R1 R2        a of row 0 and its step in k     R9-R15   1 to 7 rows of a
//	R3 R4        b and its step in k              R5 R6    c and its row
//	R7 R8        k and tiles that are left        R16      walks over rows of c
//	R17 R19      b's panel and the step to the next
//	R20 R21 R22  acc, a, k of every tile

// ARGS fetches what all tiles share.
#define ARGS \
	MOVD t+0(FP), R0             \
	MOVD gemmArgs_a(R0), R21     \
	MOVD gemmArgs_b(R0), R17     \
	MOVD gemmArgs_c(R0), R5      \
	MOVD gemmArgs_aRow(R0), R9   \
	MOVD gemmArgs_aK(R0), R2     \
	MOVD gemmArgs_bK(R0), R4     \
	MOVD gemmArgs_bStep(R0), R19 \
	MOVD gemmArgs_cRow(R0), R6   \
	MOVD gemmArgs_k(R0), R22     \
	MOVD gemmArgs_tiles(R0), R8  \
	MOVD gemmArgs_acc(R0), R20   \
	LSL  $1, R9, R10             \
	ADD  R9, R10, R11            \
	LSL  $2, R9, R12             \
	ADD  R9, R12, R13            \
	LSL  $1, R11, R14            \
	ADD  R9, R14, R15

// TILE starts a tile.
#define TILE \
	MOVD R21, R1  \
	MOVD R17, R3  \
	ADD  R19, R17 \
	MOVD R22, R7  \
	MOVD R5, R16

// NEXT moves to the next k, after b was moved; the flags say whether there is
// one.
#define NEXT \
	ADD  R2, R1 \
	SUBS $1, R7

// MORE moves to the next tile; the flags say whether there is one.
#define MORE(width) \
	ADD  $width, R5 \
	SUBS $1, R8

// KERNEL is a whole function: EACH applies an operation to the accumulators of
// every row, STEP adds the outer product of one k, LOADB loads a row of b.
#define KERNEL(EACH, LOADROW, ZEROROW, STOREROW, LOADB, STEP, width) \
	ARGS              \
	tile:             \
	TILE              \
	CBNZ R20, load    \
	EACH(ZEROROW)     \
	B    loop         \
	load:             \
	EACH(LOADROW)     \
	loop:             \
	LOADB             \
	STEP              \
	NEXT              \
	BNE  loop         \
	MOVD R5, R16      \
	EACH(STOREROW)    \
	MORE(width)       \
	BNE  tile         \
	RET

// A value of a, of row 0 or of the row at the offset off, in lane 0.
#define A0(v) FMOVS (R1), F(v)
#define A(off, v) FMOVS (R1)(off), F(v)

// 12 columns wide.
#define LOAD12(x, y, z) \
	FMOVQ (R16), F(x)   \
	FMOVQ 16(R16), F(y) \
	FMOVQ 32(R16), F(z) \
	ADD   R6, R16

#define ZERO12(x, y, z) \
	ZEROV(x) \
	ZEROV(y) \
	ZEROV(z)

#define STORE12(x, y, z) \
	FMOVQ F(x), (R16)   \
	FMOVQ F(y), 16(R16) \
	FMOVQ F(z), 32(R16) \
	ADD   R6, R16

#define LOADB12 VLD1.P (R3)(R4), [V2.S4, V3.S4, V4.S4]

// ROW12 adds a row of the outer product of one k: lane i of V(m) times b.
#define ROW12(m, i, x, y, z) \
	FMLA4E(m, i, 2, x) \
	FMLA4E(m, i, 3, y) \
	FMLA4E(m, i, 4, z)

// EACHn(OP) applies OP to the accumulators of n rows.
#define EACH1(OP) OP(8, 9, 10)
#define EACH2(OP) EACH1(OP); OP(11, 12, 13)
#define EACH3(OP) EACH2(OP); OP(14, 15, 16)
#define EACH4(OP) EACH3(OP); OP(17, 18, 19)
#define EACH5(OP) EACH4(OP); OP(20, 21, 22)
#define EACH6(OP) EACH5(OP); OP(23, 24, 25)
#define EACH7(OP) EACH6(OP); OP(26, 27, 28)
#define EACH8(OP) EACH7(OP); OP(29, 30, 31)

// STEPn adds the outer product of one k for n rows.
#define STEP1 A0(0); ROW12(0, 0, 8, 9, 10)
#define STEP2 STEP1; A(R9, 1); ROW12(1, 0, 11, 12, 13)
#define STEP3 STEP2; A(R10, 5); ROW12(5, 0, 14, 15, 16)
#define STEP4 STEP3; A(R11, 6); ROW12(6, 0, 17, 18, 19)
#define STEP5 STEP4; A(R12, 7); ROW12(7, 0, 20, 21, 22)
#define STEP6 STEP5; A(R13, 0); ROW12(0, 0, 23, 24, 25)
#define STEP7 STEP6; A(R14, 1); ROW12(1, 0, 26, 27, 28)
#define STEP8 STEP7; A(R15, 5); ROW12(5, 0, 29, 30, 31)

// STEPCOL is STEP8 for 8 contiguous values of a.
#define STEPCOL \
	VLD1  (R1), [V0.S4, V1.S4] \
	ROW12(0, 0, 8, 9, 10)      \
	ROW12(0, 1, 11, 12, 13)    \
	ROW12(0, 2, 14, 15, 16)    \
	ROW12(0, 3, 17, 18, 19)    \
	ROW12(1, 0, 20, 21, 22)    \
	ROW12(1, 1, 23, 24, 25)    \
	ROW12(1, 2, 26, 27, 28)    \
	ROW12(1, 3, 29, 30, 31)

#define KERNEL12(EACH, STEP) KERNEL(EACH, LOAD12, ZERO12, STORE12, LOADB12, STEP, 48)

// func gemm1x12NEON(t *gemmArgs)
TEXT ·gemm1x12NEON(SB), NOSPLIT, $0-8
	KERNEL12(EACH1, STEP1)

// func gemm2x12NEON(t *gemmArgs)
TEXT ·gemm2x12NEON(SB), NOSPLIT, $0-8
	KERNEL12(EACH2, STEP2)

// func gemm3x12NEON(t *gemmArgs)
TEXT ·gemm3x12NEON(SB), NOSPLIT, $0-8
	KERNEL12(EACH3, STEP3)

// func gemm4x12NEON(t *gemmArgs)
TEXT ·gemm4x12NEON(SB), NOSPLIT, $0-8
	KERNEL12(EACH4, STEP4)

// func gemm5x12NEON(t *gemmArgs)
TEXT ·gemm5x12NEON(SB), NOSPLIT, $0-8
	KERNEL12(EACH5, STEP5)

// func gemm6x12NEON(t *gemmArgs)
TEXT ·gemm6x12NEON(SB), NOSPLIT, $0-8
	KERNEL12(EACH6, STEP6)

// func gemm7x12NEON(t *gemmArgs)
TEXT ·gemm7x12NEON(SB), NOSPLIT, $0-8
	KERNEL12(EACH7, STEP7)

// func gemm8x12NEON(t *gemmArgs)
TEXT ·gemm8x12NEON(SB), NOSPLIT, $0-8
	KERNEL12(EACH8, STEP8)

// func gemmCol8x12NEON(t *gemmArgs)
//
// gemm8x12NEON for aRow = 1 float: a packed, or stored by columns.
TEXT ·gemmCol8x12NEON(SB), NOSPLIT, $0-8
	KERNEL12(EACH8, STEPCOL)

// 8 columns wide.
#define LOAD8(x, y) \
	FMOVQ (R16), F(x)   \
	FMOVQ 16(R16), F(y) \
	ADD   R6, R16

#define ZERO8(x, y) \
	ZEROV(x) \
	ZEROV(y)

#define STORE8(x, y) \
	FMOVQ F(x), (R16)   \
	FMOVQ F(y), 16(R16) \
	ADD   R6, R16

#define LOADB8 VLD1.P (R3)(R4), [V2.S4, V3.S4]

#define ROW8(m, x, y) \
	FMLA4E(m, 0, 2, x) \
	FMLA4E(m, 0, 3, y)

#define PAIR1(OP) OP(8, 9)
#define PAIR2(OP) PAIR1(OP); OP(10, 11)
#define PAIR3(OP) PAIR2(OP); OP(12, 13)
#define PAIR4(OP) PAIR3(OP); OP(14, 15)
#define PAIR5(OP) PAIR4(OP); OP(16, 17)
#define PAIR6(OP) PAIR5(OP); OP(18, 19)
#define PAIR7(OP) PAIR6(OP); OP(20, 21)
#define PAIR8(OP) PAIR7(OP); OP(22, 23)

#define PACE1 A0(0); ROW8(0, 8, 9)
#define PACE2 PACE1; A(R9, 1); ROW8(1, 10, 11)
#define PACE3 PACE2; A(R10, 5); ROW8(5, 12, 13)
#define PACE4 PACE3; A(R11, 6); ROW8(6, 14, 15)
#define PACE5 PACE4; A(R12, 7); ROW8(7, 16, 17)
#define PACE6 PACE5; A(R13, 0); ROW8(0, 18, 19)
#define PACE7 PACE6; A(R14, 1); ROW8(1, 20, 21)
#define PACE8 PACE7; A(R15, 5); ROW8(5, 22, 23)

#define KERNEL8(EACH, STEP) KERNEL(EACH, LOAD8, ZERO8, STORE8, LOADB8, STEP, 32)

// func gemm1x8NEON(t *gemmArgs)
TEXT ·gemm1x8NEON(SB), NOSPLIT, $0-8
	KERNEL8(PAIR1, PACE1)

// func gemm2x8NEON(t *gemmArgs)
TEXT ·gemm2x8NEON(SB), NOSPLIT, $0-8
	KERNEL8(PAIR2, PACE2)

// func gemm3x8NEON(t *gemmArgs)
TEXT ·gemm3x8NEON(SB), NOSPLIT, $0-8
	KERNEL8(PAIR3, PACE3)

// func gemm4x8NEON(t *gemmArgs)
TEXT ·gemm4x8NEON(SB), NOSPLIT, $0-8
	KERNEL8(PAIR4, PACE4)

// func gemm5x8NEON(t *gemmArgs)
TEXT ·gemm5x8NEON(SB), NOSPLIT, $0-8
	KERNEL8(PAIR5, PACE5)

// func gemm6x8NEON(t *gemmArgs)
TEXT ·gemm6x8NEON(SB), NOSPLIT, $0-8
	KERNEL8(PAIR6, PACE6)

// func gemm7x8NEON(t *gemmArgs)
TEXT ·gemm7x8NEON(SB), NOSPLIT, $0-8
	KERNEL8(PAIR7, PACE7)

// func gemm8x8NEON(t *gemmArgs)
TEXT ·gemm8x8NEON(SB), NOSPLIT, $0-8
	KERNEL8(PAIR8, PACE8)

// 4 columns wide.
#define LOAD4(x) \
	FMOVQ (R16), F(x) \
	ADD   R6, R16

#define STORE4(x) \
	FMOVQ F(x), (R16) \
	ADD   R6, R16

#define LOADB4 VLD1.P (R3)(R4), [V2.S4]

#define SOLE1(OP) OP(8)
#define SOLE2(OP) SOLE1(OP); OP(9)
#define SOLE3(OP) SOLE2(OP); OP(10)
#define SOLE4(OP) SOLE3(OP); OP(11)
#define SOLE5(OP) SOLE4(OP); OP(12)
#define SOLE6(OP) SOLE5(OP); OP(13)
#define SOLE7(OP) SOLE6(OP); OP(14)
#define SOLE8(OP) SOLE7(OP); OP(15)

#define WALK1 A0(0); FMLA4E(0, 0, 2, 8)
#define WALK2 WALK1; A(R9, 1); FMLA4E(1, 0, 2, 9)
#define WALK3 WALK2; A(R10, 5); FMLA4E(5, 0, 2, 10)
#define WALK4 WALK3; A(R11, 6); FMLA4E(6, 0, 2, 11)
#define WALK5 WALK4; A(R12, 7); FMLA4E(7, 0, 2, 12)
#define WALK6 WALK5; A(R13, 0); FMLA4E(0, 0, 2, 13)
#define WALK7 WALK6; A(R14, 1); FMLA4E(1, 0, 2, 14)
#define WALK8 WALK7; A(R15, 5); FMLA4E(5, 0, 2, 15)

#define KERNEL4(EACH, STEP) KERNEL(EACH, LOAD4, ZEROV, STORE4, LOADB4, STEP, 16)

// func gemm1x4NEON(t *gemmArgs)
TEXT ·gemm1x4NEON(SB), NOSPLIT, $0-8
	KERNEL4(SOLE1, WALK1)

// func gemm2x4NEON(t *gemmArgs)
TEXT ·gemm2x4NEON(SB), NOSPLIT, $0-8
	KERNEL4(SOLE2, WALK2)

// func gemm3x4NEON(t *gemmArgs)
TEXT ·gemm3x4NEON(SB), NOSPLIT, $0-8
	KERNEL4(SOLE3, WALK3)

// func gemm4x4NEON(t *gemmArgs)
TEXT ·gemm4x4NEON(SB), NOSPLIT, $0-8
	KERNEL4(SOLE4, WALK4)

// func gemm5x4NEON(t *gemmArgs)
TEXT ·gemm5x4NEON(SB), NOSPLIT, $0-8
	KERNEL4(SOLE5, WALK5)

// func gemm6x4NEON(t *gemmArgs)
TEXT ·gemm6x4NEON(SB), NOSPLIT, $0-8
	KERNEL4(SOLE6, WALK6)

// func gemm7x4NEON(t *gemmArgs)
TEXT ·gemm7x4NEON(SB), NOSPLIT, $0-8
	KERNEL4(SOLE7, WALK7)

// func gemm8x4NEON(t *gemmArgs)
TEXT ·gemm8x4NEON(SB), NOSPLIT, $0-8
	KERNEL4(SOLE8, WALK8)

// Triangles: rise12NEON and its like compute one tile of k rows, 1 to 8, whose
// step l of k enters rows 0 to l; in fall12NEON and its like it enters rows 0 to
// k-1-l, so that each step has one row more, or one fewer, than the step before.
// In all else they equal the tiles above, except that t.tiles is not read.

// RUNGSn(OP, end), for tiles of n columns, applies OP to the accumulators of the
// first R23 rows, 1 to 8, and goes to the label end or falls through to it.
#define RUNG12(OP, x, y, z, end) OP(x, y, z); SUBS $1, R23; BEQ end
#define RUNGS12(OP, end) \
	RUNG12(OP, 8, 9, 10, end) \
	RUNG12(OP, 11, 12, 13, end) \
	RUNG12(OP, 14, 15, 16, end) \
	RUNG12(OP, 17, 18, 19, end) \
	RUNG12(OP, 20, 21, 22, end) \
	RUNG12(OP, 23, 24, 25, end) \
	RUNG12(OP, 26, 27, 28, end) \
	OP(29, 30, 31)

#define RUNG8(OP, x, y, end) OP(x, y); SUBS $1, R23; BEQ end
#define RUNGS8(OP, end) \
	RUNG8(OP, 8, 9, end) \
	RUNG8(OP, 10, 11, end) \
	RUNG8(OP, 12, 13, end) \
	RUNG8(OP, 14, 15, end) \
	RUNG8(OP, 16, 17, end) \
	RUNG8(OP, 18, 19, end) \
	RUNG8(OP, 20, 21, end) \
	OP(22, 23)

#define RUNG4(OP, x, end) OP(x); SUBS $1, R23; BEQ end
#define RUNGS4(OP, end) \
	RUNG4(OP, 8, end) \
	RUNG4(OP, 9, end) \
	RUNG4(OP, 10, end) \
	RUNG4(OP, 11, end) \
	RUNG4(OP, 12, end) \
	RUNG4(OP, 13, end) \
	RUNG4(OP, 14, end) \
	OP(15)

// UP is a step of a rising triangle, DOWN one of a falling one.
#define UP(LOADB, STEP) LOADB; STEP; NEXT; BEQ store
#define DOWN(label, LOADB, STEP) label: LOADB; STEP; NEXT

// FALL goes to the step of a falling triangle of R7 rows.
#define FALL \
	CMP $7, R7; BEQ from7; \
	CMP $6, R7; BEQ from6; \
	CMP $5, R7; BEQ from5; \
	CMP $4, R7; BEQ from4; \
	CMP $3, R7; BEQ from3; \
	CMP $2, R7; BEQ from2; \
	CMP $1, R7; BEQ from1

#define OPEN(CLEAR, RUNGS, LOADROW) \
	ARGS                  \
	TILE                  \
	CBNZ R20, load        \
	CLEAR                 \
	B    steps            \
	load:                 \
	MOVD R22, R23         \
	RUNGS(LOADROW, steps)

#define CLOSE(RUNGS, STOREROW) \
	store:                \
	MOVD R22, R23         \
	MOVD R5, R16          \
	RUNGS(STOREROW, done) \
	done:                 \
	RET

// func rise12NEON(t *gemmArgs)
TEXT ·rise12NEON(SB), NOSPLIT, $0-8
	OPEN(EACH8(ZERO12), RUNGS12, LOAD12)

steps:
	UP(LOADB12, STEP1)
	UP(LOADB12, STEP2)
	UP(LOADB12, STEP3)
	UP(LOADB12, STEP4)
	UP(LOADB12, STEP5)
	UP(LOADB12, STEP6)
	UP(LOADB12, STEP7)
	UP(LOADB12, STEP8)
	CLOSE(RUNGS12, STORE12)

// func rise8NEON(t *gemmArgs)
TEXT ·rise8NEON(SB), NOSPLIT, $0-8
	OPEN(PAIR8(ZERO8), RUNGS8, LOAD8)

steps:
	UP(LOADB8, PACE1)
	UP(LOADB8, PACE2)
	UP(LOADB8, PACE3)
	UP(LOADB8, PACE4)
	UP(LOADB8, PACE5)
	UP(LOADB8, PACE6)
	UP(LOADB8, PACE7)
	UP(LOADB8, PACE8)
	CLOSE(RUNGS8, STORE8)

// func rise4NEON(t *gemmArgs)
TEXT ·rise4NEON(SB), NOSPLIT, $0-8
	OPEN(SOLE8(ZEROV), RUNGS4, LOAD4)

steps:
	UP(LOADB4, WALK1)
	UP(LOADB4, WALK2)
	UP(LOADB4, WALK3)
	UP(LOADB4, WALK4)
	UP(LOADB4, WALK5)
	UP(LOADB4, WALK6)
	UP(LOADB4, WALK7)
	UP(LOADB4, WALK8)
	CLOSE(RUNGS4, STORE4)

// func fall12NEON(t *gemmArgs)
TEXT ·fall12NEON(SB), NOSPLIT, $0-8
	OPEN(EACH8(ZERO12), RUNGS12, LOAD12)

steps:
	FALL
	DOWN(from8, LOADB12, STEP8)
	DOWN(from7, LOADB12, STEP7)
	DOWN(from6, LOADB12, STEP6)
	DOWN(from5, LOADB12, STEP5)
	DOWN(from4, LOADB12, STEP4)
	DOWN(from3, LOADB12, STEP3)
	DOWN(from2, LOADB12, STEP2)
	DOWN(from1, LOADB12, STEP1)
	CLOSE(RUNGS12, STORE12)

// func fall8NEON(t *gemmArgs)
TEXT ·fall8NEON(SB), NOSPLIT, $0-8
	OPEN(PAIR8(ZERO8), RUNGS8, LOAD8)

steps:
	FALL
	DOWN(from8, LOADB8, PACE8)
	DOWN(from7, LOADB8, PACE7)
	DOWN(from6, LOADB8, PACE6)
	DOWN(from5, LOADB8, PACE5)
	DOWN(from4, LOADB8, PACE4)
	DOWN(from3, LOADB8, PACE3)
	DOWN(from2, LOADB8, PACE2)
	DOWN(from1, LOADB8, PACE1)
	CLOSE(RUNGS8, STORE8)

// func fall4NEON(t *gemmArgs)
TEXT ·fall4NEON(SB), NOSPLIT, $0-8
	OPEN(SOLE8(ZEROV), RUNGS4, LOAD4)

steps:
	FALL
	DOWN(from8, LOADB4, WALK8)
	DOWN(from7, LOADB4, WALK7)
	DOWN(from6, LOADB4, WALK6)
	DOWN(from5, LOADB4, WALK5)
	DOWN(from4, LOADB4, WALK4)
	DOWN(from3, LOADB4, WALK3)
	DOWN(from2, LOADB4, WALK2)
	DOWN(from1, LOADB4, WALK1)
	CLOSE(RUNGS4, STORE4)

#define SPIN(x, y, z) \
	FMLA4(0, 1, x) \
	FMLA4(0, 1, y) \
	FMLA4(0, 1, z)

// func peakNEON(n int)
//
// Runs 24·n independent fused multiply-adds of 4 lanes, n >= 1.
TEXT ·peakNEON(SB), NOSPLIT, $0-8
	MOVD n+0(FP), R7
	ZEROV(0)
	ZEROV(1)
	EACH8(ZERO12)

spin:
	EACH8(SPIN)
	SUBS $1, R7
	BNE  spin
	RET
