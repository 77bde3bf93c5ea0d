package loss

import (
	"fmt"
	"slices"

	"reprise/asm"
	"reprise/tensor"
)

// Subsets are the recorded ids of positions that carry loss, in order: those of one sequence, as Stage 0 gives them, or those of
// a batch of sequences.
type Subsets struct {
	Rows    []int32 // row of the hidden states, per position: within one sequence, row t is the one that predicts token t+1. Ascending
	Offsets []int32 // position i owns IDs[Offsets[i]:Offsets[i+1]]; one element more than Rows
	IDs     []int32 // ascending within a position
	Gold    []int32 // index of the gold id inside its position's ids

	// The base model's probabilities: Stage 0 fills them in. The losses read them with an Anchor, or to rehearse with Soft or KL;
	// otherwise a batch does not have them.
	LogProb []float32 // log-probabilities in nats, in the layout of IDs; a record keeps them as float16
	Mass    []float32 // probability that a position's ids cover; a record keeps 1 − Mass as float16
	Outside []bool    // per position: the gold id was not in the prefix and was added

	Seqs   []int32 // in a batch: first position of each sequence; the first is 0. Empty: all are of one sequence
	Anchor *Anchor // in a batch: KL to the base model; nil: none

	Rehearsal *Rehearsal // in a batch; nil: all positions are the domain's
}

// Positions is the number of positions that carry loss.
func (s *Subsets) Positions() int { return len(s.Rows) }

// Reset empties the list and keeps its memory; there is neither an Anchor nor a Rehearsal afterwards.
func (s *Subsets) Reset() {
	*s = Subsets{
		Rows: s.Rows[:0], Offsets: append(s.Offsets[:0], 0), IDs: s.IDs[:0], Gold: s.Gold[:0],
		LogProb: s.LogProb[:0], Mass: s.Mass[:0], Outside: s.Outside[:0], Seqs: s.Seqs[:0],
	}
}

// Append adds the subsets of one sequence to a batch, which is zero or was Reset. first is the row of the sequence's first
// token. The base model's probabilities are copied only if the batch has an Anchor or rehearses with Soft or KL.
func (s *Subsets) Append(q *Subsets, first int32) {
	if len(s.Offsets) == 0 {
		s.Offsets = append(s.Offsets, 0)
	}
	s.Seqs = append(s.Seqs, int32(len(s.Rows)))
	base := int32(len(s.IDs))
	for i, row := range q.Rows {
		s.Rows = append(s.Rows, first+row)
		s.Gold = append(s.Gold, q.Gold[i])
		s.Offsets = append(s.Offsets, base+q.Offsets[i+1])
	}
	s.IDs = append(s.IDs, q.IDs...)
	if s.Anchor != nil || s.Rehearsal.probabilities() {
		s.LogProb, s.Mass, s.Outside = append(s.LogProb, q.LogProb...), append(s.Mass, q.Mass...), append(s.Outside, q.Outside...)
	}
}

// sequences is the number of sequences.
func (s *Subsets) sequences() int { return max(1, len(s.Seqs)) }

// sequence gives the positions lo..hi-1 of a sequence.
func (s *Subsets) sequence(i int) (lo, hi int) {
	hi = len(s.Rows)
	if len(s.Seqs) > 0 {
		lo = int(s.Seqs[i])
	}
	if i+1 < len(s.Seqs) {
		hi = int(s.Seqs[i+1])
	}
	return lo, hi
}

// Replay is cross-entropy renormalised over recorded subsets, fused with the output head:
//
//	L_t = log( Σ_{j∈S_t} exp(z_tj) + Σ_{j∈tail, j∉S_t} exp(z_tj + offset_j) ) − z_ty
//
// Only the rows of W that S_t or the sequence's tail name are touched. The zero value is ready; buffers grow with use.
type Replay struct {
	hidden, dhidden tensor.Matrix // one row per position
	z               []float32     // subset logits, then their gradients, laid out as Subsets.IDs
	tailZ           tensor.Matrix // [positions of a sequence, tail]
	tailW, tailG    tensor.Matrix // rows of W and G that the tail names
	row             [][]float32   // per worker: one position's subset and tail together
	base            [][]float32   // per worker: the base model's probabilities of one position, with an anchor
	tmp             []float32     // Tile values per worker
	csr             csr
	gather          gatherJob
	soft            softJob
	dh              subsetGradJob
	dw              rowGradJob
}

// Run computes the loss of every position and, where dh is not nil, continues head.G and overwrites dh, as Full.Run does.
// tails has one element per sequence, or is nil for the bare loss of the paper.
func (r *Replay) Run(pool *tensor.Pool, head *tensor.Param, h, dh *tensor.Matrix, s *Subsets, tails []Tail, scale float32, losses []float64) {
	if len(losses) != len(s.Rows) || len(s.Offsets) != len(s.Rows)+1 || tails != nil && len(tails) != s.sequences() || h.Cols != head.W.Cols {
		panic(fmt.Sprintf("loss: %d positions, %d offsets, %d losses, %d sequences, %d tails; hidden [%d, %d], head [%d, %d]",
			len(s.Rows), len(s.Offsets), len(losses), s.sequences(), len(tails), h.Rows, h.Cols, head.W.Rows, head.W.Cols))
	}
	if (s.Anchor != nil || s.Rehearsal.probabilities()) && (len(s.LogProb) != len(s.IDs) || len(s.Mass) != len(s.Rows)) {
		panic(fmt.Sprintf("loss: %d ids at %d positions, with %d base log-probabilities and %d masses", len(s.IDs), len(s.Rows), len(s.LogProb), len(s.Mass)))
	}
	r.resize(pool.Workers(), s.sizes(tails), len(s.IDs), h.Cols)
	GatherRows(&r.hidden, h, s.Rows)
	r.gather = gatherJob{r: r, s: s, w: head.W}
	pool.Run(positionTasks(len(s.Rows)), &r.gather)
	for i := range s.sequences() {
		var tail *Tail
		if tails != nil {
			tail = &tails[i]
		}
		r.sequence(pool, head, s, i, tail, scale, losses, dh != nil)
	}
	if dh != nil {
		clearRows(dh)
		for i, row := range s.Rows {
			copy(dh.Row(int(row)), r.dhidden.Row(i))
		}
	}
}

// sizes returns the sizes of one batch. Its Tail is the number of draws: as many ids as they could give.
func (s *Subsets) sizes(tails []Tail) Sizes {
	z := Sizes{Positions: len(s.Rows)}
	for i := range s.Rows {
		z.Subset = max(z.Subset, int(s.Offsets[i+1]-s.Offsets[i]))
	}
	for i := range tails {
		lo, hi := s.sequence(i)
		z.Tail, z.SeqLen = max(z.Tail, cap(tails[i].IDs)), max(z.SeqLen, hi-lo)
	}
	return z
}

// resize prepares buffers for batches within z; ids is the number of recorded ids in all.
func (r *Replay) resize(workers int, z Sizes, ids, d int) {
	Reserve(&r.hidden, z.Positions, d)
	Reserve(&r.dhidden, z.Positions, d)
	if len(r.z) < ids {
		r.z = make([]float32, ids)
	}
	if need := workers * Tile; len(r.tmp) < need {
		r.tmp = make([]float32, need)
		r.row = make([][]float32, workers)
		r.base = make([][]float32, workers)
	}
	for w := range r.row {
		r.row[w], r.base[w] = slices.Grow(r.row[w][:0], z.Subset+z.Tail), slices.Grow(r.base[w][:0], z.Subset)
	}
	if z.Tail > 0 {
		Reserve(&r.tailW, z.Tail, d)
		Reserve(&r.tailG, z.Tail, d)
		Reserve(&r.tailZ, z.SeqLen, z.Tail)
	}
}

// sequence finishes the loss of one sequence and, with gradient, its share of dh and head.G.
func (r *Replay) sequence(pool *tensor.Pool, head *tensor.Param, s *Subsets, seq int, tail *Tail, scale float32, losses []float64, gradient bool) {
	lo, hi := s.sequence(seq)
	if lo == hi {
		return
	}
	hidden := r.hidden.RowRange(lo, hi)
	if tail != nil {
		Reserve(&r.tailW, len(tail.IDs), head.W.Cols)
		Reserve(&r.tailZ, hi-lo, len(tail.IDs))
		GatherRows(&r.tailW, head.W, tail.IDs)
		pool.MatMulNT(&r.tailZ, &hidden, &r.tailW, false)
	}
	r.soft = softJob{r: r, s: s, lo: lo, hi: hi, tail: tail, scale: scale, losses: losses, gradient: gradient}
	pool.Run(positionTasks(hi-lo), &r.soft)
	if !gradient {
		return
	}
	r.dh = subsetGradJob{r: r, s: s, w: head.W, lo: lo, hi: hi}
	pool.Run(positionTasks(hi-lo), &r.dh)
	r.csr.build(s, lo, hi, r.z, head.W.Rows)
	r.dw = rowGradJob{r: r, g: head.G}
	pool.Run(r.csr.tasks(), &r.dw)
	if tail != nil {
		dhidden := r.dhidden.RowRange(lo, hi)
		pool.MatMul(&dhidden, &r.tailZ, &r.tailW, true)
		Reserve(&r.tailG, len(tail.IDs), head.W.Cols)
		GatherRows(&r.tailG, head.G, tail.IDs)
		pool.MatMulTN(&r.tailG, &r.tailZ, &hidden, true)
		for i, id := range tail.IDs {
			copy(head.G.Row(int(id)), r.tailG.Row(i))
		}
	}
}

// positionsPerTask keeps a task of gathered products at a few tens of microseconds.
const positionsPerTask = 8

func positionTasks(n int) int { return (n + positionsPerTask - 1) / positionsPerTask }

// gatherJob computes the subset logits: for every position, h · rows of W in strict k order.
type gatherJob struct {
	r *Replay
	s *Subsets
	w *tensor.Matrix
}

func (j *gatherJob) Do(_, task int) {
	s := j.s
	for i := task * positionsPerTask; i < min((task+1)*positionsPerTask, len(s.Rows)); i++ {
		a, b := s.Offsets[i], s.Offsets[i+1]
		asm.GatherDot(j.r.z[a:b], j.r.hidden.Row(i), j.w.Data, j.w.Stride, s.IDs[a:b])
	}
}

// softJob turns the logits of a position into its loss and, in place, into their gradients.
type softJob struct {
	r        *Replay
	s        *Subsets
	lo, hi   int
	tail     *Tail
	scale    float32
	losses   []float64
	gradient bool
}

func (j *softJob) Do(worker, task int) {
	for i := j.lo + task*positionsPerTask; i < min(j.lo+(task+1)*positionsPerTask, j.hi); i++ {
		j.position(worker, i)
	}
}

// position puts the subset's logits and the tail's into one row, so that one running log-sum-exp covers both. Ids of the
// tail that are also in the subset are masked by −Inf, which gives them the weight 0.
func (j *softJob) position(worker, i int) {
	r, s := j.r, j.s
	a, b := s.Offsets[i], s.Offsets[i+1]
	z, ids := r.z[a:b], s.IDs[a:b]
	gold := z[s.Gold[i]]
	var tail []float32
	all := z
	if j.tail != nil {
		tail = r.tailZ.Row(i - j.lo)
		asm.Add(tail, tail, j.tail.Offset)
		maskShared(tail, j.tail.IDs, ids)
		buf := append(append(r.row[worker][:0], z...), tail...)
		r.row[worker], all = buf, buf
	}
	l := LogSumExp(all, r.tmp[worker*Tile:(worker+1)*Tile])
	j.losses[i] = l.Log() - float64(gold)
	o := roleOf(i, j.scale, s.Anchor, s.Rehearsal)
	switch {
	case o.pulled:
		j.pulled(worker, i, l, z, tail, o)
	case o.soft && !s.Outside[i]:
		j.softened(worker, i, l, z, tail, o.scale)
	case j.gradient:
		inv := 1 / l.Sum
		asm.SoftmaxGrad(z, z, l.Max, inv, o.scale)
		z[s.Gold[i]] = (l.Prob(gold) - 1) * o.scale
		if tail != nil {
			asm.SoftmaxGrad(tail, tail, l.Max, inv, o.scale)
		}
	}
}

// maskShared sets z to −Inf for ids of the tail that are also in the subset; both lists ascend.
func maskShared(z []float32, tail, subset []int32) {
	for i, k := 0, 0; i < len(tail) && k < len(subset); {
		switch {
		case tail[i] < subset[k]:
			i++
		case tail[i] > subset[k]:
			k++
		default:
			z[i] = negInf
			i++
			k++
		}
	}
}

// subsetGradJob sets the gradient of the hidden states to the sum over the subset's rows, ids ascending; the tail's is added
// later.
type subsetGradJob struct {
	r      *Replay
	s      *Subsets
	w      *tensor.Matrix
	lo, hi int
}

func (j *subsetGradJob) Do(_, task int) {
	for i := j.lo + task*positionsPerTask; i < min(j.lo+(task+1)*positionsPerTask, j.hi); i++ {
		a, b := j.s.Offsets[i], j.s.Offsets[i+1]
		row := j.r.dhidden.Row(i)
		clear(row)
		asm.GatherAxpy(row, j.r.z[a:b], j.w.Data, j.w.Stride, j.s.IDs[a:b])
	}
}
