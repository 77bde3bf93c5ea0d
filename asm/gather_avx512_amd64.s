//go:build !purego

#include "textflag.h"

// func gatherAxpyAVX512(dh []float32, coef, w []float32, stride int, ids []int32)
//
//	for i, id := range ids {
//		for k := range dh { dh[k] = FMA(coef[i], w[int(id)*stride+k], dh[k]) }
//	}
//
// dh stays in registers over all ids: 128 elements at a time, then 32, then 16
// under the mask K7. DI dh, CX its remaining length, BX coef, SI w (moved with
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
	VBROADCASTSS (BX)(AX*4), Z8

TEXT ·gatherAxpyAVX512(SB), NOSPLIT, $0-104
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
	CMPQ CX, $128
	JLT  middle
	VMOVUPS 0(DI), Z0
	VMOVUPS 64(DI), Z1
	VMOVUPS 128(DI), Z2
	VMOVUPS 192(DI), Z3
	VMOVUPS 256(DI), Z4
	VMOVUPS 320(DI), Z5
	VMOVUPS 384(DI), Z6
	VMOVUPS 448(DI), Z7
	XORQ AX, AX

wideloop:
	SOON
	PREFETCHT0 0(R11)
	PREFETCHT0 64(R11)
	PREFETCHT0 128(R11)
	PREFETCHT0 192(R11)
	PREFETCHT0 256(R11)
	PREFETCHT0 320(R11)
	PREFETCHT0 384(R11)
	PREFETCHT0 448(R11)
	ROW
	VFMADD231PS 0(SI)(DX*1), Z8, Z0
	VFMADD231PS 64(SI)(DX*1), Z8, Z1
	VFMADD231PS 128(SI)(DX*1), Z8, Z2
	VFMADD231PS 192(SI)(DX*1), Z8, Z3
	VFMADD231PS 256(SI)(DX*1), Z8, Z4
	VFMADD231PS 320(SI)(DX*1), Z8, Z5
	VFMADD231PS 384(SI)(DX*1), Z8, Z6
	VFMADD231PS 448(SI)(DX*1), Z8, Z7
	INCQ AX
	CMPQ AX, R10
	JLT  wideloop
	VMOVUPS Z0, 0(DI)
	VMOVUPS Z1, 64(DI)
	VMOVUPS Z2, 128(DI)
	VMOVUPS Z3, 192(DI)
	VMOVUPS Z4, 256(DI)
	VMOVUPS Z5, 320(DI)
	VMOVUPS Z6, 384(DI)
	VMOVUPS Z7, 448(DI)
	ADDQ $512, DI
	ADDQ $512, SI
	SUBQ $128, CX
	JMP  wide

middle:
	CMPQ CX, $32
	JLT  narrow
	VMOVUPS 0(DI), Z0
	VMOVUPS 64(DI), Z1
	XORQ AX, AX

middleloop:
	SOON
	PREFETCHT0 0(R11)
	PREFETCHT0 64(R11)
	ROW
	VFMADD231PS 0(SI)(DX*1), Z8, Z0
	VFMADD231PS 64(SI)(DX*1), Z8, Z1
	INCQ AX
	CMPQ AX, R10
	JLT  middleloop
	VMOVUPS Z0, 0(DI)
	VMOVUPS Z1, 64(DI)
	ADDQ $128, DI
	ADDQ $128, SI
	SUBQ $32, CX
	JMP  middle

narrow:
	TESTQ CX, CX
	JLE  done
	MOVL $0xFFFF, DX
	CMPQ CX, $16
	JGE  full
	MOVL $1, DX
	SHLL CX, DX
	DECL DX

full:
	KMOVW DX, K7
	VMOVUPS.Z (DI), K7, Z0
	XORQ AX, AX

narrowloop:
	ROW
	VMOVUPS.Z (SI)(DX*1), K7, Z1
	VFMADD231PS Z1, Z8, Z0
	INCQ AX
	CMPQ AX, R10
	JLT  narrowloop
	VMOVUPS Z0, K7, (DI)
	ADDQ $64, DI
	ADDQ $64, SI
	SUBQ $16, CX
	JMP  narrow

done:
	VZEROUPPER
	RET

// func selectAboveAVX512(idx []int32, x []float32, threshold float32, first int) int
//
//	for i, v := range x { if v > threshold { idx[n] = int32(first+i); n++ } }
//	return n
//
// DI idx, SI x, Z1 threshold, Z2 indices, Z3 16, R8 n. Requires
// len(idx) >= len(x).
#define SELECT16(next) \
	KORTESTW K1, K1; \
	JZ next; \
	VPCOMPRESSD Z2, K1, Z4; \
	KMOVW K1, DX; \
	POPCNTL DX, DX; \
	MOVQ DX, BX; \
	MOVL $-1, R9; \
	BZHIL BX, R9, R9; \
	KMOVW R9, K2; \
	VMOVDQU32 Z4, K2, (DI)(R8*4); \
	ADDQ BX, R8

TEXT ·selectAboveAVX512(SB), NOSPLIT, $0-72
	MOVQ idx_base+0(FP), DI
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	VBROADCASTSS threshold+48(FP), Z1
	MOVQ first+56(FP), DX
	VPBROADCASTD DX, Z2
	VPADDD ·iota16(SB), Z2, Z2
	MOVL $16, DX
	VPBROADCASTD DX, Z3
	XORQ R8, R8
	SUBQ $16, CX
	JLT  tail

loop:
	VMOVUPS (SI), Z0
	VCMPPS $30, Z1, Z0, K1                // x > threshold
	SELECT16(next)

next:
	VPADDD Z3, Z2, Z2
	ADDQ $64, SI
	SUBQ $16, CX
	JGE  loop

tail:
	ADDQ $16, CX
	JZ   done
	MOVL $1, DX
	SHLL CX, DX
	DECL DX
	KMOVW DX, K7
	VMOVUPS.Z (SI), K7, Z0
	VCMPPS $30, Z1, Z0, K7, K1
	SELECT16(done)

done:
	MOVQ R8, ret+64(FP)
	VZEROUPPER
	RET
