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
