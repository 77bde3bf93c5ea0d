package model

import (
	"slices"
	"time"

	"reprise/asm"
	"reprise/tensor"
)

// Backward continues the gradients of every parameter with those of the last batch, given the gradient of the final
// hidden states [tokens, d] (as Forward returned them; dh is only read, unless it is StateGrad, which Backward overwrites).
// The pass must have been made for training. Backward consumes the activations: each needs a Forward of its own.
//
// The gradient of the input embedding is kept apart until EndStep. Backward panics if ZeroGrads was not called between two steps,
// or EndStep at the end of one.
func (p *Pass) Backward(dh *tensor.Matrix) {
	if !p.training {
		panic("model: Backward on a pass that was made without training")
	}
	p.openGrads()
	m, g := p.Model, &p.grads
	last := len(m.blocks)
	clear(g.dx.Data)
	p.normBackward(&g.dx, dh, p.input(last), p.finalStats, &m.norm)
	for i := last - 1; i >= 0; i-- {
		blk, a := &m.blocks[i], p.layer(i)
		if p.recompute && i < last-1 { // the last block's activations are still in memory
			p.again(i)
		}
		p.activate(blk, a)
		p.linearGrad(blk.down, &g.dx, &p.activated)
		p.linearInput(blk.down, &p.activated, &g.dx, false)
		p.activationBackward(blk, a)
		p.normalize(&p.normed, a.mlpStats, p.middle(i), &blk.mlpNorm)
		if blk.gate != nil {
			p.linearGrad(blk.gate, &a.gate, &p.normed)
			p.linearInput(blk.gate, &p.delta, &a.gate, false)
		}
		p.linearGrad(blk.up, &a.up, &p.normed)
		p.linearInput(blk.up, &p.delta, &a.up, blk.gate != nil)
		p.normBackward(&g.dx, &p.delta, p.middle(i), a.mlpStats, &blk.mlpNorm)

		p.linearGrad(blk.o, &g.dx, &a.o)
		p.linearInput(blk.o, &g.do, &g.dx, false)
		if blk.qNorm != nil {
			p.normalizeHeads(blk, a)
			p.rotate(&a.q, &a.k, false)
		}
		start := time.Now()
		p.attentionBackward(a, blk.window)
		p.Attention += time.Since(start)
		p.normalize(&p.normed, a.attnStats, p.input(i), &blk.attnNorm)
		p.projectBackward(blk, a)
		p.normBackward(&g.dx, &p.delta, p.input(i), a.attnStats, &blk.attnNorm)
	}
	p.embedding.add(m.Config.VocabSize, p.batch.IDs, &g.dx)
	if m.positions != nil {
		o := p.owner(g.dx.Cols)
		p.backJob.place = placeJob{owner: o, g: m.positions.G, dx: &g.dx, positions: p.positions}
		p.Pool.Run(o.tasks(g.dx.Cols), &p.backJob.place)
	}
}

// again repeats block i's forward pass, as far as its backward pass needs it.
func (p *Pass) again(i int) {
	blk, a := &p.Model.blocks[i], p.layer(i)
	p.normalize(&p.normed, a.attnStats, p.input(i), &blk.attnNorm)
	p.attentionHalf(i, nil)
	p.widen(blk, a)
}

// Spare is memory of the pass that it does not use between Forward and Backward, valid until the next Forward. After Reserve
// or Borrow it has at least as many values as were asked for.
func (p *Pass) Spare() []float32 { return p.spare }

// StateGrad is a place for the gradient of the last batch's final hidden states [tokens, d], to be filled between Forward and
// Backward.
func (p *Pass) StateGrad() *tensor.Matrix { return &p.delta }

// projectBackward computes the gradient of the block's normalised input from those of queries, keys and values.
func (p *Pass) projectBackward(blk *block, a *activations) {
	g := &p.grads
	p.rotate(&g.dq, &g.dk, true)
	dq, dk := &g.dq, &g.dk
	if blk.qNorm != nil {
		dq, dk = &a.q, &a.k // no longer needed
		p.headNormBackward(dq, &g.dq, &a.qRaw, a.qStats, blk.qNorm)
		p.headNormBackward(dk, &g.dk, &a.kRaw, a.kStats, blk.kNorm)
	}
	if blk.qkv != nil {
		p.linearGrad(blk.qkv, &g.dqkv, &p.normed)
		p.linearInput(blk.qkv, &p.delta, &g.dqkv, false)
		return
	}
	p.linearGrad(blk.q, dq, &p.normed)
	p.linearGrad(blk.k, dk, &p.normed)
	p.linearGrad(blk.v, &g.dv, &p.normed)
	p.linearInput(blk.q, &p.delta, dq, false)
	p.linearInput(blk.k, &p.delta, dk, true)
	p.linearInput(blk.v, &p.delta, &g.dv, true)
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

// linearInput computes the gradient of x, or with acc adds to it.
func (p *Pass) linearInput(l *linear, dx, dy *tensor.Matrix, acc bool) {
	if l.conv1D {
		p.Pool.MatMulNT(dx, dy, l.w.W, acc)
	} else {
		p.Pool.MatMul(dx, dy, l.w.W, acc)
	}
}

// EndStep adds the input embedding's gradient, gathered over all micro-batches of the step, to its parameter: once, so
// that with a tied head the sum does not depend on how the step was cut.
func (p *Pass) EndStep() {
	p.embedding.flush(p.Model.embed.G)
	for _, q := range p.Model.params {
		q.Grad = tensor.GradWhole
	}
}

// openGrads checks that a batch continues the gradients of its own step.
func (p *Pass) openGrads() {
	for _, q := range p.Model.params {
		switch q.Grad {
		case tensor.GradWhole, tensor.GradUsed:
			panic("model: Backward: the gradients are those of a step that has ended; call Model.ZeroGrads before the next one")
		case tensor.GradZero:
			if len(p.embedding.ids) > 0 {
				panic("model: Backward: the pass still holds the embedding's gradient of the step before; call Pass.EndStep after a step's last Backward")
			}
		}
	}
	for _, q := range p.Model.params {
		q.Grad = tensor.GradOpen
	}
}

// embeddingGrad is the row-sparse gradient of the input embedding over one step.
type embeddingGrad struct {
	slot []int32 // per id: 1 + index of its row in rows, or 0
	ids  []int32 // touched ids, in order of first appearance
	rows []float32
	d    int
}

// reserve makes room for the ids of a step of this many tokens.
func (e *embeddingGrad) reserve(vocab, d, tokens int) {
	if e.slot == nil {
		e.slot, e.d = make([]int32, vocab), d
	}
	room := min(tokens, vocab) - len(e.ids)
	e.ids, e.rows = slices.Grow(e.ids, room), slices.Grow(e.rows, room*d)
}

// add continues row ids[r] with row r of dx, positions ascending.
func (e *embeddingGrad) add(vocab int, ids []int32, dx *tensor.Matrix) {
	// Room for as many new ids as there can be, so that no later batch of this size needs more.
	e.reserve(vocab, dx.Cols, len(e.ids)+len(ids))
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

// owner divides a reduction over rows among the workers: each column's chain runs over all rows in order, so a task owns
// some columns. It owns at least 64 adjacent ones, because the columns of a task are a separate piece of memory in every
// row.
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
// tasks own columns of gain and bias, the others rows of the input.
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
	// With one worker, both are done in one walk over their common inputs.
	for t := range rows {
		lo, hi := taskRows(t, dx.Rows, dx.Cols)
		j.gains(0, dx.Cols, lo, hi)
		j.inputs(lo, hi)
	}
}

// activationBackwardJob turns the gradient of silu(gate)·up into those of gate and up or, without a gate, the gradient of
// gelu(up) into that of up.
type activationBackwardJob struct {
	cfg                      *Config
	dgate, dup, dy, gate, up *tensor.Matrix
}

func (j *activationBackwardJob) Do(_, task int) {
	lo, hi := taskRows(task, j.dy.Rows, j.dy.Cols)
	for r := lo; r < hi; r++ {
		if j.gate == nil {
			j.cfg.geluBackward(j.dup.Row(r), j.dy.Row(r), j.up.Row(r))
		} else {
			asm.SwiGLUBackward(j.dgate.Row(r), j.dup.Row(r), j.dy.Row(r), j.gate.Row(r), j.up.Row(r))
		}
	}
}

// activationBackward replaces gate and up by their gradients, given the gradient of the activation in p.activated.
func (p *Pass) activationBackward(blk *block, a *activations) {
	p.backJob.act = activationBackwardJob{cfg: &p.Model.Config, dup: &a.up, dy: &p.activated, up: &a.up}
	if blk.gate != nil {
		p.backJob.act.dgate, p.backJob.act.gate = &a.gate, &a.gate
	}
	p.runRows(p.activated.Rows, p.activated.Cols, &p.backJob.act)
}
