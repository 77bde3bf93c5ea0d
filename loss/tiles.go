package loss

import (
	"iter"

	"reprise/tensor"
)

// Tiles runs the head over the whole vocabulary, one tile of ids after another, for at most a block of positions at a
// time, and hands every row of every tile to visit: what a recorder needs, without vocabulary-sized memory.
type Tiles struct {
	hidden, logits tensor.Matrix
	job            tileJob
}

// Block is the largest number of positions that one call of Tiles.Run takes: 2 MB of logits. Every block packs the head's
// weights again, so blocks of half this size cost about 4 % more time.
const Block = 512

// Blocks cuts n positions into blocks of about equal size, none above Block: a last block of a few positions would cost
// about as much as a whole one.
func Blocks(n int) iter.Seq2[int, int] {
	return func(yield func(lo, hi int) bool) {
		parts := (n + Block - 1) / Block
		for i := range parts {
			if !yield(i*n/parts, (i+1)*n/parts) {
				return
			}
		}
	}
}

// Visitor is given logits of a position: z[i] is the logit of id first+i. The rows of one position come in ascending order
// of first; several workers may hand over different positions at the same time.
type Visitor interface {
	Visit(worker, position, first int, z []float32)
}

// Run visits the logits of the given rows of h. head.W is [V, d].
func (t *Tiles) Run(pool *tensor.Pool, head *tensor.Param, h *tensor.Matrix, rows []int32, v Visitor) {
	if len(rows) > Block {
		panic("loss: more positions than a block of tiles takes")
	}
	Reserve(&t.hidden, len(rows), h.Cols)
	GatherRows(&t.hidden, h, rows)
	for first := 0; first < head.W.Rows; first += Tile {
		w := head.W.RowRange(first, min(first+Tile, head.W.Rows))
		Reserve(&t.logits, len(rows), w.Rows)
		pool.MatMulNT(&t.logits, &t.hidden, &w, false)
		t.job = tileJob{t: t, v: v, first: first}
		pool.Run(positionTasks(len(rows)), &t.job)
	}
}

type tileJob struct {
	t     *Tiles
	v     Visitor
	first int
}

func (j *tileJob) Do(worker, task int) {
	z := &j.t.logits
	for i := task * positionsPerTask; i < min((task+1)*positionsPerTask, z.Rows); i++ {
		j.v.Visit(worker, i, j.first, z.Row(i))
	}
}

// Add adds one more tile to a running log-sum-exp; tiles must be those of Tiles, in order. tmp holds Tile values. top is the
// tile's maximum, or −Inf if the maximum is known not to exceed Max: a caller that searches the tile for large logits knows
// that already. A NaN in the tile then shows in Sum.
func (l *LSE) Add(tile, tmp []float32, top float32) { l.addBelow(tile, tmp, top) }

// NewLSE is the log-sum-exp of an empty set.
func NewLSE() LSE { return LSE{Max: negInf} }
