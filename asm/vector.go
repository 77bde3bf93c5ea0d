package asm

import "fmt"

// chunk is the most elements that one call of an assembly kernel takes: the
// scheduler cannot interrupt a call, and this many elements take well below half
// a millisecond. It is a multiple of the 32 lanes.
const chunk = 1 << 15

// sameLen panics when two lengths that must agree do not.
func sameLen(op string, a, b int) {
	if a != b {
		badLen(op, a, b)
	}
}

func badLen(op string, a, b int) {
	panic(fmt.Sprintf("asm: %s: lengths %d and %d differ", op, a, b))
}

// Add computes dst[i] = a[i] + b[i].
func Add(dst, a, b []float32) {
	sameLen("Add", len(dst), len(a))
	sameLen("Add", len(dst), len(b))
	for ; len(dst) > chunk; dst, a, b = dst[chunk:], a[chunk:], b[chunk:] {
		addTier(dst[:chunk], a[:chunk], b[:chunk])
	}
	addTier(dst, a, b)
}

// Mul computes dst[i] = a[i] * b[i].
func Mul(dst, a, b []float32) {
	sameLen("Mul", len(dst), len(a))
	sameLen("Mul", len(dst), len(b))
	for ; len(dst) > chunk; dst, a, b = dst[chunk:], a[chunk:], b[chunk:] {
		mulTier(dst[:chunk], a[:chunk], b[:chunk])
	}
	mulTier(dst, a, b)
}

// Scale computes dst[i] = alpha * x[i].
func Scale(dst []float32, alpha float32, x []float32) {
	sameLen("Scale", len(dst), len(x))
	for ; len(dst) > chunk; dst, x = dst[chunk:], x[chunk:] {
		scaleTier(dst[:chunk], alpha, x[:chunk])
	}
	scaleTier(dst, alpha, x)
}

// Div computes dst[i] = x[i] / y.
func Div(dst, x []float32, y float32) {
	sameLen("Div", len(dst), len(x))
	for ; len(dst) > chunk; dst, x = dst[chunk:], x[chunk:] {
		divTier(dst[:chunk], x[:chunk], y)
	}
	divTier(dst, x, y)
}

// Axpy computes dst[i] = fma(alpha, x[i], dst[i]).
func Axpy(dst []float32, alpha float32, x []float32) {
	sameLen("Axpy", len(dst), len(x))
	for ; len(dst) > chunk; dst, x = dst[chunk:], x[chunk:] {
		axpyTier(dst[:chunk], alpha, x[:chunk])
	}
	axpyTier(dst, alpha, x)
}

// RoPE rotates a head of 2h values in place, pairing x[i] with x[i+h]
// (rotate-half, arXiv:2104.09864). With a = x[i], b = x[i+h]:
//
//	x[i]   = fma(-b, sin[i], a*cos[i])
//	x[i+h] = fma( a, sin[i], b*cos[i])
//
// len(cos) = len(sin) = h.
func RoPE(x, cos, sin []float32) {
	h := len(cos)
	sameLen("RoPE", len(sin), h)
	sameLen("RoPE", len(x), 2*h)
	lo, hi := x[:h], x[h:]
	for ; len(lo) > chunk; lo, hi, cos, sin = lo[chunk:], hi[chunk:], cos[chunk:], sin[chunk:] {
		ropeTier(lo[:chunk], hi[:chunk], cos[:chunk], sin[:chunk])
	}
	ropeTier(lo, hi, cos, sin)
}
