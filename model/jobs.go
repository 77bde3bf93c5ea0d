package model

import (
	"reprise/asm"
	"reprise/tensor"
)

// Row-wise work is cut into tasks of about this many elements, about ten microseconds each.
const taskElements = 16384

// rowsPerTask is how many rows of a given width one task takes.
func rowsPerTask(width int) int { return max(1, taskElements/width) }

func tasks(rows, perTask int) int { return (rows + perTask - 1) / perTask }

// runRows runs a job whose tasks are ranges of rows.
func (p *Pass) runRows(rows, width int, job tensor.Job) {
	p.Pool.Run(tasks(rows, rowsPerTask(width)), job)
}

// taskRows returns the rows of one task of runRows.
func taskRows(task, rows, width int) (lo, hi int) {
	per := rowsPerTask(width)
	return task * per, min((task+1)*per, rows)
}

// embedJob copies embedding rows into the residual stream; with learned positions it adds the position's row.
type embedJob struct {
	dst, table, places *tensor.Matrix
	ids, positions     []int32
}

func (j *embedJob) Do(_, task int) {
	lo, hi := taskRows(task, len(j.ids), j.dst.Cols)
	for r := lo; r < hi; r++ {
		row := j.table.Row(int(j.ids[r]))
		if j.places == nil {
			copy(j.dst.Row(r), row)
		} else {
			asm.Add(j.dst.Row(r), row, j.places.Row(int(j.positions[r])))
		}
	}
}

func (p *Pass) embed(dst *tensor.Matrix) {
	p.embJob = embedJob{dst: dst, table: p.Model.embed.W, ids: p.batch.IDs, positions: p.positions}
	if p.Model.positions != nil {
		p.embJob.places = p.Model.positions.W
	}
	p.runRows(dst.Rows, dst.Cols, &p.embJob)
}

// normStats are what a norm's backward pass needs of every row.
type normStats struct{ mean, inv []float32 } // 1/RMS, or mean and 1/deviation

// normJob adds a sub-layer's output to the residual stream and normalises the sum for the next sub-layer:
// sum = in + delta; dst = norm(sum). Without a delta the stream is only normalised.
type normJob struct {
	dst, sum, in, delta tensor.Matrix
	add                 bool
	stats               normStats
	gain, bias          []float32
	eps                 float32
}

func (j *normJob) Do(_, task int) {
	lo, hi := taskRows(task, j.dst.Rows, j.dst.Cols)
	for r := lo; r < hi; r++ {
		x := j.sum.Row(r)
		if j.add {
			asm.Add(x, j.in.Row(r), j.delta.Row(r))
		}
		if j.bias == nil {
			j.stats.inv[r] = asm.RMSNorm(j.dst.Row(r), x, j.gain, j.eps)
		} else {
			j.stats.mean[r], j.stats.inv[r] = asm.LayerNorm(j.dst.Row(r), x, j.gain, j.bias, j.eps)
		}
	}
}

func (p *Pass) normalize(dst *tensor.Matrix, stats normStats, x *tensor.Matrix, n *norm) {
	p.normJob = normJob{dst: *dst, sum: *x, stats: stats}
	p.runNorm(n)
}

func (p *Pass) addNorm(dst *tensor.Matrix, stats normStats, sum, in, delta *tensor.Matrix, n *norm) {
	p.normJob = normJob{dst: *dst, sum: *sum, in: *in, delta: *delta, add: true, stats: stats}
	p.runNorm(n)
}

func (p *Pass) runNorm(n *norm) {
	j := &p.normJob
	j.gain, j.eps = n.gain.W.Data, float32(p.Model.Config.NormEps)
	if n.bias != nil {
		j.bias = n.bias.W.Data
	}
	p.runRows(j.dst.Rows, j.dst.Cols, j)
}

// ropeJob rotates queries and keys in place; with the negated sines it computes the inverse, which is also the gradient.
type ropeJob struct {
	rope      *rope
	sin       []float32
	q, k      *tensor.Matrix
	positions []int32
}

func (j *ropeJob) Do(_, task int) {
	lo, hi := taskRows(task, j.q.Rows, j.q.Cols)
	for r := lo; r < hi; r++ {
		j.rope.rotate(j.q.Row(r), int(j.positions[r]), j.sin)
		j.rope.rotate(j.k.Row(r), int(j.positions[r]), j.sin)
	}
}

// rotate turns queries and keys to their positions, or with the negated sines back. With learned positions it does nothing.
func (p *Pass) rotate(q, k *tensor.Matrix, back bool) {
	if p.rope == nil {
		return
	}
	p.ropeJob = ropeJob{rope: p.rope, sin: p.rope.sin, q: q, k: k, positions: p.positions}
	if back {
		p.ropeJob.sin = p.rope.neg
	}
	p.runRows(q.Rows, q.Cols, &p.ropeJob)
}

// gelu computes the form of GELU that the model uses.
func (c *Config) gelu(dst, x []float32) {
	if c.ExactGELU {
		asm.GELUErf(dst, x)
	} else {
		asm.GELU(dst, x)
	}
}

// geluBackward computes dx = dy·gelu'(x).
func (c *Config) geluBackward(dx, dy, x []float32) {
	if c.ExactGELU {
		asm.GELUErfBackward(dx, dy, x)
	} else {
		asm.GELUBackward(dx, dy, x)
	}
}

// activationJob computes silu(gate)·up or, without a gate, gelu(up).
type activationJob struct {
	cfg           *Config
	dst, gate, up *tensor.Matrix
}

func (j *activationJob) Do(_, task int) {
	lo, hi := taskRows(task, j.dst.Rows, j.dst.Cols)
	for r := lo; r < hi; r++ {
		if j.gate == nil {
			j.cfg.gelu(j.dst.Row(r), j.up.Row(r))
		} else {
			asm.SwiGLU(j.dst.Row(r), j.gate.Row(r), j.up.Row(r))
		}
	}
}

func (p *Pass) activate(blk *block, a *activations) {
	p.actJob = activationJob{cfg: &p.Model.Config, dst: &p.activated, up: &a.up}
	if blk.gate != nil {
		p.actJob.gate = &a.gate
	}
	p.runRows(a.up.Rows, a.up.Cols, &p.actJob)
}

// biasJob adds a bias to every row.
type biasJob struct {
	y    *tensor.Matrix
	bias []float32
}

func (j *biasJob) Do(_, task int) {
	lo, hi := taskRows(task, j.y.Rows, j.y.Cols)
	for r := lo; r < hi; r++ {
		row := j.y.Row(r)
		asm.Add(row, row, j.bias)
	}
}

// linear computes y = x·W + b in the layout of l.
func (p *Pass) linear(l *linear, y, x *tensor.Matrix) {
	switch w := p.weights[l]; {
	case w != nil:
		p.Pool.MatMulPanels(y, x, w)
	case l.conv1D:
		p.Pool.MatMul(y, x, l.w.W, false)
	default:
		p.Pool.MatMulNT(y, x, l.w.W, false)
	}
	if l.bias != nil {
		p.biasJob = biasJob{y: y, bias: l.bias.W.Data}
		p.runRows(y.Rows, y.Cols, &p.biasJob)
	}
}
