//go:build purego || !(amd64 || arm64)

package asm

func tileMost() (rows, cols int) { return 0, 0 }

func gemmWidth(cols int) int { return cols }

func gemmTriangle(width int, rising bool, t *gemmArgs) {}
