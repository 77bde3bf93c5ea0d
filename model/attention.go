package model

import (
	"reprise/asm"
	"reprise/tensor"
)

// queryBlock is the number of queries whose scores exist at the same time. Its size cannot be seen in any result.
const queryBlock = 32

// attention is the arithmetic of one head over one segment, for a block of queries at a time:
//
//	s_j = scale·(q·k_j);  m = max s;  e_j = exp(s_j − m);  l = Σ e_j;  o = (Σ e_j v_j)/l      over the visible keys j ≤ i
//
// Every sum is one chain over ascending keys, and only visible keys enter it. Keys that all queries of a block see are
// handled as a matrix product, the triangle at its end key by key.
type attention struct {
	cfg    Config
	scale  float32
	scores []tensor.Matrix // per worker: [queryBlock, keys]
	grads  []tensor.Matrix // per worker, the same shape: gradients of the scores
}

func newAttention(cfg Config, workers int) *attention {
	return &attention{
		cfg: cfg, scale: float32(1 / sqrt(float64(cfg.HeadDim))),
		scores: make([]tensor.Matrix, workers), grads: make([]tensor.Matrix, workers),
	}
}

// buffer returns rows × keys of a worker's score matrix, growing it where needed.
func buffer(m *tensor.Matrix, rows, keys int) *tensor.Matrix {
	if stride := (keys + 15) &^ 15; len(m.Data) < queryBlock*stride {
		*m = *tensor.NewMatrix(queryBlock, 2*stride)
	}
	m.Rows, m.Cols, m.Stride = rows, keys, (keys+15)&^15
	return m
}

// head returns the columns of one head of a [tokens, heads·HeadDim] matrix, rows r0..r1-1.
func (a *attention) head(m *tensor.Matrix, r0, r1, head int) tensor.Matrix {
	return m.View(r0, r1, head*a.cfg.HeadDim, (head+1)*a.cfg.HeadDim)
}

// exponentials fills s (queries × keys) with e_j for the queries at positions q0.. and stats with each query's maximum and
// sum. What stands right of a query's own position is left as it is.
func (a *attention) exponentials(sc *tensor.Scratch, s, q, k *tensor.Matrix, q0 int, stats []rowStat) {
	sc.MatMulNT(s, q, k, false)
	for i := range q.Rows {
		x := s.Row(i)[:q0+i+1]
		asm.Scale(x, a.scale, x)
		top := asm.Max(x)
		stats[i] = rowStat{max: top, sum: asm.ExpSum(x, x, top, 0)}
	}
}

// rowStat is what the backward pass needs to know of a row of the softmax.
type rowStat struct{ max, sum float32 }

// weightedSum computes o_i = Σ_j s_ij v_j over the keys 0..q0+i that query i sees, ascending.
func weightedSum(sc *tensor.Scratch, o, s, v *tensor.Matrix, q0 int) {
	common := s.View(0, s.Rows, 0, q0)
	before := v.RowRange(0, q0)
	sc.MatMul(o, &common, &before, false)
	for i := range o.Rows {
		w := s.View(i, i+1, q0, q0+i+1)
		keys := v.RowRange(q0, q0+i+1)
		row := o.RowRange(i, i+1)
		sc.MatMul(&row, &w, &keys, true)
	}
}

// scatter adds s_ij·x_i to row j of dst for every key j that query i sees; for one key the queries ascend.
func scatter(sc *tensor.Scratch, dst, s, x *tensor.Matrix, q0 int) {
	if q0 > 0 {
		common := s.View(0, s.Rows, 0, q0)
		before := dst.RowRange(0, q0)
		sc.MatMulTN(&before, &common, x, true)
	}
	for i := range x.Rows {
		row := s.Row(i)
		for j := q0; j <= q0+i; j++ {
			asm.Axpy(dst.Row(j), row[j], x.Row(i))
		}
	}
}

// forward computes one block of one head: out rows for the queries q at positions q0.. with keys and values 0..q0+n-1.
func (a *attention) forward(sc *tensor.Scratch, worker int, out, q, k, v *tensor.Matrix, q0 int, stats []rowStat) {
	s := buffer(&a.scores[worker], q.Rows, q0+q.Rows)
	a.exponentials(sc, s, q, k, q0, stats)
	weightedSum(sc, out, s, v, q0)
	for i := range out.Rows {
		row, sum := out.Row(i), stats[i].sum
		for c := range row {
			row[c] /= sum
		}
	}
}

// backward adds one block's share of the gradients: dq is written, dk and dv are continued.
//
//	p = e/l;  dv_j += Σ_i p_ij do_i;  dp = do·vᵀ;  ds = p·(dp − do·o)·scale;  dq = ds·k;  dk_j += Σ_i ds_ij q_i
func (a *attention) backward(sc *tensor.Scratch, worker int, dq, dk, dv, do, o, q, k, v *tensor.Matrix, q0 int, stats []rowStat) {
	keys := q0 + q.Rows
	p := buffer(&a.scores[worker], q.Rows, keys)
	ds := buffer(&a.grads[worker], q.Rows, keys)
	sc.MatMulNT(p, q, k, false)
	sc.MatMulNT(ds, do, v, false)
	for i := range q.Rows {
		n := q0 + i + 1
		pr, dr := p.Row(i)[:n], ds.Row(i)[:n]
		asm.Scale(pr, a.scale, pr)
		asm.SoftmaxGrad(pr, pr, stats[i].max, 1/stats[i].sum, 1)
		asm.SoftmaxBackward(dr, pr, dr, asm.Dot(do.Row(i), o.Row(i)), a.scale)
	}
	scatter(sc, dv, p, do, q0)
	weightedSum(sc, dq, ds, k, q0)
	scatter(sc, dk, ds, q, q0)
}
