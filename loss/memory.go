package loss

import (
	"slices"

	"reprise/tensor"
)

// FullMemory is the number of bytes that a Full takes for batches of this many positions: the logits of one block and
// its hidden states.
func FullMemory(positions, vocab, d int) int {
	return 4 * min(block, positions) * (stride(vocab) + 2*stride(d))
}

// Sizes bound the batches of a Replay.
type Sizes struct {
	Positions int // positions that carry loss, in one batch
	SeqLen    int // positions that carry loss, in one sequence
	Subset    int // recorded ids of one position
	Tail      int // draws of one sequence's tail; 0: no tail
}

// ReplayMemory is the largest number of bytes that a Replay takes for batches within s.
func ReplayMemory(s Sizes, vocab, d int) int {
	pairs := s.SeqLen * s.Subset
	n := 2*s.Positions*stride(d) + s.Positions*s.Subset // hidden states and their gradients; logits of the subsets
	n += 2*pairs + 2*min(pairs, vocab) + vocab          // the pairs of one sequence sorted by id
	if s.Tail > 0 {
		n += 2*s.Tail*stride(d) + s.SeqLen*stride(s.Tail) // rows of W and of G; logits
	}
	return 4 * n
}

// Reserve allocates what ReplayMemory counts, so that no batch within s allocates.
func (r *Replay) Reserve(workers int, s Sizes, vocab, d int) {
	r.resize(workers, s, s.Positions*s.Subset, d)
	r.csr.reserve(s.SeqLen*s.Subset, vocab)
}

// Reserve allocates what every worker of a Full needs; subset is the largest number of recorded ids of a position, and
// matters only with an anchor. The logits' memory is not included: see Space.
func (f *Full) Reserve(workers, subset int) {
	if need := workers * Tile; len(f.tmp) < need {
		f.tmp = make([]float32, need)
		f.work = make([]anchorWork, workers)
	}
	for i := range f.work {
		w := &f.work[i]
		w.z, w.p, w.b = slices.Grow(w.z[:0], subset), slices.Grow(w.p[:0], subset), slices.Grow(w.b[:0], subset)
	}
}

// place returns a matrix in what is left of space, or in own if that is too little.
func place(space *[]float32, own *tensor.Matrix, rows, cols int) tensor.Matrix {
	s := stride(cols)
	if n := rows * s; n <= len(*space) {
		m := tensor.Matrix{Rows: rows, Cols: cols, Stride: s, Data: (*space)[:n:n]}
		*space = (*space)[n:]
		return m
	}
	Reserve(own, rows, cols)
	return *own
}
