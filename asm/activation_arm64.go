//go:build !purego

package asm

// activationTable holds the constants of GELU and tanh.
//
//lint:ignore U1000 the assembly reads it
var activationTable = [9]float32{
	gelu1, gelu3, gelu9,
	tanhC0, tanhC1, tanhC2, tanhC3, tanhC4, tanhSwitch,
}

// phiRows holds the constants of Phi, each four times: first those that stay in registers, then the density's.
//
//lint:ignore U1000 the assembly reads it
var phiRows = func() (rows [15][4]float32) {
	for i, c := range [15]float32{
		phiC0, phiC1, phiC2, phiC3, phiC4, phiC5, phiC6, phiC7, phiC8, phiC9,
		phiScale, phiCentre, phiLimit, 0.5,
		phiDensity,
	} {
		rows[i] = [4]float32{c, c, c, c}
	}
	return rows
}()

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

//go:noescape
func geluErfNEON(dst, x []float32)

//go:noescape
func geluErfBackwardNEON(dx, dy, x []float32)

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

func geluErfTier(dst, x []float32) {
	if useNEON {
		geluErfNEON(dst, x)
		return
	}
	geluErfGeneric(dst, x)
}

func geluErfBackwardTier(dx, dy, x []float32) {
	if useNEON {
		geluErfBackwardNEON(dx, dy, x)
		return
	}
	geluErfBackwardGeneric(dx, dy, x)
}
