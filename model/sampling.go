package model

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"reprise/asm"
	"reprise/tensor"
)

// Sampling is how the next token is chosen: the penalties change logits, the temperature scales them, TopK, TopP and MinP, in
// this order, each leave out improbable ids, and one of the others is drawn. The zero value takes the most probable id every time.
// Section 9 of docs/NUMERICS.md has every operation.
type Sampling struct {
	Temperature float64 // 0, or below 1e-30: the most probable id, ties to the smaller one
	TopK        int     // keep this many of the most probable ids; 0: all
	TopP        float64 // keep the smallest set of most probable ids whose mass reaches this; 0 or 1: all
	MinP        float64 // keep the ids with at least this share of the greatest probability; 0: all

	RepetitionPenalty float64 // divides the positive logits of ids in the prompt or the continuation, multiplies their negative ones; 0 or 1: none
	PresencePenalty   float64 // subtracted from the logit of every id in the continuation
	FrequencyPenalty  float64 // subtracted from it once for every time that the id is there

	Seed     uint64 // stream of the draws: the same seed gives the same text
	Sequence uint32 // number of the continuation, from 0: others of the same seed have draws of their own
}

// SamplingError says which setting is outside its bounds. Key is its name in a generation_config.json.
type SamplingError struct{ Key, Problem string }

func (e *SamplingError) Error() string { return "model: " + e.Key + " " + e.Problem }

// Check returns a [*SamplingError] for the first setting that is outside its bounds. A setting of 0 is inside.
func (s Sampling) Check() error {
	for _, c := range []struct {
		key    string
		value  float64
		lo, hi float64
		want   string
	}{
		{"temperature", s.Temperature, 0, 100, "0 to 100"},
		{"top_k", float64(s.TopK), 0, math.MaxInt32, "a whole number, 0 or more"},
		{"top_p", s.TopP, 0, 1, "more than 0 and at most 1"},
		{"min_p", s.MinP, 0, 1, "0 to 1"},
		{"repetition_penalty", s.RepetitionPenalty, 0.01, 100, "0.01 to 100"},
		{"presence_penalty", s.PresencePenalty, -2, 2, "-2 to 2"},
		{"frequency_penalty", s.FrequencyPenalty, -2, 2, "-2 to 2"},
	} {
		if !(c.value >= c.lo && c.value <= c.hi || c.value == 0) {
			return &SamplingError{c.key, fmt.Sprintf("%g: want %s", c.value, c.want)}
		}
	}
	return nil
}

// ErrLogits is returned where no next token can be chosen, because a logit is not a number or the greatest one is infinite.
var ErrLogits = errors.New("model: the logits of the next token are not finite numbers: the model's weights are damaged, or training diverged")

// sampler draws ids from logits. What it draws depends on its settings, the logits, the step and the history alone, so that
// many sequences may share a pass.
type sampler struct {
	Sampling
	p     []float32 // changed logits, then weights: a weight is exp(z - greatest z), proportional to the probability
	ids   []int32
	seen  []int32 // the distinct ids of prompt and continuation; kept only for penalties
	in    []bool  // whether an id is in seen
	count []int32 // how often an id is in the continuation
}

func newSampler(s Sampling, vocab int, prompt []int32) *sampler {
	r := &sampler{Sampling: s, p: make([]float32, vocab), ids: make([]int32, 0, vocab)}
	if r.repeats() || s.PresencePenalty != 0 || s.FrequencyPenalty != 0 {
		r.seen, r.in, r.count = make([]int32, 0, vocab), make([]bool, vocab), make([]int32, vocab)
	}
	r.begin(s.Sequence, prompt)
	return r
}

// begin starts a continuation of its own number, with a history that holds the prompt alone.
func (s *sampler) begin(sequence uint32, prompt []int32) {
	s.Sequence = sequence
	if s.in == nil {
		return
	}
	for _, id := range s.seen {
		s.in[id], s.count[id] = false, 0
	}
	s.seen = s.seen[:0]
	for _, id := range prompt {
		s.see(id)
	}
}

// repeats says whether there is a repetition penalty.
func (s *sampler) repeats() bool { return s.RepetitionPenalty != 0 && s.RepetitionPenalty != 1 }

func (s *sampler) see(id int32) {
	if !s.in[id] {
		s.in[id] = true
		s.seen = append(s.seen, id)
	}
}

// took puts an id of the continuation into the history.
func (s *sampler) took(id int32) {
	if s.in != nil {
		s.see(id)
		s.count[id]++
	}
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
func (s *sampler) pick(logits []float32, step uint64) (int32, error) {
	z := s.penalised(logits)
	if top := asm.Max(z); !(math.Abs(float64(top)) <= math.MaxFloat32) { // NaN too
		return 0, ErrLogits
	}
	if s.Temperature < 1e-30 { // logits divided by it would overflow float32
		return Argmax(z), nil
	}
	asm.Scale(s.p, float32(1/s.Temperature), z)
	top := asm.Max(s.p)
	if math.IsInf(float64(top), 0) { // it overflows all the same
		return Argmax(s.penalised(logits)), nil
	}
	asm.ExpSum(s.p, s.p, top, 0)
	if s.TopK > 0 && s.TopK < len(s.p) || s.nuclear() || s.MinP > 0 {
		ids, mass := s.kept()
		u := float64(s.draw(step) * mass)
		for _, id := range ids {
			if u -= float64(s.p[id]); u < 0 {
				return id, nil
			}
		}
		return ids[len(ids)-1], nil
	}
	u := float64(s.draw(step) * s.total())
	for id, v := range s.p {
		if u -= float64(v); u < 0 {
			return int32(id), nil
		}
	}
	return int32(len(s.p) - 1), nil
}

// penalised returns the logits after the penalties, in p if there are any.
func (s *sampler) penalised(logits []float32) []float32 {
	if s.in == nil {
		return logits
	}
	copy(s.p, logits)
	r := float32(s.RepetitionPenalty)
	presence, frequency := float32(s.PresencePenalty), float32(s.FrequencyPenalty)
	for _, id := range s.seen {
		z := s.p[id]
		if s.repeats() {
			if z < 0 {
				z = float32(z * r)
			} else {
				z /= r
			}
		}
		if n := s.count[id]; n > 0 {
			z -= float32(float32(n) * frequency)
			z -= presence
		}
		s.p[id] = z
	}
	return s.p
}

// draw is the random number of a step, from 0 to 1.
func (s *sampler) draw(step uint64) float64 {
	return tensor.NewRNG(s.Seed, "sample", uint64(s.Sequence)<<32+step).Float64()
}

// total is the sum of all weights.
func (s *sampler) total() (sum float64) {
	for _, v := range s.p {
		sum += float64(v)
	}
	return sum
}

// nuclear says whether TopP leaves anything out.
func (s *sampler) nuclear() bool { return s.TopP > 0 && s.TopP < 1 }

// kept returns the ids that TopK, TopP and MinP leave, ordered by weight in p, ties to the smaller id, with their mass. Each of
// the three keeps a beginning of that order. The result is valid until the next call.
func (s *sampler) kept() (ids []int32, mass float64) {
	switch {
	case s.TopK > 0 && s.TopK < len(s.p):
		ids = s.greatest(s.TopK)
		mass = s.mass(ids)
		if s.nuclear() {
			ids, mass = s.prefix(ids, s.TopP*mass)
		}
	case s.nuclear():
		ids, mass = s.nucleus(s.TopP * s.total())
	default:
		s.above(math.Nextafter32(float32(s.MinP), 0)) // float32 may have rounded it up
		ids = s.sorted()
	}
	if s.MinP > 0 {
		n := 1
		for n < len(ids) && float64(s.p[ids[n]]) >= s.MinP { // the greatest weight is 1
			n++
		}
		ids = ids[:n]
		mass = s.mass(ids)
	}
	return ids, mass
}

// mass is the sum of the weights of ids, in their order.
func (s *sampler) mass(ids []int32) (sum float64) {
	for _, id := range ids {
		sum += float64(s.p[id])
	}
	return sum
}

// greatest returns the k ids of greatest weight in order, or fewer where not as many have a weight above 0.
func (s *sampler) greatest(k int) []int32 {
	s.above(max(s.floor(float64(k), true), math.SmallestNonzeroFloat32))
	ids := s.sorted()
	return ids[:min(k, len(ids))]
}

// nucleus orders the ids by weight in p, ties to the smaller id, and returns the shortest prefix whose mass reaches want,
// with that mass. The result is valid until the next call.
func (s *sampler) nucleus(want float64) ([]int32, float64) {
	s.above(s.floor(want, false))
	if ids, mass := s.prefix(s.sorted(), want); mass >= want {
		return ids, mass
	}
	s.above(0) // rounding, or weights that are NaN
	return s.prefix(s.sorted(), want)
}

// floor is a weight such that the ids at or above it have about the mass want, or are at least that many where number is set. It
// adds up all weights with the same leading bits, whose order is that of the weights; this is faster than sorting a vocabulary.
func (s *sampler) floor(want float64, number bool) float32 {
	const leading = 11 // sign, exponent and two bits of the mantissa
	var masses [1 << leading]float64
	for _, v := range s.p {
		share := float64(v)
		if number {
			share = 1
		}
		masses[math.Float32bits(v)>>(32-leading)] += share
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

// sorted orders ids by falling weight, ties to the smaller id.
func (s *sampler) sorted() []int32 {
	slices.SortFunc(s.ids, func(a, b int32) int {
		return cmp.Or(cmp.Compare(s.p[b], s.p[a]), cmp.Compare(a, b))
	})
	return s.ids
}

// prefix returns the shortest prefix of ids whose mass reaches want, or all of them, and its mass.
func (s *sampler) prefix(ids []int32, want float64) ([]int32, float64) {
	var mass float64
	for i, id := range ids {
		mass += float64(s.p[id])
		if mass >= want {
			return ids[:i+1], mass
		}
	}
	return ids, mass
}
