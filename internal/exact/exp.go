package exact

import "math"

// Constants of Exp: see docs/NUMERICS.md and scripts/remez.py.
const (
	exp64High = 0x1.62e42fefa39efp+9  // the largest x with a finite exp
	exp64Low  = -0x1.74910d52d3052p+9 // below it exp rounds to 0

	log2e64   = 0x1.71547652b82fep+0
	ln2High64 = 0x1.62e42ffp-1 // 33 bits: k*ln2High64 is exact
	ln2Low64  = -0x1.718432a1b0e26p-35

	exp64C2  = 0x1.0000000000009p-1
	exp64C3  = 0x1.5555555555558p-3
	exp64C4  = 0x1.55555555503a0p-5
	exp64C5  = 0x1.111111110f7efp-7
	exp64C6  = 0x1.6c16c18611db9p-10
	exp64C7  = 0x1.a01a01b015fc1p-13
	exp64C8  = 0x1.a019938664e2bp-16
	exp64C9  = 0x1.71ddf69834cdap-19
	exp64C10 = 0x1.28b43b4f111dbp-22
	exp64C11 = 0x1.af635f16ead2dp-26
)

// Exp returns e to the power x within 1 ulp, with the same bits on every
// architecture.
func Exp(x float64) float64 { return exp64(x, 0) }

// exp64 returns exp(x+lo) for |lo| below an ulp of x.
func exp64(x, lo float64) float64 {
	switch {
	case x != x:
		return x
	case x > exp64High:
		return math.Inf(1)
	case x < exp64Low:
		return 0
	}
	n := math.Floor(math.FMA(x, log2e64, 0.5))
	hi := math.FMA(-n, ln2High64, x) // exact
	r, e := sum2(hi, math.FMA(-n, ln2Low64, lo))
	p := math.FMA(exp64C11, r, exp64C10)
	p = math.FMA(p, r, exp64C9)
	p = math.FMA(p, r, exp64C8)
	p = math.FMA(p, r, exp64C7)
	p = math.FMA(p, r, exp64C6)
	p = math.FMA(p, r, exp64C5)
	p = math.FMA(p, r, exp64C4)
	p = math.FMA(p, r, exp64C3)
	p = math.FMA(p, r, exp64C2)
	// exp(r+e) = 1 + r + (r² p + e (1+r))
	p = math.FMA(float64(r*r), p, math.FMA(e, r, e))
	s, t := sum2(1, r)
	y := s + (t + p)
	k := int(n)
	return y * pow2(k>>1) * pow2(k-k>>1)
}

// pow2 returns 2ᵏ for -1022 <= k <= 1023.
func pow2(k int) float64 { return math.Float64frombits(uint64(k+1023) << 52) }

// sum2 returns a+b rounded, and the error of the rounding (Knuth's TwoSum).
func sum2(a, b float64) (s, e float64) {
	s = a + b
	t := s - a
	return s, (a - (s - t)) + (b - t)
}

// prod2 returns a*b rounded, and the error of the rounding.
func prod2(a, b float64) (p, e float64) {
	p = float64(a * b)
	return p, math.FMA(a, b, -p)
}
