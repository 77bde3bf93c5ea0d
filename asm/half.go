package asm

// F32FromBF16 widens bfloat16 values; exact.
func F32FromBF16(dst []float32, src []uint16) {
	sameLen("F32FromBF16", len(dst), len(src))
	for ; len(src) > chunk; dst, src = dst[chunk:], src[chunk:] {
		f32FromBF16Tier(dst[:chunk], src[:chunk])
	}
	f32FromBF16Tier(dst, src)
}

// BF16FromF32 rounds to bfloat16, to nearest even. NaN stays NaN (quiet).
func BF16FromF32(dst []uint16, src []float32) {
	sameLen("BF16FromF32", len(dst), len(src))
	for ; len(src) > chunk; dst, src = dst[chunk:], src[chunk:] {
		bf16FromF32Tier(dst[:chunk], src[:chunk])
	}
	bf16FromF32Tier(dst, src)
}

// F32FromF16 widens IEEE half precision values; exact.
func F32FromF16(dst []float32, src []uint16) {
	sameLen("F32FromF16", len(dst), len(src))
	for ; len(src) > chunk; dst, src = dst[chunk:], src[chunk:] {
		f32FromF16Tier(dst[:chunk], src[:chunk])
	}
	f32FromF16Tier(dst, src)
}

// F16FromF32 rounds to IEEE half precision, to nearest even: the largest finite
// value is 65504, and inputs from 65520 on become infinite. NaN stays NaN
// (quiet).
func F16FromF32(dst []uint16, src []float32) {
	sameLen("F16FromF32", len(dst), len(src))
	for ; len(src) > chunk; dst, src = dst[chunk:], src[chunk:] {
		f16FromF32Tier(dst[:chunk], src[:chunk])
	}
	f16FromF32Tier(dst, src)
}
