//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// Tiles of a matrix product, AVX-512: gemmRx32AVX512 and gemmRx16AVX512 compute
// a number of tiles side by side, each of R rows, 1 to 14, and up to N = 32 or
// 16 columns. Each equals
//
//	func gemmRxNAVX512(t *gemmArgs) // distances in floats here, in bytes there
//	for ; t.tiles > 0; t.tiles-- {
//		for i := range R {
//			for j := range cols { // the columns whose mask bit is set
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
// for k >= 1, tiles >= 1. All N floats of every row of b are read, regardless of
// the mask.
//
//	Z0-Z27   accumulators, row i in Z(2i), Z(2i+1) (N = 32) or Zi (N = 16)
//	Z28 Z29  a row of b               Z31      a broadcast of a
//	SI R8    a of row 0, of row 7     R9-R11   1, 3, 5 rows of a
//	R12      step of a in k           BX R13   b and its step in k
//	DI DX    c and its row            CX       k
//	R14      offset of b's panel      K1 K2    columns 0-15, 16-31

// ARGS fetches what all tiles share.
#define ARGS \
	MOVQ  t+0(FP), AX           \
	MOVQ  gemmArgs_c(AX), DI    \
	MOVQ  gemmArgs_aRow(AX), R9 \
	MOVQ  gemmArgs_aK(AX), R12  \
	MOVQ  gemmArgs_bK(AX), R13  \
	MOVQ  gemmArgs_cRow(AX), DX \
	MOVQ  gemmArgs_mask(AX), R8 \
	KMOVW R8, K1                \
	SHRQ  $16, R8               \
	KMOVW R8, K2                \
	LEAQ  (R9)(R9*2), R10       \
	LEAQ  (R9)(R9*4), R11       \
	XORQ  R14, R14

// TILE starts a tile; the flags say whether c is to be read.
#define TILE \
	MOVQ t+0(FP), AX            \
	MOVQ gemmArgs_a(AX), SI     \
	MOVQ gemmArgs_b(AX), BX     \
	ADDQ R14, BX                \
	ADDQ gemmArgs_bStep(AX), R14 \
	MOVQ gemmArgs_k(AX), CX     \
	LEAQ (SI)(R10*2), R8        \
	ADDQ R9, R8                 \
	CMPQ gemmArgs_acc(AX), $0   \
	MOVQ DI, AX

// MORE moves to the next tile; the flags say whether there is one.
#define MORE(width) \
	ADDQ $width, DI             \
	MOVQ t+0(FP), AX            \
	DECQ gemmArgs_tiles(AX)

// Rows of c, 32 columns wide. AX walks over them.
#define LOADROW(x, y) \
	VMOVUPS.Z (AX), K1, x   \
	VMOVUPS.Z 64(AX), K2, y \
	PREFETCHT0 128(AX) \
	PREFETCHT0 192(AX) \
	ADDQ      DX, AX

#define ZEROROW(x, y) \
	VPXORD x, x, x \
	VPXORD y, y, y \
	PREFETCHT0 (AX) \
	PREFETCHT0 64(AX) \
	ADDQ      DX, AX

#define STOREROW(x, y) \
	VMOVUPS x, K1, (AX)   \
	VMOVUPS y, K2, 64(AX) \
	ADDQ    DX, AX

// ROW adds a row of the outer product of one k.
#define ROW(addr, x, y) \
	VBROADCASTSS addr, Z31    \
	VFMADD231PS  Z28, Z31, x  \
	VFMADD231PS  Z29, Z31, y

// EACHn(OP) applies OP to the accumulators of n rows.
#define EACH1(OP) OP(Z0, Z1)
#define EACH2(OP) EACH1(OP); OP(Z2, Z3)
#define EACH3(OP) EACH2(OP); OP(Z4, Z5)
#define EACH4(OP) EACH3(OP); OP(Z6, Z7)
#define EACH5(OP) EACH4(OP); OP(Z8, Z9)
#define EACH6(OP) EACH5(OP); OP(Z10, Z11)
#define EACH7(OP) EACH6(OP); OP(Z12, Z13)
#define EACH8(OP) EACH7(OP); OP(Z14, Z15)
#define EACH9(OP) EACH8(OP); OP(Z16, Z17)
#define EACH10(OP) EACH9(OP); OP(Z18, Z19)
#define EACH11(OP) EACH10(OP); OP(Z20, Z21)
#define EACH12(OP) EACH11(OP); OP(Z22, Z23)
#define EACH13(OP) EACH12(OP); OP(Z24, Z25)
#define EACH14(OP) EACH13(OP); OP(Z26, Z27)

// STEPn adds the outer product of one k for n rows.
#define STEP1 ROW((SI), Z0, Z1)
#define STEP2 STEP1; ROW((SI)(R9*1), Z2, Z3)
#define STEP3 STEP2; ROW((SI)(R9*2), Z4, Z5)
#define STEP4 STEP3; ROW((SI)(R10*1), Z6, Z7)
#define STEP5 STEP4; ROW((SI)(R9*4), Z8, Z9)
#define STEP6 STEP5; ROW((SI)(R11*1), Z10, Z11)
#define STEP7 STEP6; ROW((SI)(R10*2), Z12, Z13)
#define STEP8 STEP7; ROW((R8), Z14, Z15)
#define STEP9 STEP8; ROW((R8)(R9*1), Z16, Z17)
#define STEP10 STEP9; ROW((R8)(R9*2), Z18, Z19)
#define STEP11 STEP10; ROW((R8)(R10*1), Z20, Z21)
#define STEP12 STEP11; ROW((R8)(R9*4), Z22, Z23)
#define STEP13 STEP12; ROW((R8)(R11*1), Z24, Z25)
#define STEP14 STEP13; ROW((R8)(R10*2), Z26, Z27)

// NEXT moves to the next k and sets the flags by the number of k left.
#define NEXT \
	ADDQ R12, SI \
	ADDQ R12, R8 \
	ADDQ R13, BX \
	DECQ CX

#define KERNEL(EACH, STEP) \
	ARGS                    \
	tile:                   \
	TILE                    \
	JNE     load            \
	EACH(ZEROROW)         \
	JMP     loop            \
	load:                   \
	EACH(LOADROW)         \
	loop:                   \
	VMOVUPS (BX), Z28       \
	VMOVUPS 64(BX), Z29    \
	STEP                    \
	NEXT                    \
	JNE     loop            \
	MOVQ    DI, AX          \
	EACH(STOREROW)        \
	MORE(128)                \
	JNE     tile            \
	VZEROUPPER              \
	RET

// func gemm1x32AVX512(t *gemmArgs)
TEXT ·gemm1x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH1, STEP1)

// func gemm2x32AVX512(t *gemmArgs)
TEXT ·gemm2x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH2, STEP2)

// func gemm3x32AVX512(t *gemmArgs)
TEXT ·gemm3x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH3, STEP3)

// func gemm4x32AVX512(t *gemmArgs)
TEXT ·gemm4x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH4, STEP4)

// func gemm5x32AVX512(t *gemmArgs)
TEXT ·gemm5x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH5, STEP5)

// func gemm6x32AVX512(t *gemmArgs)
TEXT ·gemm6x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH6, STEP6)

// func gemm7x32AVX512(t *gemmArgs)
TEXT ·gemm7x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH7, STEP7)

// func gemm8x32AVX512(t *gemmArgs)
TEXT ·gemm8x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH8, STEP8)

// func gemm9x32AVX512(t *gemmArgs)
TEXT ·gemm9x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH9, STEP9)

// func gemm10x32AVX512(t *gemmArgs)
TEXT ·gemm10x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH10, STEP10)

// func gemm11x32AVX512(t *gemmArgs)
TEXT ·gemm11x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH11, STEP11)

// func gemm12x32AVX512(t *gemmArgs)
TEXT ·gemm12x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH12, STEP12)

// func gemm13x32AVX512(t *gemmArgs)
TEXT ·gemm13x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH13, STEP13)

// func gemm14x32AVX512(t *gemmArgs)
TEXT ·gemm14x32AVX512(SB), NOSPLIT, $0-8
	KERNEL(EACH14, STEP14)

// 16 columns wide.
#define LOADROW16(x) \
	VMOVUPS.Z (AX), K1, x \
	ADDQ      DX, AX

#define ZEROROW16(x) VPXORD x, x, x

#define STOREROW16(x) \
	VMOVUPS x, K1, (AX) \
	ADDQ    DX, AX

#define ROW16(addr, x) \
	VBROADCASTSS addr, Z31   \
	VFMADD231PS  Z28, Z31, x

#define SOLE1(OP) OP(Z0)
#define SOLE2(OP) SOLE1(OP); OP(Z1)
#define SOLE3(OP) SOLE2(OP); OP(Z2)
#define SOLE4(OP) SOLE3(OP); OP(Z3)
#define SOLE5(OP) SOLE4(OP); OP(Z4)
#define SOLE6(OP) SOLE5(OP); OP(Z5)
#define SOLE7(OP) SOLE6(OP); OP(Z6)
#define SOLE8(OP) SOLE7(OP); OP(Z7)
#define SOLE9(OP) SOLE8(OP); OP(Z8)
#define SOLE10(OP) SOLE9(OP); OP(Z9)
#define SOLE11(OP) SOLE10(OP); OP(Z10)
#define SOLE12(OP) SOLE11(OP); OP(Z11)
#define SOLE13(OP) SOLE12(OP); OP(Z12)
#define SOLE14(OP) SOLE13(OP); OP(Z13)

#define PACE1 ROW16((SI), Z0)
#define PACE2 PACE1; ROW16((SI)(R9*1), Z1)
#define PACE3 PACE2; ROW16((SI)(R9*2), Z2)
#define PACE4 PACE3; ROW16((SI)(R10*1), Z3)
#define PACE5 PACE4; ROW16((SI)(R9*4), Z4)
#define PACE6 PACE5; ROW16((SI)(R11*1), Z5)
#define PACE7 PACE6; ROW16((SI)(R10*2), Z6)
#define PACE8 PACE7; ROW16((R8), Z7)
#define PACE9 PACE8; ROW16((R8)(R9*1), Z8)
#define PACE10 PACE9; ROW16((R8)(R9*2), Z9)
#define PACE11 PACE10; ROW16((R8)(R10*1), Z10)
#define PACE12 PACE11; ROW16((R8)(R9*4), Z11)
#define PACE13 PACE12; ROW16((R8)(R11*1), Z12)
#define PACE14 PACE13; ROW16((R8)(R10*2), Z13)

#define KERNEL16(SOLE, PACE) \
	ARGS                    \
	tile:                   \
	TILE                    \
	JNE     load            \
	SOLE(ZEROROW16)         \
	JMP     loop            \
	load:                   \
	SOLE(LOADROW16)         \
	loop:                   \
	VMOVUPS (BX), Z28       \
	PACE                    \
	NEXT                    \
	JNE     loop            \
	MOVQ    DI, AX          \
	SOLE(STOREROW16)        \
	MORE(64)                \
	JNE     tile            \
	VZEROUPPER              \
	RET

// func gemm1x16AVX512(t *gemmArgs)
TEXT ·gemm1x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE1, PACE1)

// func gemm2x16AVX512(t *gemmArgs)
TEXT ·gemm2x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE2, PACE2)

// func gemm3x16AVX512(t *gemmArgs)
TEXT ·gemm3x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE3, PACE3)

// func gemm4x16AVX512(t *gemmArgs)
TEXT ·gemm4x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE4, PACE4)

// func gemm5x16AVX512(t *gemmArgs)
TEXT ·gemm5x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE5, PACE5)

// func gemm6x16AVX512(t *gemmArgs)
TEXT ·gemm6x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE6, PACE6)

// func gemm7x16AVX512(t *gemmArgs)
TEXT ·gemm7x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE7, PACE7)

// func gemm8x16AVX512(t *gemmArgs)
TEXT ·gemm8x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE8, PACE8)

// func gemm9x16AVX512(t *gemmArgs)
TEXT ·gemm9x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE9, PACE9)

// func gemm10x16AVX512(t *gemmArgs)
TEXT ·gemm10x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE10, PACE10)

// func gemm11x16AVX512(t *gemmArgs)
TEXT ·gemm11x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE11, PACE11)

// func gemm12x16AVX512(t *gemmArgs)
TEXT ·gemm12x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE12, PACE12)

// func gemm13x16AVX512(t *gemmArgs)
TEXT ·gemm13x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE13, PACE13)

// func gemm14x16AVX512(t *gemmArgs)
TEXT ·gemm14x16AVX512(SB), NOSPLIT, $0-8
	KERNEL16(SOLE14, PACE14)

// Triangles: rise32AVX512 and its like compute one tile of k rows, 1 to 14, whose
// step l of k enters rows 0 to l; in fall32AVX512 and its like it enters rows 0
// to k-1-l, so that each step has one row more, or one fewer, than the step
// before. In all else they equal the tiles above, except that t.tiles is not
// read.

// RUNGS(OP, end) applies OP to the accumulators of the first R14 rows, 1 to 14, and
// goes to the label end or falls through to it; RUNGS16 for tiles of 16 columns.
#define RUNG(OP, x, y, end) OP(x, y); DECQ R14; JEQ end
#define RUNGS(OP, end) \
	RUNG(OP, Z0, Z1, end)   \
	RUNG(OP, Z2, Z3, end)   \
	RUNG(OP, Z4, Z5, end)   \
	RUNG(OP, Z6, Z7, end)   \
	RUNG(OP, Z8, Z9, end)   \
	RUNG(OP, Z10, Z11, end) \
	RUNG(OP, Z12, Z13, end) \
	RUNG(OP, Z14, Z15, end) \
	RUNG(OP, Z16, Z17, end) \
	RUNG(OP, Z18, Z19, end) \
	RUNG(OP, Z20, Z21, end) \
	RUNG(OP, Z22, Z23, end) \
	RUNG(OP, Z24, Z25, end) \
	OP(Z26, Z27)

#define RUNG16(OP, x, end) OP(x); DECQ R14; JEQ end
#define RUNGS16(OP, end) \
	RUNG16(OP, Z0, end)  \
	RUNG16(OP, Z1, end)  \
	RUNG16(OP, Z2, end)  \
	RUNG16(OP, Z3, end)  \
	RUNG16(OP, Z4, end)  \
	RUNG16(OP, Z5, end)  \
	RUNG16(OP, Z6, end)  \
	RUNG16(OP, Z7, end)  \
	RUNG16(OP, Z8, end)  \
	RUNG16(OP, Z9, end)  \
	RUNG16(OP, Z10, end) \
	RUNG16(OP, Z11, end) \
	RUNG16(OP, Z12, end) \
	OP(Z13)

#define LOADB32 VMOVUPS (BX), Z28; VMOVUPS 64(BX), Z29
#define LOADB16 VMOVUPS (BX), Z28

// UP is a step of a rising triangle, DOWN one of a falling one.
#define UP(LOADB, STEP) LOADB; STEP; NEXT; JEQ store
#define DOWN(label, LOADB, STEP) label: LOADB; STEP; NEXT

// FALL goes to the step of a falling triangle of CX rows.
#define FALL \
	CMPQ CX, $13; JEQ from13; \
	CMPQ CX, $12; JEQ from12; \
	CMPQ CX, $11; JEQ from11; \
	CMPQ CX, $10; JEQ from10; \
	CMPQ CX, $9; JEQ from9; \
	CMPQ CX, $8; JEQ from8; \
	CMPQ CX, $7; JEQ from7; \
	CMPQ CX, $6; JEQ from6; \
	CMPQ CX, $5; JEQ from5; \
	CMPQ CX, $4; JEQ from4; \
	CMPQ CX, $3; JEQ from3; \
	CMPQ CX, $2; JEQ from2; \
	CMPQ CX, $1; JEQ from1

#define OPEN(CLEAR, RUNGS, LOADROW) \
	ARGS                     \
	TILE                     \
	JNE  load                \
	CLEAR                    \
	JMP  steps               \
	load:                    \
	MOVQ CX, R14             \
	RUNGS(LOADROW, steps)

#define CLOSE(RUNGS, STOREROW) \
	store:                   \
	MOVQ t+0(FP), AX         \
	MOVQ gemmArgs_k(AX), R14 \
	MOVQ DI, AX              \
	RUNGS(STOREROW, done)    \
	done:                    \
	VZEROUPPER               \
	RET

// func rise32AVX512(t *gemmArgs)
TEXT ·rise32AVX512(SB), NOSPLIT, $0-8
	OPEN(EACH14(ZEROROW), RUNGS, LOADROW)

steps:
	UP(LOADB32, STEP1)
	UP(LOADB32, STEP2)
	UP(LOADB32, STEP3)
	UP(LOADB32, STEP4)
	UP(LOADB32, STEP5)
	UP(LOADB32, STEP6)
	UP(LOADB32, STEP7)
	UP(LOADB32, STEP8)
	UP(LOADB32, STEP9)
	UP(LOADB32, STEP10)
	UP(LOADB32, STEP11)
	UP(LOADB32, STEP12)
	UP(LOADB32, STEP13)
	UP(LOADB32, STEP14)
	CLOSE(RUNGS, STOREROW)

// func rise16AVX512(t *gemmArgs)
TEXT ·rise16AVX512(SB), NOSPLIT, $0-8
	OPEN(SOLE14(ZEROROW16), RUNGS16, LOADROW16)

steps:
	UP(LOADB16, PACE1)
	UP(LOADB16, PACE2)
	UP(LOADB16, PACE3)
	UP(LOADB16, PACE4)
	UP(LOADB16, PACE5)
	UP(LOADB16, PACE6)
	UP(LOADB16, PACE7)
	UP(LOADB16, PACE8)
	UP(LOADB16, PACE9)
	UP(LOADB16, PACE10)
	UP(LOADB16, PACE11)
	UP(LOADB16, PACE12)
	UP(LOADB16, PACE13)
	UP(LOADB16, PACE14)
	CLOSE(RUNGS16, STOREROW16)

// func fall32AVX512(t *gemmArgs)
TEXT ·fall32AVX512(SB), NOSPLIT, $0-8
	OPEN(EACH14(ZEROROW), RUNGS, LOADROW)

steps:
	FALL
	DOWN(from14, LOADB32, STEP14)
	DOWN(from13, LOADB32, STEP13)
	DOWN(from12, LOADB32, STEP12)
	DOWN(from11, LOADB32, STEP11)
	DOWN(from10, LOADB32, STEP10)
	DOWN(from9, LOADB32, STEP9)
	DOWN(from8, LOADB32, STEP8)
	DOWN(from7, LOADB32, STEP7)
	DOWN(from6, LOADB32, STEP6)
	DOWN(from5, LOADB32, STEP5)
	DOWN(from4, LOADB32, STEP4)
	DOWN(from3, LOADB32, STEP3)
	DOWN(from2, LOADB32, STEP2)
	DOWN(from1, LOADB32, STEP1)
	CLOSE(RUNGS, STOREROW)

// func fall16AVX512(t *gemmArgs)
TEXT ·fall16AVX512(SB), NOSPLIT, $0-8
	OPEN(SOLE14(ZEROROW16), RUNGS16, LOADROW16)

steps:
	FALL
	DOWN(from14, LOADB16, PACE14)
	DOWN(from13, LOADB16, PACE13)
	DOWN(from12, LOADB16, PACE12)
	DOWN(from11, LOADB16, PACE11)
	DOWN(from10, LOADB16, PACE10)
	DOWN(from9, LOADB16, PACE9)
	DOWN(from8, LOADB16, PACE8)
	DOWN(from7, LOADB16, PACE7)
	DOWN(from6, LOADB16, PACE6)
	DOWN(from5, LOADB16, PACE5)
	DOWN(from4, LOADB16, PACE4)
	DOWN(from3, LOADB16, PACE3)
	DOWN(from2, LOADB16, PACE2)
	DOWN(from1, LOADB16, PACE1)
	CLOSE(RUNGS16, STOREROW16)

#define SPIN(x) VFMADD231PS Z28, Z29, x

// func peakAVX512(n int)
//
// Runs 28·n independent fused multiply-adds of 16 lanes.
TEXT ·peakAVX512(SB), NOSPLIT, $0-8
	MOVQ   n+0(FP), CX
	VPXORD Z28, Z28, Z28
	VPXORD Z29, Z29, Z29
	SOLE14(ZEROROW16)

spin:
	SOLE14(SPIN)
	SPIN(Z14)
	SPIN(Z15)
	SPIN(Z16)
	SPIN(Z17)
	SPIN(Z18)
	SPIN(Z19)
	SPIN(Z20)
	SPIN(Z21)
	SPIN(Z22)
	SPIN(Z23)
	SPIN(Z24)
	SPIN(Z25)
	SPIN(Z26)
	SPIN(Z27)
	DECQ CX
	JNE  spin
	VZEROUPPER
	RET
