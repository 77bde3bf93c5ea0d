// The transposition of 16 rows by 16 columns in AVX-512 registers. AX points at 16
// pointers to the rows, DX is the offset of the columns in bytes.
//
// TRANSPOSE leaves column l in Zl, 0 to 15, lane i from row i. It clobbers
// Z16-Z23, R9 and R10. READ is PAIR, or PAIRK for the columns whose bit in K7 is
// set; the others are not read and become +0.

// PAIR reads rows 2p and 2p+1 and interleaves them; off0 and off1 are the places
// of their pointers.
#define PAIR(off0, off1, lo, hi) \
	MOVQ       off0(AX), R9         \
	MOVQ       off1(AX), R10        \
	VMOVUPS    (R9)(DX*1), hi       \
	VUNPCKLPS  (R10)(DX*1), hi, lo  \
	VUNPCKHPS  (R10)(DX*1), hi, hi

#define PAIRK(off0, off1, lo, hi) \
	MOVQ       off0(AX), R9            \
	MOVQ       off1(AX), R10           \
	VMOVUPS.Z  (R9)(DX*1), K7, hi      \
	VMOVUPS.Z  (R10)(DX*1), K7, Z15    \
	VUNPCKLPS  Z15, hi, lo             \
	VUNPCKHPS  Z15, hi, hi

// QUAD turns two interleaved pairs into columns c of four rows, every lane of
// 128 bits holding column 4·lane + c.
#define QUAD(lo0, hi0, lo1, hi1, c0, c1, c2, c3) \
	VUNPCKLPD lo1, lo0, c0 \
	VUNPCKHPD lo1, lo0, c1 \
	VUNPCKLPD hi1, hi0, c2 \
	VUNPCKHPD hi1, hi0, c3

// LANES gathers the lanes of four such registers: x0-x3 become columns c, 4+c,
// 8+c and 12+c of 16 rows.
#define LANES(x0, x1, x2, x3) \
	VSHUFF32X4 $0x44, x1, x0, Z16   \
	VSHUFF32X4 $0xee, x1, x0, Z17   \
	VSHUFF32X4 $0x44, x3, x2, Z18   \
	VSHUFF32X4 $0xee, x3, x2, Z19   \
	VSHUFF32X4 $0x88, Z18, Z16, x0  \
	VSHUFF32X4 $0xdd, Z18, Z16, x1  \
	VSHUFF32X4 $0x88, Z19, Z17, x2  \
	VSHUFF32X4 $0xdd, Z19, Z17, x3

#define TRANSPOSE(READ) \
	READ(0, 8, Z16, Z17);                               \
	READ(16, 24, Z18, Z19);                             \
	QUAD(Z16, Z17, Z18, Z19, Z0, Z1, Z2, Z3);           \
	READ(32, 40, Z20, Z21);                             \
	READ(48, 56, Z22, Z23);                             \
	QUAD(Z20, Z21, Z22, Z23, Z4, Z5, Z6, Z7);           \
	READ(64, 72, Z16, Z17);                             \
	READ(80, 88, Z18, Z19);                             \
	QUAD(Z16, Z17, Z18, Z19, Z8, Z9, Z10, Z11);         \
	READ(96, 104, Z20, Z21);                            \
	READ(112, 120, Z22, Z23);                           \
	QUAD(Z20, Z21, Z22, Z23, Z12, Z13, Z14, Z15);       \
	LANES(Z0, Z4, Z8, Z12);                             \
	LANES(Z1, Z5, Z9, Z13);                             \
	LANES(Z2, Z6, Z10, Z14);                            \
	LANES(Z3, Z7, Z11, Z15)
