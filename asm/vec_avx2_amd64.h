// Loops over float32 slices on AVX2. AX is the index of an element, CX the
// number of elements. A loop body is a macro BODY(LD, ST) that loads and stores
// through its two arguments only, so that the tail runs the same body under the
// mask Y15: masked elements are neither read nor written, and load as +0.
//
//	LD(p, y)   y = p[AX:AX+8]
//	ST(y, p)   p[AX:AX+8] = y

#define LOAD(p, y) VMOVUPS (p)(AX*4), y
#define STORE(y, p) VMOVUPS y, (p)(AX*4)
#define LOADK(p, y) VMASKMOVPS (p)(AX*4), Y15, y
#define STOREK(y, p) VMASKMOVPS y, Y15, (p)(AX*4)

// R12 points to the masks of a block of which the first CX elements count,
// 0 <= CX <= 32: element i has its mask at 4*i(R12). Clobbers R13.
#define TAILMASK \
	LEAQ ·maskTable+128(SB), R12; \
	MOVQ CX, R13; \
	SHLQ $2, R13; \
	SUBQ R13, R12

// EACH8 runs BODY over CX elements, 8 at a time. Clobbers AX, CX, R12, R13, Y15.
#define EACH8(BODY) \
	XORQ AX, AX; \
	SUBQ $8, CX; \
	JLT tail; \
loop: \
	BODY(LOAD, STORE); \
	ADDQ $8, AX; \
	SUBQ $8, CX; \
	JGE loop; \
tail: \
	ADDQ $8, CX; \
	JZ done; \
	TAILMASK; \
	VMOVUPS (R12), Y15; \
	BODY(LOADK, STOREK); \
done:

// Reductions: lanes 0 to 7 live in Y8, 8 to 15 in Y9, 16 to 23 in Y10, 24 to
// 31 in Y11. A body is a macro BODY(LD, acc, KEEP) for 8 elements; KEEP(y) sets
// masked elements to -0. Adding -0 to a lane, or its product with a masked load,
// leaves the lane as it is; +0 would turn a lane that holds -0 after an underflow
// into +0.
#define PLAIN(y)
#define NEGZERO(y) VBLENDVPS Y15, y, Y14, y

// EACH32 runs BODY over CX elements, 32 at a time. Clobbers AX, CX, R12, R13, Y14,
// Y15.
#define EACH32(BODY) \
	XORQ AX, AX; \
	SUBQ $32, CX; \
	JLT tail; \
loop: \
	BODY(LOAD, Y8, PLAIN); \
	ADDQ $8, AX; \
	BODY(LOAD, Y9, PLAIN); \
	ADDQ $8, AX; \
	BODY(LOAD, Y10, PLAIN); \
	ADDQ $8, AX; \
	BODY(LOAD, Y11, PLAIN); \
	ADDQ $8, AX; \
	SUBQ $32, CX; \
	JGE loop; \
tail: \
	ADDQ $32, CX; \
	JZ done; \
	TAILMASK; \
	VPCMPEQD Y14, Y14, Y14; \
	VPSLLD $31, Y14, Y14; \
	VMOVUPS 0(R12), Y15; \
	BODY(LOADK, Y8, NEGZERO); \
	ADDQ $8, AX; \
	VMOVUPS 32(R12), Y15; \
	BODY(LOADK, Y9, NEGZERO); \
	ADDQ $8, AX; \
	VMOVUPS 64(R12), Y15; \
	BODY(LOADK, Y10, NEGZERO); \
	ADDQ $8, AX; \
	VMOVUPS 96(R12), Y15; \
	BODY(LOADK, Y11, NEGZERO); \
done:

#define LOADLANES(p) \
	VMOVUPS 0(p), Y8; \
	VMOVUPS 32(p), Y9; \
	VMOVUPS 64(p), Y10; \
	VMOVUPS 96(p), Y11

#define STORELANES(p) \
	VMOVUPS Y8, 0(p); \
	VMOVUPS Y9, 32(p); \
	VMOVUPS Y10, 64(p); \
	VMOVUPS Y11, 96(p)

// FOLD leaves the sum of the 32 lanes in X8: lane l += lane l+w for w = 16, 8,
// 4, 2, 1. Clobbers Y9.
#define FOLD \
	VADDPS Y10, Y8, Y8; \
	VADDPS Y11, Y9, Y9; \
	VADDPS Y9, Y8, Y8; \
	VEXTRACTF128 $1, Y8, X9; \
	VADDPS X9, X8, X8; \
	VMOVHLPS X8, X8, X9; \
	VADDPS X9, X8, X8; \
	VMOVSHDUP X8, X9; \
	VADDSS X9, X8, X8
