package model

import (
	"reprise/asm"
	"reprise/tensor"
)

// Row-wise work is cut into tasks of about this many elements, some ten microseconds each.
const taskElements = 16384

// rowsPerTask is how many rows of a given width one task takes.
func rowsPerTask(width int) int { return max(1, taskElements/width) }

func tasks(rows, perTask int) int { return (rows + perTask - 1) / perTask }

// embedJob copies embedding rows into the residual stream.
type embedJob struct {
	dst, table *tensor.Matrix
	ids        []int32
}

func (j *embedJob) Do(_, task int) {
	per := rowsPerTask(j.dst.Cols)
	for r := task * per; r < min((task+1)*per, len(j.ids)); r++ {
		copy(j.dst.Row(r), j.table.Row(int(j.ids[r])))
	}
}

func (p *Pass) embed(dst *tensor.Matrix) {
	p.embJob = embedJob{dst: dst, table: p.Model.embed.W, ids: p.batch.IDs}
	p.Pool.Run(tasks(dst.Rows, rowsPerTask(dst.Cols)), &p.embJob)
}

// normJob adds a sub-layer's output to the residual stream and normalises the sum for the next sub-layer:
// sum = in + delta; dst = RMSNorm(sum)·gain. With delta nil the stream is only normalised.
type normJob struct {
	dst, sum, in, delta *tensor.Matrix
	inv, gain           []float32
	eps                 float32
}

func (j *normJob) Do(_, task int) {
	per := rowsPerTask(j.dst.Cols)
	for r := task * per; r < min((task+1)*per, j.dst.Rows); r++ {
		x := j.sum.Row(r)
		if j.delta != nil {
			asm.Add(x, j.in.Row(r), j.delta.Row(r))
		}
		j.inv[r] = asm.RMSNorm(j.dst.Row(r), x, j.gain, j.eps)
	}
}

func (p *Pass) addNorm(dst *tensor.Matrix, inv []float32, sum, in, delta *tensor.Matrix, gain *tensor.Param) {
	p.normJob = normJob{dst: dst, sum: sum, in: in, delta: delta, inv: inv, gain: gain.W.Data, eps: float32(p.Model.Config.NormEps)}
	p.Pool.Run(tasks(dst.Rows, rowsPerTask(dst.Cols)), &p.normJob)
}

// ropeJob rotates queries and keys in place; with the negated sines it is its own inverse and its own gradient.
type ropeJob struct {
	rope *rope
	sin  []float32
	b    Batch
	q, k *tensor.Matrix
	base int // position of the first token of every segment
}

func (j *ropeJob) Do(_, seg int) {
	lo, hi := j.b.segment(seg)
	for r := lo; r < hi; r++ {
		j.rope.rotate(j.q.Row(r), j.base+r-lo, j.sin)
		j.rope.rotate(j.k.Row(r), j.base+r-lo, j.sin)
	}
}

func (p *Pass) rotate(q, k *tensor.Matrix, sin []float32) {
	p.ropeJob = ropeJob{rope: p.rope, sin: sin, b: p.batch, q: q, k: k}
	p.Pool.Run(len(p.batch.Segments), &p.ropeJob)
}

// swigluJob computes silu(gate)·up.
type swigluJob struct{ dst, gate, up *tensor.Matrix }

func (j *swigluJob) Do(_, task int) {
	per := rowsPerTask(j.dst.Cols)
	for r := task * per; r < min((task+1)*per, j.dst.Rows); r++ {
		asm.SwiGLU(j.dst.Row(r), j.gate.Row(r), j.up.Row(r))
	}
}

func (p *Pass) swiglu(a *activations) {
	p.actJob = swigluJob{dst: &a.activated, gate: &a.gate, up: &a.up}
	p.Pool.Run(tasks(a.gate.Rows, rowsPerTask(a.gate.Cols)), &p.actJob)
}

// attnTask is a block of queries of one segment; q0 and q1 are positions inside it, first its first row.
type attnTask struct{ first, q0, q1 int }

// attnJob computes attention; a task is one head of one query block.
type attnJob struct {
	p *Pass
	a *activations
}

func (j *attnJob) Do(worker, task int) {
	cfg := j.p.Model.Config
	w, head := j.p.work[task/cfg.Heads], task%cfg.Heads
	kv := head / (cfg.Heads / cfg.KVHeads)
	r0, r1 := w.first+w.q0, w.first+w.q1
	att := j.p.att
	q := att.head(&j.a.q, r0, r1, head)
	o := att.head(&j.a.o, r0, r1, head)
	k := att.head(&j.a.k, w.first, r1, kv)
	v := att.head(&j.a.v, w.first, r1, kv)
	att.forward(j.p.Pool.Scratch(worker), worker, &o, &q, &k, &v, w.q0, j.a.headStats(head, r0, r1))
}

// headStats are the softmax statistics of one head for the tokens r0..r1-1.
func (a *activations) headStats(head, r0, r1 int) []rowStat {
	n := a.q.Rows
	return a.stats[head*n+r0 : head*n+r1]
}

func (p *Pass) attend(a *activations) {
	p.attnJob = attnJob{p: p, a: a}
	p.Pool.Run(len(p.work)*p.Model.Config.Heads, &p.attnJob)
}
