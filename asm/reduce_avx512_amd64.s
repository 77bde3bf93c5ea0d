//go:build !purego

#include "textflag.h"
#include "vec_avx512_amd64.h"

// func sumAVX512(x []float32, lanes *[32]float32) float32
//
//	for i := range x { lanes[i%32] += x[i] }
//	return fold(*lanes)
//
// SI x, R8 lanes.
#define SUMBODY(LD, acc, OP) \
	LD(SI, Z0); \
	OP(VADDPS, Z0, acc, acc)

TEXT ·sumAVX512(SB), NOSPLIT, $0-36
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	MOVQ lanes+24(FP), R8
	VMOVUPS 0(R8), Z8
	VMOVUPS 64(R8), Z9
	EACH32(SUMBODY)
	VMOVUPS Z8, 0(R8)
	VMOVUPS Z9, 64(R8)
	FOLD
	VMOVSS X8, ret+32(FP)
	VZEROUPPER
	RET

// func dotAVX512(a, b []float32, lanes *[32]float32) float32
//
//	for i := range a { lanes[i%32] = FMA(a[i], b[i], lanes[i%32]) }
//	return fold(*lanes)
//
// SI a, BX b, R8 lanes. Requires len(a) = len(b).
#define DOTBODY(LD, acc, OP) \
	LD(SI, Z0); \
	LD(BX, Z1); \
	OP(VFMADD231PS, Z1, Z0, acc)

TEXT ·dotAVX512(SB), NOSPLIT, $0-60
	MOVQ a_base+0(FP), SI
	MOVQ a_len+8(FP), CX
	MOVQ b_base+24(FP), BX
	MOVQ lanes+48(FP), R8
	VMOVUPS 0(R8), Z8
	VMOVUPS 64(R8), Z9
	EACH32(DOTBODY)
	VMOVUPS Z8, 0(R8)
	VMOVUPS Z9, 64(R8)
	FOLD
	VMOVSS X8, ret+56(FP)
	VZEROUPPER
	RET

// func maxAVX512(x []float32, lanes *[32]float32) (max float32, nan bool)
//
//	for i, v := range x {
//		if v > lanes[i%32] { lanes[i%32] = v }
//		nan = nan || v != v
//	}
//	return the fold of lanes by the same comparison, nan
//
// SI x, R8 lanes; K1 collects the unordered comparisons. VMAXPS b, a, d is a > b
// ? a : b.
#define MAXBODY(LD, acc, OP) \
	LD(SI, Z0); \
	VCMPPS $3, Z0, Z0, K2; \
	KORW K2, K1, K1; \
	OP(VMAXPS, acc, Z0, acc)

TEXT ·maxAVX512(SB), NOSPLIT, $0-37
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	MOVQ lanes+24(FP), R8
	VMOVUPS 0(R8), Z8
	VMOVUPS 64(R8), Z9
	KXORW K1, K1, K1
	EACH32(MAXBODY)
	VMOVUPS Z8, 0(R8)
	VMOVUPS Z9, 64(R8)
	VMAXPS Z8, Z9, Z8
	VEXTRACTF64X4 $1, Z8, Y9
	VMAXPS Y8, Y9, Y8
	VEXTRACTF128 $1, Y8, X9
	VMAXPS X8, X9, X8
	VMOVHLPS X8, X8, X9
	VMAXPS X8, X9, X8
	VMOVSHDUP X8, X9
	VMAXSS X8, X9, X8
	VMOVSS X8, max+32(FP)
	KMOVW K1, AX
	TESTL AX, AX
	SETNE nan+36(FP)
	VZEROUPPER
	RET

// func moments64AVX512(g, m []float32, lanes *[3][32]float64)
//
//	for i := range g {
//		a, b := float64(g[i]), float64(m[i])
//		lanes[0][i%32] += a*a; lanes[1][i%32] += a*b; lanes[2][i%32] += b*b
//	}
//
// The products are exact, so fma rounds as the sum does. SI g, DI m, R8 lanes,
// CX elements; Z8 to Z11, Z12 to Z15, Z16 to Z19 lanes of g², gm, m². Requires
// len(g) = len(m), a multiple of 32.
#define MOMENT(off, aa, ab, bb) \
	VCVTPS2PD off(SI), Z0; \
	VCVTPS2PD off(DI), Z1; \
	VFMADD231PD Z0, Z0, aa; \
	VFMADD231PD Z0, Z1, ab; \
	VFMADD231PD Z1, Z1, bb

TEXT ·moments64AVX512(SB), NOSPLIT, $0-56
	MOVQ g_base+0(FP), SI
	MOVQ g_len+8(FP), CX
	MOVQ m_base+24(FP), DI
	MOVQ lanes+48(FP), R8
	VMOVUPD 0(R8), Z8
	VMOVUPD 64(R8), Z9
	VMOVUPD 128(R8), Z10
	VMOVUPD 192(R8), Z11
	VMOVUPD 256(R8), Z12
	VMOVUPD 320(R8), Z13
	VMOVUPD 384(R8), Z14
	VMOVUPD 448(R8), Z15
	VMOVUPD 512(R8), Z16
	VMOVUPD 576(R8), Z17
	VMOVUPD 640(R8), Z18
	VMOVUPD 704(R8), Z19
	SHRQ $5, CX
	JZ   done

loop:
	MOMENT(0, Z8, Z12, Z16)
	MOMENT(32, Z9, Z13, Z17)
	MOMENT(64, Z10, Z14, Z18)
	MOMENT(96, Z11, Z15, Z19)
	ADDQ $128, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  loop

done:
	VMOVUPD Z8, 0(R8)
	VMOVUPD Z9, 64(R8)
	VMOVUPD Z10, 128(R8)
	VMOVUPD Z11, 192(R8)
	VMOVUPD Z12, 256(R8)
	VMOVUPD Z13, 320(R8)
	VMOVUPD Z14, 384(R8)
	VMOVUPD Z15, 448(R8)
	VMOVUPD Z16, 512(R8)
	VMOVUPD Z17, 576(R8)
	VMOVUPD Z18, 640(R8)
	VMOVUPD Z19, 704(R8)
	VZEROUPPER
	RET

// func sumSquares64AVX512(x []float32, lanes *[32]float64)
//
//	for i := range x { lanes[i%32] += float64(x[i]) * float64(x[i]) }
//
// SI x, R8 lanes, CX elements; lanes in Z8 to Z11. Requires a multiple of 32.
#define SQUARE(off, acc) \
	VCVTPS2PD off(SI), Z0; \
	VFMADD231PD Z0, Z0, acc

TEXT ·sumSquares64AVX512(SB), NOSPLIT, $0-32
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	MOVQ lanes+24(FP), R8
	VMOVUPD 0(R8), Z8
	VMOVUPD 64(R8), Z9
	VMOVUPD 128(R8), Z10
	VMOVUPD 192(R8), Z11
	SHRQ $5, CX
	JZ   done

loop:
	SQUARE(0, Z8)
	SQUARE(32, Z9)
	SQUARE(64, Z10)
	SQUARE(96, Z11)
	ADDQ $128, SI
	DECQ CX
	JNZ  loop

done:
	VMOVUPD Z8, 0(R8)
	VMOVUPD Z9, 64(R8)
	VMOVUPD Z10, 128(R8)
	VMOVUPD Z11, 192(R8)
	VZEROUPPER
	RET
