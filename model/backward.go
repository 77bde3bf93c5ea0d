package model

import (
	"slices"

	"reprise/asm"
	"reprise/tensor"
)

// gradients are the buffers of the backward pass.
type gradients struct {
	capacity         int
	dx               tensor.Matrix // gradient of the residual stream [tokens, d]
	dnorm            tensor.Matrix // gradient of a normalised input [tokens, d]
	dq, dk, dv, do   tensor.Matrix
	dgate, dup, dact tensor.Matrix

	embedding embeddingGrad
}

func (g *gradients) resize(cfg Config, n int) {
	all := []struct {
		m    *tensor.Matrix
		cols int
	}{
		{&g.dx, cfg.HiddenSize}, {&g.dnorm, cfg.HiddenSize},
		{&g.dq, cfg.Heads * cfg.HeadDim}, {&g.do, cfg.Heads * cfg.HeadDim},
		{&g.dk, cfg.KVHeads * cfg.HeadDim}, {&g.dv, cfg.KVHeads * cfg.HeadDim},
		{&g.dgate, cfg.IntermediateSize}, {&g.dup, cfg.IntermediateSize}, {&g.dact, cfg.IntermediateSize},
	}
	for _, b := range all {
		if n > g.capacity {
			*b.m = *tensor.NewMatrix(n, b.cols)
		}
		b.m.Rows = n
	}
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
	m, pool, g := p.Model, p.Pool, &p.grads
	g.resize(m.Config, dh.Rows)
	last := 2 * len(m.blocks)
	clear(g.dx.Data[:g.dx.Rows*g.dx.Stride])
	p.normBackward(&g.dx, dh, p.streamAt(last), p.finalInv, m.norm)
	for i := len(m.blocks) - 1; i >= 0; i-- {
		blk, a := &m.blocks[i], p.layer(i)

		pool.MatMulTN(blk.down.G, &g.dx, &a.activated, true)
		pool.MatMul(&g.dact, &g.dx, blk.down.W, false)
		p.swigluBackward(a)
		pool.MatMulTN(blk.gate.G, &g.dgate, &a.mlpIn, true)
		pool.MatMulTN(blk.up.G, &g.dup, &a.mlpIn, true)
		pool.MatMul(&g.dnorm, &g.dgate, blk.gate.W, false)
		pool.MatMul(&g.dnorm, &g.dup, blk.up.W, true)
		p.normBackward(&g.dx, &g.dnorm, p.streamAt(2*i+1), a.mlpInv, blk.mlpNorm)

		pool.MatMulTN(blk.o.G, &g.dx, &a.o, true)
		pool.MatMul(&g.do, &g.dx, blk.o.W, false)
		p.attentionBackward(a)
		p.rotate(&g.dq, &g.dk, p.rope.neg)
		pool.MatMulTN(blk.q.G, &g.dq, &a.attnIn, true)
		pool.MatMulTN(blk.k.G, &g.dk, &a.attnIn, true)
		pool.MatMulTN(blk.v.G, &g.dv, &a.attnIn, true)
		pool.MatMul(&g.dnorm, &g.dq, blk.q.W, false)
		pool.MatMul(&g.dnorm, &g.dk, blk.k.W, true)
		pool.MatMul(&g.dnorm, &g.dv, blk.v.W, true)
		p.normBackward(&g.dx, &g.dnorm, p.streamAt(2*i), a.attnInv, blk.attnNorm)
	}
	g.embedding.add(m.Config.VocabSize, p.batch.IDs, &g.dx)
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
	for r, id := range ids {
		if e.slot[id] == 0 {
			e.ids = append(e.ids, id)
			e.slot[id] = int32(len(e.ids))
			n := len(e.rows)
			e.rows = slices.Grow(e.rows, e.d)[:n+e.d]
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
	norm normBackwardJob
	gain gainJob
	act  swigluBackwardJob
	attn attnBackwardJob
}

// normBackwardJob adds the gradient through a norm to that of the residual stream.
type normBackwardJob struct {
	dx, dy, x *tensor.Matrix
	inv, gain []float32
}

func (j *normBackwardJob) Do(_, task int) {
	per := rowsPerTask(j.dx.Cols)
	for r := task * per; r < min((task+1)*per, j.dx.Rows); r++ {
		asm.RMSNormBackward(j.dx.Row(r), j.dy.Row(r), j.x.Row(r), j.gain, j.inv[r])
	}
}

// gainColumns is how many gains one task owns: each gain's chain runs over all rows in order.
const gainColumns = 64

// gainJob continues the gradient of a norm's gain; a task owns some columns.
type gainJob struct {
	dgain []float32
	dy, x *tensor.Matrix
	inv   []float32
}

func (j *gainJob) Do(_, task int) {
	c0, c1 := task*gainColumns, min((task+1)*gainColumns, len(j.dgain))
	for r := range j.dy.Rows {
		asm.RMSNormGain(j.dgain[c0:c1], j.dy.Row(r)[c0:c1], j.x.Row(r)[c0:c1], j.inv[r])
	}
}

func (p *Pass) normBackward(dx, dy, x *tensor.Matrix, inv []float32, gain *tensor.Param) {
	p.backJob.gain = gainJob{dgain: gain.G.Data, dy: dy, x: x, inv: inv}
	p.Pool.Run(tasks(len(gain.G.Data), gainColumns), &p.backJob.gain)
	p.backJob.norm = normBackwardJob{dx: dx, dy: dy, x: x, inv: inv, gain: gain.W.Data}
	p.Pool.Run(tasks(dx.Rows, rowsPerTask(dx.Cols)), &p.backJob.norm)
}

// swigluBackwardJob turns the gradient of silu(gate)·up into those of gate and up.
type swigluBackwardJob struct{ dgate, dup, dy, gate, up *tensor.Matrix }

func (j *swigluBackwardJob) Do(_, task int) {
	per := rowsPerTask(j.dy.Cols)
	for r := task * per; r < min((task+1)*per, j.dy.Rows); r++ {
		asm.SwiGLUBackward(j.dgate.Row(r), j.dup.Row(r), j.dy.Row(r), j.gate.Row(r), j.up.Row(r))
	}
}

func (p *Pass) swigluBackward(a *activations) {
	g := &p.grads
	p.backJob.act = swigluBackwardJob{dgate: &g.dgate, dup: &g.dup, dy: &g.dact, gate: &a.gate, up: &a.up}
	p.Pool.Run(tasks(g.dact.Rows, rowsPerTask(g.dact.Cols)), &p.backJob.act)
}

// attnBackwardJob computes dq, dk, dv; a task owns one key/value head of one segment, so that its chains run over the
// group's heads and then the queries in order.
type attnBackwardJob struct {
	p *Pass
	a *activations
}

func (j *attnBackwardJob) Do(worker, task int) {
	p, cfg, att, g := j.p, j.p.Model.Config, j.p.att, &j.p.grads
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
			q := att.head(&j.a.q, lo+q0, lo+q1, head)
			o := att.head(&j.a.o, lo+q0, lo+q1, head)
			do := att.head(&g.do, lo+q0, lo+q1, head)
			dq := att.head(&g.dq, lo+q0, lo+q1, head)
			kb, vb := k.RowRange(0, q1), v.RowRange(0, q1)
			dkb, dvb := dk.RowRange(0, q1), dv.RowRange(0, q1)
			att.backward(p.Pool.Scratch(worker), worker, &dq, &dkb, &dvb, &do, &o, &q, &kb, &vb, q0, j.a.headStats(head, lo+q0, lo+q1))
		}
	}
}

func (p *Pass) attentionBackward(a *activations) {
	p.backJob.attn = attnBackwardJob{p: p, a: a}
	p.Pool.Run(len(p.batch.Segments)*p.Model.Config.KVHeads, &p.backJob.attn)
}
