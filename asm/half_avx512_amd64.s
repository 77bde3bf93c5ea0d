//go:build !purego

#include "textflag.h"
#include "vec_avx512_amd64.h"

// The 16-bit values are read and written by instructions that convert 16 of them
// under a mask of elements, so that tails need no code of their own.

// func f32FromBF16AVX512(dst []float32, src []uint16)
//
//	for i, h := range src { dst[i] = Float32frombits(uint32(h) << 16) }
//
// DI dst, SI src. Requires len(dst) = len(src).
#define BFLOAD(p, z) VPMOVZXWD (p)(AX*2), z
#define BFLOADK(p, z) VPMOVZXWD.Z (p)(AX*2), K7, z

TEXT ·f32FromBF16AVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ src_len+32(FP), CX
	XORQ AX, AX
	SUBQ $16, CX
	JLT  tail

loop:
	BFLOAD(SI, Z0)
	VPSLLD $16, Z0, Z0
	STORE(Z0, DI)
	ADDQ $16, AX
	SUBQ $16, CX
	JGE  loop

tail:
	ADDQ $16, CX
	JZ   done
	TAILMASK
	BFLOADK(SI, Z0)
	VPSLLD $16, Z0, Z0
	STOREK(Z0, DI)

done:
	VZEROUPPER
	RET

// func bf16FromF32AVX512(dst []uint16, src []float32)
//
//	see bf16FromF32Generic
//
// DI dst, SI src, Z4 0x7fff, Z5 1, Z6 0x40. Requires len(dst) = len(src).
#define ROUNDBF16 \
	VPSRLD $16, Z0, Z1;          /* b>>16 */ \
	VPANDD Z5, Z1, Z2;           /* its last bit */ \
	VPADDD Z4, Z2, Z2; \
	VPADDD Z0, Z2, Z2; \
	VPSRLD $16, Z2, Z2;          /* rounded */ \
	VCMPPS $3, Z0, Z0, K1; \
	VPORD Z6, Z1, K1, Z2         /* NaN: b>>16 | 0x40 */

TEXT ·bf16FromF32AVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ src_len+32(FP), CX
	MOVL $0x7fff, DX
	VPBROADCASTD DX, Z4
	MOVL $1, DX
	VPBROADCASTD DX, Z5
	MOVL $0x40, DX
	VPBROADCASTD DX, Z6
	XORQ AX, AX
	SUBQ $16, CX
	JLT  tail

loop:
	LOAD(SI, Z0)
	ROUNDBF16
	VPMOVDW Z2, (DI)(AX*2)
	ADDQ $16, AX
	SUBQ $16, CX
	JGE  loop

tail:
	ADDQ $16, CX
	JZ   done
	TAILMASK
	LOADK(SI, Z0)
	ROUNDBF16
	VPMOVDW Z2, K7, (DI)(AX*2)

done:
	VZEROUPPER
	RET

// func f32FromF16AVX512(dst []float32, src []uint16)
//
//	for i, h := range src { dst[i] = f32FromF16(h) }
//
// DI dst, SI src. Requires len(dst) = len(src).
TEXT ·f32FromF16AVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ src_len+32(FP), CX
	XORQ AX, AX
	SUBQ $16, CX
	JLT  tail

loop:
	VCVTPH2PS (SI)(AX*2), Z0
	STORE(Z0, DI)
	ADDQ $16, AX
	SUBQ $16, CX
	JGE  loop

tail:
	ADDQ $16, CX
	JZ   done
	TAILMASK
	VCVTPH2PS.Z (SI)(AX*2), K7, Z0
	STOREK(Z0, DI)

done:
	VZEROUPPER
	RET

// func f16FromF32AVX512(dst []uint16, src []float32)
//
//	for i, f := range src { dst[i] = f16FromF32(f) }
//
// DI dst, SI src. Requires len(dst) = len(src).
TEXT ·f16FromF32AVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ src_len+32(FP), CX
	XORQ AX, AX
	SUBQ $16, CX
	JLT  tail

loop:
	LOAD(SI, Z0)
	VCVTPS2PH $0, Z0, (DI)(AX*2)
	ADDQ $16, AX
	SUBQ $16, CX
	JGE  loop

tail:
	ADDQ $16, CX
	JZ   done
	TAILMASK
	LOADK(SI, Z0)
	VCVTPS2PH $0, Z0, K7, (DI)(AX*2)

done:
	VZEROUPPER
	RET
