//go:build purego || !(amd64 || arm64)

package asm

func gemmTriangle(width int, rising bool, t *gemmArgs) {}
