//go:build !purego

#include "textflag.h"
#include "vec_avx2_amd64.h"

// func sumAVX2(x []float32, lanes *[32]float32) float32
//
//	for i := range x { lanes[i%32] += x[i] }
//	return fold(*lanes)
//
// SI x, R8 lanes. A masked load gives +0 and needs no KEEP.
#define SUMBODY(LD, acc, KEEP) \
	LD(SI, Y0); \
	VADDPS Y0, acc, acc

TEXT ·sumAVX2(SB), NOSPLIT, $0-36
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	MOVQ lanes+24(FP), R8
	LOADLANES(R8)
	EACH32(SUMBODY)
	STORELANES(R8)
	FOLD
	VMOVSS X8, ret+32(FP)
	VZEROUPPER
	RET

// func dotAVX2(a, b []float32, lanes *[32]float32) float32
//
//	for i := range a { lanes[i%32] = FMA(a[i], b[i], lanes[i%32]) }
//	return fold(*lanes)
//
// SI a, BX b, R8 lanes. Requires len(a) = len(b).
#define DOTBODY(LD, acc, KEEP) \
	LD(SI, Y0); \
	LD(BX, Y1); \
	KEEP(Y1); \
	VFMADD231PS Y1, Y0, acc

TEXT ·dotAVX2(SB), NOSPLIT, $0-60
	MOVQ a_base+0(FP), SI
	MOVQ a_len+8(FP), CX
	MOVQ b_base+24(FP), BX
	MOVQ lanes+48(FP), R8
	LOADLANES(R8)
	EACH32(DOTBODY)
	STORELANES(R8)
	FOLD
	VMOVSS X8, ret+56(FP)
	VZEROUPPER
	RET

// func maxAVX2(x []float32, lanes *[32]float32) (max float32, nan bool)
//
//	for i, v := range x {
//		if v > lanes[i%32] { lanes[i%32] = v }
//		nan = nan || v != v
//	}
//	return the fold of lanes by the same comparison, nan
//
// SI x, R8 lanes; Y7 collects the unordered comparisons; Y6 is -Inf, which
// replaces masked elements. VMAXPS b, a, d is a > b ? a : b.
#define LOWEST(y) VBLENDVPS Y15, y, Y6, y
#define MAXBODY(LD, acc, KEEP) \
	LD(SI, Y0); \
	VCMPPS $3, Y0, Y0, Y1; \
	VORPS Y1, Y7, Y7; \
	KEEP(Y0); \
	VMAXPS acc, Y0, acc

#undef NEGZERO
#define NEGZERO LOWEST

TEXT ·maxAVX2(SB), NOSPLIT, $0-37
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	MOVQ lanes+24(FP), R8
	LOADLANES(R8)
	VXORPS Y7, Y7, Y7
	MOVL $0xFF800000, DX
	VMOVD DX, X6
	VPBROADCASTD X6, Y6
	EACH32(MAXBODY)
	STORELANES(R8)
	VMAXPS Y8, Y10, Y8
	VMAXPS Y9, Y11, Y9
	VMAXPS Y8, Y9, Y8
	VEXTRACTF128 $1, Y8, X9
	VMAXPS X8, X9, X8
	VMOVHLPS X8, X8, X9
	VMAXPS X8, X9, X8
	VMOVSHDUP X8, X9
	VMAXSS X8, X9, X8
	VMOVSS X8, max+32(FP)
	VMOVMSKPS Y7, AX
	TESTL AX, AX
	SETNE nan+36(FP)
	VZEROUPPER
	RET

// func moments64AVX2(g, m []float32, lanes *[3][32]float64)
//
//	for i := range g {
//		a, b := float64(g[i]), float64(m[i])
//		lanes[0][i%32] += a*a; lanes[1][i%32] += a*b; lanes[2][i%32] += b*b
//	}
//
// The products are exact, so fma rounds as the sum does. The registers hold 16
// lanes, hence two passes. SI g, DI m, R8 lanes, CX elements, R9 and R10 the
// pass; Y4 to Y7, Y8 to Y11, Y12 to Y15 lanes of g², gm, m². Requires
// len(g) = len(m), a multiple of 32.
#define MOMENT(off, aa, ab, bb) \
	VCVTPS2PD off(SI)(AX*1), Y0; \
	VCVTPS2PD off(DI)(AX*1), Y1; \
	VFMADD231PD Y0, Y0, aa; \
	VFMADD231PD Y0, Y1, ab; \
	VFMADD231PD Y1, Y1, bb

TEXT ·moments64AVX2(SB), NOSPLIT, $0-56
	MOVQ g_base+0(FP), SI
	MOVQ g_len+8(FP), CX
	MOVQ m_base+24(FP), DI
	MOVQ lanes+48(FP), R8
	SHRQ $5, CX
	JZ   done
	MOVQ $2, R9

pass:
	VMOVUPD 0(R8), Y4
	VMOVUPD 32(R8), Y5
	VMOVUPD 64(R8), Y6
	VMOVUPD 96(R8), Y7
	VMOVUPD 256(R8), Y8
	VMOVUPD 288(R8), Y9
	VMOVUPD 320(R8), Y10
	VMOVUPD 352(R8), Y11
	VMOVUPD 512(R8), Y12
	VMOVUPD 544(R8), Y13
	VMOVUPD 576(R8), Y14
	VMOVUPD 608(R8), Y15
	XORQ AX, AX
	MOVQ CX, R10

loop:
	PREFETCHT0 1024(SI)(AX*1)
	PREFETCHT0 1088(SI)(AX*1)
	PREFETCHT0 1024(DI)(AX*1)
	PREFETCHT0 1088(DI)(AX*1)
	MOMENT(0, Y4, Y8, Y12)
	MOMENT(16, Y5, Y9, Y13)
	MOMENT(32, Y6, Y10, Y14)
	MOMENT(48, Y7, Y11, Y15)
	ADDQ $128, AX
	DECQ R10
	JNZ  loop
	VMOVUPD Y4, 0(R8)
	VMOVUPD Y5, 32(R8)
	VMOVUPD Y6, 64(R8)
	VMOVUPD Y7, 96(R8)
	VMOVUPD Y8, 256(R8)
	VMOVUPD Y9, 288(R8)
	VMOVUPD Y10, 320(R8)
	VMOVUPD Y11, 352(R8)
	VMOVUPD Y12, 512(R8)
	VMOVUPD Y13, 544(R8)
	VMOVUPD Y14, 576(R8)
	VMOVUPD Y15, 608(R8)
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $128, R8
	DECQ R9
	JNZ  pass

done:
	VZEROUPPER
	RET

// func sumSquares64AVX2(x []float32, lanes *[32]float64)
//
//	for i := range x { lanes[i%32] += float64(x[i]) * float64(x[i]) }
//
// SI x, R8 lanes, CX elements; lanes in Y8 to Y15. Requires a multiple of 32.
#define SQUARE(off, acc) \
	VCVTPS2PD off(SI), Y0; \
	VFMADD231PD Y0, Y0, acc

TEXT ·sumSquares64AVX2(SB), NOSPLIT, $0-32
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	MOVQ lanes+24(FP), R8
	VMOVUPD 0(R8), Y8
	VMOVUPD 32(R8), Y9
	VMOVUPD 64(R8), Y10
	VMOVUPD 96(R8), Y11
	VMOVUPD 128(R8), Y12
	VMOVUPD 160(R8), Y13
	VMOVUPD 192(R8), Y14
	VMOVUPD 224(R8), Y15
	SHRQ $5, CX
	JZ   done

loop:
	SQUARE(0, Y8)
	SQUARE(16, Y9)
	SQUARE(32, Y10)
	SQUARE(48, Y11)
	SQUARE(64, Y12)
	SQUARE(80, Y13)
	SQUARE(96, Y14)
	SQUARE(112, Y15)
	ADDQ $128, SI
	DECQ CX
	JNZ  loop

done:
	VMOVUPD Y8, 0(R8)
	VMOVUPD Y9, 32(R8)
	VMOVUPD Y10, 64(R8)
	VMOVUPD Y11, 96(R8)
	VMOVUPD Y12, 128(R8)
	VMOVUPD Y13, 160(R8)
	VMOVUPD Y14, 192(R8)
	VMOVUPD Y15, 224(R8)
	VZEROUPPER
	RET
