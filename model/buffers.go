package model

import "reprise/tensor"

// buffers are the activations and gradients of a pass. They share one allocation and are laid out again for every batch. The
// function that lays them out also counts the memory that a batch takes, so plan and use cannot differ.
//
// The residual streams and the results of the products of a block are kept from the forward to the backward pass. What
// follows from them element by element is not: normalised inputs, normalised and rotated queries and keys, silu(gate)·up.
// The backward pass recomputes these, in one buffer for all blocks. The gradients of gate and up overwrite gate and up. With
// recompute, only the input of every block is kept.
type buffers struct {
	cfg       *Config
	training  bool // activations are kept for Backward
	recompute bool // only the stream before every block is kept
	wanted    int  // least length of spare

	in         []tensor.Matrix // residual stream before every block and after the last; one for all without training
	mid        []tensor.Matrix // stream after a block's attention, per block or one for all; without training in is used
	acts       []activations   // per block, or one for all
	finalStats normStats

	normed    tensor.Matrix // [tokens, d]: normalised input of a sub-layer, after the last block the final states
	delta     tensor.Matrix // [tokens, d]: what a sub-layer adds to the stream; Backward: gradient of normed
	activated tensor.Matrix // [tokens, intermediate]: silu(gate)·up; Backward: then its gradient
	grads     gradients

	spare []float32 // the part that is not used between Forward and Backward

	capacity int // number of tokens that fit into memory
	memory   []float32
	stats    []rowStat
	lender   *buffers // its memory is used, where it is large enough, before more is allocated
}

// activations are what one block's backward pass needs. Matrices of parts that the model does not have stay empty.
type activations struct {
	attnStats, mlpStats normStats
	qkv                 tensor.Matrix // query, key and value side by side, if one product makes them: q, k, v are views of it
	q, k, v, o          tensor.Matrix // [tokens, heads·HeadDim], after norm and rotation
	qRaw, kRaw          tensor.Matrix // before their norms; all blocks then share the memory of q and k
	qStats, kStats      normStats     // per token and head
	stats               []rowStat     // [tokens·heads]
	gate, up            tensor.Matrix // [tokens, intermediate]; Backward: then their gradients
}

// gradients are what the backward pass needs in addition.
type gradients struct {
	dx             tensor.Matrix // gradient of the residual stream [tokens, d]
	dqkv           tensor.Matrix // dq, dk, dv are views of it where one product makes all three
	dq, dk, dv, do tensor.Matrix
	dots           []float32 // do·o of every head and token [heads, tokens]
}

func newBuffers(cfg *Config, training, recompute bool) *buffers {
	b := &buffers{cfg: cfg, training: training, recompute: recompute}
	in, mid, acts := 1, 0, 1
	if training {
		in, mid = cfg.Layers+1, 1
		if !recompute {
			mid, acts = cfg.Layers, cfg.Layers
		}
	}
	b.in, b.mid, b.acts = make([]tensor.Matrix, in), make([]tensor.Matrix, mid), make([]activations, acts)
	return b
}

// layer returns block i's activations.
func (b *buffers) layer(i int) *activations { return &b.acts[min(i, len(b.acts)-1)] }

// input is the residual stream before block i.
func (b *buffers) input(i int) *tensor.Matrix { return &b.in[min(i, len(b.in)-1)] }

// middle is the residual stream between attention and MLP of block i.
func (b *buffers) middle(i int) *tensor.Matrix {
	if len(b.mid) == 0 {
		return &b.in[0]
	}
	return &b.mid[min(i, len(b.mid)-1)]
}

// layout gives buffers their places one after another. Without memory it only counts.
type layout struct {
	tokens     int
	memory     []float32
	stats      []rowStat
	used, rows int // of memory and stats
}

func (l *layout) floats(n int) []float32 {
	first := l.used
	l.used += (n + 15) &^ 15 // begin at multiples of 64 bytes
	if l.memory == nil {
		return nil
	}
	return l.memory[first : first+n : first+n]
}

func (l *layout) matrix(m *tensor.Matrix, cols int) {
	*m = tensor.Matrix{Rows: l.tokens, Cols: cols, Stride: cols, Data: l.floats(l.tokens * cols)}
}

// norm places the statistics of a norm with this many vectors per token.
func (l *layout) norm(s *normStats, vectors int, layerNorm bool) {
	*s = normStats{inv: l.floats(l.tokens * vectors)}
	if layerNorm {
		s.mean = l.floats(l.tokens * vectors)
	}
}

func (l *layout) softmax(s *[]rowStat, vectors int) {
	first := l.rows
	l.rows += l.tokens * vectors
	if l.stats != nil {
		*s = l.stats[first:l.rows:l.rows]
	}
}

// lay places all buffers.
func (b *buffers) lay(l *layout) {
	cfg := b.cfg
	q, kv := cfg.Heads*cfg.HeadDim, cfg.KVHeads*cfg.HeadDim
	for i := range b.in {
		l.matrix(&b.in[i], cfg.HiddenSize)
	}
	for i := range b.mid {
		l.matrix(&b.mid[i], cfg.HiddenSize)
	}
	for i := range b.acts {
		b.acts[i].lay(l, cfg)
	}
	l.norm(&b.finalStats, 1, cfg.LayerNorm)
	l.matrix(&b.normed, cfg.HiddenSize)
	l.matrix(&b.delta, cfg.HiddenSize)

	first := l.used
	l.matrix(&b.activated, cfg.IntermediateSize)
	if cfg.QKNorm {
		a := &b.acts[0]
		l.matrix(&a.q, q)
		l.matrix(&a.k, kv)
		for i := range b.acts {
			b.acts[i].q, b.acts[i].k = a.q, a.k
		}
	}
	if b.training {
		g := &b.grads
		l.matrix(&g.dx, cfg.HiddenSize)
		l.qkv(cfg, &g.dqkv, &g.dq, &g.dk, &g.dv)
		l.matrix(&g.do, q)
		g.dots = l.floats(l.tokens * cfg.Heads)
	}
	l.used = max(l.used, first+b.wanted)
	if l.memory != nil {
		b.spare = l.memory[first:]
	}
}

func (a *activations) lay(l *layout, cfg *Config) {
	if cfg.QKNorm {
		l.matrix(&a.qRaw, cfg.Heads*cfg.HeadDim)
		l.matrix(&a.kRaw, cfg.KVHeads*cfg.HeadDim)
		l.matrix(&a.v, cfg.KVHeads*cfg.HeadDim)
		l.norm(&a.qStats, cfg.Heads, false)
		l.norm(&a.kStats, cfg.KVHeads, false)
	} else {
		l.qkv(cfg, &a.qkv, &a.q, &a.k, &a.v)
	}
	l.matrix(&a.o, cfg.Heads*cfg.HeadDim)
	if !cfg.GELU {
		l.matrix(&a.gate, cfg.IntermediateSize)
	}
	l.matrix(&a.up, cfg.IntermediateSize)
	l.norm(&a.attnStats, 1, cfg.LayerNorm)
	l.norm(&a.mlpStats, 1, cfg.LayerNorm)
	l.softmax(&a.stats, cfg.Heads)
}

// qkv places queries, keys and values: separately or, where one product makes all three, as columns of one matrix.
func (l *layout) qkv(cfg *Config, qkv, q, k, v *tensor.Matrix) {
	heads, kv := cfg.Heads*cfg.HeadDim, cfg.KVHeads*cfg.HeadDim
	if !cfg.Conv1D {
		l.matrix(q, heads)
		l.matrix(k, kv)
		l.matrix(v, kv)
		return
	}
	l.matrix(qkv, cfg.qkvWidth())
	if l.memory != nil {
		*q, *k, *v = qkv.View(0, qkv.Rows, 0, heads), qkv.View(0, qkv.Rows, heads, heads+kv), qkv.View(0, qkv.Rows, heads+kv, qkv.Cols)
	}
}

// count returns what a batch of this many tokens takes.
func (b *buffers) count(tokens int) (floats, rows int) {
	l := layout{tokens: tokens}
	b.lay(&l)
	return l.used, l.rows
}

// fit lays the buffers out for this many tokens, and allocates more memory if that is needed.
func (b *buffers) fit(tokens int) {
	if tokens > b.capacity {
		floats, rows := b.count(tokens)
		if from := b.lender; from != nil && floats <= len(from.memory) && rows <= len(from.stats) {
			b.lay(&layout{tokens: tokens, memory: from.memory, stats: from.stats})
			return
		}
		b.memory, b.stats = tensor.NewMatrix(1, floats).Data, make([]rowStat, rows)
		b.capacity = tokens
	}
	b.lay(&layout{tokens: tokens, memory: b.memory, stats: b.stats})
}
