//go:build !purego

package asm

//go:noescape
func f32FromBF16AVX512(dst []float32, src []uint16)

//go:noescape
func f32FromBF16AVX2(dst []float32, src []uint16)

//go:noescape
func bf16FromF32AVX512(dst []uint16, src []float32)

//go:noescape
func bf16FromF32AVX2(dst []uint16, src []float32)

//go:noescape
func f32FromF16AVX512(dst []float32, src []uint16)

//go:noescape
func f32FromF16AVX2(dst []float32, src []uint16)

//go:noescape
func f16FromF32AVX512(dst []uint16, src []float32)

//go:noescape
func f16FromF32AVX2(dst []uint16, src []float32)

// The AVX2 code takes multiples of 8; the portable code takes the rest.

func f32FromBF16Tier(dst []float32, src []uint16) {
	n := 0
	switch {
	case useAVX512:
		n = len(src)
		f32FromBF16AVX512(dst, src)
	case useAVX2:
		n = len(src) &^ 7
		f32FromBF16AVX2(dst[:n], src[:n])
	}
	f32FromBF16Generic(dst[n:], src[n:])
}

func bf16FromF32Tier(dst []uint16, src []float32) {
	n := 0
	switch {
	case useAVX512:
		n = len(src)
		bf16FromF32AVX512(dst, src)
	case useAVX2:
		n = len(src) &^ 7
		bf16FromF32AVX2(dst[:n], src[:n])
	}
	bf16FromF32Generic(dst[n:], src[n:])
}

func f32FromF16Tier(dst []float32, src []uint16) {
	n := 0
	switch {
	case useAVX512:
		n = len(src)
		f32FromF16AVX512(dst, src)
	case useAVX2:
		n = len(src) &^ 7
		f32FromF16AVX2(dst[:n], src[:n])
	}
	f32FromF16Generic(dst[n:], src[n:])
}

func f16FromF32Tier(dst []uint16, src []float32) {
	n := 0
	switch {
	case useAVX512:
		n = len(src)
		f16FromF32AVX512(dst, src)
	case useAVX2:
		n = len(src) &^ 7
		f16FromF32AVX2(dst[:n], src[:n])
	}
	f16FromF32Generic(dst[n:], src[n:])
}
