package model

import (
	"slices"

	"reprise/asm"
	"reprise/tensor"
)

// attention is the arithmetic of one head over one document, for a block of queries at a time:
//
//	s_j = scale·(q·k_j);  m = max s;  e_j = exp(s_j − m);  l = Σ e_j;  o = (Σ e_j v_j)/l      over the visible keys j
//
// Query i sees the keys j ≤ i, with a window W those with i − j < W. Every sum is one chain over ascending keys, and only
// visible keys enter it: they are a band of the scores, and the products leave out the elements outside it. No block size
// changes a result.
type attention struct {
	cfg     Config
	scale   float32
	workers []attnBuffers

	parts []attnPart // of the forward pass; each part is done for every key/value head
	waves bool       // the backward pass goes in waves
	tasks []blockTask
	busy  []int // scratch of longestShare, per worker
}

// attnBuffers are the buffers of one worker. Operands that several products share are packed once.
type attnBuffers struct {
	scores, grads            tensor.Matrix // queries × keys; grads holds the gradients of the scores
	keys, keysT, vals, valsT tensor.Panels
	q, do                    tensor.Panels
}

func newAttention(cfg Config, workers int) *attention {
	return &attention{cfg: cfg, scale: float32(1 / sqrt(float64(cfg.HeadDim))), workers: make([]attnBuffers, workers), busy: make([]int, workers)}
}

// buffer returns rows × keys of a score matrix, growing it where needed.
func buffer(m *tensor.Matrix, rows, keys int) *tensor.Matrix {
	m.Rows, m.Cols, m.Stride = rows, keys, scoreStride(keys)
	if need := rows * m.Stride; need > len(m.Data) {
		growScores(m, need+need/4)
	}
	return m
}

func growScores(m *tensor.Matrix, floats int) {
	if len(m.Data) < floats {
		m.Data = tensor.NewMatrix(1, floats).Data
	}
}

// scoreStride is the distance between the rows of scores. It is not a power of two, so that the rows of a tile do not
// compete for the same few lines of the first-level cache.
func scoreStride(keys int) int { return (keys+31)&^31 + 16 }

// scoreRows is the number of queries whose scores exist at the same time: whole tiles, and few enough that the scores of a
// short document stay in the first-level cache.
func scoreRows() int {
	rows := tensor.TileRows()
	return (14 + rows - 1) / rows * rows
}

// attnSizes are the numbers of values in the buffers of one worker.
type attnSizes struct{ scores, grads, keysT, vals, block, blockT int }

// attnSizes returns them for documents of up to this many tokens.
func (c *Config) attnSizes(document int) attnSizes {
	n := min(backBlock, document)
	return attnSizes{
		scores: max(scoreRows()*scoreStride(document), n*scoreStride(n)), grads: n * scoreStride(n),
		keysT: tensor.PanelFloats(c.HeadDim, document), vals: tensor.PanelFloats(document, c.HeadDim),
		block: tensor.PanelFloats(n, c.HeadDim), blockT: tensor.PanelFloats(c.HeadDim, n),
	}
}

func (s attnSizes) total() int { return s.scores + s.grads + s.keysT + s.vals + 3*s.block + s.blockT }

// reserve allocates the memory for batches of this many tokens in all, and this many in the longest document, so that
// nothing has to grow later.
func (a *attention) reserve(document, tokens int) {
	size := a.cfg.attnSizes(document)
	for w := range a.workers {
		b := &a.workers[w]
		growScores(&b.scores, size.scores)
		growScores(&b.grads, size.grads)
		b.keysT.Reserve(size.keysT)
		b.vals.Reserve(size.vals)
		for _, p := range []*tensor.Panels{&b.keys, &b.q, &b.do} {
			p.Reserve(size.block)
		}
		b.valsT.Reserve(size.blockT)
	}
	a.parts = slices.Grow(a.parts[:0], tokens)               // a document may have only one token
	a.tasks = slices.Grow(a.tasks[:0], tokens*a.cfg.KVHeads) // and so may a block
}

// head returns the columns of one head of a [tokens, heads·HeadDim] matrix, rows r0..r1-1.
func (a *attention) head(m *tensor.Matrix, r0, r1, head int) tensor.Matrix {
	return m.View(r0, r1, head*a.cfg.HeadDim, (head+1)*a.cfg.HeadDim)
}

// visible is the band of the keys that queries see, where the first query is key q0; window 0 means no window.
func visible(q0, window int) tensor.Band {
	if window == 0 {
		return tensor.Band{Lo: -1 << 30, Hi: q0 + 1}
	}
	return tensor.Band{Lo: q0 - window + 1, Hi: q0 + 1}
}

// firstKey is the position of the first key that the query at a position sees.
func firstKey(position, window int) int {
	if window == 0 {
		return 0
	}
	return max(0, position-window+1)
}

// rowStat is what the backward pass needs of a row of the softmax.
type rowStat = asm.SoftmaxStat

// pack prepares keys and values for forward.
func (a *attention) pack(worker int, k, v *tensor.Matrix) *attnBuffers {
	b := &a.workers[worker]
	b.keysT.PackTransposed(k)
	b.vals.Pack(v)
	return b
}

// few is forward for a few queries; it reads keys and values in place, without packing.
func (a *attention) few(sc *tensor.Scratch, b *attnBuffers, out, q, k, v *tensor.Matrix, base, q0, window int, stats []rowStat) {
	s := buffer(&b.scores, q.Rows, k.Rows)
	sc.MatMulNT(s, q, k, false)
	for i := range s.Rows {
		lo, hi := visible(q0+i, window).At(0, s.Cols)
		asm.SoftmaxRows(s.Row(i), asm.Rows{N: 1, Stride: s.Stride, Lo: lo, Hi: hi}, a.scale, base, stats[i:])
		w, keys, o := s.View(i, i+1, lo, hi), v.RowRange(lo, hi), out.RowRange(i, i+1)
		sc.MatMul(&o, &w, &keys, false)
		asm.Div(o.Row(0), o.Row(0), stats[i].Sum)
	}
}

// forward computes attention for the queries of one head, given the packed keys and values from position base on; the first
// query is key q0 of them.
func (a *attention) forward(b *attnBuffers, out, q *tensor.Matrix, base, q0, window int, stats []rowStat) {
	parts := (q.Rows + scoreRows() - 1) / scoreRows()
	for lo := 0; lo < q.Rows; parts-- {
		hi := lo + (q.Rows-lo+parts-1)/parts
		qs, os := q.RowRange(lo, hi), out.RowRange(lo, hi)
		s := buffer(&b.scores, hi-lo, b.vals.Rows)
		band := visible(q0+lo, window)
		b.keysT.MulInside(s, &qs, band)
		for i := 0; i < s.Rows; {
			rows, _ := band.Rows(i, s.Rows, s.Cols, s.Stride)
			asm.SoftmaxRows(s.Data[i*s.Stride:], rows, a.scale, base, stats[lo+i:])
			i += rows.N
		}
		b.vals.MulBand(&os, s, false, band, false)
		for i := range os.Rows {
			asm.Div(os.Row(i), os.Row(i), stats[lo+i].Sum)
		}
		lo = hi
	}
}

// attnPart is the range q0..q1-1 of the queries of one document, in positions inside it; first is the document's first row.
type attnPart struct{ first, q0, q1 int }

// attnJob computes attention; a task is one key/value head of one part. The query heads of the group share its packed keys
// and values.
type attnJob struct {
	p      *Pass
	a      *activations
	window int
}

func (j *attnJob) Do(worker, task int) {
	att := j.p.att
	part, kv := att.parts[task/att.cfg.KVHeads], task%att.cfg.KVHeads
	base := firstKey(part.q0, j.window)
	lo, hi := part.first+part.q0, part.first+part.q1
	k := att.head(&j.a.k, part.first+base, hi, kv)
	v := att.head(&j.a.v, part.first+base, hi, kv)
	b := att.pack(worker, &k, &v)
	group := att.cfg.Heads / att.cfg.KVHeads
	for head := kv * group; head < (kv+1)*group; head++ {
		q := att.head(&j.a.q, lo, hi, head)
		o := att.head(&j.a.o, lo, hi, head)
		att.forward(b, &o, &q, base, part.q0-base, j.window, j.a.headStats(head, lo, hi))
	}
}

// headStats are the softmax statistics of one head for the tokens r0..r1-1.
func (a *activations) headStats(head, r0, r1 int) []rowStat {
	n := a.q.Rows
	return a.stats[head*n+r0 : head*n+r1]
}

func (p *Pass) attend(a *activations, window int) {
	p.attnJob = attnJob{p: p, a: a, window: window}
	p.Pool.Run(len(p.att.parts)*p.Model.Config.KVHeads, &p.attnJob)
}

// plan divides the attention of a batch: by documents and key/value heads if that keeps the workers evenly busy, otherwise
// more finely, which packs some operands more than once.
func (a *attention) plan(b Batch) {
	longest, pairs := 0, 0 // pairs of query and key, for one key/value head
	for i := range b.DocStarts {
		lo, hi := b.document(i)
		longest = max(longest, hi-lo)
		pairs += (hi - lo) * (hi - lo)
	}
	a.reserve(longest, len(b.IDs))
	a.parts = a.parts[:0]
	share := float64(pairs) * float64(a.cfg.KVHeads) / float64(len(a.workers))
	a.waves = float64(a.longestShare(b)) > 1.15*share
	for i := range b.DocStarts {
		lo, hi := b.document(i)
		n, parts := hi-lo, 1
		if a.waves {
			parts = max(1, min(n/64, int(4*float64(n*n)/share)))
		}
		q0 := 0
		for p := 1; p <= parts; p++ {
			// Parts with equal numbers of pairs: the number of pairs before a position grows with its square.
			q1 := int(float64(n) * sqrt(float64(p)/float64(parts)))
			if p == parts {
				q1 = n
			}
			a.parts = append(a.parts, attnPart{first: lo, q0: q0, q1: q1})
			q0 = q1
		}
	}
}

// longestShare is the work of the busiest worker, in pairs, when each takes the next document and key/value head as soon as it
// is free.
func (a *attention) longestShare(b Batch) int {
	clear(a.busy)
	for i := range b.DocStarts {
		lo, hi := b.document(i)
		for range a.cfg.KVHeads {
			least := 0
			for w := range a.busy {
				if a.busy[w] < a.busy[least] {
					least = w
				}
			}
			a.busy[least] += (hi - lo) * (hi - lo)
		}
	}
	return slices.Max(a.busy)
}
