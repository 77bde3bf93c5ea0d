package model

import (
	"reprise/asm"
	"reprise/tensor"
)

// queryBlock is the number of queries whose scores exist at the same time. Its size cannot be seen in any result.
const queryBlock = 32

// attention is the arithmetic of one head over one segment, for a block of queries at a time:
//
//	s_j = scale·(q·k_j);  m = max s;  e_j = exp(s_j − m);  l = Σ e_j;  o = (Σ e_j v_j)/l      over the visible keys j
//
// Query i sees the keys j ≤ i, with a window W those with i − j < W. Every sum is one chain over ascending keys, and only
// visible keys enter it. Keys that all queries of a block see are handled as a matrix product, the triangles before (where
// there is a window) and after them key by key.
type attention struct {
	cfg    Config
	scale  float32
	scores []tensor.Matrix // per worker: [queryBlock, keys]
	grads  []tensor.Matrix // per worker, the same shape: gradients of the scores
}

func newAttention(cfg Config, workers int) *attention {
	return &attention{
		cfg: cfg, scale: float32(1 / sqrt(float64(cfg.HeadDim))),
		scores: make([]tensor.Matrix, workers), grads: make([]tensor.Matrix, workers),
	}
}

// buffer returns rows × keys of a worker's score matrix, growing it where needed.
func buffer(m *tensor.Matrix, rows, keys int) *tensor.Matrix {
	if stride := (keys + 15) &^ 15; len(m.Data) < queryBlock*stride {
		*m = *tensor.NewMatrix(queryBlock, 2*stride)
	}
	m.Rows, m.Cols, m.Stride = rows, keys, (keys+15)&^15
	return m
}

// head returns the columns of one head of a [tokens, heads·HeadDim] matrix, rows r0..r1-1.
func (a *attention) head(m *tensor.Matrix, r0, r1, head int) tensor.Matrix {
	return m.View(r0, r1, head*a.cfg.HeadDim, (head+1)*a.cfg.HeadDim)
}

// span places a block of queries of one segment among the keys that some of them see. Those keys are at positions base and
// after; query i is key q0+i of them.
type span struct{ base, q0, window int }

// newSpan is the span of a block whose first query is at a position; window 0 is none.
func newSpan(position, window int) span {
	base := 0
	if window > 0 {
		base = max(0, position-window+1)
	}
	return span{base: base, q0: position - base, window: window}
}

// visible returns the keys lo..hi-1 that query i sees, counted from base.
func (s span) visible(i int) (lo, hi int) {
	if s.window > 0 {
		lo = max(0, s.q0+i-s.window+1)
	}
	return lo, s.q0 + i + 1
}

// common returns the keys lo..hi-1 before the block that all its n queries see; lo = hi = q0 if there are none.
func (s span) common(n int) (lo, hi int) {
	lo, _ = s.visible(n - 1)
	return min(lo, s.q0), s.q0
}

// exponentials fills the visible part of s (queries × keys) with e_j and stats with each query's maximum and sum. The lane
// of a key is its position's.
func (a *attention) exponentials(sc *tensor.Scratch, s, q, k *tensor.Matrix, sp span, stats []rowStat) {
	sc.MatMulNT(s, q, k, false)
	for i := range q.Rows {
		lo, hi := sp.visible(i)
		x := s.Row(i)[lo:hi]
		asm.Scale(x, a.scale, x)
		top := asm.Max(x)
		stats[i] = rowStat{max: top, sum: asm.ExpSum(x, x, top, sp.base+lo)}
	}
}

// rowStat is what the backward pass needs to know of a row of the softmax.
type rowStat struct{ max, sum float32 }

// weightedSum computes o_i = Σ_j s_ij v_j over the keys that query i sees, ascending.
func weightedSum(sc *tensor.Scratch, o, s, v *tensor.Matrix, sp span) {
	part := func(i, lo, hi int, acc bool) {
		w := s.View(i, i+1, lo, hi)
		keys := v.RowRange(lo, hi)
		row := o.RowRange(i, i+1)
		sc.MatMul(&row, &w, &keys, acc)
	}
	c0, c1 := sp.common(o.Rows)
	if c0 > 0 {
		for i := range o.Rows {
			lo, _ := sp.visible(i)
			part(i, min(lo, c0), c0, false)
		}
	}
	common, before := s.View(0, s.Rows, c0, c1), v.RowRange(c0, c1)
	sc.MatMul(o, &common, &before, c0 > 0)
	for i := range o.Rows {
		lo, hi := sp.visible(i)
		part(i, max(lo, c1), hi, true)
	}
}

// scatter adds s_ij·x_i to row j of dst for every key j that query i sees; for one key the queries ascend.
func scatter(sc *tensor.Scratch, dst, s, x *tensor.Matrix, sp span) {
	c0, c1 := sp.common(x.Rows)
	if c0 < c1 {
		common, before := s.View(0, s.Rows, c0, c1), dst.RowRange(c0, c1)
		sc.MatMulTN(&before, &common, x, true)
	}
	for i := range x.Rows {
		row := s.Row(i)
		lo, hi := sp.visible(i)
		for j := lo; j < c0; j++ {
			asm.Axpy(dst.Row(j), row[j], x.Row(i))
		}
		for j := max(lo, c1); j < hi; j++ {
			asm.Axpy(dst.Row(j), row[j], x.Row(i))
		}
	}
}

// forward computes one block of one head: out rows for the queries q, given the keys and values of their span.
func (a *attention) forward(sc *tensor.Scratch, worker int, out, q, k, v *tensor.Matrix, sp span, stats []rowStat) {
	s := buffer(&a.scores[worker], q.Rows, k.Rows)
	a.exponentials(sc, s, q, k, sp, stats)
	weightedSum(sc, out, s, v, sp)
	for i := range out.Rows {
		row, sum := out.Row(i), stats[i].sum
		for c := range row {
			row[c] /= sum
		}
	}
}

// backward adds one block's share of the gradients: dq is written, dk and dv are continued.
//
//	p = e/l;  dv_j += Σ_i p_ij do_i;  dp = do·vᵀ;  ds = p·(dp − do·o)·scale;  dq = ds·k;  dk_j += Σ_i ds_ij q_i
func (a *attention) backward(sc *tensor.Scratch, worker int, dq, dk, dv, do, o, q, k, v *tensor.Matrix, sp span, stats []rowStat) {
	p := buffer(&a.scores[worker], q.Rows, k.Rows)
	ds := buffer(&a.grads[worker], q.Rows, k.Rows)
	sc.MatMulNT(p, q, k, false)
	sc.MatMulNT(ds, do, v, false)
	for i := range q.Rows {
		lo, hi := sp.visible(i)
		pr, dr := p.Row(i)[lo:hi], ds.Row(i)[lo:hi]
		asm.Scale(pr, a.scale, pr)
		asm.SoftmaxGrad(pr, pr, stats[i].max, 1/stats[i].sum, 1)
		asm.SoftmaxBackward(dr, pr, dr, asm.Dot(do.Row(i), o.Row(i)), a.scale)
	}
	scatter(sc, dv, p, do, sp)
	weightedSum(sc, dq, ds, k, sp)
	scatter(sc, dk, ds, q, sp)
}

// attnTask is a block of queries of one segment; q0 and q1 are positions inside it, first its first row.
type attnTask struct{ first, q0, q1 int }

// attnJob computes attention; a task is one head of one query block.
type attnJob struct {
	p      *Pass
	a      *activations
	window int
}

func (j *attnJob) Do(worker, task int) {
	cfg := &j.p.Model.Config
	w, head := j.p.work[task/cfg.Heads], task%cfg.Heads
	kv := head / (cfg.Heads / cfg.KVHeads)
	r0, r1 := w.first+w.q0, w.first+w.q1
	sp := newSpan(w.q0, j.window)
	att := j.p.att
	q := att.head(&j.a.q, r0, r1, head)
	o := att.head(&j.a.o, r0, r1, head)
	k := att.head(&j.a.k, w.first+sp.base, r1, kv)
	v := att.head(&j.a.v, w.first+sp.base, r1, kv)
	att.forward(j.p.Pool.Scratch(worker), worker, &o, &q, &k, &v, sp, j.a.headStats(head, r0, r1))
}

// headStats are the softmax statistics of one head for the tokens r0..r1-1.
func (a *activations) headStats(head, r0, r1 int) []rowStat {
	n := a.q.Rows
	return a.stats[head*n+r0 : head*n+r1]
}

func (p *Pass) attend(a *activations, window int) {
	p.attnJob = attnJob{p: p, a: a, window: window}
	p.Pool.Run(len(p.work)*p.Model.Config.Heads, &p.attnJob)
}

// attnBackwardJob computes dq, dk, dv; a task owns one key/value head of one segment, so that its chains run over the
// group's heads and then the queries in order.
type attnBackwardJob struct {
	p      *Pass
	a      *activations
	window int
}

func (j *attnBackwardJob) Do(worker, task int) {
	p, cfg, att, g := j.p, &j.p.Model.Config, j.p.att, &j.p.grads
	seg, kv := task/cfg.KVHeads, task%cfg.KVHeads
	lo, hi := p.batch.segment(seg)
	k := att.head(&j.a.k, lo, hi, kv)
	v := att.head(&j.a.v, lo, hi, kv)
	dk := att.head(&g.dk, lo, hi, kv)
	dv := att.head(&g.dv, lo, hi, kv)
	for r := range dk.Rows {
		clear(dk.Row(r))
		clear(dv.Row(r))
	}
	group := cfg.Heads / cfg.KVHeads
	for head := kv * group; head < (kv+1)*group; head++ {
		for q0 := 0; q0 < hi-lo; q0 += queryBlock {
			q1 := min(q0+queryBlock, hi-lo)
			sp := newSpan(q0, j.window)
			q := att.head(&j.a.q, lo+q0, lo+q1, head)
			o := att.head(&j.a.o, lo+q0, lo+q1, head)
			do := att.head(&g.do, lo+q0, lo+q1, head)
			dq := att.head(&g.dq, lo+q0, lo+q1, head)
			kb, vb := k.RowRange(sp.base, q1), v.RowRange(sp.base, q1)
			dkb, dvb := dk.RowRange(sp.base, q1), dv.RowRange(sp.base, q1)
			att.backward(p.Pool.Scratch(worker), worker, &dq, &dkb, &dvb, &do, &o, &q, &kb, &vb, sp, j.a.headStats(head, lo+q0, lo+q1))
		}
	}
}

func (p *Pass) attentionBackward(a *activations, window int) {
	p.backJob.attn = attnBackwardJob{p: p, a: a, window: window}
	p.Pool.Run(len(p.batch.Segments)*p.Model.Config.KVHeads, &p.backJob.attn)
}
