package model

import (
	"cmp"
	"math"
	"slices"

	"reprise/asm"
	"reprise/tensor"
)

// Sampling is how the next token is chosen.
type Sampling struct {
	Temperature float64 // 0, or below 1e-30: the most probable id, ties to the smaller one
	TopP        float64 // keep the smallest set of most probable ids whose mass reaches this; 0 or 1: all
	Seed        uint64  // stream of the draws: the same seed gives the same text
}

// sampler draws ids from logits.
type sampler struct {
	Sampling
	p   []float32
	ids []int32
}

func newSampler(s Sampling, vocab int) *sampler {
	return &sampler{Sampling: s, p: make([]float32, vocab), ids: make([]int32, 0, vocab)}
}

// Argmax returns the index of the greatest value, the smallest such index on a tie.
func Argmax(x []float32) int32 {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return int32(best)
}

// pick chooses the id of step i.
func (s *sampler) pick(logits []float32, step uint64) int32 {
	if s.Temperature < 1e-30 { // logits divided by it would overflow float32
		return Argmax(logits)
	}
	asm.Scale(s.p, float32(1/s.Temperature), logits)
	asm.ExpSum(s.p, s.p, asm.Max(s.p), 0)
	var total float64
	for _, v := range s.p {
		total += float64(v)
	}
	if s.TopP > 0 && s.TopP < 1 {
		ids, mass := s.nucleus(s.TopP * total)
		u := s.draw(step) * mass
		for _, id := range ids {
			if u -= float64(s.p[id]); u < 0 {
				return id
			}
		}
		return ids[len(ids)-1]
	}
	u := s.draw(step) * total
	for id, v := range s.p {
		if u -= float64(v); u < 0 {
			return int32(id)
		}
	}
	return int32(len(s.p) - 1)
}

// draw is the random number of a step, from 0 to 1.
func (s *sampler) draw(step uint64) float64 { return tensor.NewRNG(s.Seed, "sample", step).Float64() }

// nucleus orders the ids by weight in p, ties to the smaller id, and returns the shortest prefix whose mass reaches want,
// with that mass. The result is valid until the next call.
func (s *sampler) nucleus(want float64) ([]int32, float64) {
	s.above(s.floor(want))
	if ids, mass := s.prefix(want); mass >= want {
		return ids, mass
	}
	s.above(0) // rounding, or weights that are NaN
	return s.prefix(want)
}

// floor is a weight such that the ids at or above it have about the mass want. It adds up the masses of all weights with the
// same leading bits, whose order is that of the weights; this is faster than sorting a vocabulary.
func (s *sampler) floor(want float64) float32 {
	const leading = 11 // sign, exponent and two bits of the mantissa
	var masses [1 << leading]float64
	for _, v := range s.p {
		masses[math.Float32bits(v)>>(32-leading)] += float64(v)
	}
	mass := 0.0
	for i := len(masses)/2 - 1; i > 0; i-- {
		if mass += masses[i]; mass >= want {
			return math.Float32frombits(uint32(i) << (32 - leading))
		}
	}
	return 0
}

// above sets ids to the ids whose weight is not below floor.
func (s *sampler) above(floor float32) {
	s.ids = s.ids[:0]
	for i, v := range s.p {
		if !(v < floor) {
			s.ids = append(s.ids, int32(i))
		}
	}
}

// prefix sorts ids and returns the prefix that nucleus wants, or all of them.
func (s *sampler) prefix(want float64) ([]int32, float64) {
	slices.SortFunc(s.ids, func(a, b int32) int {
		return cmp.Or(cmp.Compare(s.p[b], s.p[a]), cmp.Compare(a, b))
	})
	var mass float64
	for i, id := range s.ids {
		mass += float64(s.p[id])
		if mass >= want {
			return s.ids[:i+1], mass
		}
	}
	return s.ids, mass
}
