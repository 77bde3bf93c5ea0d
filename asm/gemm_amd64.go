//go:build !purego

package asm

// GEMMTiling returns the tiling of the active tier.
func GEMMTiling() Tiling {
	switch {
	case useAVX512:
		return Tiling{Rows: 14, Cols: 32, Step: 16, LeadA: 16, Dots: 8, Axpys: axpyCols}
	case useAVX2:
		return Tiling{Rows: 6, Cols: 16, Step: 8, LeadA: 8, Dots: 8, Axpys: axpyCols}
	}
	return Tiling{}
}

func gemmWidth(cols int) int {
	if useAVX512 {
		return (cols + 15) &^ 15
	}
	return (cols + 7) &^ 7
}

// gemmTiles computes tiles of a width that the tier has.
func gemmTiles(rows, width int, t *gemmArgs) {
	switch {
	case useAVX512 && width == 32:
		gemmTiles32AVX512(rows, t)
	case useAVX512:
		gemmTiles16AVX512(rows, t)
	case useAVX2 && width == 16:
		gemmTiles16AVX2(rows, t)
	case useAVX2:
		gemmTiles8AVX2(rows, t)
	}
}

// packTranspose does PackTranspose for as many of the first k values as the
// assembly can take, and returns how many those were.
func packTranspose(dst []float32, dstK int, src []float32, srcRow, n, k int) int {
	switch {
	case useAVX512:
		k &^= 15
		if k == 0 || dstK < gemmWidth(n) || len(dst) < (k-1)*dstK+gemmWidth(n) {
			return 0
		}
		var rows [16]*float32
		for i := 0; i < n; i += 16 {
			for r := range rows {
				rows[r] = &src[min(i+r, n-1)*srcRow]
			}
			packTransposeAVX512(&dst[i], dstK, &rows, k)
		}
		return k
	case useAVX2:
		k &^= 7
		if k == 0 || dstK < gemmWidth(n) || len(dst) < (k-1)*dstK+gemmWidth(n) {
			return 0
		}
		var rows [8]*float32
		for i := 0; i < n; i += 8 {
			for r := range rows {
				rows[r] = &src[min(i+r, n-1)*srcRow]
			}
			packTransposeAVX2(&dst[i], dstK, &rows, k)
		}
		return k
	}
	return 0
}

// packCopy does PackCopy if the tier can, and reports whether it did.
func packCopy(dst []float32, dstK int, src []float32, srcK, n, k int) bool {
	switch {
	case useAVX512 && n <= 32 && len(dst) >= (k-1)*dstK+gemmWidth(n):
		packCopyAVX512(&dst[0], dstK, &src[0], srcK, k, 1<<n-1)
		return true
	case useAVX2 && !useAVX512 && k > 1 && n <= 16 && srcK >= gemmWidth(n) && len(dst) >= (k-1)*dstK+gemmWidth(n):
		// Whole vectors are copied: after n values they take whatever the row
		// holds next. The last row is copied exactly if the slice ends with it.
		whole := k
		if len(src) < (k-1)*srcK+gemmWidth(n) {
			whole--
		}
		packCopyAVX2(&dst[0], dstK, &src[0], srcK, whole, gemmWidth(n))
		if whole < k {
			copy(dst[whole*dstK:whole*dstK+n], src[whole*srcK:])
		}
		return true
	}
	return false
}

func gemmTiles32AVX512(rows int, t *gemmArgs) {
	switch rows {
	case 1:
		gemm1x32AVX512(t)
	case 2:
		gemm2x32AVX512(t)
	case 3:
		gemm3x32AVX512(t)
	case 4:
		gemm4x32AVX512(t)
	case 5:
		gemm5x32AVX512(t)
	case 6:
		gemm6x32AVX512(t)
	case 7:
		gemm7x32AVX512(t)
	case 8:
		gemm8x32AVX512(t)
	case 9:
		gemm9x32AVX512(t)
	case 10:
		gemm10x32AVX512(t)
	case 11:
		gemm11x32AVX512(t)
	case 12:
		gemm12x32AVX512(t)
	case 13:
		gemm13x32AVX512(t)
	case 14:
		gemm14x32AVX512(t)
	}
}

func gemmTiles16AVX512(rows int, t *gemmArgs) {
	switch rows {
	case 1:
		gemm1x16AVX512(t)
	case 2:
		gemm2x16AVX512(t)
	case 3:
		gemm3x16AVX512(t)
	case 4:
		gemm4x16AVX512(t)
	case 5:
		gemm5x16AVX512(t)
	case 6:
		gemm6x16AVX512(t)
	case 7:
		gemm7x16AVX512(t)
	case 8:
		gemm8x16AVX512(t)
	case 9:
		gemm9x16AVX512(t)
	case 10:
		gemm10x16AVX512(t)
	case 11:
		gemm11x16AVX512(t)
	case 12:
		gemm12x16AVX512(t)
	case 13:
		gemm13x16AVX512(t)
	case 14:
		gemm14x16AVX512(t)
	}
}

func gemmTiles16AVX2(rows int, t *gemmArgs) {
	switch rows {
	case 1:
		gemm1x16AVX2(t)
	case 2:
		gemm2x16AVX2(t)
	case 3:
		gemm3x16AVX2(t)
	case 4:
		gemm4x16AVX2(t)
	case 5:
		gemm5x16AVX2(t)
	case 6:
		gemm6x16AVX2(t)
	}
}

func gemmTiles8AVX2(rows int, t *gemmArgs) {
	switch rows {
	case 1:
		gemm1x8AVX2(t)
	case 2:
		gemm2x8AVX2(t)
	case 3:
		gemm3x8AVX2(t)
	case 4:
		gemm4x8AVX2(t)
	case 5:
		gemm5x8AVX2(t)
	case 6:
		gemm6x8AVX2(t)
	}
}

// PeakFlops runs n rounds of independent fused multiply-adds of the active tier,
// all in registers, and returns the number of floating-point operations: two
// for every lane. The benchmarks measure against it. The portable tier has no
// such kernel and returns 0.
func PeakFlops(n int) int {
	total := 0
	for n > 0 {
		step := min(n, 1000) // keep one call short: assembly cannot be preempted
		n -= step
		switch {
		case useAVX512:
			peakAVX512(step)
			total += step * 28 * 16 * 2
		case useAVX2:
			peakAVX2(step)
			total += step * 12 * 8 * 2
		}
	}
	return total
}

//go:noescape
func gemm1x32AVX512(t *gemmArgs)

//go:noescape
func gemm2x32AVX512(t *gemmArgs)

//go:noescape
func gemm3x32AVX512(t *gemmArgs)

//go:noescape
func gemm4x32AVX512(t *gemmArgs)

//go:noescape
func gemm5x32AVX512(t *gemmArgs)

//go:noescape
func gemm6x32AVX512(t *gemmArgs)

//go:noescape
func gemm7x32AVX512(t *gemmArgs)

//go:noescape
func gemm8x32AVX512(t *gemmArgs)

//go:noescape
func gemm9x32AVX512(t *gemmArgs)

//go:noescape
func gemm10x32AVX512(t *gemmArgs)

//go:noescape
func gemm11x32AVX512(t *gemmArgs)

//go:noescape
func gemm12x32AVX512(t *gemmArgs)

//go:noescape
func gemm13x32AVX512(t *gemmArgs)

//go:noescape
func gemm14x32AVX512(t *gemmArgs)

//go:noescape
func gemm1x16AVX512(t *gemmArgs)

//go:noescape
func gemm2x16AVX512(t *gemmArgs)

//go:noescape
func gemm3x16AVX512(t *gemmArgs)

//go:noescape
func gemm4x16AVX512(t *gemmArgs)

//go:noescape
func gemm5x16AVX512(t *gemmArgs)

//go:noescape
func gemm6x16AVX512(t *gemmArgs)

//go:noescape
func gemm7x16AVX512(t *gemmArgs)

//go:noescape
func gemm8x16AVX512(t *gemmArgs)

//go:noescape
func gemm9x16AVX512(t *gemmArgs)

//go:noescape
func gemm10x16AVX512(t *gemmArgs)

//go:noescape
func gemm11x16AVX512(t *gemmArgs)

//go:noescape
func gemm12x16AVX512(t *gemmArgs)

//go:noescape
func gemm13x16AVX512(t *gemmArgs)

//go:noescape
func gemm14x16AVX512(t *gemmArgs)

//go:noescape
func gemm1x16AVX2(t *gemmArgs)

//go:noescape
func gemm2x16AVX2(t *gemmArgs)

//go:noescape
func gemm3x16AVX2(t *gemmArgs)

//go:noescape
func gemm4x16AVX2(t *gemmArgs)

//go:noescape
func gemm5x16AVX2(t *gemmArgs)

//go:noescape
func gemm6x16AVX2(t *gemmArgs)

//go:noescape
func gemm1x8AVX2(t *gemmArgs)

//go:noescape
func gemm2x8AVX2(t *gemmArgs)

//go:noescape
func gemm3x8AVX2(t *gemmArgs)

//go:noescape
func gemm4x8AVX2(t *gemmArgs)

//go:noescape
func gemm5x8AVX2(t *gemmArgs)

//go:noescape
func gemm6x8AVX2(t *gemmArgs)

//go:noescape
func packTransposeAVX512(dst *float32, dstK int, rows *[16]*float32, k int)

//go:noescape
func packTransposeAVX2(dst *float32, dstK int, rows *[8]*float32, k int)

//go:noescape
func packCopyAVX512(dst *float32, dstK int, src *float32, srcK, k int, mask int)

//go:noescape
func packCopyAVX2(dst *float32, dstK int, src *float32, srcK, k int, n int)

func peakAVX512(n int)

func peakAVX2(n int)
