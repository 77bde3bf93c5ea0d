//go:build purego || !amd64

package asm

func dotTiling(m int) (most, width int) { return 0, 0 }

func dotRowsTier(m int, t *dotArgs) int { return 0 }
