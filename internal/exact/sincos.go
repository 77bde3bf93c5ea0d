package exact

import "math"

// Constants of Sincos: see docs/NUMERICS.md and scripts/remez.py.
const (
	twoOverPi     = 0x1.45f306dc9c883p-1
	halfPi64      = 0x1.921fb544p+0 // 33 bits
	halfPiLow64   = 0x1.0b4611a626331p-34
	halfPiLeast64 = 0x1.1701b839a2520p-88

	sin64C0 = -0x1.5555555555549p-3
	sin64C1 = 0x1.111111110f861p-7
	sin64C2 = -0x1.a01a019c0e4ccp-13
	sin64C3 = 0x1.71de3574baee4p-19
	sin64C4 = -0x1.ae5e63cdf2cb9p-26
	sin64C5 = 0x1.5d9246eabc767p-33

	cos64C0 = 0x1.5555555555553p-5
	cos64C1 = -0x1.6c16c16c16126p-10
	cos64C2 = 0x1.a01a019e22eecp-16
	cos64C3 = -0x1.27e4f9022a5acp-22
	cos64C4 = 0x1.1eea87d205de6p-29
	cos64C5 = -0x1.8ff8f0d755625p-37

	sincosMax = 0x1p30
)

// Sincos returns sine and cosine of x within 1 ulp, with the same bits on
// every architecture. An argument beyond 2³⁰ gives NaN: the reduction by pi/2 in
// three parts does not cover larger ones.
func Sincos(x float64) (sin, cos float64) {
	if !(math.Abs(x) <= sincosMax) {
		return math.NaN(), math.NaN()
	}
	if math.Abs(x) < 0x1p-27 {
		return x, 1
	}
	n := math.Floor(math.FMA(x, twoOverPi, 0.5))
	// r + e = x - n pi/2
	a := math.FMA(-n, halfPi64, x) // exact
	w, wl := prod2(n, halfPiLow64)
	r, e := sum2(a, -w)
	r, e = sum2(r, e-math.FMA(n, halfPiLeast64, wl))

	z := float64(r * r)
	s := math.FMA(sin64C5, z, sin64C4)
	s = math.FMA(s, z, sin64C3)
	s = math.FMA(s, z, sin64C2)
	s = math.FMA(s, z, sin64C1)
	s = math.FMA(s, z, sin64C0)
	// sin(r+e) = r + (r z s + e (1 - z/2))
	s = r + math.FMA(float64(r*z), s, math.FMA(float64(-0.5*z), e, e))

	c := math.FMA(cos64C5, z, cos64C4)
	c = math.FMA(c, z, cos64C3)
	c = math.FMA(c, z, cos64C2)
	c = math.FMA(c, z, cos64C1)
	c = math.FMA(c, z, cos64C0)
	// cos(r+e) = 1 - z/2 + (z² c - r e), the first difference with its error
	h := float64(0.5 * z)
	u := 1 - h
	c = u + (((1 - u) - h) + math.FMA(float64(z*z), c, -float64(r*e)))

	switch int64(n) & 3 {
	case 0:
		return s, c
	case 1:
		return c, -s
	case 2:
		return -s, -c
	}
	return -c, s
}
