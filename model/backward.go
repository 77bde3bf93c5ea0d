package model

import (
	"slices"
	"time"

	"reprise/asm"
	"reprise/tensor"
)

// gradients are the buffers of the backward pass. Matrices of parts that the model does not have stay empty.
type gradients struct {
	capacity         int
	dx               tensor.Matrix // gradient of the residual stream [tokens, d]
	dnorm            tensor.Matrix // gradient of a normalised input [tokens, d]
	dqkv             tensor.Matrix // dq, dk, dv look into it where one product makes all three
	dq, dk, dv, do   tensor.Matrix
	dqRaw, dkRaw     tensor.Matrix // before the norms of query and key
	dgate, dup, dact tensor.Matrix

	embedding embeddingGrad
}

// each visits the matrices that a config gives rise to, with their widths.
func (g *gradients) each(cfg *Config, visit func(m *tensor.Matrix, cols int)) {
	q, kv := cfg.Heads*cfg.HeadDim, cfg.KVHeads*cfg.HeadDim
	visit(&g.dx, cfg.HiddenSize)
	visit(&g.dnorm, cfg.HiddenSize)
	if cfg.Conv1D {
		visit(&g.dqkv, cfg.qkvWidth())
	} else {
		visit(&g.dq, q)
		visit(&g.dk, kv)
		visit(&g.dv, kv)
	}
	if cfg.QKNorm {
		visit(&g.dqRaw, q)
		visit(&g.dkRaw, kv)
	}
	visit(&g.do, q)
	if !cfg.GELU {
		visit(&g.dgate, cfg.IntermediateSize)
	}
	visit(&g.dup, cfg.IntermediateSize)
	visit(&g.dact, cfg.IntermediateSize)
}

func (g *gradients) resize(cfg *Config, n int) {
	grow := n > g.capacity
	g.each(cfg, func(m *tensor.Matrix, cols int) {
		if grow {
			*m = *tensor.NewMatrix(n, cols)
		}
		m.Rows = n
	})
	splitQKV(cfg, &g.dqkv, &g.dq, &g.dk, &g.dv)
	g.capacity = max(g.capacity, n)
}

// Backward continues the gradients of every parameter with those of the last batch, given the gradient of the final
// hidden states (as Forward returned them; dh is read only). The pass must have been made for training.
//
// The gradient of the input embedding is kept apart until EndStep.
func (p *Pass) Backward(dh *tensor.Matrix) {
	if !p.keep {
		panic("model: Backward on a pass that was made without training")
	}
	m, g := p.Model, &p.grads
	g.resize(&m.Config, dh.Rows)
	last := 2 * len(m.blocks)
	clear(g.dx.Data[:g.dx.Rows*g.dx.Stride])
	p.normBackward(&g.dx, dh, p.streamAt(last), p.finalStats, &m.norm)
	for i := len(m.blocks) - 1; i >= 0; i-- {
		blk, a := &m.blocks[i], p.layer(i)

		p.linearGrad(blk.down, &g.dx, &a.activated)
		p.linearInput(blk.down, &g.dact, &g.dx, false)
		p.activationBackward(blk, a)
		if blk.gate != nil {
			p.linearGrad(blk.gate, &g.dgate, &a.mlpIn)
			p.linearInput(blk.gate, &g.dnorm, &g.dgate, false)
		}
		p.linearGrad(blk.up, &g.dup, &a.mlpIn)
		p.linearInput(blk.up, &g.dnorm, &g.dup, blk.gate != nil)
		p.normBackward(&g.dx, &g.dnorm, p.streamAt(2*i+1), a.mlpStats, &blk.mlpNorm)

		p.linearGrad(blk.o, &g.dx, &a.o)
		p.linearInput(blk.o, &g.do, &g.dx, false)
		start := time.Now()
		p.attentionBackward(a, blk.window)
		p.Attention += time.Since(start)
		p.projectBackward(blk, a)
		p.normBackward(&g.dx, &g.dnorm, p.streamAt(2*i), a.attnStats, &blk.attnNorm)
	}
	g.embedding.add(m.Config.VocabSize, p.batch.IDs, &g.dx)
	if m.positions != nil {
		o := p.owner(g.dx.Cols)
		p.backJob.place = placeJob{owner: o, g: m.positions.G, dx: &g.dx, positions: p.positions}
		p.Pool.Run(o.tasks(g.dx.Cols), &p.backJob.place)
	}
}

// projectBackward leads the gradients of queries, keys and values to the block's normalised input.
func (p *Pass) projectBackward(blk *block, a *activations) {
	g := &p.grads
	p.rotate(&g.dq, &g.dk, true)
	dq, dk := &g.dq, &g.dk
	if blk.qNorm != nil {
		dq, dk = &g.dqRaw, &g.dkRaw
		p.headNormBackward(dq, &g.dq, &a.qRaw, a.qStats, blk.qNorm)
		p.headNormBackward(dk, &g.dk, &a.kRaw, a.kStats, blk.kNorm)
	}
	if blk.qkv != nil {
		p.linearGrad(blk.qkv, &g.dqkv, &a.attnIn)
		p.linearInput(blk.qkv, &g.dnorm, &g.dqkv, false)
		return
	}
	p.linearGrad(blk.q, dq, &a.attnIn)
	p.linearGrad(blk.k, dk, &a.attnIn)
	p.linearGrad(blk.v, &g.dv, &a.attnIn)
	p.linearInput(blk.q, &g.dnorm, dq, false)
	p.linearInput(blk.k, &g.dnorm, dk, true)
	p.linearInput(blk.v, &g.dnorm, &g.dv, true)
}

func (p *Pass) headNormBackward(dx, dy, x *tensor.Matrix, stats normStats, n *norm) {
	dim := p.Model.Config.HeadDim
	to, from, at := headRows(dx, dim), headRows(dy, dim), headRows(x, dim)
	clear(to.Data[:to.Rows*dim])
	p.normBackward(&to, &from, &at, stats, n)
}

// linearGrad continues the gradients of l's weights and bias with those of y = x·W + b.
func (p *Pass) linearGrad(l *linear, dy, x *tensor.Matrix) {
	if l.conv1D {
		p.Pool.MatMulTN(l.w.G, x, dy, true)
	} else {
		p.Pool.MatMulTN(l.w.G, dy, x, true)
	}
	if l.bias != nil {
		o := p.owner(dy.Cols)
		p.backJob.bias = biasGradJob{owner: o, dbias: l.bias.G.Data, dy: dy}
		p.Pool.Run(o.tasks(dy.Cols), &p.backJob.bias)
	}
}

// linearInput computes the gradient of x, or with acc goes on with it.
func (p *Pass) linearInput(l *linear, dx, dy *tensor.Matrix, acc bool) {
	if l.conv1D {
		p.Pool.MatMulNT(dx, dy, l.w.W, acc)
	} else {
		p.Pool.MatMul(dx, dy, l.w.W, acc)
	}
}

// EndStep adds the input embedding's gradient, gathered over all micro-batches of the step, to its parameter: once, so
// that with a tied head the sum does not depend on how the step was cut.
func (p *Pass) EndStep() { p.grads.embedding.flush(p.Model.embed.G) }

// embeddingGrad is the row-sparse gradient of the input embedding over one step.
type embeddingGrad struct {
	slot []int32 // per id: 1 + index of its row in rows, or 0
	ids  []int32 // touched ids, in order of first appearance
	rows []float32
	d    int
}

// add continues row ids[r] with row r of dx, positions ascending.
func (e *embeddingGrad) add(vocab int, ids []int32, dx *tensor.Matrix) {
	if e.slot == nil {
		e.slot, e.d = make([]int32, vocab), dx.Cols
	}
	// Room for as many new ids as there can be, so that no later batch of this size needs more.
	room := min(len(ids), vocab-len(e.ids))
	e.ids, e.rows = slices.Grow(e.ids, room), slices.Grow(e.rows, room*e.d)
	for r, id := range ids {
		if e.slot[id] == 0 {
			e.ids = append(e.ids, id)
			e.slot[id] = int32(len(e.ids))
			n := len(e.rows)
			e.rows = e.rows[:n+e.d]
			clear(e.rows[n:])
		}
		at := int(e.slot[id]-1) * e.d
		row := e.rows[at : at+e.d]
		asm.Add(row, row, dx.Row(r))
	}
}

func (e *embeddingGrad) flush(g *tensor.Matrix) {
	for i, id := range e.ids {
		row := g.Row(int(id))
		asm.Add(row, row, e.rows[i*e.d:(i+1)*e.d])
		e.slot[id] = 0
	}
	e.ids, e.rows = e.ids[:0], e.rows[:0]
}

// backwardJobs holds the parallel work of the backward pass.
type backwardJobs struct {
	norm  normBackwardJob
	bias  biasGradJob
	place placeJob
	act   activationBackwardJob
	attn  attnBackwardJob
}

// owner divides a reduction over rows among the workers: each column's chain runs over all rows in order, so that a task
// owns some columns. Wide ones, because every row is a piece of memory of its own.
type owner struct{ width int }

func (p *Pass) owner(cols int) owner {
	return owner{width: max(64, tasks(tasks(cols, 16), p.Pool.Workers())*16)}
}

func (o owner) tasks(cols int) int { return tasks(cols, o.width) }

func (o owner) columns(task, cols int) (c0, c1 int) {
	return task * o.width, min((task+1)*o.width, cols)
}

// biasGradJob continues the gradient of a bias: db += dy, rows ascending.
type biasGradJob struct {
	owner
	dbias []float32
	dy    *tensor.Matrix
}

func (j *biasGradJob) Do(_, task int) {
	c0, c1 := j.columns(task, len(j.dbias))
	g := j.dbias[c0:c1]
	for r := range j.dy.Rows {
		asm.Add(g, g, j.dy.Row(r)[c0:c1])
	}
}

// placeJob continues the gradient of the learned positions, rows ascending.
type placeJob struct {
	owner
	g, dx     *tensor.Matrix
	positions []int32
}

func (j *placeJob) Do(_, task int) {
	c0, c1 := j.columns(task, j.g.Cols)
	for r, position := range j.positions {
		row := j.g.Row(int(position))[c0:c1]
		asm.Add(row, row, j.dx.Row(r)[c0:c1])
	}
}

// normBackwardJob adds the gradient through a norm to that of its input, and continues those of gain and bias. The first
// tasks own columns of the latter, the others rows of the former.
type normBackwardJob struct {
	owner
	dx, dy, x    tensor.Matrix
	stats        normStats
	gain         []float32
	dgain, dbias []float32
}

func (j *normBackwardJob) Do(_, task int) {
	owners := j.tasks(len(j.dgain))
	if task < owners {
		c0, c1 := j.columns(task, len(j.dgain))
		j.gains(c0, c1, 0, j.dy.Rows)
		return
	}
	j.inputs(taskRows(task-owners, j.dx.Rows, j.dx.Cols))
}

func (j *normBackwardJob) inputs(lo, hi int) {
	for r := lo; r < hi; r++ {
		if j.stats.mean == nil {
			asm.RMSNormBackward(j.dx.Row(r), j.dy.Row(r), j.x.Row(r), j.gain, j.stats.inv[r])
		} else {
			asm.LayerNormBackward(j.dx.Row(r), j.dy.Row(r), j.x.Row(r), j.gain, j.stats.mean[r], j.stats.inv[r])
		}
	}
}

func (j *normBackwardJob) gains(c0, c1, lo, hi int) {
	for r := lo; r < hi; r++ {
		dy, x := j.dy.Row(r)[c0:c1], j.x.Row(r)[c0:c1]
		if j.dbias == nil {
			asm.RMSNormGain(j.dgain[c0:c1], dy, x, j.stats.inv[r])
		} else {
			asm.LayerNormGain(j.dgain[c0:c1], j.dbias[c0:c1], dy, x, j.stats.mean[r], j.stats.inv[r])
		}
	}
}

func (p *Pass) normBackward(dx, dy, x *tensor.Matrix, stats normStats, n *norm) {
	j := &p.backJob.norm
	*j = normBackwardJob{owner: p.owner(dx.Cols), dx: *dx, dy: *dy, x: *x, stats: stats, gain: n.gain.W.Data, dgain: n.gain.G.Data}
	if n.bias != nil {
		j.dbias = n.bias.G.Data
	}
	rows := tasks(dx.Rows, rowsPerTask(dx.Cols))
	if p.Pool.Workers() > 1 {
		p.Pool.Run(j.tasks(dx.Cols)+rows, j)
		return
	}
	// Alone, read what both need once.
	for t := range rows {
		lo, hi := taskRows(t, dx.Rows, dx.Cols)
		j.gains(0, dx.Cols, lo, hi)
		j.inputs(lo, hi)
	}
}

// activationBackwardJob turns the gradient of silu(gate)·up into those of gate and up, without a gate that of gelu(up)
// into that of up.
type activationBackwardJob struct{ dgate, dup, dy, gate, up *tensor.Matrix }

func (j *activationBackwardJob) Do(_, task int) {
	lo, hi := taskRows(task, j.dy.Rows, j.dy.Cols)
	for r := lo; r < hi; r++ {
		if j.gate == nil {
			asm.GELUBackward(j.dup.Row(r), j.dy.Row(r), j.up.Row(r))
		} else {
			asm.SwiGLUBackward(j.dgate.Row(r), j.dup.Row(r), j.dy.Row(r), j.gate.Row(r), j.up.Row(r))
		}
	}
}

func (p *Pass) activationBackward(blk *block, a *activations) {
	g := &p.grads
	p.backJob.act = activationBackwardJob{dup: &g.dup, dy: &g.dact, up: &a.up}
	if blk.gate != nil {
		p.backJob.act.dgate, p.backJob.act.gate = &g.dgate, &a.gate
	}
	p.runRows(g.dact.Rows, g.dact.Cols, &p.backJob.act)
}
