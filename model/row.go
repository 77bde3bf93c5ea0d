package model

import (
	"reprise/asm"
	"reprise/tensor"
)

// rowPass takes one token through the decoder: the arithmetic of Pass.run on a single row, whose time is that of reading the
// weights. So it has its own copy of them, in the order in which it reads. Products that read the same input are one launch;
// what lies between them is too little work to be spread.
type rowPass struct {
	pool            *tensor.Pool
	weights         map[*linear]*tensor.Panels
	x, h, delta     tensor.Matrix // [1, d]: residual stream, normalised, what a sub-layer adds
	qkv             tensor.Matrix // [1, queries + keys + values], before the norms of queries and keys
	q, k, v         tensor.Matrix // its parts
	acts            activations   // q, k, v, o and stats as attention wants them
	gate, up, inner tensor.Matrix // [1, intermediate]
	job             rowJob
}

// newRowPass copies the weights of m and of the head.
func newRowPass(m *Model, head *linear, pool *tensor.Pool) *rowPass {
	cfg := &m.Config
	row := func(n int) tensor.Matrix { return *tensor.NewMatrix(1, n) }
	d, nq, nk := cfg.HiddenSize, cfg.Heads*cfg.HeadDim, cfg.KVHeads*cfg.HeadDim
	r := &rowPass{pool: pool, x: row(d), h: row(d), delta: row(d), qkv: row(nq + 2*nk)}
	r.gate, r.up, r.inner = row(cfg.IntermediateSize), row(cfg.IntermediateSize), row(cfg.IntermediateSize)
	r.q, r.k, r.v = r.qkv.View(0, 1, 0, nq), r.qkv.View(0, 1, nq, nq+nk), r.qkv.View(0, 1, nq+nk, nq+2*nk)
	r.acts = activations{q: r.q, k: r.k, v: r.v, o: row(nq), stats: make([]rowStat, cfg.Heads)}
	if cfg.QKNorm {
		r.acts.q, r.acts.k = row(nq), row(nk)
	}
	layers := []*linear{head}
	for i := range m.blocks {
		b := &m.blocks[i]
		for _, l := range []*linear{b.qkv, b.q, b.k, b.v, b.o, b.gate, b.up, b.down} {
			if l != nil {
				layers = append(layers, l)
			}
		}
	}
	r.weights = packRows(layers, pool)
	return r
}

// packRows puts the weights of layers into panels. As in [New] they are one allocation.
func packRows(layers []*linear, pool *tensor.Pool) map[*linear]*tensor.Panels {
	all := 0
	for _, l := range layers {
		all += l.panelFloats()
	}
	memory := tensor.NewMatrix(1, all).Data
	weights := make(map[*linear]*tensor.Panels, len(layers))
	j := &packJob{layers: layers}
	for _, l := range layers {
		p := new(tensor.Panels)
		p.Use(memory[:l.panelFloats()])
		memory = memory[l.panelFloats():]
		weights[l] = p
		j.panels = append(j.panels, p)
	}
	pool.Run(len(layers), j)
	return weights
}

// packJob packs the weights of a layer in every task.
type packJob struct {
	layers []*linear
	panels []*tensor.Panels
}

func (j *packJob) Do(_, task int) {
	if l := j.layers[task]; l.conv1D {
		j.panels[task].Pack(l.w.W)
	} else {
		j.panels[task].PackTransposed(l.w.W)
	}
}

// panelFloats is the memory that the weights of l take in panels, rounded up so that the next ones begin at a multiple of 64
// bytes.
func (l *linear) panelFloats() int {
	in, out := l.w.W.Cols, l.w.W.Rows
	if l.conv1D {
		in, out = out, in
	}
	return (tensor.PanelFloats(in, out) + 15) &^ 15
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
		d.attend(i, &r.acts)
		r.linear(&r.acts.o, r.part(blk.o, r.delta))
		asm.Add(x, x, r.delta.Data)

		blk.mlpNorm.row(r.h.Data, x, eps)
		if blk.gate == nil {
			r.linear(&r.h, r.part(blk.up, r.up))
			asm.GELU(r.inner.Data, r.up.Data)
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
	r.job.start(r.pool, x.Data, parts...)
	for _, p := range parts {
		if p.bias != nil {
			asm.Add(p.y, p.y, p.bias.W.Data)
		}
	}
}

// part is the product of a row with the weights of l.
func (r *rowPass) part(l *linear, y tensor.Matrix) rowPart {
	return rowPart{r.weights[l], l.bias, y.Data}
}

// rowPart is one product of a rowJob, y = x·w; the bias is added afterwards.
type rowPart struct {
	w    *tensor.Panels
	bias *tensor.Param
	y    []float32
}

// rowJob multiplies one row with weights; a task is some of the outputs of one part.
type rowJob struct {
	x       []float32
	parts   [3]rowPart
	outputs int // of a task
}

// A task reads so many bytes of weights if it can be: enough to be worth handing over, not so many that the others wait long
// for the last.
const (
	leastRowTask = 32 << 10
	mostRowTask  = 1 << 20
)

// start runs the job.
func (j *rowJob) start(pool *tensor.Pool, x []float32, parts ...rowPart) {
	j.x, j.parts = x, [3]rowPart{}
	copy(j.parts[:], parts)
	all := 0
	for _, p := range parts {
		all += len(p.y)
	}
	bytes := 4 * len(x)
	j.outputs = max(leastRowTask/bytes, min(all/(4*pool.Workers()), mostRowTask/bytes), 1)
	if pool.Workers() == 1 {
		j.outputs = all
	}
	width := parts[0].w.Width()
	j.outputs = (j.outputs + width - 1) / width * width
	n := 0
	for _, p := range parts {
		n += tasks(len(p.y), j.outputs)
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
	for ; task >= tasks(len(j.parts[i].y), j.outputs); i++ {
		task -= tasks(len(j.parts[i].y), j.outputs)
	}
	p := &j.parts[i]
	p.w.MulRow(p.y, j.x, task*j.outputs, min((task+1)*j.outputs, len(p.y)))
}
