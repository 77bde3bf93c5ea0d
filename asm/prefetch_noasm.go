//go:build purego || !amd64

package asm

func prefetchTier(row []float32) {}
