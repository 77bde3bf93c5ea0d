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
// the first and the last block a mask hides what is not of the slice: R9 points
// to the mask of the lanes from lane on, R12 to that of the elements left.
// Requires 0 <= lane < 32 and len(dst) = len(x).
#define SUMPART(LD, ST, KEEP, acc) \
	LD(SI, Y0); \
	VSUBPS Y5, Y0, Y0; \
	EXP(Y0, Y1, Y2, Y3, Y4); \
	ST(Y4, DI); \
	KEEP(Y4); \
	VADDPS Y4, acc, acc; \
	ADDQ $8, AX

#define SUMMASKED(off, acc) \
	VMOVUPS off(R12), Y15; \
	VMOVUPS off(R9), Y14; \
	VANDPS Y14, Y15, Y15; \
	SUMPART(LOADK, STOREK, ZERO, acc)

TEXT ·expSumAVX2(SB), NOSPLIT, $0-76
	MOVQ dst_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), BX
	VBROADCASTSS max+48(FP), Y5
	MOVQ lane+56(FP), DX
	MOVQ lanes+64(FP), R8
	LOADLANES(R8)
	EXPCONST
	XORQ AX, AX
	TESTQ BX, BX
	JZ   done
	LEAQ (BX)(DX*1), CX   // elements, those before the slice included
	LEAQ ·maskTable+256(SB), R9
	SHLQ $2, DX
	SUBQ DX, SI
	SUBQ DX, DI
	SUBQ DX, R9
	JMP  check

loop:
	SUMPART(LOAD, STORE, PLAIN, Y8)
	SUMPART(LOAD, STORE, PLAIN, Y9)
	SUMPART(LOAD, STORE, PLAIN, Y10)
	SUMPART(LOAD, STORE, PLAIN, Y11)
	SUBQ $32, CX
	JZ   done

check:
	TESTQ DX, DX
	JNZ  masked
	CMPQ CX, $32
	JGE  loop

masked:
	MOVQ CX, R11          // the remainder, of which a block has at most 32
	CMPQ CX, $32
	JLE  short
	MOVQ $32, CX

short:
	TAILMASK
	SUMMASKED(0, Y8)
	SUMMASKED(32, Y9)
	SUMMASKED(64, Y10)
	SUMMASKED(96, Y11)
	XORQ DX, DX
	LEAQ ·maskTable+256(SB), R9
	MOVQ R11, CX
	SUBQ $32, CX
	JGT  check

done:
	STORELANES(R8)
	FOLD
	VMOVSS X8, ret+72(FP)
	VZEROUPPER
	RET
