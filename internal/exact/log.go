package exact

import "math"

// Constants of Log and Pow: see docs/NUMERICS.md and scripts/remez.py.
const (
	log64C0 = 0x1.5555555555555p-2
	log64C1 = 0x1.999999999998ep-3
	log64C2 = 0x1.24924924939d1p-3
	log64C3 = 0x1.c71c71c4bc477p-4
	log64C4 = 0x1.745d1879489dep-4
	log64C5 = 0x1.3b13537d728e2p-4
	log64C6 = 0x1.1122a07f15542p-4
	log64C7 = 0x1.ddf0559f0f009p-5
	log64C8 = 0x1.ecfcdfa0a7885p-5

	// The series of Pow from its second term on; the first is 1/3 in two
	// parts.
	thirdHigh = 0x1.5555555555555p-2
	thirdLow  = 0x1.5555555555555p-56
	logxC0    = 0x1.999999999999ap-3
	logxC1    = 0x1.249249249248bp-3
	logxC2    = 0x1.c71c71c71e794p-4
	logxC3    = 0x1.745d1743d6663p-4
	logxC4    = 0x1.3b13b248c01f3p-4
	logxC5    = 0x1.1110bc74564adp-4
	logxC6    = 0x1.e2020cc531405p-5
	logxC7    = 0x1.ab86f3a849f13p-5
	logxC8    = 0x1.bef016c7ded00p-5

	ln2Lowest64 = -0x1.9ff0342542fc3p-90 // ln 2 - ln2High64 - ln2Low64
)

// Log returns the natural logarithm of x within 1 ulp, with the same bits on
// every architecture: -Inf for 0, NaN for a negative x.
func Log(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	k, s, sl := logArg(x)
	z := float64(s * s)
	p := math.FMA(log64C8, z, log64C7)
	p = math.FMA(p, z, log64C6)
	p = math.FMA(p, z, log64C5)
	p = math.FMA(p, z, log64C4)
	p = math.FMA(p, z, log64C3)
	p = math.FMA(p, z, log64C2)
	p = math.FMA(p, z, log64C1)
	p = math.FMA(p, z, log64C0)
	// log x = k ln2 + 2 (s + sl + s z p)
	tail := math.FMA(float64(s*z), p, sl)
	hi, lo := sum2(float64(k*ln2High64), s+s)
	return hi + (lo + math.FMA(k, ln2Low64, tail+tail))
}

// logArg splits a positive finite x into 2ᵏ m with m in [1/sqrt 2, sqrt 2] and
// returns s+sl = (m-1)/(m+1), so that log m = 2 atanh(s+sl).
func logArg(x float64) (k, s, sl float64) {
	b := math.Float64bits(x)
	if x < 0x1p-1022 {
		b = math.Float64bits(x * 0x1p54)
		k = -54
	}
	// Subtracting the bits of sqrt(1/2) makes the exponent change there.
	b += 0x3ff0000000000000 - 0x3fe6a09e667f3bcd
	k += float64(int(b>>52) - 1023)
	m := math.Float64frombits(b&(1<<52-1) + 0x3fe6a09e667f3bcd)
	f := m - 1 // exact
	d, dl := sum2(m, 1)
	s = f / d
	sl = (math.FMA(-s, d, f) - float64(s*dl)) / d
	return k, s, sl
}

// logExtended returns log x in two parts with about 64 bits for a positive
// finite x.
func logExtended(x float64) (hi, lo float64) {
	k, s, sl := logArg(x)
	// z + zl = (s+sl)²
	z, zl := prod2(s, s)
	zl = math.FMA(s+s, sl, zl)
	p := math.FMA(logxC8, z, logxC7)
	p = math.FMA(p, z, logxC6)
	p = math.FMA(p, z, logxC5)
	p = math.FMA(p, z, logxC4)
	p = math.FMA(p, z, logxC3)
	p = math.FMA(p, z, logxC2)
	p = math.FMA(p, z, logxC1)
	p = math.FMA(p, z, logxC0)
	// u + ul = 1/3 + z p
	u, ul := sum2(thirdHigh, float64(p*z))
	ul += thirdLow
	// v + vl = (s+sl) (z+zl) (u+ul)
	q, ql := prod2(z, u)
	ql += math.FMA(z, ul, float64(zl*u))
	v, vl := prod2(s, q)
	vl += math.FMA(s, ql, float64(sl*q))
	// log m = 2 (s + sl + v + vl)
	s, t := sum2(s, v)
	t += sl + vl
	// k ln 2 in two parts, the first exact.
	b, bl := prod2(k, ln2Low64)
	a, al := sum2(float64(k*ln2High64), b)
	al += math.FMA(k, ln2Lowest64, bl)
	hi, lo = sum2(a, s+s)
	return sum2(hi, lo+(al+(t+t)))
}

// Pow returns x to the power y within 1 ulp, with the same bits on every
// architecture. The special cases are those of C: Pow(x, 0) = Pow(1, y) =
// 1, a negative x needs an integral y, and so on.
func Pow(x, y float64) float64 {
	switch {
	case y == 0 || x == 1:
		return 1
	case x != x || y != y:
		return math.NaN()
	}
	a := math.Abs(x)
	sign := 1.0
	integral := math.Floor(y) == y
	if math.Signbit(x) && integral && math.Abs(y) < 0x1p53 && int64(y)&1 != 0 {
		sign = -1
	}
	switch {
	case math.IsInf(y, 0):
		switch {
		case a == 1:
			return 1
		case (a > 1) == (y > 0):
			return math.Inf(1)
		}
		return 0
	case a == 0 || math.IsInf(a, 0):
		if (a == 0) == (y < 0) {
			return math.Copysign(math.Inf(1), sign)
		}
		return math.Copysign(0, sign)
	case x < 0 && !integral:
		return math.NaN()
	}
	hi, lo := logExtended(a)
	p, pl := prod2(y, hi)
	if math.Abs(p) > 1024 { // beyond the range of exp, where lo may overflow
		return sign * exp64(p, 0)
	}
	p, pl = sum2(p, math.FMA(y, lo, pl))
	return sign * exp64(p, pl)
}
