package asm

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestNoRows: a number of rows below one is refused before anything is computed.
func TestNoRows(t *testing.T) {
	onTiers(func(tier Tier) {
		for _, n := range []int{0, -1} {
			s := []float32{1, 2, 3, 4}
			func() {
				defer func() {
					if v := recover(); v == nil || !slices.Equal(s, []float32{1, 2, 3, 4}) {
						t.Errorf("%v: %d rows: recovered %v, scores %v", tier, n, v, s)
					}
				}()
				SoftmaxRows(s, Rows{N: n, Stride: 2, Hi: 2}, 1, 0, make([]SoftmaxStat, 2))
			}()
		}
	})
}

// TestTooFewDots: a slice of dot products shorter than the rows is refused, even if its capacity would do.
func TestTooFewDots(t *testing.T) {
	onTiers(func(tier Tier) {
		defer func() {
			if recover() == nil {
				t.Errorf("%v: two rows take one dot product", tier)
			}
		}()
		AttentionGradRows(make([]float32, 4), make([]float32, 4), Rows{N: 2, Stride: 2, Hi: 2}, 1, make([]SoftmaxStat, 2), make([]float32, 1, 2))
	})
}

// TestRowsInSeveralCalls: rows too long for one call of the assembly have the bits of each row alone.
func TestRowsInSeveralCalls(t *testing.T) {
	rows := Rows{N: 5, Stride: 40_000, Lo: 3, Hi: 39_990, LoStep: 1, HiStep: 2}
	if _, n := rows.split(); n >= rows.N {
		t.Fatalf("%d rows are one call: the test needs several", n)
	}
	const scale, lane = 0.3, 29
	r := rand.New(rand.NewPCG(31, 0))
	scores, up, dots := make([]float32, rows.N*rows.Stride), make([]float32, rows.N*rows.Stride), make([]float32, rows.N)
	for _, s := range [][]float32{scores, up, dots} {
		fill(r, s, false)
	}
	onTiers(func(tier Tier) {
		s, g, stats := slices.Clone(scores), slices.Clone(up), make([]SoftmaxStat, rows.N)
		SoftmaxRows(s, rows, scale, lane, stats)
		e := slices.Clone(s)
		copy(s, scores)
		AttentionGradRows(s, g, rows, scale, stats, dots)
		for i := range rows.N {
			one := Rows{N: 1, Hi: rows.Hi + i*rows.HiStep - rows.Lo - i*rows.LoStep}
			lo, hi := i*rows.Stride, (i+1)*rows.Stride
			at := lo + rows.Lo + i*rows.LoStep
			want, wantG, stat := slices.Clone(scores[lo:hi]), slices.Clone(up[lo:hi]), make([]SoftmaxStat, 1)
			SoftmaxRows(want[at-lo:], one, scale, lane+rows.Lo+i*rows.LoStep, stat)
			if k := differ(e[lo:hi], want); k >= 0 || stat[0] != stats[i] {
				t.Errorf("%v: SoftmaxRows, row %d: element %d, %v, want %v", tier, i, k, stats[i], stat[0])
			}
			copy(want, scores[lo:hi])
			AttentionGradRows(want[at-lo:], wantG[at-lo:], one, scale, stat, dots[i:])
			if k := max(differ(s[lo:hi], want), differ(g[lo:hi], wantG)); k >= 0 {
				t.Errorf("%v: AttentionGradRows, row %d: element %d", tier, i, k)
			}
		}
	})
}
