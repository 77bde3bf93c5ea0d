//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// All four take a multiple of 8 elements: R0 dst, R1 src, R9 the number of
// eights. The portable code takes the rest.

// func f32FromBF16NEON(dst []float32, src []uint16)
//
//	for i, h := range src { dst[i] = Float32frombits(uint32(h) << 16) }
//
// V0 zero, whose halfwords go below those of src. Requires len(dst) = len(src), a
// multiple of 8.
TEXT ·f32FromBF16NEON(SB), NOSPLIT, $0-48
	MOVD dst_base+0(FP), R0
	MOVD src_base+24(FP), R1
	MOVD src_len+32(FP), R9
	LSR  $3, R9
	CBZ  R9, done
	ZEROV(0)

loop:
	FMOVQ.P 16(R1), F1
	VZIP1 V1.H8, V0.H8, V2.H8
	VZIP2 V1.H8, V0.H8, V3.H8
	VST1.P [V2.S4, V3.S4], 32(R0)
	SUBS $1, R9
	BNE  loop

done:
	RET

// func bf16FromF32NEON(dst []uint16, src []float32)
//
//	see bf16FromF32Generic
//
// V16 0x7fff, V17 1, V18 0x40. Requires len(dst) = len(src), a multiple of 8.
#define ROUND(b, r) \
	USHR4(16, b, 2);             /* b>>16 */ \
	ANDV(17, 2, r);              /* its last bit */ \
	ADD4(16, r, r); \
	ADD4(b, r, r); \
	USHR4(16, r, r);             /* rounded */ \
	ORRV(18, 2, 2);              /* b>>16 | 0x40 */ \
	FEQ4(b, b, 3); \
	BIFV(3, 2, r)                /* for NaN */

TEXT ·bf16FromF32NEON(SB), NOSPLIT, $0-48
	MOVD dst_base+0(FP), R0
	MOVD src_base+24(FP), R1
	MOVD src_len+32(FP), R9
	LSR  $3, R9
	CBZ  R9, done
	MOVD $0x7fff, R2
	VDUP R2, V16.S4
	MOVD $1, R2
	VDUP R2, V17.S4
	MOVD $0x40, R2
	VDUP R2, V18.S4

loop:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	ROUND(0, 4)
	ROUND(1, 5)
	VUZP1 V5.H8, V4.H8, V4.H8    // the low halfwords
	FMOVQ.P F4, 16(R0)
	SUBS $1, R9
	BNE  loop

done:
	RET

// func f32FromF16NEON(dst []float32, src []uint16)
//
//	for i, h := range src { dst[i] = f32FromF16(h) }
//
// Requires len(dst) = len(src), a multiple of 8.
TEXT ·f32FromF16NEON(SB), NOSPLIT, $0-48
	MOVD dst_base+0(FP), R0
	MOVD src_base+24(FP), R1
	MOVD src_len+32(FP), R9
	LSR  $3, R9
	CBZ  R9, done

loop:
	FMOVQ.P 16(R1), F2
	WIDEN4(2, 0)
	WIDEN4H(2, 1)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS $1, R9
	BNE  loop

done:
	RET

// func f16FromF32NEON(dst []uint16, src []float32)
//
//	for i, f := range src { dst[i] = f16FromF32(f) }
//
// Requires len(dst) = len(src), a multiple of 8.
TEXT ·f16FromF32NEON(SB), NOSPLIT, $0-48
	MOVD dst_base+0(FP), R0
	MOVD src_base+24(FP), R1
	MOVD src_len+32(FP), R9
	LSR  $3, R9
	CBZ  R9, done

loop:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	NARROW4(0, 2)
	NARROW4H(1, 2)
	FMOVQ.P F2, 16(R0)
	SUBS $1, R9
	BNE  loop

done:
	RET
