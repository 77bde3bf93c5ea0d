package model

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"reprise/asm"
	"reprise/internal/testfiles"
	"reprise/tensor"
)

// samplingCase is a case of testdata/sampling: what PyTorch gives after every step.
type samplingCase struct {
	Name     string
	Settings struct {
		Temperature       float64
		TopK              int     `json:"top_k"`
		TopP              float64 `json:"top_p"`
		MinP              float64 `json:"min_p"`
		RepetitionPenalty float64 `json:"repetition_penalty"`
		PresencePenalty   float64 `json:"presence_penalty"`
		FrequencyPenalty  float64 `json:"frequency_penalty"`
	}
	Prompt, Made      []int32
	Logits, Penalised []*float32 // nil: minus infinity
	Greedy            int32
	Probabilities     []float64
	TopK              []int32 `json:"top_k"`
	TopP              []int32 `json:"top_p"`
	MinP              []int32 `json:"min_p"`
	Last              []float64
}

func (c *samplingCase) sampling() Sampling {
	s := c.Settings
	return Sampling{Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP, RepetitionPenalty: s.RepetitionPenalty,
		PresencePenalty: s.PresencePenalty, FrequencyPenalty: s.FrequencyPenalty, Seed: 5}
}

// sampler returns a sampler with settings of its own and the case's history.
func (c *samplingCase) sampler(s Sampling) *sampler {
	r := newSampler(s, len(c.Logits), c.Prompt)
	for _, id := range c.Made {
		r.took(id)
	}
	return r
}

func finite(list []*float32) []float32 {
	x := make([]float32, len(list))
	for i, v := range list {
		if x[i] = float32(math.Inf(-1)); v != nil {
			x[i] = *v
		}
	}
	return x
}

func samplingCases(t *testing.T) (cases []samplingCase) {
	t.Helper()
	testfiles.ReadBoxJSON(t, &cases, "sampling", "sampling.json.gz")
	if len(cases) < 40 {
		t.Fatalf("%d cases, want more", len(cases))
	}
	return cases
}

// TestSamplingIsThatOfPyTorch: the logits after the penalties have PyTorch's bits; the temperature gives its probabilities; top-k,
// top-p and min-p, one after the other, leave its ids in its order.
func TestSamplingIsThatOfPyTorch(t *testing.T) {
	for _, c := range samplingCases(t) {
		logits, all := finite(c.Logits), c.sampling()
		s := c.sampler(all)
		if got := s.penalised(logits); !sameBits(got, finite(c.Penalised)) {
			t.Errorf("%s: logits after the penalties\n%v, want\n%v", c.Name, got, finite(c.Penalised))
		}
		greedy := all
		greedy.Temperature = 0
		if id, err := c.sampler(greedy).pick(logits, 0); err != nil || id != c.Greedy {
			t.Errorf("%s: id %d (%v) at temperature 0, want %d", c.Name, id, err, c.Greedy)
		}

		// kept runs the sampler, and returns what it kept last: ids, and probabilities of all.
		kept := func(s Sampling) (ids []int32, p []float64) {
			r := c.sampler(s)
			if _, err := r.pick(logits, 0); err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			ids, mass := r.kept()
			for _, v := range r.p {
				p = append(p, float64(v)/mass)
			}
			return ids, p
		}
		step := all
		step.TopK, step.TopP, step.MinP = 0, 0, 0
		ids, p := kept(step)
		total := 0.0
		for _, v := range p {
			total += v
		}
		// A weight is exp of z/temperature, which float32 rounds twice.
		top := 0.0
		for _, v := range c.Penalised {
			if v != nil {
				top = max(top, math.Abs(float64(*v)))
			}
		}
		bound := 1e-6 + 2.5e-7*top/all.Temperature
		for id, want := range c.Probabilities {
			if got := p[id] / total; math.Abs(got-want) > want*bound+1e-37 {
				t.Errorf("%s: id %d has the probability %g after the temperature, want %g", c.Name, id, got, want)
			}
		}
		if len(ids) < len(c.TopK) {
			t.Errorf("%s: %d ids to choose from, want %d at least", c.Name, len(ids), len(c.TopK))
		}
		for _, x := range []struct {
			what string
			want []int32
			set  func()
		}{
			{"top-k", c.TopK, func() { step.TopK = all.TopK }},
			{"top-p", c.TopP, func() { step.TopP = all.TopP }},
			{"min-p", c.MinP, func() { step.MinP = all.MinP }},
		} {
			if x.set(); step.TopK == 0 && !(step.TopP > 0 && step.TopP < 1) && step.MinP == 0 || step.TopK >= len(logits) {
				continue // nothing is left out
			}
			if ids, p = kept(step); !slices.Equal(ids, x.want) {
				t.Errorf("%s: after %s the ids are %v, want %v", c.Name, x.what, ids, x.want)
			}
		}
		if step.TopK == 0 && step.TopP == 1 && step.MinP == 0 || step.TopK >= len(logits) {
			continue
		}
		for i, id := range c.MinP {
			if math.Abs(p[id]-c.Last[i]) > c.Last[i]*bound {
				t.Errorf("%s: id %d has the probability %g at the end, want %g", c.Name, id, p[id], c.Last[i])
			}
		}
	}
}

// TestDrawsFollowTheProbabilities: over many steps every id is drawn as often as PyTorch's probabilities say, and what is left out
// is never drawn.
func TestDrawsFollowTheProbabilities(t *testing.T) {
	const draws = 4000
	for _, c := range samplingCases(t) {
		s, logits := c.sampler(c.sampling()), finite(c.Logits)
		count := make([]int, len(logits))
		for step := range uint64(draws) {
			id, err := s.pick(logits, step)
			if err != nil {
				t.Fatal(err)
			}
			count[id]++
		}
		left := draws
		for i, id := range c.MinP {
			p := c.Last[i]
			// Five standard deviations of a binomial count; the draws are the same in every run.
			if want, dev := p*draws, math.Sqrt(draws*p*(1-p)); math.Abs(float64(count[id])-want) > 5*dev+1 {
				t.Errorf("%s: id %d was drawn %d times of %d, want about %.0f", c.Name, id, count[id], draws, want)
			}
			left -= count[id]
		}
		if left != 0 {
			t.Errorf("%s: %d draws gave ids that are left out", c.Name, left)
		}
	}
}

// TestSamplingHasTheSameBitsOnEveryTier: the penalised logits, the weights, what is kept and the draws.
func TestSamplingHasTheSameBitsOnEveryTier(t *testing.T) {
	logits := randomMatrix(1, 5000, 3).Data
	prompt := randomIDs(50, len(logits), 4)
	settings := []Sampling{
		{Temperature: 0.7, Seed: 1}, {Temperature: 0.7, TopP: 0.9, Seed: 1}, {Temperature: 1.1, TopK: 40, TopP: 0.95, MinP: 0.01, Seed: 1},
		{RepetitionPenalty: 1.3}, {Temperature: 1, RepetitionPenalty: 1.2, PresencePenalty: 0.3, FrequencyPenalty: 0.2, MinP: 0.02, Seed: 7},
	}
	type result struct {
		ids     []int32
		weights []float32
	}
	run := func(s Sampling) (r result) {
		smp := newSampler(s, len(logits), prompt)
		for step := range uint64(50) {
			id, err := smp.pick(logits, step)
			if err != nil {
				t.Fatal(err)
			}
			smp.took(id)
			r.ids = append(r.ids, id)
		}
		r.weights = slices.Clone(smp.p)
		return r
	}
	var want []result
	for i, tier := range asm.Available() { // the portable code first
		restore := asm.Force(tier)
		for j, s := range settings {
			got := run(s)
			if i == 0 {
				want = append(want, got)
			} else if !slices.Equal(got.ids, want[j].ids) || !sameBits(got.weights, want[j].weights) {
				t.Errorf("%v, %+v: differs from the portable code", tier, s)
			}
		}
		restore()
	}
}

// TestSequencesHaveDrawsOfTheirOwn: a sequence's draws depend on its number, and the first sequence has the draws of a lone one.
func TestSequencesHaveDrawsOfTheirOwn(t *testing.T) {
	logits := make([]float32, 1000)
	ids := func(s Sampling) (ids []int32) {
		r := newSampler(s, len(logits), nil)
		for step := range uint64(20) {
			id, err := r.pick(logits, step)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		return ids
	}
	first := ids(Sampling{Temperature: 1, Seed: 3})
	if again := ids(Sampling{Temperature: 1, Seed: 3}); !slices.Equal(first, again) {
		t.Errorf("%v and then %v from one seed", first, again)
	}
	for _, other := range []Sampling{{Temperature: 1, Seed: 3, Sequence: 1}, {Temperature: 1, Seed: 4}} {
		if got := ids(other); slices.Equal(got, first) {
			t.Errorf("%+v draws what seed 3 draws", other)
		}
	}
	u := newSampler(Sampling{Seed: 3, Sequence: 2}, 1, nil).draw(9)
	if want := tensor.NewRNG(3, "sample", 2<<32+9).Float64(); u != want {
		t.Errorf("token 9 of sequence 2 draws %g, want %g", u, want)
	}
}

// TestLogitsThatAreNotFinite: no id is chosen from them, greedily or not, while single ids may be ruled out.
func TestLogitsThatAreNotFinite(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, s := range []Sampling{{}, {Temperature: 1}, {Temperature: 1, TopK: 2}, {Temperature: 1, TopP: 0.5}, {RepetitionPenalty: 1.1}} {
		for _, logits := range [][]float32{{1, nan, 2}, {nan, nan, nan}, {1, inf, 2}, {-inf, -inf, -inf}} {
			if id, err := newSampler(s, 3, []int32{0}).pick(logits, 0); !errors.Is(err, ErrLogits) {
				t.Errorf("%+v, logits %v: id %d, error %v", s, logits, id, err)
			}
		}
		if id, err := newSampler(s, 3, []int32{0}).pick([]float32{-inf, 3, -inf}, 0); err != nil || id != 1 {
			t.Errorf("%+v: id %d, %v, want 1, the only one that is not ruled out", s, id, err)
		}
	}
	for _, s := range []Sampling{{Temperature: 1e-30}, {Temperature: 1e-30, RepetitionPenalty: 1.5, TopK: 2}} {
		if id, err := newSampler(s, 3, []int32{1}).pick([]float32{3e9, 3.1e9, 2e9}, 0); err != nil || s.RepetitionPenalty == 0 && id != 1 || s.RepetitionPenalty != 0 && id != 0 {
			t.Errorf("%+v: id %d, %v from logits that overflow at this temperature", s, id, err)
		}
	}
}

func TestSamplingCheck(t *testing.T) {
	for _, s := range []Sampling{{}, {Temperature: 0.7, TopK: 50, TopP: 0.9, MinP: 1, RepetitionPenalty: 1.1, PresencePenalty: -2, FrequencyPenalty: 2}} {
		if err := s.Check(); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
	nan := math.NaN()
	for want, s := range map[string]Sampling{
		"temperature -1: want 0 to 100": {Temperature: -1}, "temperature NaN: ": {Temperature: nan}, "top_k -1: want a whole number, 0 or more": {TopK: -1},
		"top_p 1.5: want more than 0 and at most 1": {TopP: 1.5}, "min_p -0.1: want 0 to 1": {MinP: -0.1}, "repetition_penalty -1: want 0.01 to 100": {RepetitionPenalty: -1},
		"repetition_penalty 1e-30: ": {RepetitionPenalty: 1e-30}, "presence_penalty 3: want -2 to 2": {PresencePenalty: 3}, "frequency_penalty NaN": {FrequencyPenalty: nan},
	} {
		if err := s.Check(); err == nil || !strings.HasPrefix(err.Error(), "model: "+want) {
			t.Errorf("%+v: error %v, want %q", s, err, want)
		}
	}
	pool := tensor.NewPool(1)
	defer pool.Close()
	cfg := allFamilies(t)["llama"]
	for _, err := range Generate(t.Context(), NewDecoder(randomModel(cfg, 1), pool), []int32{1}, 3, Sampling{TopP: 2}, nil) {
		if _, ok := errors.AsType[*SamplingError](err); !ok {
			t.Errorf("Generate with a top_p of 2: %v", err)
		}
	}
}
