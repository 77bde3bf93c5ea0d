package replay

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"reprise/asm"
	"reprise/data"
	"reprise/loss"
	"reprise/model"
	"reprise/tensor"
)

// Rule says which ids are recorded for a position (METHOD, Stage 0): the shortest prefix of the ids by falling
// probability whose mass reaches Tau, at least KMin and at most KMax of them, united with the gold id and with Always.
type Rule struct {
	Tau        float64
	KMin, KMax int
	Always     []int32
}

// Validate names the field that cannot be used.
func (r Rule) Validate(vocab int) error {
	switch {
	case !(r.Tau > 0 && r.Tau <= 1):
		return fmt.Errorf("replay: tau: %g, want more than 0 and at most 1", r.Tau)
	case r.KMin < 1:
		return fmt.Errorf("replay: k_min: %d, want 1 or more", r.KMin)
	case r.KMax < r.KMin:
		return fmt.Errorf("replay: k_max: %d, want k_min (%d) or more", r.KMax, r.KMin)
	}
	for _, id := range r.Always {
		if id < 0 || int(id) >= vocab {
			return fmt.Errorf("replay: always: id %d is outside the vocabulary of %d", id, vocab)
		}
	}
	return nil
}

// Recorder runs Stage 0: a frozen model over packed sequences. The logits of a block of positions exist one vocabulary
// tile at a time; memory beyond the model's own is O(positions · KMax), whatever the vocabulary.
type Recorder struct {
	rule  Rule
	pass  *model.Pass
	tiles loss.Tiles
	rows  []candidates // of the block's positions
	tmp   [][]float32  // per worker: loss.Tile values
	idx   [][]int32    // per worker: indices above the threshold
}

// NewRecorder prepares a recorder. The rule must be valid for the model's vocabulary.
func NewRecorder(m *model.Model, pool *tensor.Pool, rule Rule) *Recorder {
	r := &Recorder{rule: rule, pass: model.NewPass(m, pool, false), rows: make([]candidates, loss.Block)}
	for range pool.Workers() {
		r.tmp = append(r.tmp, make([]float32, loss.Tile))
		r.idx = append(r.idx, make([]int32, loss.Tile))
	}
	return r
}

// Sequences records a batch of packed sequences: one result per sequence. They run through the model together.
func (r *Recorder) Sequences(ctx context.Context, seqs []data.Sequence) ([]Subsets, error) {
	b := data.Join(seqs)
	h := r.pass.Forward(model.Batch{IDs: b.IDs, Segments: b.Segments})
	out := make([]Subsets, len(seqs))
	// seq and pos name each loss row's sequence and its position inside.
	var rows, gold, seq, pos []int32
	first := 0
	for i, s := range seqs {
		out[i].Offsets = append(out[i].Offsets, 0)
		for t := range len(s.IDs) - 1 {
			if s.Target[t+1] {
				rows, gold = append(rows, int32(first+t)), append(gold, s.IDs[t+1])
				seq, pos = append(seq, int32(i)), append(pos, int32(t))
			}
		}
		first += len(s.IDs)
	}
	for lo := 0; lo < len(rows); lo += loss.Block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		hi := min(lo+loss.Block, len(rows))
		for i := range hi - lo {
			r.rows[i].reset(r.rule.KMax)
		}
		r.tiles.Run(r.pass.Pool, r.pass.Model.Head(), h, rows[lo:hi], r)
		for i := lo; i < hi; i++ {
			if err := r.finish(&r.rows[i-lo], &out[seq[i]], h, rows[i], gold[i], pos[i]); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// Visit takes one tile of one position: the running normaliser and the candidates above the KMax-th value so far.
func (r *Recorder) Visit(worker, position, first int, z []float32) {
	c := &r.rows[position]
	c.lse.Add(z, r.tmp[worker])
	n := asm.SelectAbove(r.idx[worker], z, c.threshold)
	for _, i := range r.idx[worker][:n] {
		c.add(int32(first)+i, z[i], r.rule.KMax)
	}
}

// finish applies the rule to a position's candidates and appends the result to s.
func (r *Recorder) finish(c *candidates, s *Subsets, h *tensor.Matrix, row, gold, pos int32) error {
	if math.IsNaN(float64(c.lse.Sum)) || math.IsInf(float64(c.lse.Max), 0) {
		return fmt.Errorf("replay: the base model's logits are not finite at token %d of a sequence", pos)
	}
	c.cut(r.rule.KMax)
	keep, mass := 0, 0.0
	for keep < len(c.best) && (keep < r.rule.KMin || mass < r.rule.Tau) {
		mass += float64(c.lse.Prob(c.best[keep].z))
		keep++
	}
	set := c.best[:keep]
	outside := !contains(set, gold)
	for _, id := range append([]int32{gold}, r.rule.Always...) {
		if !contains(set, id) {
			z := r.logit(h, row, id)
			set = append(set, scored{id, z})
			mass += float64(c.lse.Prob(z))
		}
	}
	slices.SortFunc(set, func(a, b scored) int { return cmp.Compare(a.id, b.id) })
	logZ := c.lse.Log()
	for i, e := range set {
		if e.id == gold {
			s.Gold = append(s.Gold, int32(i))
		}
		s.IDs = append(s.IDs, e.id)
		s.LogProb = append(s.LogProb, float32(float64(e.z)-logZ))
	}
	s.Pos = append(s.Pos, pos)
	s.Offsets = append(s.Offsets, int32(len(s.IDs)))
	s.Mass = append(s.Mass, float32(min(mass, 1)))
	s.Outside = append(s.Outside, outside)
	return nil
}

// logit is one element of the head's product, with the same bits.
func (r *Recorder) logit(h *tensor.Matrix, row, id int32) float32 {
	w := r.pass.Model.Head().W
	var z [1]float32
	asm.GatherDot(z[:], h.Row(int(row)), w.Data, w.Stride, []int32{id})
	return z[0]
}

// scored is an id with its logit.
type scored struct {
	id int32
	z  float32
}

func contains(set []scored, id int32) bool {
	return slices.ContainsFunc(set, func(e scored) bool { return e.id == id })
}

// candidates holds the best ids of one position seen so far. Tiles come in ascending order of id, so an id whose logit
// only equals the KMax-th best loses the tie and need not be kept: the threshold is strict.
type candidates struct {
	lse       loss.LSE
	best      []scored // at most twice KMax, unordered between cuts
	threshold float32  // KMax-th best logit so far, −Inf before there are that many
}

func (c *candidates) reset(kMax int) {
	c.lse = loss.NewLSE()
	c.best = c.best[:0]
	c.threshold = float32(math.Inf(-1))
}

func (c *candidates) add(id int32, z float32, kMax int) {
	if z <= c.threshold {
		return
	}
	c.best = append(c.best, scored{id, z})
	if len(c.best) >= 2*kMax {
		c.cut(kMax)
	}
}

// cut orders the candidates by falling logit, ties to the smaller id, and keeps the first kMax.
func (c *candidates) cut(kMax int) {
	slices.SortFunc(c.best, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.z, a.z), cmp.Compare(a.id, b.id))
	})
	if len(c.best) >= kMax {
		c.best = c.best[:kMax]
		c.threshold = c.best[kMax-1].z
	}
}
