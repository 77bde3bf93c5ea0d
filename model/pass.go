package model

import (
	"fmt"
	"math"

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

	keep  bool // activations of every block are kept for Backward
	rope  *rope
	att   *attention
	batch Batch

	capacity int             // rows allocated
	stream   []tensor.Matrix // residual stream: before block 0, after its attention, after its MLP, …
	acts     []activations   // per block, or one that all share
	final    tensor.Matrix   // normalised output [tokens, d]
	finalInv []float32
	tmp      tensor.Matrix // [tokens, d]: what a sub-layer adds to the stream
	work     []attnTask    // (segment, query block) of this batch

	grads gradients

	// One of each kind of parallel work, so that launching allocates nothing.
	normJob normJob
	ropeJob ropeJob
	actJob  swigluJob
	attnJob attnJob
	embJob  embedJob
	backJob backwardJobs
}

// activations are what one block's backward pass needs.
type activations struct {
	attnIn, mlpIn       tensor.Matrix // normalised inputs [tokens, d]
	attnInv, mlpInv     []float32     // 1/RMS per token
	q, k, v, o          tensor.Matrix // [tokens, heads·HeadDim], after rotation
	stats               []rowStat     // [tokens·heads]
	gate, up, activated tensor.Matrix // [tokens, intermediate]
}

// NewPass prepares a pass over m on a pool. With training, activations are kept so that Backward can follow Forward.
func NewPass(m *Model, pool *tensor.Pool, training bool) *Pass {
	p := &Pass{Model: m, Pool: pool, keep: training, rope: newRope(m.Config), att: newAttention(m.Config, pool.Workers())}
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
	cfg := p.Model.Config
	if n > p.capacity {
		fresh := func(m *tensor.Matrix, cols int) { *m = *tensor.NewMatrix(n, cols) }
		for i := range p.stream {
			fresh(&p.stream[i], cfg.HiddenSize)
		}
		for i := range p.acts {
			a := &p.acts[i]
			fresh(&a.attnIn, cfg.HiddenSize)
			fresh(&a.mlpIn, cfg.HiddenSize)
			fresh(&a.q, cfg.Heads*cfg.HeadDim)
			fresh(&a.k, cfg.KVHeads*cfg.HeadDim)
			fresh(&a.v, cfg.KVHeads*cfg.HeadDim)
			fresh(&a.o, cfg.Heads*cfg.HeadDim)
			fresh(&a.gate, cfg.IntermediateSize)
			fresh(&a.up, cfg.IntermediateSize)
			fresh(&a.activated, cfg.IntermediateSize)
			a.attnInv, a.mlpInv = make([]float32, n), make([]float32, n)
			a.stats = make([]rowStat, n*cfg.Heads)
		}
		fresh(&p.final, cfg.HiddenSize)
		fresh(&p.tmp, cfg.HiddenSize)
		p.finalInv = make([]float32, n)
		p.capacity = n
	}
	for i := range p.stream {
		p.stream[i].Rows = n
	}
	for i := range p.acts {
		a := &p.acts[i]
		for _, m := range []*tensor.Matrix{&a.attnIn, &a.mlpIn, &a.q, &a.k, &a.v, &a.o, &a.gate, &a.up, &a.activated} {
			m.Rows = n
		}
	}
	p.final.Rows, p.tmp.Rows = n, n
}

// plan lists the attention tasks of a batch and makes sure that the rotary tables reach.
func (p *Pass) plan(b Batch) {
	p.batch = b
	p.work = p.work[:0]
	for i := range b.Segments {
		lo, hi := b.segment(i)
		p.rope.grow(hi - lo)
		for q := 0; q < hi-lo; q += queryBlock {
			p.work = append(p.work, attnTask{first: lo, q0: q, q1: min(q+queryBlock, hi-lo)})
		}
	}
}

// Forward runs the decoder over a batch and returns the normalised final hidden states [tokens, d]. They are valid until
// the next call.
func (p *Pass) Forward(b Batch) *tensor.Matrix {
	b.check(p.Model.Config)
	p.resize(len(b.IDs))
	p.plan(b)
	m, pool := p.Model, p.Pool
	p.embed(p.streamAt(0))
	for i := range m.blocks {
		blk, a := &m.blocks[i], p.layer(i)
		if i == 0 {
			p.addNorm(&a.attnIn, a.attnInv, p.streamAt(0), nil, nil, blk.attnNorm)
		}
		pool.MatMulNT(&a.q, &a.attnIn, blk.q.W, false)
		pool.MatMulNT(&a.k, &a.attnIn, blk.k.W, false)
		pool.MatMulNT(&a.v, &a.attnIn, blk.v.W, false)
		p.rotate(&a.q, &a.k, p.rope.sin)
		p.attend(a)
		pool.MatMulNT(&p.tmp, &a.o, blk.o.W, false)
		p.addNorm(&a.mlpIn, a.mlpInv, p.streamAt(2*i+1), p.streamAt(2*i), &p.tmp, blk.mlpNorm)

		pool.MatMulNT(&a.gate, &a.mlpIn, blk.gate.W, false)
		pool.MatMulNT(&a.up, &a.mlpIn, blk.up.W, false)
		p.swiglu(a)
		pool.MatMulNT(&p.tmp, &a.activated, blk.down.W, false)
		if i+1 < len(m.blocks) {
			next := p.layer(i + 1)
			p.addNorm(&next.attnIn, next.attnInv, p.streamAt(2*i+2), p.streamAt(2*i+1), &p.tmp, m.blocks[i+1].attnNorm)
		} else {
			p.addNorm(&p.final, p.finalInv, p.streamAt(2*i+2), p.streamAt(2*i+1), &p.tmp, m.norm)
		}
	}
	return &p.final
}
