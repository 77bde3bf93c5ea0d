//go:build purego || !amd64

package asm

func dotMost() int { return 0 }

func dotRowsTier(m int, t *dotArgs) int { return 0 }
