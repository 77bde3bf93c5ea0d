//go:build !purego

package asm

//go:noescape
func prefetchAMD64(row []float32)

func prefetchTier(row []float32) {
	if useAVX2 {
		prefetchAMD64(row[:min(len(row), chunk)])
	}
}
