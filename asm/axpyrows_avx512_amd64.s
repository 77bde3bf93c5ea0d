//go:build !purego

#include "textflag.h"

// func axpyRowsAVX512(y, a, b *float32, cols, rows, bRow int)
//
//	for l := range rows {
//		for j := range cols { y[j] = FMA(a[l], b[l*bRow+j], y[j]) }
//	}
//
// 8 rows at a time are added to y, which stays in a near cache, and the rows 16
// further on are prefetched: memory is read almost in order, and in few streams.
// Addresses after the end of b are only prefetched, never read.
//
//	DI y                     SI a
//	R8 b, R12 four rows on   R10 R13 the same, 16 rows later
//	R9 distance of rows      R11 three times that
//	R14 cols                 DX rows
//	BX the 8 rows            AX y
//	Z0 chains                Z16-Z23 a
TEXT ·axpyRowsAVX512(SB), NOSPLIT, $0-48
	MOVQ y+0(FP), AX
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), BX
	MOVQ cols+24(FP), R14
	MOVQ rows+32(FP), DX
	MOVQ bRow+40(FP), R9
	SHLQ $2, R9
	LEAQ (R9)(R9*2), R11

rows:
	MOVQ AX, DI
	MOVQ BX, R8
	LEAQ (R8)(R9*4), R12
	LEAQ (R8)(R9*8), BX
	LEAQ (BX)(R9*8), R10
	LEAQ (R10)(R9*4), R13
	VBROADCASTSS 0(SI), Z16
	VBROADCASTSS 4(SI), Z17
	VBROADCASTSS 8(SI), Z18
	VBROADCASTSS 12(SI), Z19
	VBROADCASTSS 16(SI), Z20
	VBROADCASTSS 20(SI), Z21
	VBROADCASTSS 24(SI), Z22
	VBROADCASTSS 28(SI), Z23
	MOVQ R14, CX

columns:
	VMOVUPS (DI), Z0
	PREFETCHT1 (R10)
	PREFETCHT1 (R10)(R9*1)
	PREFETCHT1 (R10)(R9*2)
	PREFETCHT1 (R10)(R11*1)
	PREFETCHT1 (R13)
	PREFETCHT1 (R13)(R9*1)
	PREFETCHT1 (R13)(R9*2)
	PREFETCHT1 (R13)(R11*1)
	VFMADD231PS (R8), Z16, Z0
	VFMADD231PS (R8)(R9*1), Z17, Z0
	VFMADD231PS (R8)(R9*2), Z18, Z0
	VFMADD231PS (R8)(R11*1), Z19, Z0
	VFMADD231PS (R12), Z20, Z0
	VFMADD231PS (R12)(R9*1), Z21, Z0
	VFMADD231PS (R12)(R9*2), Z22, Z0
	VFMADD231PS (R12)(R11*1), Z23, Z0
	VMOVUPS Z0, (DI)
	ADDQ $64, DI
	ADDQ $64, R8
	ADDQ $64, R12
	ADDQ $64, R10
	ADDQ $64, R13
	SUBQ $16, CX
	JNE  columns
	ADDQ $32, SI
	SUBQ $8, DX
	JNE  rows
	VZEROUPPER
	RET
