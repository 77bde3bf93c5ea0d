package model

import (
	"fmt"
	"math"
	"time"

	"reprise/tensor"
)

func sqrt(x float64) float64 { return math.Sqrt(x) }

// Batch is a list of token sequences laid end to end, without padding.
type Batch struct {
	IDs       []int32 // token ids, all documents one after another
	DocStarts []int32 // index in IDs at which each document starts; the first is 0. Attention and positions stay inside a document
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() { b.IDs, b.DocStarts = b.IDs[:0], b.DocStarts[:0] }

// Append adds a sequence: its ids, and where its documents start in them.
func (b *Batch) Append(ids, docStarts []int32) {
	first := int32(len(b.IDs))
	for _, start := range docStarts {
		b.DocStarts = append(b.DocStarts, first+start)
	}
	b.IDs = append(b.IDs, ids...)
}

// document returns the bounds [lo, hi) of document i.
func (b Batch) document(i int) (lo, hi int) {
	lo, hi = int(b.DocStarts[i]), len(b.IDs)
	if i+1 < len(b.DocStarts) {
		hi = int(b.DocStarts[i+1])
	}
	return lo, hi
}

// check panics on mistakes of the caller; ids and lengths that come from the user must have been checked before (package
// data does).
func (b Batch) check(cfg Config) {
	if len(b.IDs) == 0 || len(b.DocStarts) == 0 || b.DocStarts[0] != 0 {
		panic("model: empty batch, or one whose first document does not start at 0")
	}
	for i := range b.DocStarts {
		if lo, hi := b.document(i); hi <= lo || hi-lo > cfg.MaxPositions {
			panic(fmt.Sprintf("model: document %d covers [%d, %d), want 1 to %d tokens", i, lo, hi, cfg.MaxPositions))
		}
	}
	for i, id := range b.IDs {
		if id < 0 || int(id) >= cfg.VocabSize {
			panic(fmt.Sprintf("model: token %d is id %d, vocabulary %d", i, id, cfg.VocabSize))
		}
	}
}

// Pass computes a model's forward and backward passes. It owns the activations, which grow to the largest batch seen unless
// Reserve has made room before; after that a step allocates nothing. A Pass serves one caller at a time.
type Pass struct {
	Model *Model
	Pool  *tensor.Pool

	Attention time.Duration // spent in attention, forward and backward, since the pass was made

	*buffers
	weights   map[*linear]*tensor.Panels // only for a decoder's pass, else nil
	rope      *rope                      // nil with learned positions
	att       *attention
	batch     Batch
	positions []int32       // position of every token in its document
	embedding embeddingGrad // gradient of this step

	// One job of each kind, so that launching allocates nothing.
	normJob normJob
	ropeJob ropeJob
	biasJob biasJob
	actJob  activationJob
	attnJob attnJob
	embJob  embedJob
	backJob backwardJobs
}

// headRows views a matrix [tokens, heads·dim] as [tokens·heads, dim].
func headRows(m *tensor.Matrix, dim int) tensor.Matrix {
	if m.Stride != m.Cols {
		panic("model: heads of a matrix with gaps between its rows")
	}
	return tensor.Matrix{Rows: m.Rows * (m.Cols / dim), Cols: dim, Stride: dim, Data: m.Data}
}

// NewPass prepares a pass over m on a pool. With training, activations are kept so that Backward can follow Forward.
func NewPass(m *Model, pool *tensor.Pool, training bool) *Pass {
	return newPass(m, pool, training, false)
}

// NewRecomputingPass is a pass for training that keeps the input of every block and nothing else: Backward runs each block's
// forward pass once more, except for its last product. That saves the memory of most activations, makes a step some 15 %
// longer, and does not change the result.
func NewRecomputingPass(m *Model, pool *tensor.Pool) *Pass { return newPass(m, pool, true, true) }

func newPass(m *Model, pool *tensor.Pool, training, recompute bool) *Pass {
	if pool == nil {
		panic("model: a pass needs a pool of workers: tensor.NewPool(0)")
	}
	p := &Pass{Model: m, Pool: pool, buffers: newBuffers(&m.Config, training, recompute), att: newAttention(m.Config, pool.Workers())}
	if !m.Config.LearnedPositions {
		p.rope = newRope(m.Config)
	}
	return p
}

// start takes a batch whose documents begin at position base, and makes sure that buffers and rotary tables are large
// enough.
func (p *Pass) start(b Batch, base int) {
	p.batch = b
	p.fit(len(b.IDs))
	p.positions = p.positions[:0]
	longest := 0
	for i := range b.DocStarts {
		lo, hi := b.document(i)
		for r := range hi - lo {
			p.positions = append(p.positions, int32(base+r))
		}
		longest = max(longest, base+hi-lo)
	}
	if p.rope != nil {
		p.rope.grow(longest)
	}
}

// Forward runs the decoder over a batch and returns the normalised final hidden states [tokens, d]. They are valid until
// the next call.
func (p *Pass) Forward(b Batch) *tensor.Matrix {
	b.check(p.Model.Config)
	p.start(b, 0)
	p.att.plan(b)
	return p.run(nil)
}

// run is the forward pass over the tokens that start took. With decoders, attention reads their caches.
func (p *Pass) run(ds []*Decoder) *tensor.Matrix {
	m := p.Model
	p.embed(p.input(0))
	p.normalize(&p.normed, p.layer(0).attnStats, p.input(0), &m.blocks[0].attnNorm)
	for i := range m.blocks {
		blk, a := &m.blocks[i], p.layer(i)
		p.attentionHalf(i, ds)
		p.widen(blk, a)
		p.activate(blk, a)
		p.linear(blk.down, &p.delta, &p.activated)
		stats, n := p.finalStats, &m.norm
		if i+1 < len(m.blocks) {
			stats, n = p.layer(i+1).attnStats, &m.blocks[i+1].attnNorm
		}
		p.addNorm(&p.normed, stats, p.input(i+1), p.middle(i), &p.delta, n)
	}
	return &p.normed
}

// attentionHalf computes the first half of block i: from the normalised input of its attention to the normalised input of
// its MLP.
func (p *Pass) attentionHalf(i int, ds []*Decoder) {
	blk, a := &p.Model.blocks[i], p.layer(i)
	p.project(blk, a)
	start := time.Now()
	if ds == nil {
		p.attend(a, blk.window)
	} else {
		ds[0].attend(ds, i, a)
	}
	p.Attention += time.Since(start)
	p.linear(blk.o, &p.delta, &a.o)
	p.addNorm(&p.normed, a.mlpStats, p.middle(i), p.input(i), &p.delta, &blk.mlpNorm)
}

// widen computes the inputs of a block's activation.
func (p *Pass) widen(blk *block, a *activations) {
	if blk.gate != nil {
		p.linear(blk.gate, &a.gate, &p.normed)
	}
	p.linear(blk.up, &a.up, &p.normed)
}

// project computes the queries, keys and values of a block, normalised and rotated.
func (p *Pass) project(blk *block, a *activations) {
	q, k := &a.q, &a.k
	if blk.qNorm != nil {
		q, k = &a.qRaw, &a.kRaw
	}
	if blk.qkv != nil {
		p.linear(blk.qkv, &a.qkv, &p.normed)
	} else {
		p.linear(blk.q, q, &p.normed)
		p.linear(blk.k, k, &p.normed)
		p.linear(blk.v, &a.v, &p.normed)
	}
	p.normalizeHeads(blk, a)
	p.rotate(&a.q, &a.k, false)
}

// normalizeHeads normalises the projected queries and keys of a block, if the model has norms for them.
func (p *Pass) normalizeHeads(blk *block, a *activations) {
	if blk.qNorm != nil {
		p.headNorm(&a.q, a.qStats, &a.qRaw, blk.qNorm)
		p.headNorm(&a.k, a.kStats, &a.kRaw, blk.kNorm)
	}
}

// headNorm normalises every head of every row.
func (p *Pass) headNorm(dst *tensor.Matrix, stats normStats, x *tensor.Matrix, n *norm) {
	dim := p.Model.Config.HeadDim
	to, from := headRows(dst, dim), headRows(x, dim)
	p.normalize(&to, stats, &from, n)
}
