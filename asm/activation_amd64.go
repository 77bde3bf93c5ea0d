//go:build !purego

package asm

// activationTable holds the constants of GELU and tanh for both assembly tiers.
//
//lint:ignore U1000 the assembly reads it
var activationTable = [9]float32{
	gelu1, gelu3, gelu9,
	tanhC0, tanhC1, tanhC2, tanhC3, tanhC4, tanhSwitch,
}

var (
	// phiTable holds the constants of Phi for AVX-512, phiRows the same for AVX2, each eight times.
	//
	//lint:ignore U1000 the assembly reads it
	phiTable = [15]float32{
		phiLimit, 0.5, phiScale, phiCentre, phiDensity,
		phiC0, phiC1, phiC2, phiC3, phiC4, phiC5, phiC6, phiC7, phiC8, phiC9,
	}
	//lint:ignore U1000 the assembly reads it
	phiRows = func() (rows [15][8]float32) {
		for i, c := range phiTable {
			for j := range rows[i] {
				rows[i][j] = c
			}
		}
		return rows
	}()
)

//go:noescape
func sigmoidAVX512(dst, x []float32)

//go:noescape
func sigmoidAVX2(dst, x []float32)

//go:noescape
func tanhAVX512(dst, x []float32)

//go:noescape
func tanhAVX2(dst, x []float32)

//go:noescape
func swigluAVX512(dst, gate, up []float32)

//go:noescape
func swigluAVX2(dst, gate, up []float32)

//go:noescape
func swigluBackwardAVX512(dgate, dup, dy, gate, up []float32)

//go:noescape
func swigluBackwardAVX2(dgate, dup, dy, gate, up []float32)

//go:noescape
func geluAVX512(dst, x []float32)

//go:noescape
func geluAVX2(dst, x []float32)

//go:noescape
func geluBackwardAVX512(dx, dy, x []float32)

//go:noescape
func geluBackwardAVX2(dx, dy, x []float32)

//go:noescape
func geluErfAVX512(dst, x []float32)

//go:noescape
func geluErfAVX2(dst, x []float32)

//go:noescape
func geluErfBackwardAVX512(dx, dy, x []float32)

//go:noescape
func geluErfBackwardAVX2(dx, dy, x []float32)

func sigmoidTier(dst, x []float32) {
	switch {
	case useAVX512:
		sigmoidAVX512(dst, x)
	case useAVX2:
		sigmoidAVX2(dst, x)
	default:
		sigmoidGeneric(dst, x)
	}
}

func tanhTier(dst, x []float32) {
	switch {
	case useAVX512:
		tanhAVX512(dst, x)
	case useAVX2:
		tanhAVX2(dst, x)
	default:
		tanhGeneric(dst, x)
	}
}

func swigluTier(dst, gate, up []float32) {
	switch {
	case useAVX512:
		swigluAVX512(dst, gate, up)
	case useAVX2:
		swigluAVX2(dst, gate, up)
	default:
		swigluGeneric(dst, gate, up)
	}
}

func swigluBackwardTier(dgate, dup, dy, gate, up []float32) {
	switch {
	case useAVX512:
		swigluBackwardAVX512(dgate, dup, dy, gate, up)
	case useAVX2:
		swigluBackwardAVX2(dgate, dup, dy, gate, up)
	default:
		swigluBackwardGeneric(dgate, dup, dy, gate, up)
	}
}

func geluTier(dst, x []float32) {
	switch {
	case useAVX512:
		geluAVX512(dst, x)
	case useAVX2:
		geluAVX2(dst, x)
	default:
		geluGeneric(dst, x)
	}
}

func geluBackwardTier(dx, dy, x []float32) {
	switch {
	case useAVX512:
		geluBackwardAVX512(dx, dy, x)
	case useAVX2:
		geluBackwardAVX2(dx, dy, x)
	default:
		geluBackwardGeneric(dx, dy, x)
	}
}

func geluErfTier(dst, x []float32) {
	switch {
	case useAVX512:
		geluErfAVX512(dst, x)
	case useAVX2:
		geluErfAVX2(dst, x)
	default:
		geluErfGeneric(dst, x)
	}
}

func geluErfBackwardTier(dx, dy, x []float32) {
	switch {
	case useAVX512:
		geluErfBackwardAVX512(dx, dy, x)
	case useAVX2:
		geluErfBackwardAVX2(dx, dy, x)
	default:
		geluErfBackwardGeneric(dx, dy, x)
	}
}
