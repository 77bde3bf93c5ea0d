// Loops over float32 slices on NEON. R9 is the number of elements left.
// A loop body is a macro BODY(LD, PEEK, ST) that loads and stores through its
// arguments only, 4 elements at a time; for the last one to three elements the
// same body runs on one element, in lane 0. So nothing outside a slice is
// touched. A body moves each pointer exactly once, by LD or ST.
//
//	LD(p, v)    V(v) = p[0:4], p += 4 elements
//	PEEK(p, v)  V(v) = p[0:4]
//	ST(v, p)    p[0:4] = V(v), p += 4 elements

#define LOAD(p, v) FMOVQ.P 16(p), F(v)
#define PEEK(p, v) FMOVQ (p), F(v)
#define STORE(v, p) FMOVQ.P F(v), 16(p)
#define LOAD1(p, v) FMOVS.P 4(p), F(v)
#define PEEK1(p, v) FMOVS (p), F(v)
#define STORE1(v, p) FMOVS.P F(v), 4(p)

// EACH4 runs BODY over R9 elements.
#define EACH4(BODY) \
	SUBS $4, R9; \
	BLT tail; \
loop: \
	BODY(LOAD, PEEK, STORE); \
	SUBS $4, R9; \
	BGE loop; \
tail: \
	ADDS $4, R9; \
	BEQ done; \
single: \
	BODY(LOAD1, PEEK1, STORE1); \
	SUBS $1, R9; \
	BNE single; \
done:

// Reductions: lanes 4i to 4i+3 live in V(24+i). A body is a macro BODY(LD, acc)
// for 4 elements. EACH32 runs it over R9 elements, 32 at a time; then R8 points
// to the lanes in memory, where the remaining elements are added to their lanes,
// four and then one at a time. In the end the lanes are in memory and in
// registers. Clobbers R10.
#define EACH32(BODY) \
	LOADLANES(R8); \
	SUBS $32, R9; \
	BLT few; \
loop: \
	BODY(LOAD, 24); \
	BODY(LOAD, 25); \
	BODY(LOAD, 26); \
	BODY(LOAD, 27); \
	BODY(LOAD, 28); \
	BODY(LOAD, 29); \
	BODY(LOAD, 30); \
	BODY(LOAD, 31); \
	SUBS $32, R9; \
	BGE loop; \
few: \
	STORELANES(R8); \
	ADDS $32, R9; \
	BEQ done; \
	MOVD R8, R10; \
	SUBS $4, R9; \
	BLT rest; \
four: \
	PEEK(R10, 24); \
	BODY(LOAD, 24); \
	STORE(24, R10); \
	SUBS $4, R9; \
	BGE four; \
rest: \
	ADDS $4, R9; \
	BEQ reload; \
single: \
	PEEK1(R10, 24); \
	BODY(LOAD1, 24); \
	STORE1(24, R10); \
	SUBS $1, R9; \
	BNE single; \
reload: \
	LOADLANES(R8); \
done:

#define LOADLANES(p) \
	FLDPQ 0(p), (F24, F25); \
	FLDPQ 32(p), (F26, F27); \
	FLDPQ 64(p), (F28, F29); \
	FLDPQ 96(p), (F30, F31)

#define STORELANES(p) \
	FSTPQ (F24, F25), 0(p); \
	FSTPQ (F26, F27), 32(p); \
	FSTPQ (F28, F29), 64(p); \
	FSTPQ (F30, F31), 96(p)

// FOLDBY leaves the 32 lanes in lane 0 of V24: lane l = OP(lane l+w, lane l) for
// w = 16, 8, 4, 2, 1.
#define FOLDBY(OP) \
	OP(28, 24); \
	OP(29, 25); \
	OP(30, 26); \
	OP(31, 27); \
	OP(26, 24); \
	OP(27, 25); \
	OP(25, 24); \
	VEXT $8, V24.B16, V24.B16, V25.B16; \
	OP(25, 24); \
	VEXT $4, V24.B16, V24.B16, V25.B16; \
	OP(25, 24)

#define PLUS(m, d) FADD4(m, d, d)
#define FOLD FOLDBY(PLUS)
