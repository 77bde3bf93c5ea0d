//go:build purego || !(amd64 || arm64)

package asm

// hostTiers lists Generic: this build holds no assembly.
func hostTiers() []Tier { return []Tier{Generic} }

func setSwitches(Tier) {}
