//go:build !purego

#include "textflag.h"

// func prefetchAMD64(row []float32)
//
// Prefetches every cache line that holds a part of row, len(row) >= 1. SI line,
// CX end.
TEXT ·prefetchAMD64(SB), NOSPLIT, $0-24
	MOVQ row_base+0(FP), SI
	MOVQ row_len+8(FP), CX
	LEAQ (SI)(CX*4), CX

line:
	PREFETCHT0 (SI)
	ADDQ $64, SI
	CMPQ SI, CX
	JLT  line
	RET
