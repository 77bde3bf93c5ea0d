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
	IDs      []int32 // token ids, all segments one after another
	Segments []int32 // index in IDs at which each segment starts; the first is 0. Attention and positions stay inside a segment
}

// segment returns the bounds [lo, hi) of segment i.
func (b Batch) segment(i int) (lo, hi int) {
	lo, hi = int(b.Segments[i]), len(b.IDs)
	if i+1 < len(b.Segments) {
		hi = int(b.Segments[i+1])
	}
	return lo, hi
}

// check panics on what callers must have made sure of; ids and lengths are the data package's and the user's business
// before they get here.
func (b Batch) check(cfg Config) {
	if len(b.IDs) == 0 || len(b.Segments) == 0 || b.Segments[0] != 0 {
		panic("model: empty batch, or one whose first segment does not start at 0")
	}
	for i := range b.Segments {
		if lo, hi := b.segment(i); hi <= lo || hi-lo > cfg.MaxPositions {
			panic(fmt.Sprintf("model: segment %d covers [%d, %d), want 1 to %d tokens", i, lo, hi, cfg.MaxPositions))
		}
	}
	for i, id := range b.IDs {
		if id < 0 || int(id) >= cfg.VocabSize {
			panic(fmt.Sprintf("model: token %d is id %d, vocabulary %d", i, id, cfg.VocabSize))
		}
	}
}

// Pass computes a model's forward and backward passes. It owns the activations, which grow to the largest batch seen;
// after that a step allocates nothing. A Pass serves one caller at a time.
type Pass struct {
	Model *Model
	Pool  *tensor.Pool

	Attention time.Duration // spent in attention, forward and backward, since the pass was made

	keep      bool  // activations of every block are kept for Backward
	rope      *rope // nil with learned positions
	att       *attention
	batch     Batch
	positions []int32 // of every token in its segment

	capacity   int             // rows allocated
	stream     []tensor.Matrix // residual stream: before block 0, after its attention, after its MLP, …
	acts       []activations   // per block, or one that all share
	final      tensor.Matrix   // normalised output [tokens, d]
	finalStats normStats
	tmp        tensor.Matrix // [tokens, d]: what a sub-layer adds to the stream

	grads gradients

	// One of each kind of parallel work, so that launching allocates nothing.
	normJob normJob
	ropeJob ropeJob
	biasJob biasJob
	actJob  activationJob
	attnJob attnJob
	embJob  embedJob
	backJob backwardJobs
}

// activations are what one block's backward pass needs. Matrices of parts that the model does not have stay empty.
type activations struct {
	attnIn, mlpIn       tensor.Matrix // normalised inputs [tokens, d]
	attnStats, mlpStats normStats
	qkv                 tensor.Matrix // query, key and value side by side, if one product makes them: q, k, v look into it
	q, k, v, o          tensor.Matrix // [tokens, heads·HeadDim], after norm and rotation
	qRaw, kRaw          tensor.Matrix // before their norms
	qStats, kStats      normStats     // per token and head
	stats               []rowStat     // [tokens·heads]
	gate, up, activated tensor.Matrix // [tokens, intermediate]
}

// each visits the matrices that a config gives rise to, with their widths. This is what memory is planned from.
func (a *activations) each(cfg *Config, visit func(m *tensor.Matrix, cols int)) {
	q, kv := cfg.Heads*cfg.HeadDim, cfg.KVHeads*cfg.HeadDim
	visit(&a.attnIn, cfg.HiddenSize)
	visit(&a.mlpIn, cfg.HiddenSize)
	if cfg.Conv1D {
		visit(&a.qkv, cfg.qkvWidth())
	} else {
		visit(&a.q, q)
		visit(&a.k, kv)
		visit(&a.v, kv)
	}
	if cfg.QKNorm {
		visit(&a.qRaw, q)
		visit(&a.kRaw, kv)
	}
	visit(&a.o, q)
	if !cfg.GELU {
		visit(&a.gate, cfg.IntermediateSize)
	}
	visit(&a.up, cfg.IntermediateSize)
	visit(&a.activated, cfg.IntermediateSize)
}

// splitQKV makes q, k and v look into the columns of qkv, where one product makes all three.
func splitQKV(cfg *Config, qkv, q, k, v *tensor.Matrix) {
	if cfg.Conv1D {
		a, b := cfg.Heads*cfg.HeadDim, (cfg.Heads+cfg.KVHeads)*cfg.HeadDim
		*q, *k, *v = qkv.View(0, qkv.Rows, 0, a), qkv.View(0, qkv.Rows, a, b), qkv.View(0, qkv.Rows, b, qkv.Cols)
	}
}

// headRows sees a matrix [tokens, heads·dim] as [tokens·heads, dim].
func headRows(m *tensor.Matrix, dim int) tensor.Matrix {
	if m.Stride != m.Cols {
		panic("model: heads of a matrix with gaps between its rows")
	}
	return tensor.Matrix{Rows: m.Rows * (m.Cols / dim), Cols: dim, Stride: dim, Data: m.Data}
}

// NewPass prepares a pass over m on a pool. With training, activations are kept so that Backward can follow Forward.
func NewPass(m *Model, pool *tensor.Pool, training bool) *Pass {
	p := &Pass{Model: m, Pool: pool, keep: training, att: newAttention(m.Config, pool.Workers())}
	if !m.Config.LearnedPositions {
		p.rope = newRope(m.Config)
	}
	n := 1
	if training {
		n = m.Config.Layers
	}
	p.acts = make([]activations, n)
	p.stream = make([]tensor.Matrix, 2*n+1)
	return p
}

// layer returns block i's activations; streamAt its residual streams: 2i is the input of block i.
func (p *Pass) layer(i int) *activations {
	if p.keep {
		return &p.acts[i]
	}
	return &p.acts[0]
}

func (p *Pass) streamAt(i int) *tensor.Matrix {
	if p.keep {
		return &p.stream[i]
	}
	return &p.stream[i%len(p.stream)]
}

// resize makes every activation hold n rows.
func (p *Pass) resize(n int) {
	cfg := &p.Model.Config
	grow := n > p.capacity
	fit := func(m *tensor.Matrix, cols int) {
		if grow {
			*m = *tensor.NewMatrix(n, cols)
		}
		m.Rows = n
	}
	for i := range p.stream {
		fit(&p.stream[i], cfg.HiddenSize)
	}
	for i := range p.acts {
		a := &p.acts[i]
		a.each(cfg, fit)
		splitQKV(cfg, &a.qkv, &a.q, &a.k, &a.v)
		if grow {
			a.attnStats, a.mlpStats = newNormStats(n, cfg.LayerNorm), newNormStats(n, cfg.LayerNorm)
			a.stats = make([]rowStat, n*cfg.Heads)
			if cfg.QKNorm {
				a.qStats, a.kStats = newNormStats(n*cfg.Heads, false), newNormStats(n*cfg.KVHeads, false)
			}
		}
	}
	fit(&p.final, cfg.HiddenSize)
	fit(&p.tmp, cfg.HiddenSize)
	if grow {
		p.finalStats = newNormStats(n, cfg.LayerNorm)
		p.capacity = n
	}
}

// start takes a batch whose segments begin at a position, and makes sure that buffers and rotary tables reach.
func (p *Pass) start(b Batch, base int) {
	p.batch = b
	p.resize(len(b.IDs))
	p.positions = p.positions[:0]
	longest := 0
	for i := range b.Segments {
		lo, hi := b.segment(i)
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

// run is the forward pass over the tokens that start took. With a decoder, attention is over its cache.
func (p *Pass) run(d *Decoder) *tensor.Matrix {
	m := p.Model
	p.embed(p.streamAt(0))
	p.normalize(&p.layer(0).attnIn, p.layer(0).attnStats, p.streamAt(0), &m.blocks[0].attnNorm)
	for i := range m.blocks {
		blk, a := &m.blocks[i], p.layer(i)
		p.project(blk, a)
		start := time.Now()
		if d == nil {
			p.attend(a, blk.window)
		} else {
			d.attend(i, a)
		}
		p.Attention += time.Since(start)
		p.linear(blk.o, &p.tmp, &a.o)
		p.addNorm(&a.mlpIn, a.mlpStats, p.streamAt(2*i+1), p.streamAt(2*i), &p.tmp, &blk.mlpNorm)

		if blk.gate != nil {
			p.linear(blk.gate, &a.gate, &a.mlpIn)
		}
		p.linear(blk.up, &a.up, &a.mlpIn)
		p.activate(blk, a)
		p.linear(blk.down, &p.tmp, &a.activated)
		dst, stats, n := &p.final, p.finalStats, &m.norm
		if i+1 < len(m.blocks) {
			next := p.layer(i + 1)
			dst, stats, n = &next.attnIn, next.attnStats, &m.blocks[i+1].attnNorm
		}
		p.addNorm(dst, stats, p.streamAt(2*i+2), p.streamAt(2*i+1), &p.tmp, n)
	}
	return &p.final
}

// project computes the queries, keys and values of a block, normalised and rotated.
func (p *Pass) project(blk *block, a *activations) {
	q, k := &a.q, &a.k
	if blk.qNorm != nil {
		q, k = &a.qRaw, &a.kRaw
	}
	if blk.qkv != nil {
		p.linear(blk.qkv, &a.qkv, &a.attnIn)
	} else {
		p.linear(blk.q, q, &a.attnIn)
		p.linear(blk.k, k, &a.attnIn)
		p.linear(blk.v, &a.v, &a.attnIn)
	}
	if blk.qNorm != nil {
		p.headNorm(&a.q, a.qStats, q, blk.qNorm)
		p.headNorm(&a.k, a.kStats, k, blk.kNorm)
	}
	p.rotate(&a.q, &a.k, false)
}

// headNorm normalises every head of every row.
func (p *Pass) headNorm(dst *tensor.Matrix, stats normStats, x *tensor.Matrix, n *norm) {
	dim := p.Model.Config.HeadDim
	to, from := headRows(dst, dim), headRows(x, dim)
	p.normalize(&to, stats, &from, n)
}
