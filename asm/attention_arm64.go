//go:build !purego

package asm

import "unsafe"

// The vectors of NEON are short: beside the work on a row its call costs little.

func softmaxRowsTier(t *rowsArgs) { softmaxRowsGeneric(t) }

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
func attentionGradNEON(s, g []float32, scale, max, inv, d float32)
