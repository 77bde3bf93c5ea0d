package loss

import (
	"slices"

	"reprise/asm"
	"reprise/tensor"
)

// csr holds the (position, id) pairs of one sequence sorted by id, positions ascending within an id, so that each row of
// the head's gradient has one owner and one order.
type csr struct {
	start []int32   // per vocabulary id, scratch of the counting sort
	ids   []int32   // distinct ids, ascending
	first []int32   // ids[i] owns pairs first[i]:first[i+1]
	rows  []int32   // row of Replay.hidden, per pair
	coef  []float32 // gradient of the logit, per pair
}

// idsPerTask is the number of rows of the head's gradient that one task owns.
const idsPerTask = 32

func (c *csr) tasks() int { return (len(c.ids) + idsPerTask - 1) / idsPerTask }

// reserve makes room for n pairs.
func (c *csr) reserve(n, vocab int) {
	if len(c.start) != vocab+1 {
		c.start = make([]int32, vocab+1)
	}
	if cap(c.rows) < n {
		c.rows, c.coef = make([]int32, n), make([]float32, n)
	}
	c.ids, c.first = slices.Grow(c.ids[:0], min(n, vocab)), slices.Grow(c.first[:0], min(n, vocab)+1)
}

// build sorts the pairs of positions lo..hi-1 (a stable counting sort).
func (c *csr) build(s *Subsets, lo, hi int, coef []float32, vocab int) {
	a, b := s.Offsets[lo], s.Offsets[hi]
	n := int(b - a)
	c.reserve(n, vocab)
	clear(c.start)
	for _, id := range s.IDs[a:b] {
		c.start[id]++
	}
	c.rows, c.coef = c.rows[:n], c.coef[:n]
	c.ids, c.first = c.ids[:0], c.first[:0]
	var at int32
	for id, count := range c.start[:vocab] {
		if count > 0 {
			c.ids = append(c.ids, int32(id))
			c.first = append(c.first, at)
		}
		c.start[id] = at
		at += count
	}
	c.first = append(c.first, at)
	for i := lo; i < hi; i++ {
		for k := s.Offsets[i]; k < s.Offsets[i+1]; k++ {
			to := &c.start[s.IDs[k]]
			c.rows[*to], c.coef[*to] = int32(i), coef[k]
			*to++
		}
	}
}

// rowGradJob continues rows of the head's gradient: G[id] += coef·h over the id's pairs.
type rowGradJob struct {
	r *Replay
	g *tensor.Matrix
}

func (j *rowGradJob) Do(_, task int) {
	c, h := &j.r.csr, &j.r.hidden
	for i := task * idsPerTask; i < min((task+1)*idsPerTask, len(c.ids)); i++ {
		if i+1 < len(c.ids) {
			asm.Prefetch(j.g.Row(int(c.ids[i+1]))) // the rows are far apart in memory
		}
		a, b := c.first[i], c.first[i+1]
		asm.GatherAxpy(j.g.Row(int(c.ids[i])), c.coef[a:b], h.Data, h.Stride, c.rows[a:b])
	}
}
