//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// Tiles of a matrix product, AVX2: gemmRx16AVX2 and gemmRx8AVX2 compute a number
// of tiles side by side, each of R rows, 1 to 6, and up to N = 16 or 8 columns.
// Each equals
//
//	func gemmRxNAVX2(t *gemmArgs) // distances in floats here, in bytes there
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
//	Y0-Y11   accumulators, row i in Y(2i), Y(2i+1) (N = 16) or Yi (N = 8)
//	Y12 Y13  a row of b               Y14      a broadcast of a
//	Y12 Y13  while c is read and written: masks of columns 0-7, 8-15
//	SI       a of row 0               R9-R11   1, 3, 5 rows of a
//	R12      step of a in k           BX R13   b and its step in k
//	DI DX    c and its row            CX       k
//	R8       the mask                 R14      offset of b's panel

// Bit j of a mask selects column j.
DATA gemmBits<>+0(SB)/4, $1
DATA gemmBits<>+4(SB)/4, $2
DATA gemmBits<>+8(SB)/4, $4
DATA gemmBits<>+12(SB)/4, $8
DATA gemmBits<>+16(SB)/4, $16
DATA gemmBits<>+20(SB)/4, $32
DATA gemmBits<>+24(SB)/4, $64
DATA gemmBits<>+28(SB)/4, $128
GLOBL gemmBits<>(SB), RODATA|NOPTR, $32

// ARGS fetches what all tiles share.
#define ARGS \
	MOVQ t+0(FP), AX            \
	MOVQ gemmArgs_c(AX), DI     \
	MOVQ gemmArgs_aRow(AX), R9  \
	MOVQ gemmArgs_aK(AX), R12   \
	MOVQ gemmArgs_bK(AX), R13   \
	MOVQ gemmArgs_cRow(AX), DX  \
	MOVQ gemmArgs_mask(AX), R8  \
	LEAQ (R9)(R9*2), R10        \
	LEAQ (R9)(R9*4), R11        \
	XORQ R14, R14

// TILE starts a tile; the flags say whether c is to be read.
#define TILE \
	MOVQ t+0(FP), AX             \
	MOVQ gemmArgs_a(AX), SI      \
	MOVQ gemmArgs_b(AX), BX      \
	ADDQ R14, BX                 \
	ADDQ gemmArgs_bStep(AX), R14 \
	MOVQ gemmArgs_k(AX), CX      \
	CMPQ gemmArgs_acc(AX), $0    \
	MOVQ DI, AX

// MORE moves to the next tile; the flags say whether there is one.
#define MORE(width) \
	ADDQ $width, DI              \
	MOVQ t+0(FP), AX             \
	DECQ gemmArgs_tiles(AX)

// MASKS turns the bits of R8 into lanes.
#define MASKS \
	VMOVDQU      gemmBits<>(SB), Y15 \
	VMOVD        R8, X12             \
	VPBROADCASTD X12, Y12            \
	VPSRLD       $8, Y12, Y13        \
	VPAND        Y15, Y12, Y12       \
	VPAND        Y15, Y13, Y13       \
	VPCMPEQD     Y15, Y12, Y12       \
	VPCMPEQD     Y15, Y13, Y13

// Rows of c, 16 columns wide. AX walks over them.
#define LOADROW(x, y) \
	VMASKMOVPS (AX), Y12, x   \
	VMASKMOVPS 32(AX), Y13, y \
	PREFETCHT0 64(AX)         \
	ADDQ       DX, AX

#define ZEROROW(x, y) \
	VXORPS     x, x, x \
	VXORPS     y, y, y \
	PREFETCHT0 (AX)    \
	ADDQ       DX, AX

#define STOREROW(x, y) \
	VMOVUPS x, (AX)   \
	VMOVUPS y, 32(AX) \
	ADDQ    DX, AX

#define MASKROW(x, y) \
	VMASKMOVPS x, Y12, (AX)   \
	VMASKMOVPS y, Y13, 32(AX) \
	ADDQ       DX, AX

// ROW adds a row of the outer product of one k.
#define ROW(addr, x, y) \
	VBROADCASTSS addr, Y14   \
	VFMADD231PS  Y12, Y14, x \
	VFMADD231PS  Y13, Y14, y

// EACHn(OP) applies OP to the accumulators of n rows.
#define EACH1(OP) OP(Y0, Y1)
#define EACH2(OP) EACH1(OP); OP(Y2, Y3)
#define EACH3(OP) EACH2(OP); OP(Y4, Y5)
#define EACH4(OP) EACH3(OP); OP(Y6, Y7)
#define EACH5(OP) EACH4(OP); OP(Y8, Y9)
#define EACH6(OP) EACH5(OP); OP(Y10, Y11)

// STEPn adds the outer product of one k for n rows.
#define STEP1 ROW((SI), Y0, Y1)
#define STEP2 STEP1; ROW((SI)(R9*1), Y2, Y3)
#define STEP3 STEP2; ROW((SI)(R9*2), Y4, Y5)
#define STEP4 STEP3; ROW((SI)(R10*1), Y6, Y7)
#define STEP5 STEP4; ROW((SI)(R9*4), Y8, Y9)
#define STEP6 STEP5; ROW((SI)(R11*1), Y10, Y11)

// NEXT moves to the next k and sets the flags by the number of k left.
#define NEXT \
	ADDQ R12, SI \
	ADDQ R13, BX \
	DECQ CX

#define KERNEL(EACH, STEP) \
	ARGS                      \
	tile:                     \
	TILE                      \
	JNE     load              \
	EACH(ZEROROW)          \
	JMP     loop              \
	load:                     \
	MASKS                     \
	EACH(LOADROW)          \
	loop:                     \
	VMOVUPS (BX), Y12         \
	VMOVUPS 32(BX), Y13       \
	STEP                      \
	NEXT                      \
	JNE     loop              \
	MOVQ    DI, AX            \
	CMPW    R8, $-1           \
	JNE     masked            \
	EACH(STOREROW)         \
	MORE(64)                  \
	JNE     tile              \
	VZEROUPPER                \
	RET                       \
	masked:                   \
	MASKS                     \
	EACH(MASKROW)         \
	MORE(64)                  \
	JNE     tile              \
	VZEROUPPER                \
	RET

// func gemm1x16AVX2(t *gemmArgs)
TEXT ·gemm1x16AVX2(SB), NOSPLIT, $0-8
	KERNEL(EACH1, STEP1)

// func gemm2x16AVX2(t *gemmArgs)
TEXT ·gemm2x16AVX2(SB), NOSPLIT, $0-8
	KERNEL(EACH2, STEP2)

// func gemm3x16AVX2(t *gemmArgs)
TEXT ·gemm3x16AVX2(SB), NOSPLIT, $0-8
	KERNEL(EACH3, STEP3)

// func gemm4x16AVX2(t *gemmArgs)
TEXT ·gemm4x16AVX2(SB), NOSPLIT, $0-8
	KERNEL(EACH4, STEP4)

// func gemm5x16AVX2(t *gemmArgs)
TEXT ·gemm5x16AVX2(SB), NOSPLIT, $0-8
	KERNEL(EACH5, STEP5)

// func gemm6x16AVX2(t *gemmArgs)
TEXT ·gemm6x16AVX2(SB), NOSPLIT, $0-8
	KERNEL(EACH6, STEP6)

// 8 columns wide.
#define LOADROW8(x) \
	VMASKMOVPS (AX), Y12, x \
	ADDQ       DX, AX

#define ZEROROW8(x) VXORPS x, x, x

#define MASKROW8(x) \
	VMASKMOVPS x, Y12, (AX) \
	ADDQ       DX, AX

#define STOREROW8(x) \
	VMOVUPS x, (AX) \
	ADDQ    DX, AX

#define ROW8(addr, x) \
	VBROADCASTSS addr, Y14   \
	VFMADD231PS  Y12, Y14, x

#define SOLE1(OP) OP(Y0)
#define SOLE2(OP) SOLE1(OP); OP(Y1)
#define SOLE3(OP) SOLE2(OP); OP(Y2)
#define SOLE4(OP) SOLE3(OP); OP(Y3)
#define SOLE5(OP) SOLE4(OP); OP(Y4)
#define SOLE6(OP) SOLE5(OP); OP(Y5)

#define PACE1 ROW8((SI), Y0)
#define PACE2 PACE1; ROW8((SI)(R9*1), Y1)
#define PACE3 PACE2; ROW8((SI)(R9*2), Y2)
#define PACE4 PACE3; ROW8((SI)(R10*1), Y3)
#define PACE5 PACE4; ROW8((SI)(R9*4), Y4)
#define PACE6 PACE5; ROW8((SI)(R11*1), Y5)

#define KERNEL8(SOLE, PACE) \
	ARGS                      \
	tile:                     \
	TILE                      \
	JNE     load              \
	SOLE(ZEROROW8)          \
	JMP     loop              \
	load:                     \
	MASKS                     \
	SOLE(LOADROW8)          \
	loop:                     \
	VMOVUPS (BX), Y12         \
	PACE                      \
	NEXT                      \
	JNE     loop              \
	MOVQ    DI, AX            \
	CMPB    R8, $-1           \
	JNE     masked            \
	SOLE(STOREROW8)         \
	MORE(32)                  \
	JNE     tile              \
	VZEROUPPER                \
	RET                       \
	masked:                   \
	MASKS                     \
	SOLE(MASKROW8)         \
	MORE(32)                  \
	JNE     tile              \
	VZEROUPPER                \
	RET

// func gemm1x8AVX2(t *gemmArgs)
TEXT ·gemm1x8AVX2(SB), NOSPLIT, $0-8
	KERNEL8(SOLE1, PACE1)

// func gemm2x8AVX2(t *gemmArgs)
TEXT ·gemm2x8AVX2(SB), NOSPLIT, $0-8
	KERNEL8(SOLE2, PACE2)

// func gemm3x8AVX2(t *gemmArgs)
TEXT ·gemm3x8AVX2(SB), NOSPLIT, $0-8
	KERNEL8(SOLE3, PACE3)

// func gemm4x8AVX2(t *gemmArgs)
TEXT ·gemm4x8AVX2(SB), NOSPLIT, $0-8
	KERNEL8(SOLE4, PACE4)

// func gemm5x8AVX2(t *gemmArgs)
TEXT ·gemm5x8AVX2(SB), NOSPLIT, $0-8
	KERNEL8(SOLE5, PACE5)

// func gemm6x8AVX2(t *gemmArgs)
TEXT ·gemm6x8AVX2(SB), NOSPLIT, $0-8
	KERNEL8(SOLE6, PACE6)

// Triangles: rise16AVX2 and its like compute one tile of k rows, 1 to 6, whose
// step l of k enters rows 0 to l; in fall16AVX2 and its like it enters rows 0 to
// k-1-l, so that each step has one row more, or one fewer, than the step before.
// In all else they equal the tiles above, except that t.tiles is not read.

// RUNGS(OP, end) applies OP to the accumulators of the first R14 rows, 1 to 6, and
// goes to the label end or falls through to it; RUNGS8 for tiles of 8 columns.
#define RUNG(OP, x, y, end) OP(x, y); DECQ R14; JEQ end
#define RUNGS(OP, end) \
	RUNG(OP, Y0, Y1, end) \
	RUNG(OP, Y2, Y3, end) \
	RUNG(OP, Y4, Y5, end) \
	RUNG(OP, Y6, Y7, end) \
	RUNG(OP, Y8, Y9, end) \
	OP(Y10, Y11)

#define RUNG8(OP, x, end) OP(x); DECQ R14; JEQ end
#define RUNGS8(OP, end) \
	RUNG8(OP, Y0, end) \
	RUNG8(OP, Y1, end) \
	RUNG8(OP, Y2, end) \
	RUNG8(OP, Y3, end) \
	RUNG8(OP, Y4, end) \
	OP(Y5)

#define LOADB16 VMOVUPS (BX), Y12; VMOVUPS 32(BX), Y13
#define LOADB8 VMOVUPS (BX), Y12

// UP is a step of a rising triangle, DOWN one of a falling one.
#define UP(LOADB, STEP) LOADB; STEP; NEXT; JEQ store
#define DOWN(label, LOADB, STEP) label: LOADB; STEP; NEXT

// FALL goes to the step of a falling triangle of CX rows.
#define FALL \
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
	MASKS                    \
	RUNGS(LOADROW, steps)

#define CLOSE(CMP, RUNGS, STOREROW, MASKROW) \
	store:                   \
	MOVQ t+0(FP), AX         \
	MOVQ gemmArgs_k(AX), R14 \
	MOVQ DI, AX              \
	CMP  R8, $-1             \
	JNE  masked              \
	RUNGS(STOREROW, done)    \
	JMP  done                \
	masked:                  \
	MASKS                    \
	RUNGS(MASKROW, done)     \
	done:                    \
	VZEROUPPER               \
	RET

// func rise16AVX2(t *gemmArgs)
TEXT ·rise16AVX2(SB), NOSPLIT, $0-8
	OPEN(EACH6(ZEROROW), RUNGS, LOADROW)

steps:
	UP(LOADB16, STEP1)
	UP(LOADB16, STEP2)
	UP(LOADB16, STEP3)
	UP(LOADB16, STEP4)
	UP(LOADB16, STEP5)
	UP(LOADB16, STEP6)
	CLOSE(CMPW, RUNGS, STOREROW, MASKROW)

// func rise8AVX2(t *gemmArgs)
TEXT ·rise8AVX2(SB), NOSPLIT, $0-8
	OPEN(SOLE6(ZEROROW8), RUNGS8, LOADROW8)

steps:
	UP(LOADB8, PACE1)
	UP(LOADB8, PACE2)
	UP(LOADB8, PACE3)
	UP(LOADB8, PACE4)
	UP(LOADB8, PACE5)
	UP(LOADB8, PACE6)
	CLOSE(CMPB, RUNGS8, STOREROW8, MASKROW8)

// func fall16AVX2(t *gemmArgs)
TEXT ·fall16AVX2(SB), NOSPLIT, $0-8
	OPEN(EACH6(ZEROROW), RUNGS, LOADROW)

steps:
	FALL
	DOWN(from6, LOADB16, STEP6)
	DOWN(from5, LOADB16, STEP5)
	DOWN(from4, LOADB16, STEP4)
	DOWN(from3, LOADB16, STEP3)
	DOWN(from2, LOADB16, STEP2)
	DOWN(from1, LOADB16, STEP1)
	CLOSE(CMPW, RUNGS, STOREROW, MASKROW)

// func fall8AVX2(t *gemmArgs)
TEXT ·fall8AVX2(SB), NOSPLIT, $0-8
	OPEN(SOLE6(ZEROROW8), RUNGS8, LOADROW8)

steps:
	FALL
	DOWN(from6, LOADB8, PACE6)
	DOWN(from5, LOADB8, PACE5)
	DOWN(from4, LOADB8, PACE4)
	DOWN(from3, LOADB8, PACE3)
	DOWN(from2, LOADB8, PACE2)
	DOWN(from1, LOADB8, PACE1)
	CLOSE(CMPB, RUNGS8, STOREROW8, MASKROW8)

#define ZEROPAIR(x, y) \
	VXORPS x, x, x \
	VXORPS y, y, y

#define SPIN(x, y) \
	VFMADD231PS Y12, Y13, x \
	VFMADD231PS Y12, Y13, y

// func peakAVX2(n int)
//
// Runs 12·n independent fused multiply-adds of 8 lanes.
TEXT ·peakAVX2(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
	VXORPS Y12, Y12, Y12
	VXORPS Y13, Y13, Y13
	EACH6(ZEROPAIR)

spin:
	EACH6(SPIN)
	DECQ CX
	JNE  spin
	VZEROUPPER
	RET
