package loss

import (
	"fmt"
	"math"

	"reprise/asm"
	"reprise/tensor"
)

var negInf = float32(math.Inf(-1))

// block is the number of positions whose logits exist at the same time.
const block = 256

// Targets lists the positions that carry loss, in order.
type Targets struct {
	Rows []int32 // row of the hidden states
	Gold []int32 // id to be predicted there

	Base      *Subsets   // recorded subsets: of the domain's positions with an Anchor, of those that are rehearsed with Soft or KL. nil: none
	BaseFrom  int        // first position that Base has
	Weights   Weights    // of the cross-entropy in the domain
	Rehearsal *Rehearsal // nil: all positions are the domain's
}

// Reset empties the list and keeps its memory; there are neither subsets nor a Rehearsal afterwards.
func (t *Targets) Reset() { *t = Targets{Rows: t.Rows[:0], Gold: t.Gold[:0]} }

// Append adds those tokens of a sequence that carry loss. Row i of the hidden states predicts token i+1, so the first token
// of a sequence never carries loss. first is the row of the sequence's first token.
func (t *Targets) Append(ids []int32, carries []bool, first int32) {
	for i, c := range carries {
		if c {
			t.Rows = append(t.Rows, first+int32(i)-1)
			t.Gold = append(t.Gold, ids[i])
		}
	}
}

// Full is full cross-entropy fused with the output head: the logits of at most 256 positions exist at a time.
//
//	L_t = log Σ_j exp(z_tj) − z_ty;   ∂L/∂z_tj = (softmax(z_t)_j − [j = y])·scale;   z = h·Wᵀ
//
// The zero value is ready; buffers grow with use.
type Full struct {
	// Watch, if it is set, sees the logits of the targets lo..hi-1, a row of z each, before they become gradients. It must
	// neither keep nor change them.
	Watch func(lo, hi int, z *tensor.Matrix)

	// Space is memory that Run uses as far as it is large enough (FullMemory says how much Run takes); for the rest f has
	// buffers of its own. Run overwrites it.
	Space []float32

	hidden, dhidden, logits tensor.Matrix
	own                     [3]tensor.Matrix // the memory of these three where Space is too small
	tmp                     []float32        // Tile values per worker
	work                    []anchorWork
	job                     fullJob
}

// anchorWork holds one position's subset for a worker: logits, probabilities and the base model's probabilities.
type anchorWork struct{ z, p, b []float32 }

// Run computes the loss of every target and, where dh is not nil, continues head.G and overwrites dh with the gradient
// of the hidden states, zero in rows without a target.
//
// h and dh are [tokens, d]; head.W and head.G [V, d]; losses has one element per target, in nats, not scaled; scale
// (usually one over the step's number of targets) multiplies every logit gradient once.
func (f *Full) Run(pool *tensor.Pool, head *tensor.Param, h, dh *tensor.Matrix, t Targets, scale float32, losses []float64) {
	if len(t.Rows) != len(t.Gold) || len(losses) != len(t.Rows) || h.Cols != head.W.Cols {
		panic(fmt.Sprintf("loss: %d rows, %d golds, %d losses; hidden [%d, %d], head [%d, %d]",
			len(t.Rows), len(t.Gold), len(losses), h.Rows, h.Cols, head.W.Rows, head.W.Cols))
	}
	t.check()
	f.job = fullJob{f: f, base: t.Base, from: t.BaseFrom, weights: t.Weights, rehearsal: t.Rehearsal, scale: scale, gradient: dh != nil}
	if t.Base != nil {
		f.job.anchor = t.Base.Anchor
	}
	if dh != nil {
		clearRows(dh)
	}
	for lo := 0; lo < len(t.Rows); lo += block {
		hi := min(lo+block, len(t.Rows))
		f.job.first, f.job.gold, f.job.losses = lo, t.Gold[lo:hi], losses[lo:hi]
		f.run(pool, head, h, dh, t.Rows[lo:hi])
	}
}

// check panics if subsets are missing.
func (t *Targets) check() {
	domain, have := len(t.Rows), 0
	if t.Rehearsal != nil {
		domain = t.Rehearsal.From
	}
	if t.Base != nil {
		have = t.BaseFrom + len(t.Base.Rows)
	}
	anchored := t.Base != nil && t.Base.Anchor != nil && (t.BaseFrom > 0 || have < domain)
	if anchored || t.Rehearsal.probabilities() && (t.Base == nil || t.BaseFrom > domain || have != len(t.Rows)) {
		panic(fmt.Sprintf("loss: subsets of the positions from %d to %d; of %d, the first %d are the domain's", t.BaseFrom, have, len(t.Rows), domain))
	}
}

// run handles one block of positions, which f.job describes.
func (f *Full) run(pool *tensor.Pool, head *tensor.Param, h, dh *tensor.Matrix, rows []int32) {
	n, vocab := len(rows), head.W.Rows
	space := f.Space
	f.logits = place(&space, &f.own[0], n, vocab)
	f.hidden = place(&space, &f.own[1], n, h.Cols)
	GatherRows(&f.hidden, h, rows)
	pool.MatMulNT(&f.logits, &f.hidden, head.W, false)
	if f.Watch != nil {
		f.Watch(f.job.first, f.job.first+n, &f.logits)
	}
	f.Reserve(pool.Workers(), 0)
	pool.Run(n, &f.job)
	if dh == nil {
		return
	}
	f.dhidden = place(&space, &f.own[2], n, h.Cols)
	pool.MatMul(&f.dhidden, &f.logits, head.W, false)
	pool.MatMulTN(head.G, &f.logits, &f.hidden, true)
	for i, r := range rows {
		copy(dh.Row(int(r)), f.dhidden.Row(i))
	}
}

// fullJob turns one row of logits into its loss and, in place, into the gradient.
type fullJob struct {
	f         *Full
	base      *Subsets
	from      int // first position that base has
	weights   Weights
	anchor    *Anchor
	rehearsal *Rehearsal
	scale     float32
	gradient  bool

	first  int // number of the block's first position
	gold   []int32
	losses []float64
}

func (j *fullJob) Do(worker, i int) {
	z := j.f.logits.Row(i)
	l := LogSumExp(z, j.f.tmp[worker*Tile:(worker+1)*Tile])
	gold := z[j.gold[i]]
	j.losses[i] = l.Log() - float64(gold)
	o := roleOf(j.first+i, j.scale, j.anchor, j.rehearsal)
	at := j.first + i - j.from
	if o.domain && j.weights != Even {
		o.ce = j.weights.of(z, l, gold)
	}
	switch {
	case o.pulled:
		j.pulled(worker, i, at, l, z, o)
	case o.soft && !j.base.Outside[at]:
		j.softened(worker, i, at, l, z, o.scale)
	case j.gradient:
		scale := float32(o.ce * o.scale)
		asm.SoftmaxGrad(z, z, l.Max, 1/l.Sum, scale)
		z[j.gold[i]] = (l.Prob(gold) - 1) * scale
	}
}

// Reserve shapes m as rows × cols, reusing its memory where it is large enough. The row stride is kept off powers of two.
func Reserve(m *tensor.Matrix, rows, cols int) {
	s := stride(cols)
	if len(m.Data) < rows*s {
		*m = *tensor.NewMatrix(rows, s)
	}
	m.Rows, m.Cols, m.Stride = rows, cols, s
}

func stride(cols int) int { return (cols+15)&^15 + 16 }

// GatherRows copies rows of src into dst, in the order given.
func GatherRows(dst, src *tensor.Matrix, rows []int32) {
	for i, r := range rows {
		copy(dst.Row(i), src.Row(int(r)))
	}
}

func clearRows(m *tensor.Matrix) {
	for r := range m.Rows {
		clear(m.Row(r))
	}
}
