package asm

// Sigmoid computes dst[i] = 1 / (1 + exp(-x[i])).
func Sigmoid(dst, x []float32) {
	sameLen("Sigmoid", len(dst), len(x))
	for ; len(dst) > chunk; dst, x = dst[chunk:], x[chunk:] {
		sigmoidTier(dst[:chunk], x[:chunk])
	}
	sigmoidTier(dst, x)
}

// Tanh computes dst[i] = tanh(x[i]).
func Tanh(dst, x []float32) {
	sameLen("Tanh", len(dst), len(x))
	for ; len(dst) > chunk; dst, x = dst[chunk:], x[chunk:] {
		tanhTier(dst[:chunk], x[:chunk])
	}
	tanhTier(dst, x)
}

// SwiGLU computes dst[i] = (gate[i] * sigmoid(gate[i])) * up[i].
func SwiGLU(dst, gate, up []float32) {
	sameLen("SwiGLU", len(dst), len(gate))
	sameLen("SwiGLU", len(dst), len(up))
	for ; len(dst) > chunk; dst, gate, up = dst[chunk:], gate[chunk:], up[chunk:] {
		swigluTier(dst[:chunk], gate[:chunk], up[:chunk])
	}
	swigluTier(dst, gate, up)
}

// SwiGLUBackward computes the gradients of SwiGLU. With s = sigmoid(gate):
//
//	dup   = dy * (gate*s)
//	dgate = (dy*up) * (s * fma(gate, 1-s, 1))
//
// An output may be one of the inputs.
func SwiGLUBackward(dgate, dup, dy, gate, up []float32) {
	n := len(gate)
	sameLen("SwiGLUBackward", len(dgate), n)
	sameLen("SwiGLUBackward", len(dup), n)
	sameLen("SwiGLUBackward", len(dy), n)
	sameLen("SwiGLUBackward", len(up), n)
	for ; len(dgate) > chunk; dgate, dup, dy, gate, up = dgate[chunk:], dup[chunk:], dy[chunk:], gate[chunk:], up[chunk:] {
		swigluBackwardTier(dgate[:chunk], dup[:chunk], dy[:chunk], gate[:chunk], up[:chunk])
	}
	swigluBackwardTier(dgate, dup, dy, gate, up)
}

// GELU computes the tanh form of GELU (gelu_new),
//
//	dst = x/2 (1 + tanh(u)) = x sigmoid(2u),  u = sqrt(2/pi) (x + 0.044715 x³)
//
// (Hendrycks and Gimpel, arXiv:1606.08415).
func GELU(dst, x []float32) {
	sameLen("GELU", len(dst), len(x))
	for ; len(dst) > chunk; dst, x = dst[chunk:], x[chunk:] {
		geluTier(dst[:chunk], x[:chunk])
	}
	geluTier(dst, x)
}

// GELUBackward computes dx[i] = dy[i] * GELU'(x[i]).
func GELUBackward(dx, dy, x []float32) {
	sameLen("GELUBackward", len(dx), len(x))
	sameLen("GELUBackward", len(dy), len(x))
	for ; len(dx) > chunk; dx, dy, x = dx[chunk:], dy[chunk:], x[chunk:] {
		geluBackwardTier(dx[:chunk], dy[:chunk], x[:chunk])
	}
	geluBackwardTier(dx, dy, x)
}

// GELUErf computes the exact form of GELU,
//
//	dst = x Phi(x),  Phi(x) = (1 + erf(x/sqrt 2)) / 2,
//
// with a small relative error also where Phi is small.
func GELUErf(dst, x []float32) {
	sameLen("GELUErf", len(dst), len(x))
	for ; len(dst) > chunk; dst, x = dst[chunk:], x[chunk:] {
		geluErfTier(dst[:chunk], x[:chunk])
	}
	geluErfTier(dst, x)
}

// GELUErfBackward computes dx[i] = dy[i] * (Phi(x[i]) + x[i] phi(x[i])), phi the density of the normal distribution.
func GELUErfBackward(dx, dy, x []float32) {
	sameLen("GELUErfBackward", len(dx), len(x))
	sameLen("GELUErfBackward", len(dy), len(x))
	for ; len(dx) > chunk; dx, dy, x = dx[chunk:], dy[chunk:], x[chunk:] {
		geluErfBackwardTier(dx[:chunk], dy[:chunk], x[:chunk])
	}
	geluErfBackwardTier(dx, dy, x)
}
