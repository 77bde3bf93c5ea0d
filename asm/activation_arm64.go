//go:build !purego

package asm

// activationTable holds the constants of GELU and tanh.
//
//lint:ignore U1000 the assembly reads it
var activationTable = [9]float32{
	gelu1, gelu3, gelu9,
	tanhC0, tanhC1, tanhC2, tanhC3, tanhC4, tanhSwitch,
}

//go:noescape
func sigmoidNEON(dst, x []float32)

//go:noescape
func tanhNEON(dst, x []float32)

//go:noescape
func swigluNEON(dst, gate, up []float32)

//go:noescape
func swigluBackwardNEON(dgate, dup, dy, gate, up []float32)

//go:noescape
func geluNEON(dst, x []float32)

//go:noescape
func geluBackwardNEON(dx, dy, x []float32)

func sigmoidTier(dst, x []float32) {
	if useNEON {
		sigmoidNEON(dst, x)
		return
	}
	sigmoidGeneric(dst, x)
}

func tanhTier(dst, x []float32) {
	if useNEON {
		tanhNEON(dst, x)
		return
	}
	tanhGeneric(dst, x)
}

func swigluTier(dst, gate, up []float32) {
	if useNEON {
		swigluNEON(dst, gate, up)
		return
	}
	swigluGeneric(dst, gate, up)
}

func swigluBackwardTier(dgate, dup, dy, gate, up []float32) {
	if useNEON {
		swigluBackwardNEON(dgate, dup, dy, gate, up)
		return
	}
	swigluBackwardGeneric(dgate, dup, dy, gate, up)
}

func geluTier(dst, x []float32) {
	if useNEON {
		geluNEON(dst, x)
		return
	}
	geluGeneric(dst, x)
}

func geluBackwardTier(dx, dy, x []float32) {
	if useNEON {
		geluBackwardNEON(dx, dy, x)
		return
	}
	geluBackwardGeneric(dx, dy, x)
}
