//go:build !purego

package asm

//go:noescape
func f32FromBF16NEON(dst []float32, src []uint16)

//go:noescape
func bf16FromF32NEON(dst []uint16, src []float32)

//go:noescape
func f32FromF16NEON(dst []float32, src []uint16)

//go:noescape
func f16FromF32NEON(dst []uint16, src []float32)

// The assembly takes multiples of 8; the portable code takes the rest.

func f32FromBF16Tier(dst []float32, src []uint16) {
	n := 0
	if useNEON {
		n = len(src) &^ 7
		f32FromBF16NEON(dst[:n], src[:n])
	}
	f32FromBF16Generic(dst[n:], src[n:])
}

func bf16FromF32Tier(dst []uint16, src []float32) {
	n := 0
	if useNEON {
		n = len(src) &^ 7
		bf16FromF32NEON(dst[:n], src[:n])
	}
	bf16FromF32Generic(dst[n:], src[n:])
}

func f32FromF16Tier(dst []float32, src []uint16) {
	n := 0
	if useNEON {
		n = len(src) &^ 7
		f32FromF16NEON(dst[:n], src[:n])
	}
	f32FromF16Generic(dst[n:], src[n:])
}

func f16FromF32Tier(dst []uint16, src []float32) {
	n := 0
	if useNEON {
		n = len(src) &^ 7
		f16FromF32NEON(dst[:n], src[:n])
	}
	f16FromF32Generic(dst[n:], src[n:])
}
