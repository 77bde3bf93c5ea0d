package model

import (
	"reprise/asm"
	"reprise/tensor"
)

// rowPass takes one token through the decoder. It is the arithmetic of Pass.run on a single row; reading the weights takes
// most of the time, and a decoder has them in the order of reading. Products that read the same input are one launch; the
// work between launches is too little to be divided.
type rowPass struct {
	pool            *tensor.Pool
	weights         map[*linear]*tensor.Panels
	x, h, delta     tensor.Matrix // [1, d]: residual stream, normalised, what a sub-layer adds
	qkv             tensor.Matrix // [1, queries + keys + values], before norms of queries and keys
	q, k, v         tensor.Matrix // its parts
	acts            activations   // q, k, v, o and stats as attention wants them
	gate, up, inner tensor.Matrix // [1, intermediate]
	job             rowJob
}

func newRowPass(cfg *Config, weights map[*linear]*tensor.Panels, pool *tensor.Pool) *rowPass {
	row := func(n int) tensor.Matrix { return *tensor.NewMatrix(1, n) }
	d, nq, nk := cfg.HiddenSize, cfg.Heads*cfg.HeadDim, cfg.KVHeads*cfg.HeadDim
	r := &rowPass{pool: pool, weights: weights, x: row(d), h: row(d), delta: row(d), qkv: row(nq + 2*nk)}
	r.gate, r.up, r.inner = row(cfg.IntermediateSize), row(cfg.IntermediateSize), row(cfg.IntermediateSize)
	r.q, r.k, r.v = r.qkv.View(0, 1, 0, nq), r.qkv.View(0, 1, nq, nq+nk), r.qkv.View(0, 1, nq+nk, nq+2*nk)
	r.acts = activations{q: r.q, k: r.k, v: r.v, o: row(nq), stats: make([]rowStat, cfg.Heads)}
	if cfg.QKNorm {
		r.acts.q, r.acts.k = row(nq), row(nk)
	}
	return r
}

// step is Decoder.Step for one token.
func (r *rowPass) step(d *Decoder, id int32) *tensor.Matrix {
	m, x := d.Model, r.x.Data
	if m.positions == nil {
		copy(x, m.embed.W.Row(int(id)))
	} else {
		asm.Add(x, m.embed.W.Row(int(id)), m.positions.W.Row(d.n))
	}
	eps := float32(m.Config.NormEps)
	for i := range m.blocks {
		blk := &m.blocks[i]
		blk.attnNorm.row(r.h.Data, x, eps)
		r.project(d, blk, eps)
		d.one[0] = d
		d.attend(d.one[:], i, &r.acts)
		r.linear(&r.acts.o, r.part(blk.o, r.delta))
		asm.Add(x, x, r.delta.Data)

		blk.mlpNorm.row(r.h.Data, x, eps)
		if blk.gate == nil {
			r.linear(&r.h, r.part(blk.up, r.up))
			m.Config.gelu(r.inner.Data, r.up.Data)
		} else {
			r.linear(&r.h, r.part(blk.gate, r.gate), r.part(blk.up, r.up))
			asm.SwiGLU(r.inner.Data, r.gate.Data, r.up.Data)
		}
		r.linear(&r.inner, r.part(blk.down, r.delta))
		asm.Add(x, x, r.delta.Data)
	}
	m.norm.row(r.h.Data, x, eps)
	return &r.h
}

// project computes query, key and value, normalised and rotated.
func (r *rowPass) project(d *Decoder, blk *block, eps float32) {
	if blk.qkv != nil {
		r.linear(&r.h, r.part(blk.qkv, r.qkv))
	} else {
		r.linear(&r.h, r.part(blk.q, r.q), r.part(blk.k, r.k), r.part(blk.v, r.v))
	}
	q, k := r.acts.q.Data, r.acts.k.Data
	if dim := d.Model.Config.HeadDim; blk.qNorm != nil {
		for h := 0; h < len(q); h += dim {
			blk.qNorm.row(q[h:h+dim], r.q.Data[h:h+dim], eps)
		}
		for h := 0; h < len(k); h += dim {
			blk.kNorm.row(k[h:h+dim], r.k.Data[h:h+dim], eps)
		}
	}
	if rope := d.pass.rope; rope != nil {
		rope.rotate(q, d.n, rope.sin)
		rope.rotate(k, d.n, rope.sin)
	}
}

// row normalises one row.
func (n *norm) row(dst, x []float32, eps float32) {
	if n.bias == nil {
		asm.RMSNorm(dst, x, n.gain.W.Data, eps)
	} else {
		asm.LayerNorm(dst, x, n.gain.W.Data, n.bias.W.Data, eps)
	}
}

// linear computes the outputs of layers that read the same x.
func (r *rowPass) linear(x *tensor.Matrix, parts ...rowPart) {
	r.job.start(r.pool, x, parts...)
	for i := range parts {
		if p := &parts[i]; p.bias != nil {
			asm.Add(p.y.Data, p.y.Data, p.bias.W.Data)
		}
	}
}

// part is the product of a row with the weights of l.
func (r *rowPass) part(l *linear, y tensor.Matrix) rowPart { return rowPart{r.weights[l], l.bias, y} }

// rowPart is one product of a rowJob, y = x·w; the bias is added afterwards.
type rowPart struct {
	w    *tensor.Panels
	bias *tensor.Param
	y    tensor.Matrix
}

// rowJob multiplies one row with weights; a task is some of the outputs of one part.
type rowJob struct {
	x       tensor.Matrix
	parts   [3]rowPart
	outputs int // of a task
}

// Least and most bytes of weights that a task reads, where the sizes allow it: enough to be worth a task, and few enough
// that the workers do not wait long for the last one.
const (
	leastRowTask = 32 << 10
	mostRowTask  = 1 << 20
)

// start runs the job.
func (j *rowJob) start(pool *tensor.Pool, x *tensor.Matrix, parts ...rowPart) {
	j.x, j.parts = *x, [3]rowPart{}
	copy(j.parts[:], parts)
	all := 0
	for i := range parts {
		all += parts[i].y.Cols
	}
	bytes := 4 * x.Cols
	j.outputs = max(leastRowTask/bytes, min(all/(4*pool.Workers()), mostRowTask/bytes), 1)
	if pool.Workers() == 1 {
		j.outputs = all
	}
	width := parts[0].w.Width()
	j.outputs = (j.outputs + width - 1) / width * width
	n := 0
	for i := range parts {
		n += tasks(parts[i].y.Cols, j.outputs)
	}
	if all <= j.outputs || pool.Workers() == 1 {
		for t := range n {
			j.Do(0, t)
		}
		return
	}
	pool.Run(n, j)
}

func (j *rowJob) Do(_, task int) {
	i := 0
	for ; task >= tasks(j.parts[i].y.Cols, j.outputs); i++ {
		task -= tasks(j.parts[i].y.Cols, j.outputs)
	}
	p := &j.parts[i]
	p.w.Mul(&p.y, &j.x, task*j.outputs, min((task+1)*j.outputs, p.y.Cols))
}
