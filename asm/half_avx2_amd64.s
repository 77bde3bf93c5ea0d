//go:build !purego

#include "textflag.h"

// All four take a multiple of 8 elements: AX is the index of an element, CX
// the number of eights. The portable code takes the rest.
#define BEGIN \
	XORQ AX, AX; \
	SHRQ $3, CX; \
	JZ done

#define NEXT \
	ADDQ $8, AX; \
	DECQ CX; \
	JNZ loop

// func f32FromBF16AVX2(dst []float32, src []uint16)
//
//	for i, h := range src { dst[i] = Float32frombits(uint32(h) << 16) }
//
// DI dst, SI src. Requires len(dst) = len(src), a multiple of 8.
TEXT ·f32FromBF16AVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ src_len+32(FP), CX
	BEGIN

loop:
	VPMOVZXWD (SI)(AX*2), Y0
	VPSLLD $16, Y0, Y0
	VMOVUPS Y0, (DI)(AX*4)
	NEXT

done:
	VZEROUPPER
	RET

// func bf16FromF32AVX2(dst []uint16, src []float32)
//
//	see bf16FromF32Generic
//
// DI dst, SI src, Y4 0x7fff, Y5 1, Y6 0x40. Requires len(dst) = len(src), a
// multiple of 8.
TEXT ·bf16FromF32AVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ src_len+32(FP), CX
	MOVL $0x7fff, DX
	VMOVD DX, X4
	VPBROADCASTD X4, Y4
	MOVL $1, DX
	VMOVD DX, X5
	VPBROADCASTD X5, Y5
	MOVL $0x40, DX
	VMOVD DX, X6
	VPBROADCASTD X6, Y6
	BEGIN

loop:
	VMOVUPS (SI)(AX*4), Y0
	VPSRLD $16, Y0, Y1                    // b>>16
	VPAND Y5, Y1, Y2                      // its last bit
	VPADDD Y4, Y2, Y2
	VPADDD Y0, Y2, Y2
	VPSRLD $16, Y2, Y2                    // rounded
	VPOR Y6, Y1, Y1                       // b>>16 | 0x40
	VCMPPS $3, Y0, Y0, Y3                 // NaN
	VBLENDVPS Y3, Y1, Y2, Y2
	VEXTRACTI128 $1, Y2, X3
	VPACKUSDW X3, X2, X2
	VMOVDQU X2, (DI)(AX*2)
	NEXT

done:
	VZEROUPPER
	RET

// func f32FromF16AVX2(dst []float32, src []uint16)
//
//	for i, h := range src { dst[i] = f32FromF16(h) }
//
// DI dst, SI src. Requires len(dst) = len(src), a multiple of 8.
TEXT ·f32FromF16AVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ src_len+32(FP), CX
	BEGIN

loop:
	VCVTPH2PS (SI)(AX*2), Y0
	VMOVUPS Y0, (DI)(AX*4)
	NEXT

done:
	VZEROUPPER
	RET

// func f16FromF32AVX2(dst []uint16, src []float32)
//
//	for i, f := range src { dst[i] = f16FromF32(f) }
//
// DI dst, SI src. Requires len(dst) = len(src), a multiple of 8.
TEXT ·f16FromF32AVX2(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ src_len+32(FP), CX
	BEGIN

loop:
	VMOVUPS (SI)(AX*4), Y0
	VCVTPS2PH $0, Y0, (DI)(AX*2)
	NEXT

done:
	VZEROUPPER
	RET
