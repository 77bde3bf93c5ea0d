//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "transpose_avx512_amd64.h"

// The kernels of dotArgs, AVX-512: dotMAVX512 takes M rows of a, 1 to 8, and any
// k >= 1. 16 rows of b, 16 columns at a time, are transposed in registers, so that
// lane j of an accumulator is row j of b.
//
//	Z0-Z15   columns of b             Z16-Z23  scratch
//	Z24-Z31  accumulators, one for each row of a
//	AX       t.b                      DX       offset in the rows of b
//	SI       a                        CX       k
//	BX       acc                      R9 R10   scratch
//	R11 R12  offset in t.next, step
//	K7       the columns of the last block

// FMAn(at, col) adds a column of the block for n rows of a, whose values are at
// the offset at.
#define FMA1(at, col) VFMADD231PS.BCST (at)(SI), col, Z24
#define FMA2(at, col) FMA1(at, col); VFMADD231PS.BCST (at+4)(SI), col, Z25
#define FMA3(at, col) FMA2(at, col); VFMADD231PS.BCST (at+8)(SI), col, Z26
#define FMA4(at, col) FMA3(at, col); VFMADD231PS.BCST (at+12)(SI), col, Z27
#define FMA5(at, col) FMA4(at, col); VFMADD231PS.BCST (at+16)(SI), col, Z28
#define FMA6(at, col) FMA5(at, col); VFMADD231PS.BCST (at+20)(SI), col, Z29
#define FMA7(at, col) FMA6(at, col); VFMADD231PS.BCST (at+24)(SI), col, Z30
#define FMA8(at, col) FMA7(at, col); VFMADD231PS.BCST (at+28)(SI), col, Z31

// GETn and PUTn move the accumulators.
#define GET1 VMOVUPS 0(BX), Z24
#define GET2 GET1; VMOVUPS 64(BX), Z25
#define GET3 GET2; VMOVUPS 128(BX), Z26
#define GET4 GET3; VMOVUPS 192(BX), Z27
#define GET5 GET4; VMOVUPS 256(BX), Z28
#define GET6 GET5; VMOVUPS 320(BX), Z29
#define GET7 GET6; VMOVUPS 384(BX), Z30
#define GET8 GET7; VMOVUPS 448(BX), Z31

#define PUT1 VMOVUPS Z24, 0(BX)
#define PUT2 PUT1; VMOVUPS Z25, 64(BX)
#define PUT3 PUT2; VMOVUPS Z26, 128(BX)
#define PUT4 PUT3; VMOVUPS Z27, 192(BX)
#define PUT5 PUT4; VMOVUPS Z28, 256(BX)
#define PUT6 PUT5; VMOVUPS Z29, 320(BX)
#define PUT7 PUT6; VMOVUPS Z30, 384(BX)
#define PUT8 PUT7; VMOVUPS Z31, 448(BX)

// FETCH is PAIR and also prefetches the columns of t.next.
#define FETCH(off0, off1, lo, hi) \
	PAIR(off0, off1, lo, hi);  \
	MOVQ       (128+off0)(AX), R9;  \
	MOVQ       (128+off1)(AX), R10; \
	PREFETCHT1 (R9)(R11*1);         \
	PREFETCHT1 (R10)(R11*1)

#define COLUMNS(M, FMA) \
	FMA((0*4*M), Z0); \
	FMA((1*4*M), Z1); \
	FMA((2*4*M), Z2); \
	FMA((3*4*M), Z3); \
	FMA((4*4*M), Z4); \
	FMA((5*4*M), Z5); \
	FMA((6*4*M), Z6); \
	FMA((7*4*M), Z7); \
	FMA((8*4*M), Z8); \
	FMA((9*4*M), Z9); \
	FMA((10*4*M), Z10); \
	FMA((11*4*M), Z11); \
	FMA((12*4*M), Z12); \
	FMA((13*4*M), Z13); \
	FMA((14*4*M), Z14); \
	FMA((15*4*M), Z15)

// SOME adds the first CX columns, 1 to 15.
#define SOME(M, FMA) \
	FMA((0*4*M), Z0); DECQ CX; JEQ done; \
	FMA((1*4*M), Z1); DECQ CX; JEQ done; \
	FMA((2*4*M), Z2); DECQ CX; JEQ done; \
	FMA((3*4*M), Z3); DECQ CX; JEQ done; \
	FMA((4*4*M), Z4); DECQ CX; JEQ done; \
	FMA((5*4*M), Z5); DECQ CX; JEQ done; \
	FMA((6*4*M), Z6); DECQ CX; JEQ done; \
	FMA((7*4*M), Z7); DECQ CX; JEQ done; \
	FMA((8*4*M), Z8); DECQ CX; JEQ done; \
	FMA((9*4*M), Z9); DECQ CX; JEQ done; \
	FMA((10*4*M), Z10); DECQ CX; JEQ done; \
	FMA((11*4*M), Z11); DECQ CX; JEQ done; \
	FMA((12*4*M), Z12); DECQ CX; JEQ done; \
	FMA((13*4*M), Z13); DECQ CX; JEQ done; \
	FMA((14*4*M), Z14); DECQ CX; JEQ done

#define KERNEL(M, GET, FMA, PUT) \
	MOVQ  t+0(FP), AX;             \
	MOVQ  dotArgs_a(AX), SI;       \
	MOVQ  dotArgs_k(AX), CX;       \
	MOVQ  dotArgs_acc(AX), BX;     \
	LEAQ  dotArgs_b(AX), AX;       \
	XORQ  DX, DX;                  \
	XORQ  R11, R11;                \
	MOVQ  (dotArgs_step-dotArgs_b)(AX), R12; \
	GET;                           \
	SUBQ  $16, CX;                 \
	JLT   tail;                    \
	loop:                          \
	TRANSPOSE(FETCH);              \
	COLUMNS(M, FMA);               \
	ADDQ  $64, DX;                 \
	ADDQ  R12, R11;                \
	ADDQ  $(64*M), SI;             \
	SUBQ  $16, CX;                 \
	JGE   loop;                    \
	tail:                          \
	ADDQ  $16, CX;                 \
	JEQ   done;                    \
	MOVL  $1, R9;                  \
	SHLL  CX, R9;                  \
	DECL  R9;                      \
	KMOVW R9, K7;                  \
	TRANSPOSE(PAIRK);              \
	SOME(M, FMA);                  \
	done:                          \
	PUT;                           \
	VZEROUPPER;                    \
	RET

// func dot1AVX512(t *dotArgs)
TEXT ·dot1AVX512(SB), NOSPLIT, $0-8
	KERNEL(1, GET1, FMA1, PUT1)

// func dot2AVX512(t *dotArgs)
TEXT ·dot2AVX512(SB), NOSPLIT, $0-8
	KERNEL(2, GET2, FMA2, PUT2)

// func dot3AVX512(t *dotArgs)
TEXT ·dot3AVX512(SB), NOSPLIT, $0-8
	KERNEL(3, GET3, FMA3, PUT3)

// func dot4AVX512(t *dotArgs)
TEXT ·dot4AVX512(SB), NOSPLIT, $0-8
	KERNEL(4, GET4, FMA4, PUT4)

// func dot5AVX512(t *dotArgs)
TEXT ·dot5AVX512(SB), NOSPLIT, $0-8
	KERNEL(5, GET5, FMA5, PUT5)

// func dot6AVX512(t *dotArgs)
TEXT ·dot6AVX512(SB), NOSPLIT, $0-8
	KERNEL(6, GET6, FMA6, PUT6)

// func dot7AVX512(t *dotArgs)
TEXT ·dot7AVX512(SB), NOSPLIT, $0-8
	KERNEL(7, GET7, FMA7, PUT7)

// func dot8AVX512(t *dotArgs)
TEXT ·dot8AVX512(SB), NOSPLIT, $0-8
	KERNEL(8, GET8, FMA8, PUT8)
