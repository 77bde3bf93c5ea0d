// exp on AVX2, the sequence of expOne in exp_generic.go. The constants are rows
// of eight in expRows; R10 points there.

#define EXPLOW 0(R10)
#define EXPHIGH 32(R10)
#define LOG2E 64(R10)
#define ROUNDING 96(R10)
#define LN2HIGH 128(R10)
#define LN2LOW 160(R10)
#define EXPC2 192(R10)
#define EXPC3 224(R10)
#define EXPC4 256(R10)
#define EXPC5 288(R10)
#define EXPC6 320(R10)
#define ONE 352(R10)
#define INF 384(R10)
#define EXPBIAS 416(R10)
#define SIGN 448(R10)

#define EXPCONST LEAQ ·expRows(SB), R10

// EXP sets p = exp(x) and keeps x; t, r and u are scratch. With k = n+254 in
// u, the exponents of the two scaling factors are k>>1 and k - k>>1.
#define EXP(x, t, r, u, p) \
	VMOVUPS LOG2E, t; \
	VFMADD213PS ROUNDING, x, t;  /* t = fma(x, log2e, rounding) */ \
	VPADDD EXPBIAS, t, u;        /* k */ \
	VSUBPS ROUNDING, t, t;       /* n = t - rounding */ \
	VMOVAPS x, r; \
	VFNMADD231PS LN2HIGH, t, r;  /* r = fma(-n, ln2High, x) */ \
	VFNMADD231PS LN2LOW, t, r;   /* r = fma(-n, ln2Low, r) */ \
	VMOVUPS EXPC6, p; \
	VFMADD213PS EXPC5, r, p; \
	VFMADD213PS EXPC4, r, p; \
	VFMADD213PS EXPC3, r, p; \
	VFMADD213PS EXPC2, r, p; \
	VFMADD213PS ONE, r, p; \
	VFMADD213PS ONE, r, p; \
	VPSRLD $1, u, t; \
	VPSUBD t, u, u; \
	VPSLLD $23, t, t; \
	VPSLLD $23, u, u; \
	VMULPS t, p, p;              /* exact */ \
	VMULPS u, p, p;              /* rounds once */ \
	VCMPPS $17, EXPLOW, x, t;    /* x < low: +0 */ \
	VANDNPS p, t, p; \
	VCMPPS $30, EXPHIGH, x, t;   /* x > high: +Inf */ \
	VBLENDVPS t, INF, p, p; \
	VCMPPS $3, x, x, t;          /* NaN: x */ \
	VBLENDVPS t, x, p, p
