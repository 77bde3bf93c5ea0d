package asm

import "math"

// Constants of tanh and GELU: see docs/NUMERICS.md.
const (
	tanhSwitch = 0.625
	tanhC0     = -0x1.55553ap-2
	tanhC1     = 0x1.110844p-3
	tanhC2     = -0x1.b85a38p-5
	tanhC3     = 0x1.52cb4p-6
	tanhC4     = -0x1.7863cep-8

	gelu1 = 0x1.988454p+0 // 2 sqrt(2/pi)
	gelu3 = 0x1.2444f2p-4 // 0.044715 * 2 sqrt(2/pi)
	gelu9 = 0x1.b6676cp-3 // three times that

	phiLimit   = 14 // beyond it the tail of the normal distribution is no float32
	phiScale   = 0x1.333334p-2
	phiCentre  = 0.625
	phiDensity = 0x1.988454p-2 // 1/sqrt(2 pi)

	phiC0 = 0x1.136b18p-2
	phiC1 = 0x1.b479b4p-2
	phiC2 = 0x1.b8ea1p-2
	phiC3 = 0x1.c98776p-3
	phiC4 = -0x1.9da6f4p-6
	phiC5 = -0x1.772edep-4
	phiC6 = 0x1.69dee4p-13
	phiC7 = 0x1.67e71ap-5
	phiC8 = -0x1.d4231p-9
	phiC9 = -0x1.5136a8p-6
)

// sigmoidOne is 1/(1+exp(-x)).
func sigmoidOne(x float32) float32 { return 1 / (1 + expOne(-x)) }

// tanhOne is an odd polynomial below 0.625 and 1 - 2/(exp(2|x|)+1) above.
func tanhOne(x float32) float32 {
	sign := math.Float32bits(x) & (1 << 31)
	a := math.Float32frombits(math.Float32bits(x) ^ sign)
	var t float32
	if a < tanhSwitch {
		z := a * a
		p := FMA(tanhC4, z, tanhC3)
		p = FMA(p, z, tanhC2)
		p = FMA(p, z, tanhC1)
		p = FMA(p, z, tanhC0)
		t = FMA(a*z, p, a)
	} else {
		t = 1 - 2/(expOne(a+a)+1)
	}
	return math.Float32frombits(math.Float32bits(t) | sign)
}

// geluSigmoid returns s = sigmoid(2u) = (1+tanh(u))/2 and z = x², where
// u = sqrt(2/pi) (x + 0.044715 x³).
func geluSigmoid(x float32) (s, z float32) {
	z = x * x
	return sigmoidOne(x * FMA(gelu3, z, gelu1)), z
}

func sigmoidGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = sigmoidOne(v)
	}
}

func tanhGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = tanhOne(v)
	}
}

func swigluGeneric(dst, gate, up []float32) {
	for i, v := range gate {
		dst[i] = v * sigmoidOne(v) * up[i]
	}
}

func swigluBackwardGeneric(dgate, dup, dy, gate, up []float32) {
	for i, v := range gate {
		s := sigmoidOne(v)
		a := v * s
		d, u := dy[i], up[i]
		dup[i] = d * a
		dgate[i] = d * u * (s * FMA(v, 1-s, 1))
	}
}

func geluGeneric(dst, x []float32) {
	for i, v := range x {
		s, _ := geluSigmoid(v)
		dst[i] = v * s
	}
}

func geluBackwardGeneric(dx, dy, x []float32) {
	for i, v := range x {
		s, z := geluSigmoid(v)
		h := v * s * (1 - s)
		dx[i] = dy[i] * FMA(h, FMA(gelu9, z, gelu1), s)
	}
}

// phiOne returns p = Phi(x), the distribution function of the normal distribution, e = exp(-a²/2) and a = |x|, at most
// phiLimit. With the tail 1 - Phi(a) = e t P(t - phiCentre), t = 1/(1 + phiScale a), nothing cancels on the left side. d is what the
// rounding of a²/2 took away.
func phiOne(x float32) (p, e, a float32) {
	a = math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	if a > phiLimit {
		a = phiLimit
	}
	h := 0.5 * a
	z := float32(h * a)
	d := FMA(h, a, -z)
	e = expOne(-z)
	e = FMA(-e, d, e)
	t := 1 / FMA(a, phiScale, 1)
	w := t - phiCentre
	q := FMA(phiC9, w, phiC8)
	q = FMA(q, w, phiC7)
	q = FMA(q, w, phiC6)
	q = FMA(q, w, phiC5)
	q = FMA(q, w, phiC4)
	q = FMA(q, w, phiC3)
	q = FMA(q, w, phiC2)
	q = FMA(q, w, phiC1)
	q = FMA(q, w, phiC0)
	q = float32(t * q * e) // the conversion keeps a compiler from fusing it with the subtraction
	if x < 0 {
		return q, e, a
	}
	return 1 - q, e, a
}

func geluErfGeneric(dst, x []float32) {
	for i, v := range x {
		p, _, _ := phiOne(v)
		dst[i] = v * p
	}
}

func geluErfBackwardGeneric(dx, dy, x []float32) {
	for i, v := range x {
		p, e, a := phiOne(v)
		s := math.Float32frombits(math.Float32bits(a) | math.Float32bits(v)&(1<<31))
		dx[i] = dy[i] * FMA(s*phiDensity, e, p)
	}
}
