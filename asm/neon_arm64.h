// NEON instructions that the Go assembler lacks, and those that a macro needs in
// the same form. Registers are given by their numbers: a macro with the
// parameter v can then write F(v) for the assembler and v for an encoding.
//
// Operands are in the order of the Go assembler, the destination last:
// FSUB4(m, n, d) is d = n - m. The last digit of a name is the number of lanes:
// 4 of float32 or int32, 2 of float64. Logic ends in V and takes all 128 bits.

#define OP3(op, m, n, d) WORD $((op) | ((m)<<16) | ((n)<<5) | (d))
#define OP2(op, n, d) WORD $((op) | ((n)<<5) | (d))

#define FADD4(m, n, d) OP3(0x4E20D400, m, n, d)  // d = n + m
#define FSUB4(m, n, d) OP3(0x4EA0D400, m, n, d)  // d = n - m
#define FMUL4(m, n, d) OP3(0x6E20DC00, m, n, d)  // d = n * m
#define FDIV4(m, n, d) OP3(0x6E20FC00, m, n, d)  // d = n / m
#define FMLA4(m, n, d) OP3(0x4E20CC00, m, n, d)  // d = fma(n, m, d)
#define FMLS4(m, n, d) OP3(0x4EA0CC00, m, n, d)  // d = fma(-n, m, d)
#define FSQRT4(n, d) OP2(0x6EA1F800, n, d)       // d = sqrt(n)
#define FABS4(n, d) OP2(0x4EA0F800, n, d)        // d = |n|
#define FNEG4(n, d) OP2(0x6EA0F800, n, d)        // d = -n

// FMLA4E(m, i, n, d): d = fma(n, m[i], d), one lane of m for all.
#define FMLA4E(m, i, n, d) OP3(0x4F801000 | (((i)&1)<<21) | (((i)>>1)<<11), m, n, d)

// Comparisons set all bits of a lane or none; NaN compares as false.
#define FGT4(m, n, d) OP3(0x6EA0E400, m, n, d)   // d = n > m
#define FEQ4(m, n, d) OP3(0x4E20E400, m, n, d)   // d = n == m

#define ADD4(m, n, d) OP3(0x4EA08400, m, n, d)   // d = n + m, integers
#define SUB4(m, n, d) OP3(0x6EA08400, m, n, d)   // d = n - m, integers
#define SHL4(s, n, d) OP2(0x4F205400 | ((s)<<16), n, d)        // d = n << s
#define USHR4(s, n, d) OP2(0x6F000400 | ((64-(s))<<16), n, d)  // d = n >> s, unsigned

#define ANDV(m, n, d) OP3(0x4E201C00, m, n, d)   // d = n & m
#define BICV(m, n, d) OP3(0x4E601C00, m, n, d)   // d = n &^ m
#define ORRV(m, n, d) OP3(0x4EA01C00, m, n, d)   // d = n | m
#define BSLV(m, n, d) OP3(0x6E601C00, m, n, d)   // d = d ? n : m, bit by bit
#define BITV(m, n, d) OP3(0x6EA01C00, m, n, d)   // d = m ? n : d
#define BIFV(m, n, d) OP3(0x6EE01C00, m, n, d)   // d = m ? d : n
#define MOVV(n, d) ORRV(n, n, d)                 // d = n
#define ZEROV(d) WORD $(0x4F000400 | (d))        // d = 0
#define SIGNV(d) WORD $(0x4F046400 | (d))        // d = the sign bit of every lane
#define SPLAT4(v) OP2(0x4E040400, v, v)          // all lanes of v = lane 0

#define FMLA2(m, n, d) OP3(0x4E60CC00, m, n, d)  // d = fma(n, m, d), float64
#define WIDEN2(n, d) OP2(0x0E617800, n, d)       // d = float64 of lanes 0, 1 of n
#define WIDEN2H(n, d) OP2(0x4E617800, n, d)      // d = float64 of lanes 2, 3 of n

// Half precision: a register holds 8 values, of which lanes 0-3 or 4-7 are
// converted to or from 4 lanes of float32. Narrowing rounds to nearest even.
#define WIDEN4(n, d) OP2(0x0E217800, n, d)       // d = float32 of lanes 0-3 of n
#define WIDEN4H(n, d) OP2(0x4E217800, n, d)      // d = float32 of lanes 4-7 of n
#define NARROW4(n, d) OP2(0x0E216800, n, d)      // lanes 0-3 of d = n
#define NARROW4H(n, d) OP2(0x4E216800, n, d)     // lanes 4-7 of d = n

// SHRN8B(n, d): the 8 bytes of d are the low bytes of the 8 halfwords of n >> 4.
#define SHRN8B(n, d) OP2(0x0F0C8400, n, d)
