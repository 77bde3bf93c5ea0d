//go:build !purego

package asm

// tileMost returns the most rows and columns of a tile, as in GEMMTiling.
func tileMost() (rows, cols int) {
	switch {
	case useAVX512:
		return 14, 32
	case useAVX2:
		return 6, 16
	}
	return 0, 0
}

// gemmTriangle computes a triangle of a width that the tier has: of its k rows, step l enters the first l+1 (rising) or
// k-l.
func gemmTriangle(width int, rising bool, t *gemmArgs) {
	switch {
	case useAVX512 && width == 32 && rising:
		rise32AVX512(t)
	case useAVX512 && width == 32:
		fall32AVX512(t)
	case useAVX512 && rising:
		rise16AVX512(t)
	case useAVX512:
		fall16AVX512(t)
	case width == 16 && rising:
		rise16AVX2(t)
	case width == 16:
		fall16AVX2(t)
	case rising:
		rise8AVX2(t)
	default:
		fall8AVX2(t)
	}
}

//go:noescape
func rise32AVX512(t *gemmArgs)

//go:noescape
func rise16AVX512(t *gemmArgs)

//go:noescape
func fall32AVX512(t *gemmArgs)

//go:noescape
func fall16AVX512(t *gemmArgs)

//go:noescape
func rise16AVX2(t *gemmArgs)

//go:noescape
func rise8AVX2(t *gemmArgs)

//go:noescape
func fall16AVX2(t *gemmArgs)

//go:noescape
func fall8AVX2(t *gemmArgs)
