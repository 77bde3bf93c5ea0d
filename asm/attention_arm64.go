//go:build !purego

package asm

import "unsafe"

// NEON's vectors are short, so a row is enough work that a call for each row
// costs little.

func softmaxRowsTier(t *rowsArgs) {
	if !useNEON {
		softmaxRowsGeneric(t)
		return
	}
	stats := unsafe.Slice(t.stats, t.rows)
	for r := range stats {
		s := t.row(t.s, r)
		top := t.scale * Max(s)
		var lanes [32]float32
		stats[r] = SoftmaxStat{Max: top, Sum: expSumScaledNEON(s, s, t.scale, top, (t.lane+r*t.turn)%32, &lanes)}
	}
}

func attentionGradRowsTier(t *rowsArgs) {
	if !useNEON {
		attentionGradRowsGeneric(t)
		return
	}
	dots := unsafe.Slice(t.dots, t.rows)
	for r, stats := range unsafe.Slice(t.stats, t.rows) {
		attentionGradNEON(t.row(t.s, r), t.row(t.g, r), t.scale, stats.Max, 1/stats.Sum, dots[r])
	}
}

//go:noescape
func expSumScaledNEON(dst, x []float32, scale, max float32, lane int, lanes *[32]float32) float32

//go:noescape
func attentionGradNEON(s, g []float32, scale, max, inv, d float32)
