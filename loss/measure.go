package loss

import (
	"fmt"

	"reprise/internal/exact"
	"reprise/tensor"
)

// Rho measures, exactly, the probability that the current model gives to ids outside each position's subset: the part of
// the full loss that a replay loss does not see (full − replay = −log(1 − ρ)). rho has one element per position.
//
// It costs a full head over the positions; callers pass a sample.
func (f *Full) Rho(pool *tensor.Pool, head *tensor.Param, h *tensor.Matrix, s *Subsets, rho []float64) {
	f.measure(pool, head, h, s, rho, func(i int, z []float32, l LSE) float64 {
		var inside float64
		for _, id := range s.IDs[s.Offsets[i]:s.Offsets[i+1]] {
			inside += float64(l.Prob(z[id]))
		}
		return max(0, 1-inside)
	})
}

// Divergence measures KL(base ‖ now) in nats, position by position, on text that the base model drew from its own distribution b,
// without the base model: b is read from the record. P are the recorded ids, but for a gold id that is marked Outside; p is the
// current model's distribution over the whole vocabulary; y is the gold id, the one that was drawn.
//
//	inside = Σ_{j∈P} b_j·(log b_j − log p_j)
//	drawn  = log b_y − log p_y where y ∉ P, else 0
//
// The divergence is inside and a sum like it over all other ids, whose estimate is drawn: over the draws of y, its mean is that sum.
// So inside + drawn is the divergence over the whole vocabulary in the mean, apart from the rounding of the recorded
// log-probabilities, provided that P does not depend on y. Each of the two may be negative.
//
// inside and drawn have one element per position. Like Rho, this costs a full head.
func (f *Full) Divergence(pool *tensor.Pool, head *tensor.Param, h *tensor.Matrix, s *Subsets, inside, drawn []float64) {
	if len(s.LogProb) != len(s.IDs) || len(s.Outside) != len(s.Rows) || len(drawn) != len(s.Rows) {
		panic(fmt.Sprintf("loss: %d log-probabilities of %d ids; %d marks, %d results of %d positions",
			len(s.LogProb), len(s.IDs), len(s.Outside), len(drawn), len(s.Rows)))
	}
	f.measure(pool, head, h, s, inside, func(i int, z []float32, l LSE) float64 {
		a, b := int(s.Offsets[i]), int(s.Offsets[i+1])
		y, logZ := a+int(s.Gold[i]), l.Log()
		drawn[i] = 0
		var sum float64
		for k := a; k < b; k++ {
			base := float64(s.LogProb[k])
			change := base - (float64(z[s.IDs[k]]) - logZ)
			if k == y && s.Outside[i] {
				drawn[i] = change
				continue
			}
			sum += float64(exact.Exp(base) * change)
		}
		return sum
	})
}

// measure runs the head over the positions of s, a block at a time, and sets out to what of returns for a position's logits
// over the whole vocabulary. Several workers call of at the same time, for different positions.
func (f *Full) measure(pool *tensor.Pool, head *tensor.Param, h *tensor.Matrix, s *Subsets, out []float64, of func(i int, z []float32, l LSE) float64) {
	if len(out) != len(s.Rows) || h.Cols != head.W.Cols {
		panic(fmt.Sprintf("loss: %d positions, %d results; hidden [%d, %d], head [%d, %d]",
			len(s.Rows), len(out), h.Rows, h.Cols, head.W.Rows, head.W.Cols))
	}
	f.Reserve(pool.Workers(), 0)
	for lo := 0; lo < len(s.Rows); lo += block {
		rows := s.Rows[lo:min(lo+block, len(s.Rows))]
		space := f.Space
		f.logits = place(&space, &f.own[0], len(rows), head.W.Rows)
		f.hidden = place(&space, &f.own[1], len(rows), h.Cols)
		GatherRows(&f.hidden, h, rows)
		pool.MatMulNT(&f.logits, &f.hidden, head.W, false)
		pool.Run(len(rows), &measureJob{f: f, first: lo, out: out, of: of})
	}
}

// measureJob measures one row of logits.
type measureJob struct {
	f     *Full
	first int // number of the block's first position
	out   []float64
	of    func(i int, z []float32, l LSE) float64
}

func (j *measureJob) Do(worker, i int) {
	z := j.f.logits.Row(i)
	j.out[j.first+i] = j.of(j.first+i, z, LogSumExp(z, j.f.tmp[worker*Tile:(worker+1)*Tile]))
}
