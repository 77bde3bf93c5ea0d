package loss

import (
	"fmt"

	"reprise/tensor"
)

// Rho measures, exactly, the probability that the current model gives to ids outside each position's subset: the part of
// the full loss that a replay loss does not see (full − replay = −log(1 − ρ)). rho has one element per position.
//
// It costs a full head over the positions; callers pass a sample.
func (f *Full) Rho(pool *tensor.Pool, head *tensor.Param, h *tensor.Matrix, s *Subsets, rho []float64) {
	if len(rho) != len(s.Rows) || h.Cols != head.W.Cols {
		panic(fmt.Sprintf("loss: %d positions, %d results; hidden [%d, %d], head [%d, %d]",
			len(s.Rows), len(rho), h.Rows, h.Cols, head.W.Rows, head.W.Cols))
	}
	tmp := make([]float32, Tile)
	for lo := 0; lo < len(s.Rows); lo += block {
		rows := s.Rows[lo:min(lo+block, len(s.Rows))]
		space := f.Space
		f.logits = place(&space, &f.own[0], len(rows), head.W.Rows)
		f.hidden = place(&space, &f.own[1], len(rows), h.Cols)
		GatherRows(&f.hidden, h, rows)
		pool.MatMulNT(&f.logits, &f.hidden, head.W, false)
		for i := range rows {
			z := f.logits.Row(i)
			l := LogSumExp(z, tmp)
			var inside float64
			for _, id := range s.IDs[s.Offsets[lo+i]:s.Offsets[lo+i+1]] {
				inside += float64(l.Prob(z[id]))
			}
			rho[lo+i] = max(0, 1-inside)
		}
	}
}
