package eval

import (
	"context"
	"math"

	"reprise/asm"
	"reprise/data"
	"reprise/loss"
	"reprise/model"
)

// Spans counts how many spans of target tokens a model reproduces. A span is a run of target tokens. It is right if every
// one of them is the model's most probable id after the true tokens before it. This is so exactly if greedy decoding
// from the span's prompt would write the span, so Spans is exact match without generating.
type Spans struct {
	Right, Total             int // spans
	RightTokens, TotalTokens int
}

// Spans scores the spans of documents.
func (e *Evaluator) Spans(ctx context.Context, docs []data.Document) (Spans, error) {
	var s Spans
	e.newPass()
	best := &argmax{}
	var tiles loss.Tiles
	for i := range docs {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		d := &docs[i]
		var targets loss.Targets
		targets.Append(d.IDs, d.Target, 0)
		rows := targets.Rows
		h := e.pass.Forward(model.Batch{IDs: d.IDs, DocStarts: []int32{0}})
		right := make([]bool, len(d.IDs))
		for lo := 0; lo < len(rows); lo += loss.Block {
			hi := min(lo+loss.Block, len(rows))
			best.reset(hi - lo)
			tiles.Run(e.Pool, e.Model.Head(), h, rows[lo:hi], best)
			for k, row := range rows[lo:hi] {
				right[row+1] = best.id[k] == d.IDs[row+1]
			}
		}
		s.count(d.Target, right)
	}
	return s, nil
}

// count adds the spans of one document.
func (s *Spans) count(target, right []bool) {
	for i := 0; i < len(target); i++ {
		if !target[i] {
			continue
		}
		whole := true
		for ; i < len(target) && target[i]; i++ {
			s.TotalTokens++
			if right[i] {
				s.RightTokens++
			}
			whole = whole && right[i]
		}
		s.Total++
		if whole {
			s.Right++
		}
	}
}

// argmax keeps the best id of every position over vocabulary tiles; ties go to the smaller id.
type argmax struct {
	z  []float32
	id []int32
}

func (a *argmax) reset(n int) {
	a.z, a.id = a.z[:0], a.id[:0]
	for range n {
		a.z, a.id = append(a.z, float32(math.Inf(-1))), append(a.id, 0)
	}
}

// Visit implements loss.Visitor.
func (a *argmax) Visit(_, position, first int, z []float32) {
	if asm.Max(z) > a.z[position] {
		i := model.Argmax(z)
		a.z[position], a.id[position] = z[i], int32(first)+i
	}
}
