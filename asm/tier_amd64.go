//go:build !purego

package asm

import "github.com/klauspost/cpuid/v2"

// hostTiers lists what the processor and the operating system support: cpuid
// reports the AVX families only if the system saves their registers.
func hostTiers() []Tier {
	tiers := []Tier{Generic}
	if cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3, cpuid.F16C, cpuid.BMI1, cpuid.BMI2, cpuid.POPCNT) {
		tiers = append(tiers, AVX2)
		if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL) {
			tiers = append(tiers, AVX512)
		}
	}
	return tiers
}

// The switches that dispatch reads. They are cumulative: with AVX-512 active,
// useAVX2 is true as well, so that a kernel without an AVX-512 twin runs its AVX2
// one. Dispatch tests the highest tier first.
var useAVX512, useAVX2 bool

func setSwitches(t Tier) {
	useAVX512 = t == AVX512
	useAVX2 = t == AVX2 || t == AVX512
}
