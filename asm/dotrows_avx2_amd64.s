//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The kernels of dotArgs, AVX2: dotMAVX2 takes M rows of a, 1 to 8, and k a
// multiple of 4. 8 rows of b, 4 columns at a time, are transposed in registers, so
// that lane j of an accumulator is row j of b. Up to 4 rows of a are multiplied
// with 16 rows of b: a cache line of the first 8 rows is followed by one of the
// other 8, so that their chains overlap, and the lines that may fall into one set
// of the first-level cache are not more than the set holds. 5 rows and more have
// enough chains with 8 rows of b.
//
//	Y0-Y3    columns of b             Y4-Y7    scratch
//	Y8-Y15   accumulators: rows 0-7 and 8-15 of b for the first row of a, ...;
//	         from 5 rows of a on one for each
//	AX       t                        SI       a
//	DX       offset in the rows of b  CX       k
//	R8-R13 BX DI  8 rows of b         R14      scratch
//	R15      offset in t.next

// FMAAn and FMABn add a column for n rows of a, whose values are at the offset
// at: FMAAn to the accumulators of rows 0-7 of b, FMABn to those of rows 8-15.
#define FMAA1(at, col) VBROADCASTSS (at+0)(SI), Y4; VFMADD231PS Y4, col, Y8
#define FMAB1(at, col) VBROADCASTSS (at+0)(SI), Y4; VFMADD231PS Y4, col, Y9
#define FMAA2(at, col) FMAA1(at, col); VBROADCASTSS (at+4)(SI), Y5; VFMADD231PS Y5, col, Y10
#define FMAB2(at, col) FMAB1(at, col); VBROADCASTSS (at+4)(SI), Y5; VFMADD231PS Y5, col, Y11
#define FMAA3(at, col) FMAA2(at, col); VBROADCASTSS (at+8)(SI), Y6; VFMADD231PS Y6, col, Y12
#define FMAB3(at, col) FMAB2(at, col); VBROADCASTSS (at+8)(SI), Y6; VFMADD231PS Y6, col, Y13
#define FMAA4(at, col) FMAA3(at, col); VBROADCASTSS (at+12)(SI), Y7; VFMADD231PS Y7, col, Y14
#define FMAB4(at, col) FMAB3(at, col); VBROADCASTSS (at+12)(SI), Y7; VFMADD231PS Y7, col, Y15

// FMAn adds a column for 5 rows and more.
#define FMA4(at, col) \
	VBROADCASTSS (at+0)(SI), Y4; VFMADD231PS Y4, col, Y8; \
	VBROADCASTSS (at+4)(SI), Y5; VFMADD231PS Y5, col, Y9; \
	VBROADCASTSS (at+8)(SI), Y6; VFMADD231PS Y6, col, Y10; \
	VBROADCASTSS (at+12)(SI), Y7; VFMADD231PS Y7, col, Y11
#define FMA5(at, col) FMA4(at, col); VBROADCASTSS (at+16)(SI), Y4; VFMADD231PS Y4, col, Y12
#define FMA6(at, col) FMA5(at, col); VBROADCASTSS (at+20)(SI), Y5; VFMADD231PS Y5, col, Y13
#define FMA7(at, col) FMA6(at, col); VBROADCASTSS (at+24)(SI), Y6; VFMADD231PS Y6, col, Y14
#define FMA8(at, col) FMA7(at, col); VBROADCASTSS (at+28)(SI), Y7; VFMADD231PS Y7, col, Y15

// GETn and PUTn move the accumulators.
#define GET1 VMOVUPS 0(R8), Y8; VMOVUPS 32(R8), Y9
#define GET2 GET1; VMOVUPS 64(R8), Y10; VMOVUPS 96(R8), Y11
#define GET3 GET2; VMOVUPS 128(R8), Y12; VMOVUPS 160(R8), Y13
#define GET4 GET3; VMOVUPS 192(R8), Y14; VMOVUPS 224(R8), Y15

#define PUT1 VMOVUPS Y8, 0(R8); VMOVUPS Y9, 32(R8)
#define PUT2 PUT1; VMOVUPS Y10, 64(R8); VMOVUPS Y11, 96(R8)
#define PUT3 PUT2; VMOVUPS Y12, 128(R8); VMOVUPS Y13, 160(R8)
#define PUT4 PUT3; VMOVUPS Y14, 192(R8); VMOVUPS Y15, 224(R8)

#define GET5 VMOVUPS 0(R8), Y8; VMOVUPS 64(R8), Y9; VMOVUPS 128(R8), Y10; VMOVUPS 192(R8), Y11; VMOVUPS 256(R8), Y12
#define GET6 GET5; VMOVUPS 320(R8), Y13
#define GET7 GET6; VMOVUPS 384(R8), Y14
#define GET8 GET7; VMOVUPS 448(R8), Y15

#define PUT5 VMOVUPS Y8, 0(R8); VMOVUPS Y9, 64(R8); VMOVUPS Y10, 128(R8); VMOVUPS Y11, 192(R8); VMOVUPS Y12, 256(R8)
#define PUT6 PUT5; VMOVUPS Y13, 320(R8)
#define PUT7 PUT6; VMOVUPS Y14, 384(R8)
#define PUT8 PUT7; VMOVUPS Y15, 448(R8)

// ROWS loads the pointers to 8 rows of b.
#define ROWS(off) \
	MOVQ (dotArgs_b+off+0)(AX), R8;   \
	MOVQ (dotArgs_b+off+8)(AX), R9;   \
	MOVQ (dotArgs_b+off+16)(AX), R10; \
	MOVQ (dotArgs_b+off+24)(AX), R11; \
	MOVQ (dotArgs_b+off+32)(AX), R12; \
	MOVQ (dotArgs_b+off+40)(AX), R13; \
	MOVQ (dotArgs_b+off+48)(AX), BX;  \
	MOVQ (dotArgs_b+off+56)(AX), DI

// FETCH prefetches the columns of 8 rows of t.next. Clobbers R14.
#define FETCH(off) \
	MOVQ (dotArgs_next+off+0)(AX), R14; PREFETCHT1 (R14)(R15*1); \
	MOVQ (dotArgs_next+off+8)(AX), R14; PREFETCHT1 (R14)(R15*1); \
	MOVQ (dotArgs_next+off+16)(AX), R14; PREFETCHT1 (R14)(R15*1); \
	MOVQ (dotArgs_next+off+24)(AX), R14; PREFETCHT1 (R14)(R15*1); \
	MOVQ (dotArgs_next+off+32)(AX), R14; PREFETCHT1 (R14)(R15*1); \
	MOVQ (dotArgs_next+off+40)(AX), R14; PREFETCHT1 (R14)(R15*1); \
	MOVQ (dotArgs_next+off+48)(AX), R14; PREFETCHT1 (R14)(R15*1); \
	MOVQ (dotArgs_next+off+56)(AX), R14; PREFETCHT1 (R14)(R15*1)

// FOUR adds four columns. Register r takes those of rows r and r+4; a 4x4
// transposition inside the halves then gives one register for each k.
#define FOUR(M, off, FMA) \
	VMOVUPS     off(R8)(DX*1), X0;            \
	VMOVUPS     off(R9)(DX*1), X1;            \
	VMOVUPS     off(R10)(DX*1), X2;           \
	VMOVUPS     off(R11)(DX*1), X3;           \
	VINSERTF128 $1, off(R12)(DX*1), Y0, Y0;   \
	VINSERTF128 $1, off(R13)(DX*1), Y1, Y1;   \
	VINSERTF128 $1, off(BX)(DX*1), Y2, Y2;    \
	VINSERTF128 $1, off(DI)(DX*1), Y3, Y3;    \
	VUNPCKLPS   Y1, Y0, Y4;  /* k0: r0 r1, k1: r0 r1 */ \
	VUNPCKHPS   Y1, Y0, Y5;  /* k2: r0 r1, k3: r0 r1 */ \
	VUNPCKLPS   Y3, Y2, Y6;  /* k0: r2 r3, k1: r2 r3 */ \
	VUNPCKHPS   Y3, Y2, Y7;  /* k2: r2 r3, k3: r2 r3 */ \
	VUNPCKLPD   Y6, Y4, Y0;  /* k0: r0 r1 r2 r3 */      \
	VUNPCKHPD   Y6, Y4, Y1;  /* k1 */                   \
	VUNPCKLPD   Y7, Y5, Y2;  /* k2 */                   \
	VUNPCKHPD   Y7, Y5, Y3;  /* k3 */                   \
	FMA((off*M+0*4*M), Y0);                         \
	FMA((off*M+1*4*M), Y1);                         \
	FMA((off*M+2*4*M), Y2);                         \
	FMA((off*M+3*4*M), Y3)

#define SIXTEEN(M, FMA) \
	FOUR(M, 0, FMA);  \
	FOUR(M, 16, FMA); \
	FOUR(M, 32, FMA); \
	FOUR(M, 48, FMA)

// BEGIN loads the arguments, NEXT goes on to the next 16 columns, END stores the
// accumulators and returns.
#define BEGIN \
	MOVQ t+0(FP), AX;         \
	MOVQ dotArgs_acc(AX), R8; \
	MOVQ dotArgs_a(AX), SI;   \
	MOVQ dotArgs_k(AX), CX;   \
	XORQ DX, DX;              \
	XORQ R15, R15

#define NEXT(M) \
	ADDQ $64, DX;               \
	ADDQ dotArgs_step(AX), R15; \
	ADDQ $(64*M), SI

#define END(PUT) \
	MOVQ dotArgs_acc(AX), R8; \
	PUT;                      \
	VZEROUPPER;               \
	RET

// KERNEL is for up to 4 rows of a, MANY for more.
#define KERNEL(M, GET, FMAA, FMAB, PUT) \
	BEGIN;            \
	GET;              \
	SUBQ $16, CX;     \
	JLT  tail;        \
	loop:             \
	ROWS(0);          \
	FETCH(0);         \
	SIXTEEN(M, FMAA); \
	ROWS(64);         \
	FETCH(64);        \
	SIXTEEN(M, FMAB); \
	NEXT(M);          \
	SUBQ $16, CX;     \
	JGE  loop;        \
	tail:             \
	ADDQ $16, CX;     \
	JEQ  done;        \
	four:             \
	ROWS(0);          \
	FOUR(M, 0, FMAA); \
	ROWS(64);         \
	FOUR(M, 0, FMAB); \
	ADDQ $16, DX;     \
	ADDQ $(16*M), SI; \
	SUBQ $4, CX;      \
	JNE  four;        \
	done:             \
	END(PUT)

#define MANY(M, GET, FMA, PUT) \
	BEGIN;            \
	GET;              \
	ROWS(0);          \
	SUBQ $16, CX;     \
	JLT  tail;        \
	loop:             \
	FETCH(0);         \
	SIXTEEN(M, FMA);  \
	NEXT(M);          \
	SUBQ $16, CX;     \
	JGE  loop;        \
	tail:             \
	ADDQ $16, CX;     \
	JEQ  done;        \
	four:             \
	FOUR(M, 0, FMA);  \
	ADDQ $16, DX;     \
	ADDQ $(16*M), SI; \
	SUBQ $4, CX;      \
	JNE  four;        \
	done:             \
	END(PUT)

// func dot1AVX2(t *dotArgs)
TEXT ·dot1AVX2(SB), NOSPLIT, $0-8
	KERNEL(1, GET1, FMAA1, FMAB1, PUT1)

// func dot2AVX2(t *dotArgs)
TEXT ·dot2AVX2(SB), NOSPLIT, $0-8
	KERNEL(2, GET2, FMAA2, FMAB2, PUT2)

// func dot3AVX2(t *dotArgs)
TEXT ·dot3AVX2(SB), NOSPLIT, $0-8
	KERNEL(3, GET3, FMAA3, FMAB3, PUT3)

// func dot4AVX2(t *dotArgs)
TEXT ·dot4AVX2(SB), NOSPLIT, $0-8
	KERNEL(4, GET4, FMAA4, FMAB4, PUT4)

// func dot5AVX2(t *dotArgs)
TEXT ·dot5AVX2(SB), NOSPLIT, $0-8
	MANY(5, GET5, FMA5, PUT5)

// func dot6AVX2(t *dotArgs)
TEXT ·dot6AVX2(SB), NOSPLIT, $0-8
	MANY(6, GET6, FMA6, PUT6)

// func dot7AVX2(t *dotArgs)
TEXT ·dot7AVX2(SB), NOSPLIT, $0-8
	MANY(7, GET7, FMA7, PUT7)

// func dot8AVX2(t *dotArgs)
TEXT ·dot8AVX2(SB), NOSPLIT, $0-8
	MANY(8, GET8, FMA8, PUT8)
