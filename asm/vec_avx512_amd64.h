// Loops over float32 slices on AVX-512. AX is the index of an element, CX the
// number of elements. A loop body is a macro BODY(LD, ST) that loads and stores
// through its two arguments only, so that the tail runs the same body under a
// mask: masked elements are neither read nor written.
//
//	LD(p, z)   z = p[AX:AX+16]
//	ST(z, p)   p[AX:AX+16] = z

#define LOAD(p, z) VMOVUPS (p)(AX*4), z
#define STORE(z, p) VMOVUPS z, (p)(AX*4)
#define LOADK(p, z) VMOVUPS.Z (p)(AX*4), K7, z
#define STOREK(z, p) VMOVUPS z, K7, (p)(AX*4)

// K7 = the low CX bits, CX < 16. Clobbers DX.
#define TAILMASK \
	MOVL $1, DX; \
	SHLL CX, DX; \
	DECL DX; \
	KMOVW DX, K7

// EACH16 runs BODY over CX elements, 16 at a time. Clobbers AX, CX, DX, K7.
#define EACH16(BODY) \
	XORQ AX, AX; \
	SUBQ $16, CX; \
	JLT tail; \
loop: \
	BODY(LOAD, STORE); \
	ADDQ $16, AX; \
	SUBQ $16, CX; \
	JGE loop; \
tail: \
	ADDQ $16, CX; \
	JZ done; \
	TAILMASK; \
	BODY(LOADK, STOREK); \
done:

// Reductions: lanes 0 to 15 live in Z8, 16 to 31 in Z9. A body is a macro
// BODY(LD, acc, OP) for 16 elements, where OP is PLAIN or the merging KEEP, which
// leaves masked lanes untouched.
#define PLAIN(op, a, b, d) op a, b, d
#define KEEP(op, a, b, d) op a, b, K7, d

// EACH32 runs BODY over CX elements, 32 at a time. Clobbers AX, CX, DX, K7.
#define EACH32(BODY) \
	XORQ AX, AX; \
	SUBQ $32, CX; \
	JLT tail; \
loop: \
	BODY(LOAD, Z8, PLAIN); \
	ADDQ $16, AX; \
	BODY(LOAD, Z9, PLAIN); \
	ADDQ $16, AX; \
	SUBQ $32, CX; \
	JGE loop; \
tail: \
	ADDQ $32, CX; \
	JZ done; \
	CMPQ CX, $16; \
	JLT low; \
	BODY(LOAD, Z8, PLAIN); \
	ADDQ $16, AX; \
	SUBQ $16, CX; \
	JZ done; \
	TAILMASK; \
	BODY(LOADK, Z9, KEEP); \
	JMP done; \
low: \
	TAILMASK; \
	BODY(LOADK, Z8, KEEP); \
done:

// FOLD leaves the sum of the 32 lanes in X8: lane l += lane l+w for w = 16, 8,
// 4, 2, 1. Clobbers Z9.
#define FOLD \
	VADDPS Z9, Z8, Z8; \
	VEXTRACTF64X4 $1, Z8, Y9; \
	VADDPS Y9, Y8, Y8; \
	VEXTRACTF128 $1, Y8, X9; \
	VADDPS X9, X8, X8; \
	VMOVHLPS X8, X8, X9; \
	VADDPS X9, X8, X8; \
	VMOVSHDUP X8, X9; \
	VADDSS X9, X8, X8
