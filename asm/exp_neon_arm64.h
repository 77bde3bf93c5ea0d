// exp on NEON, the sequence of expOne in exp_generic.go. EXPCONST loads what
// stays in registers, V8 to V17, and leaves R20 pointing at the rows of expRows
// with the coefficients that each step of the polynomial loads.

#define EXPLOW 8
#define EXPHIGH 9
#define LOG2E 10
#define ROUNDING 11
#define LN2HIGH 12
#define LN2LOW 13
#define INF 14
#define EXPBIAS 15
#define ONE 16
#define EXPC6 17
#define EXPC5 0(R20)
#define EXPC4 16(R20)
#define EXPC3 32(R20)
#define EXPC2 48(R20)
#define EXPC1 64(R20)

#define EXPCONST \
	MOVD $·expRows(SB), R20; \
	VLD1.P 64(R20), [V8.S4, V9.S4, V10.S4, V11.S4]; \
	VLD1.P 64(R20), [V12.S4, V13.S4, V14.S4, V15.S4]; \
	VLD1.P 32(R20), [V16.S4, V17.S4]

// EXP sets p = exp(x) and keeps x; t, r and u are scratch. With k = n+254 in u,
// the exponents of the two scaling factors are k>>1 and k - k>>1.
#define EXP(x, t, r, u, p) \
	MOVV(ROUNDING, t); \
	FMLA4(LOG2E, x, t);          /* t = fma(x, log2e, rounding) */ \
	ADD4(EXPBIAS, t, u);         /* k */ \
	FSUB4(ROUNDING, t, t);       /* n = t - rounding */ \
	MOVV(x, r); \
	FMLS4(LN2HIGH, t, r);        /* r = fma(-n, ln2High, x) */ \
	FMLS4(LN2LOW, t, r);         /* r = fma(-n, ln2Low, r) */ \
	FMOVQ EXPC5, F(p); \
	FMLA4(EXPC6, r, p);          /* p = fma(expC6, r, expC5), in p and t by turns */ \
	FMOVQ EXPC4, F(t); \
	FMLA4(p, r, t); \
	FMOVQ EXPC3, F(p); \
	FMLA4(t, r, p); \
	FMOVQ EXPC2, F(t); \
	FMLA4(p, r, t); \
	FMOVQ EXPC1, F(p); \
	FMLA4(t, r, p); \
	FMOVQ EXPC1, F(t); \
	FMLA4(p, r, t); \
	USHR4(1, u, r); \
	SUB4(r, u, u); \
	SHL4(23, r, r); \
	SHL4(23, u, u); \
	FMUL4(r, t, p);              /* exact */ \
	FMUL4(u, p, p);              /* rounds once */ \
	FGT4(x, EXPLOW, t);          /* x < low: +0 */ \
	BICV(t, p, p); \
	FGT4(EXPHIGH, x, t);         /* x > high: +Inf */ \
	BITV(t, INF, p); \
	FEQ4(x, x, t);               /* NaN: x */ \
	BIFV(t, x, p)
