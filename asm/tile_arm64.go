//go:build !purego

package asm

// tileMost returns the most rows and columns of a tile, as in GEMMTiling.
func tileMost() (rows, cols int) {
	if useNEON {
		return 8, 12
	}
	return 0, 0
}

// gemmTriangle computes a triangle of a width that the tier has: of its k rows, step l enters the first l+1 (rising) or
// k-l.
func gemmTriangle(width int, rising bool, t *gemmArgs) {
	if t.mask&(1<<width-1) == 1<<width-1 {
		gemmWholeTriangle(width, rising, t)
		return
	}
	var tile [8 * 12]float32
	edge := t.begin(&tile, t.k, width)
	gemmWholeTriangle(width, rising, &edge)
	t.end(&tile, t.k, width)
}

func gemmWholeTriangle(width int, rising bool, t *gemmArgs) {
	switch {
	case width == 12 && rising:
		rise12NEON(t)
	case width == 12:
		fall12NEON(t)
	case width == 8 && rising:
		rise8NEON(t)
	case width == 8:
		fall8NEON(t)
	case rising:
		rise4NEON(t)
	default:
		fall4NEON(t)
	}
}

//go:noescape
func rise12NEON(t *gemmArgs)

//go:noescape
func rise8NEON(t *gemmArgs)

//go:noescape
func rise4NEON(t *gemmArgs)

//go:noescape
func fall12NEON(t *gemmArgs)

//go:noescape
func fall8NEON(t *gemmArgs)

//go:noescape
func fall4NEON(t *gemmArgs)
