//go:build !purego

package asm

// atanRows holds the constants of atan2, each four times: first those that stay
// in registers, then the coefficients that each step of the polynomial loads.
//
//lint:ignore U1000 the assembly reads it
var atanRows = func() (rows [10][4]float32) {
	for i, c := range [10]float32{
		1, halfPi, atanC7,
		atanC6, atanC5, atanC4, atanC3, atanC2, atanC1, atanC0,
	} {
		rows[i] = [4]float32{c, c, c, c}
	}
	return rows
}()

//go:noescape
func atan2NEON(dst, y, x []float32)

//go:noescape
func adamWNEON(w, g, m, v []float32, c *StepCoef)

//go:noescape
func atan2StepNEON(w, g, m, v []float32, c *StepCoef)

func atan2Tier(dst, y, x []float32) {
	if useNEON {
		atan2NEON(dst, y, x)
		return
	}
	atan2Generic(dst, y, x)
}

func adamWTier(w, g, m, v []float32, c *StepCoef) {
	if useNEON {
		adamWNEON(w, g, m, v, c)
		return
	}
	adamWGeneric(w, g, m, v, c)
}

func atan2StepTier(w, g, m, v []float32, c *StepCoef) {
	if useNEON {
		atan2StepNEON(w, g, m, v, c)
		return
	}
	atan2StepGeneric(w, g, m, v, c)
}
