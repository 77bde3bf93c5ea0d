//go:build purego || !(amd64 || arm64)

package asm

// GEMMTiling returns the tiling of the active tier.
func GEMMTiling() Tiling { return Tiling{} }

func gemmTiles(rows, width int, t *gemmArgs) {}

func packTranspose(dst []float32, dstK int, src []float32, srcRow, n, k int) int { return 0 }

func packCopy(dst []float32, dstK int, src []float32, srcK, n, k int) bool { return false }

// PeakFlops runs n rounds of independent fused multiply-adds of the active tier
// and returns the number of floating-point operations. The portable tier has no
// such kernel and returns 0.
func PeakFlops(n int) int { return 0 }
