//go:build !purego

package asm

// dotTiling returns the most rows of a that a kernel of dotArgs takes on the
// active tier when there are m in all, and the number of rows of b; 0 if the tier
// has no such kernel.
func dotTiling(m int) (most, width int) {
	switch {
	case useAVX512:
		return 8, 16
	case useAVX2 && m <= 4:
		return 4, 16
	case useAVX2:
		return 8, 8
	}
	return 0, 0
}

// dotRowsTier runs a kernel over as many of the first t.k values as it can take,
// and returns how many those were.
func dotRowsTier(m int, t *dotArgs) int {
	if useAVX512 {
		dotRowsAVX512(m, t)
		return t.k
	}
	k := t.k
	done := k &^ 3
	if done > 0 {
		t.k = done
		dotRowsAVX2(m, t)
		t.k = k
	}
	return done
}

func dotRowsAVX512(m int, t *dotArgs) {
	switch m {
	case 1:
		dot1AVX512(t)
	case 2:
		dot2AVX512(t)
	case 3:
		dot3AVX512(t)
	case 4:
		dot4AVX512(t)
	case 5:
		dot5AVX512(t)
	case 6:
		dot6AVX512(t)
	case 7:
		dot7AVX512(t)
	case 8:
		dot8AVX512(t)
	}
}

func dotRowsAVX2(m int, t *dotArgs) {
	switch m {
	case 1:
		dot1AVX2(t)
	case 2:
		dot2AVX2(t)
	case 3:
		dot3AVX2(t)
	case 4:
		dot4AVX2(t)
	case 5:
		dot5AVX2(t)
	case 6:
		dot6AVX2(t)
	case 7:
		dot7AVX2(t)
	case 8:
		dot8AVX2(t)
	}
}

//go:noescape
func dot1AVX512(t *dotArgs)

//go:noescape
func dot2AVX512(t *dotArgs)

//go:noescape
func dot3AVX512(t *dotArgs)

//go:noescape
func dot4AVX512(t *dotArgs)

//go:noescape
func dot5AVX512(t *dotArgs)

//go:noescape
func dot6AVX512(t *dotArgs)

//go:noescape
func dot7AVX512(t *dotArgs)

//go:noescape
func dot8AVX512(t *dotArgs)

//go:noescape
func dot1AVX2(t *dotArgs)

//go:noescape
func dot2AVX2(t *dotArgs)

//go:noescape
func dot3AVX2(t *dotArgs)

//go:noescape
func dot4AVX2(t *dotArgs)

//go:noescape
func dot5AVX2(t *dotArgs)

//go:noescape
func dot6AVX2(t *dotArgs)

//go:noescape
func dot7AVX2(t *dotArgs)

//go:noescape
func dot8AVX2(t *dotArgs)
