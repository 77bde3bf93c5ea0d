// exp on AVX-512, the sequence of expOne in exp_generic.go. VSCALEFPS by the
// integer n rounds p*2ⁿ once, as the two products there do.

#define EXPLOW Z31
#define EXPHIGH Z30
#define LOG2E Z29
#define ROUNDING Z28
#define LN2HIGH Z27
#define LN2LOW Z26
#define EXPC2 Z25
#define EXPC3 Z24
#define EXPC4 Z23
#define EXPC5 Z22
#define EXPC6 Z21
#define ONE Z20
#define INF Z19

// EXPCONST loads the constants. Clobbers DX.
#define EXPCONST \
	LEAQ ·expTable(SB), DX; \
	VBROADCASTSS 0(DX), EXPLOW; \
	VBROADCASTSS 4(DX), EXPHIGH; \
	VBROADCASTSS 8(DX), LOG2E; \
	VBROADCASTSS 12(DX), ROUNDING; \
	VBROADCASTSS 16(DX), LN2HIGH; \
	VBROADCASTSS 20(DX), LN2LOW; \
	VBROADCASTSS 24(DX), EXPC2; \
	VBROADCASTSS 28(DX), EXPC3; \
	VBROADCASTSS 32(DX), EXPC4; \
	VBROADCASTSS 36(DX), EXPC5; \
	VBROADCASTSS 40(DX), EXPC6; \
	VBROADCASTSS 44(DX), ONE; \
	VBROADCASTSS 48(DX), INF

// EXP sets p = exp(x) and keeps x; t and r are scratch. Clobbers K1 to K3.
#define EXP(x, t, r, p) \
	VMOVAPS x, t; \
	VMOVAPS x, r; \
	VMOVAPS EXPC6, p; \
	VFMADD213PS ROUNDING, LOG2E, t;  /* t = fma(x, log2e, rounding) */ \
	VCMPPS $21, EXPLOW, x, K1;       /* not x < low */ \
	VSUBPS ROUNDING, t, t;           /* n = t - rounding */ \
	VCMPPS $30, EXPHIGH, x, K2;      /* x > high */ \
	VFNMADD231PS LN2HIGH, t, r;      /* r = fma(-n, ln2High, x) */ \
	VCMPPS $3, x, x, K3;             /* NaN */ \
	VFNMADD231PS LN2LOW, t, r;       /* r = fma(-n, ln2Low, r) */ \
	VFMADD213PS EXPC5, r, p; \
	VFMADD213PS EXPC4, r, p; \
	VFMADD213PS EXPC3, r, p; \
	VFMADD213PS EXPC2, r, p; \
	VFMADD213PS ONE, r, p; \
	VFMADD213PS ONE, r, p; \
	VSCALEFPS.Z t, p, K1, p;         /* p * 2**n, +0 below low */ \
	VMOVAPS INF, K2, p; \
	VMOVAPS x, K3, p
