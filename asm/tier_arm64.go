//go:build !purego

package asm

// hostTiers lists Generic and NEON: the latter belongs to every arm64.
func hostTiers() []Tier { return []Tier{Generic, NEON} }

// useNEON is the switch that dispatch reads.
var useNEON bool

func setSwitches(t Tier) { useNEON = t == NEON }
