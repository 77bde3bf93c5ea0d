package asm

import "math"

// Constants of exp: see docs/NUMERICS.md. The polynomial is a minimax fit by
// scripts/remez.py.
const (
	expLow  = -87.3365 // below: +0
	expHigh = 88.7228  // above: +Inf

	log2e    = 0x1.715476p+0
	rounding = 0x1.8p+23 // adding it rounds to the nearest integer
	ln2High  = 0x1.62e4p-1
	ln2Low   = 0x1.7f7d1cp-20

	expC2 = 0x1.fffffcp-2
	expC3 = 0x1.555492p-3
	expC4 = 0x1.5558f2p-5
	expC5 = 0x1.123a2p-7
	expC6 = 0x1.6a23dp-10
)

// expOne is the definition of exp: x = n ln 2 + r, exp(x) = 2ⁿ p(r).
func expOne(x float32) float32 {
	switch {
	case x != x:
		return x
	case x < expLow:
		return 0
	case x > expHigh:
		return float32(math.Inf(1))
	}
	t := FMA(x, log2e, rounding)
	n := t - rounding
	r := FMA(-n, ln2High, x)
	r = FMA(-n, ln2Low, r)
	p := FMA(expC6, r, expC5)
	p = FMA(p, r, expC4)
	p = FMA(p, r, expC3)
	p = FMA(p, r, expC2)
	p = FMA(p, r, 1)
	p = FMA(p, r, 1)
	// n ranges from -126 to 128: 2¹²⁸ is not a float32, and at -126 the result
	// may be subnormal. The first product is exact, the second rounds once.
	k := int32(n)
	return p * power2(k>>1) * power2(k-k>>1)
}

// power2 returns 2ᵏ for -126 <= k <= 127.
func power2(k int32) float32 { return math.Float32frombits(uint32(k+127) << 23) }

func expGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = expOne(v)
	}
}

func expSumGeneric(dst, x []float32, max float32, lane int, lanes *[32]float32) float32 {
	for i, v := range x {
		e := expOne(v - max)
		dst[i] = e
		lanes[(lane+i)%32] += e
	}
	return fold(*lanes)
}

func expSumScaledGeneric(dst, x []float32, scale, max float32, lane int, lanes *[32]float32) float32 {
	for i, v := range x {
		e := expOne(float32(scale*v) - max)
		dst[i] = e
		lanes[(lane+i)%32] += e
	}
	return fold(*lanes)
}

func attentionGradGeneric(s, g []float32, scale, max, inv, d float32) {
	for i, v := range s {
		p := expOne(float32(scale*v)-max) * inv
		s[i], g[i] = p, p*(g[i]-d)*scale
	}
}

func softmaxGradGeneric(dst, x []float32, max, inv, scale float32) {
	for i, v := range x {
		dst[i] = expOne(v-max) * inv * scale
	}
}
