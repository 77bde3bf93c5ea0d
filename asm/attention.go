package asm

import (
	"fmt"
	"unsafe"
)

// Rows are N rows of a matrix in memory, Stride values apart. Row r consists of the columns from Lo + r*LoStep to Hi +
// r*HiStep (excluded), at least one; the kernels do not touch the others.
type Rows struct{ N, Stride, Lo, Hi, LoStep, HiStep int }

// SoftmaxStat is what the backward pass needs of a row of the softmax: the largest scaled score, and the sum of the
// exponentials.
type SoftmaxStat struct{ Max, Sum float32 }

// rowsArgs are the arguments of the assembly; distances are in bytes.
type rowsArgs struct {
	s, g       *float32
	stats      *SoftmaxStat
	dots       *float32
	step       int // from the first element of a row to the first of the next
	n, grow    int // elements of the first row, and how many more each following row has
	lane, turn int // lane of the first element, and how many lanes farther each following row starts
	rows       int
	scale      float32
}

// args checks that the rows lie in s, and fills in the arguments that all kernels share.
func (w Rows) args(op string, s []float32, stats []SoftmaxStat, scale float32) rowsArgs {
	last := w.N - 1
	if w.N < 1 || len(stats) < w.N || w.Lo < 0 || w.Lo+last*w.LoStep < 0 || w.Lo >= w.Hi || w.Lo+last*w.LoStep >= w.Hi+last*w.HiStep {
		panic(fmt.Sprintf("asm: %s: rows %+v with %d stats", op, w, len(stats)))
	}
	_, _ = s[w.Hi-1], s[last*w.Stride+w.Hi+last*w.HiStep-1]
	return rowsArgs{
		s: &s[w.Lo], stats: &stats[0], scale: scale, rows: w.N,
		step: 4 * (w.Stride + w.LoStep), n: w.Hi - w.Lo, grow: w.HiStep - w.LoStep, lane: w.Lo, turn: w.LoStep,
	}
}

// split returns as many of the first rows as one call of the assembly may take without holding up the scheduler, and their
// number.
func (w Rows) split() (first Rows, n int) {
	n = min(w.N, max(1, 4*chunk/max(1, w.Hi, w.Hi+(w.N-1)*w.HiStep)))
	first = w
	first.N = n
	return first, n
}

// after returns the rows from row r on.
func (w Rows) after(r int) Rows {
	w.N, w.Lo, w.Hi = w.N-r, w.Lo+r*w.LoStep, w.Hi+r*w.HiStep
	return w
}

// SoftmaxRows turns unscaled scores into exponentials, in place:
//
//	m = scale * max s;  s[i] = exp(scale*s[i]-m);  stats[r] = m and the sum of the row over 32 lanes
//
// The lane of a column is its number plus lane, mod 32. scale must be positive: then the largest element has the largest
// score.
func SoftmaxRows(s []float32, rows Rows, scale float32, lane int, stats []SoftmaxStat) {
	for {
		first, n := rows.split()
		t := first.args("SoftmaxRows", s, stats, scale)
		t.lane = (t.lane + lane) & 31
		softmaxRowsTier(&t)
		if n == rows.N {
			return
		}
		rows, s, stats = rows.after(n), s[n*rows.Stride:], stats[n:]
	}
}

// AttentionGradRows recomputes the probabilities of rows of attention from the unscaled scores s, in place, and turns their
// gradient g into the gradient of the scores:
//
//	s[i] = exp(scale*s[i]-max) * (1/sum);  g[i] = (s[i] * (g[i]-dot)) * scale
//
// where dots[r] is the dot product of row r's probabilities and their gradient.
func AttentionGradRows(s, g []float32, rows Rows, scale float32, stats []SoftmaxStat, dots []float32) {
	for {
		first, n := rows.split()
		first.args("AttentionGradRows", g, stats, scale)
		t := first.args("AttentionGradRows", s, stats, scale)
		_ = dots[n-1]
		t.g, t.dots = &g[rows.Lo], &dots[0]
		attentionGradRowsTier(&t)
		if n == rows.N {
			return
		}
		rows, s, g, stats, dots = rows.after(n), s[n*rows.Stride:], g[n*rows.Stride:], stats[n:], dots[n:]
	}
}

// row returns the elements of row r, where p points to the first element of row 0.
func (t *rowsArgs) row(p *float32, r int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p), r*t.step)), t.n+r*t.grow)
}

func softmaxRowsGeneric(t *rowsArgs) {
	stats := unsafe.Slice(t.stats, t.rows)
	for r := range stats {
		s := t.row(t.s, r)
		top := t.scale * Max(s)
		var lanes [32]float32
		stats[r] = SoftmaxStat{Max: top, Sum: expSumScaledGeneric(s, s, t.scale, top, t.lane+r*t.turn, &lanes)}
	}
}

func attentionGradRowsGeneric(t *rowsArgs) {
	dots := unsafe.Slice(t.dots, t.rows)
	for r, stats := range unsafe.Slice(t.stats, t.rows) {
		attentionGradGeneric(t.row(t.s, r), t.row(t.g, r), t.scale, stats.Max, 1/stats.Sum, dots[r])
	}
}
