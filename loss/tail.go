package loss

import (
	"slices"
	"sort"

	"reprise/internal/exact"
	"reprise/tensor"
)

// Proposal is a distribution over the vocabulary from which the sampled tail is drawn.
type Proposal struct {
	vocab      int
	cumulative []float64 // nil: uniform
}

// Uniform gives every id the same probability.
func Uniform(vocab int) *Proposal { return &Proposal{vocab: vocab} }

// Frequency gives id j a probability proportional to (counts[j] + 1)^0.75, where counts are the record's gold counts. The 1
// lets every id be drawn.
func Frequency(counts []int64) *Proposal {
	p := &Proposal{vocab: len(counts), cumulative: make([]float64, len(counts))}
	var sum float64
	for j, c := range counts {
		sum += exact.Pow(float64(c)+1, 0.75)
		p.cumulative[j] = sum
	}
	return p
}

// Vocab is the number of ids.
func (p *Proposal) Vocab() int { return p.vocab }

// Prob is the probability of an id.
func (p *Proposal) Prob(id int32) float64 {
	if p.cumulative == nil {
		return 1 / float64(p.vocab)
	}
	mass := p.cumulative[id]
	if id > 0 {
		mass -= p.cumulative[id-1]
	}
	return mass / p.cumulative[p.vocab-1]
}

// draw draws one id.
func (p *Proposal) draw(rng *tensor.RNG) int32 {
	if p.cumulative == nil {
		return int32(rng.Intn(p.vocab))
	}
	u := rng.Float64() * p.cumulative[p.vocab-1]
	j := sort.Search(p.vocab, func(i int) bool { return p.cumulative[i] > u })
	return int32(min(j, p.vocab-1))
}

// Tail is the sampled tail of one sequence: the distinct ids drawn, ascending, and the offsets of their logits.
//
// With n draws from q, an id drawn c times enters the sum c times as exp(z − log(n·q)), that is once as exp(z + Offset),
// Offset = log(c/(n·q)). The sum over the tail is then an unbiased estimate of Σ exp(z) over all ids; its logarithm, and so
// the loss and its gradient, are not.
type Tail struct {
	IDs    []int32
	Offset []float32
}

// Draw replaces the contents of t by n draws from p, with replacement.
func (t *Tail) Draw(p *Proposal, n int, rng *tensor.RNG) {
	t.IDs, t.Offset = slices.Grow(t.IDs[:0], n), slices.Grow(t.Offset[:0], n)
	for range n {
		t.IDs = append(t.IDs, p.draw(rng))
	}
	slices.Sort(t.IDs)
	distinct := 0
	for i := 0; i < n; {
		id, first := t.IDs[i], i
		for i < n && t.IDs[i] == id {
			i++
		}
		t.IDs[distinct] = id
		t.Offset = append(t.Offset, float32(exact.Log(float64(i-first)/(float64(n)*p.Prob(id)))))
		distinct++
	}
	t.IDs = t.IDs[:distinct]
}
