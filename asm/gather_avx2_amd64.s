//go:build !purego

#include "textflag.h"

// func gatherAxpyAVX2(dh []float32, coef, w []float32, stride int, ids []int32)
//
//	for i, id := range ids {
//		for k := range dh { dh[k] = FMA(coef[i], w[int(id)*stride+k], dh[k]) }
//	}
//
// dh stays in registers over all ids: 64 elements at a time, then 16, then 8
// under the mask Y15. DI dh, CX its remaining length, BX coef, SI w (moved with
// DI), R8 stride in bytes, R9 ids, R10 their number, AX i, DX the offset of a
// row. Requires the rows to lie in w.
// SOON prefetches a piece of the row four ids later, R11; near the end, of the
// current row.
#define SOON \
	LEAQ 4(AX), R11; \
	CMPQ R11, R10; \
	CMOVQGE AX, R11; \
	MOVLQSX (R9)(R11*4), R11; \
	IMULQ R8, R11; \
	ADDQ SI, R11

#define ROW \
	MOVLQSX (R9)(AX*4), DX; \
	IMULQ R8, DX; \
	VBROADCASTSS (BX)(AX*4), Y8

TEXT ·gatherAxpyAVX2(SB), NOSPLIT, $0-104
	MOVQ dh_base+0(FP), DI
	MOVQ dh_len+8(FP), CX
	MOVQ coef_base+24(FP), BX
	MOVQ w_base+48(FP), SI
	MOVQ stride+72(FP), R8
	MOVQ ids_base+80(FP), R9
	MOVQ ids_len+88(FP), R10
	SHLQ $2, R8
	TESTQ R10, R10
	JZ   done

wide:
	CMPQ CX, $64
	JLT  middle
	VMOVUPS 0(DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	VMOVUPS 128(DI), Y4
	VMOVUPS 160(DI), Y5
	VMOVUPS 192(DI), Y6
	VMOVUPS 224(DI), Y7
	XORQ AX, AX

wideloop:
	SOON
	PREFETCHT0 0(R11)
	PREFETCHT0 64(R11)
	PREFETCHT0 128(R11)
	PREFETCHT0 192(R11)
	ROW
	VFMADD231PS 0(SI)(DX*1), Y8, Y0
	VFMADD231PS 32(SI)(DX*1), Y8, Y1
	VFMADD231PS 64(SI)(DX*1), Y8, Y2
	VFMADD231PS 96(SI)(DX*1), Y8, Y3
	VFMADD231PS 128(SI)(DX*1), Y8, Y4
	VFMADD231PS 160(SI)(DX*1), Y8, Y5
	VFMADD231PS 192(SI)(DX*1), Y8, Y6
	VFMADD231PS 224(SI)(DX*1), Y8, Y7
	INCQ AX
	CMPQ AX, R10
	JLT  wideloop
	VMOVUPS Y0, 0(DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	VMOVUPS Y4, 128(DI)
	VMOVUPS Y5, 160(DI)
	VMOVUPS Y6, 192(DI)
	VMOVUPS Y7, 224(DI)
	ADDQ $256, DI
	ADDQ $256, SI
	SUBQ $64, CX
	JMP  wide

middle:
	CMPQ CX, $16
	JLT  narrow
	VMOVUPS 0(DI), Y0
	VMOVUPS 32(DI), Y1
	XORQ AX, AX

middleloop:
	SOON
	PREFETCHT0 0(R11)
	ROW
	VFMADD231PS 0(SI)(DX*1), Y8, Y0
	VFMADD231PS 32(SI)(DX*1), Y8, Y1
	INCQ AX
	CMPQ AX, R10
	JLT  middleloop
	VMOVUPS Y0, 0(DI)
	VMOVUPS Y1, 32(DI)
	ADDQ $64, DI
	ADDQ $64, SI
	SUBQ $16, CX
	JMP  middle

narrow:
	TESTQ CX, CX
	JLE  done
	MOVQ CX, R11
	CMPQ R11, $8
	JLE  short
	MOVQ $8, R11

short:
	LEAQ ·maskTable+128(SB), R12
	SHLQ $2, R11
	SUBQ R11, R12
	VMOVUPS (R12), Y15
	VMASKMOVPS (DI), Y15, Y0
	XORQ AX, AX

narrowloop:
	ROW
	VMASKMOVPS (SI)(DX*1), Y15, Y1
	VFMADD231PS Y1, Y8, Y0
	INCQ AX
	CMPQ AX, R10
	JLT  narrowloop
	VMASKMOVPS Y0, Y15, (DI)
	ADDQ $32, DI
	ADDQ $32, SI
	SUBQ $8, CX
	JMP  narrow

done:
	VZEROUPPER
	RET

// func selectAboveAVX2(idx []int32, x []float32, threshold float32, first int) int
//
//	for i, v := range x { if v > threshold { idx[n] = int32(first+i); n++ } }
//	return n
//
// DI idx, SI x, Y1 threshold, AX index, R8 n, DX the set bits of 8 elements.
// Requires len(idx) >= len(x), len(x) a multiple of 8.
TEXT ·selectAboveAVX2(SB), NOSPLIT, $0-72
	MOVQ idx_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	VBROADCASTSS threshold+48(FP), Y1
	MOVQ first+56(FP), AX
	XORQ R8, R8
	SUBQ $8, CX
	JLT  done

loop:
	VMOVUPS (SI), Y0
	VCMPPS $30, Y1, Y0, Y2                // x > threshold
	VMOVMSKPS Y2, DX
	TESTL DX, DX
	JZ   next

bit:
	TZCNTL DX, R9
	ADDL AX, R9
	MOVL R9, (DI)(R8*4)
	INCQ R8
	BLSRL DX, DX
	JNZ  bit

next:
	ADDQ $8, AX
	ADDQ $32, SI
	SUBQ $8, CX
	JGE  loop

done:
	MOVQ R8, ret+64(FP)
	VZEROUPPER
	RET
