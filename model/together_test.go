package model

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"reprise/tensor"
)

// TestTogetherHasTheBitsOfAlone: a sequence has the same hidden states and logits whether it is decoded alone or with others of
// other lengths, in any family and with any number of workers.
func TestTogetherHasTheBitsOfAlone(t *testing.T) {
	for _, workers := range []int{1, 3} {
		pool := tensor.NewPool(workers)
		defer pool.Close()
		for name, cfg := range allFamilies(t) {
			m := randomModel(cfg, 1)
			alone, first := NewDecoder(m, pool), NewDecoder(m, pool)
			const most, steps = 19, 12
			prompt := randomIDs(11, cfg.VocabSize, 2)
			if _, err := first.Step(prompt); err != nil {
				t.Fatal(err)
			}
			ds, ids := []*Decoder{first}, [][]int32{prompt}
			for i := 1; i < most; i++ { // forks of the prompt, some of which go on with a text of their own
				d, seq := first.Fork(), prompt
				if i%3 == 0 {
					d.Reset()
					seq = randomIDs(1+i, cfg.VocabSize, uint64(i))
					if _, err := d.Step(seq); err != nil {
						t.Fatal(err)
					}
				}
				ds, ids = append(ds, d), append(ids, seq)
			}
			got := map[int][]float32{} // sequence → hidden states and logits of its steps
			for step := range steps {
				n := 1 + (step*7+4)%most // a different number of sequences each time
				var some []*Decoder
				var tokens []int32
				var which []int
				for k := range n {
					i := (k*5 + step) % most
					token := randomIDs(1, cfg.VocabSize, uint64(100*step+i))[0]
					some, tokens, which = append(some, ds[i]), append(tokens, token), append(which, i)
					ids[i] = append(ids[i][:len(ids[i]):len(ids[i])], token)
				}
				h, err := StepAll(some, tokens)
				if err != nil {
					t.Fatal(err)
				}
				logits := tensor.NewMatrix(n, cfg.VocabSize)
				first.Logits(h, logits)
				for k, i := range which {
					got[i] = append(append(got[i], h.Row(k)...), logits.Row(k)...)
				}
			}
			for i, seq := range ids {
				alone.Reset()
				start := len(seq) - len(got[i])/(cfg.HiddenSize+cfg.VocabSize)
				if _, err := alone.Step(seq[:start]); err != nil {
					t.Fatal(err)
				}
				var want []float32
				logits := tensor.NewMatrix(1, cfg.VocabSize)
				for _, id := range seq[start:] {
					h, err := alone.Step([]int32{id})
					if err != nil {
						t.Fatal(err)
					}
					alone.Logits(h, logits)
					want = append(append(want, h.Data...), logits.Data...)
				}
				if !sameBits(got[i], want) {
					t.Errorf("%s, %d workers: sequence %d differs from decoding it alone", name, workers, i)
				}
			}
		}
	}
}

// TestTogetherRefuses: a sequence at the model's last position is an error that changes none of the sequences.
func TestTogetherRefuses(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	for name, cfg := range allFamilies(t) {
		a := NewDecoder(randomModel(cfg, 1), pool)
		b := a.Fork()
		if _, err := a.Step(randomIDs(cfg.MaxPositions, cfg.VocabSize, 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := StepAll([]*Decoder{b, a}, []int32{1, 1}); err == nil || b.Len() != 0 || a.Len() != cfg.MaxPositions {
			t.Errorf("%s: error %v, lengths %d and %d", name, err, b.Len(), a.Len())
		}
	}
}

// TestSamplesAreThoseOfGenerate: every continuation is what Generate gives with its number, whatever the width, in any family and
// with penalties, stop ids and the end of the model's positions.
func TestSamplesAreThoseOfGenerate(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	for name, cfg := range allFamilies(t) {
		m := randomModel(cfg, 1)
		alone, d := NewDecoder(m, pool), NewDecoder(m, pool)
		for _, c := range []struct {
			s                   Sampling
			prompt, most, width int
		}{
			{Sampling{Temperature: 1, Seed: 3}, 5, 20, 4},
			{Sampling{Temperature: 1, Seed: 3}, 5, 20, 16},
			{Sampling{Temperature: 1, Seed: 3}, 5, 20, 1},
			{Sampling{Temperature: 0.9, TopP: 0.9, RepetitionPenalty: 1.3, FrequencyPenalty: 0.2, Seed: 4, Sequence: 7}, 1, 30, 3},
			{Sampling{}, 4, 6, 3},
			{Sampling{Temperature: 1}, cfg.MaxPositions - 2, 9, 3},
			{Sampling{Temperature: 1}, cfg.MaxPositions, 9, 3},
			{Sampling{Temperature: 1}, 3, 0, 3},
		} {
			prompt, stop := randomIDs(c.prompt, cfg.VocabSize, 9), randomIDs(cfg.VocabSize/20+1, cfg.VocabSize, 8)
			const n = 11
			next := 0
			for got, err := range Samples(context.Background(), d, prompt, SamplesOptions{N: n, Width: c.width, MaxTokens: c.most, Sampling: c.s, Stop: stop}) {
				if err != nil {
					t.Fatal(err)
				}
				s := c.s
				s.Sequence += uint32(next)
				var want []int32
				for id, err := range Generate(context.Background(), alone, prompt, c.most, s, stop) {
					if err != nil {
						t.Fatal(err)
					}
					want = append(want, id)
				}
				if got.Number != next || !slices.Equal(got.IDs, want) {
					t.Errorf("%s, %+v: continuation %d is %v, want %v", name, c, got.Number, got.IDs, want)
				}
				next++
			}
			if next != n {
				t.Errorf("%s, %+v: %d continuations, want %d", name, c, next, n)
			}
		}
	}
}

// TestSamplesReportErrors: an empty prompt, a bad setting, a cancelled context and logits that are not numbers are errors.
func TestSamplesReportErrors(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	cfg := allFamilies(t)["llama"]
	m := randomModel(cfg, 1)
	d := NewDecoder(m, pool)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	first := func(ctx context.Context, d *Decoder, prompt []int32, s Sampling) error {
		for _, err := range Samples(ctx, d, prompt, SamplesOptions{N: 3, Width: 2, MaxTokens: 5, Sampling: s}) {
			return err
		}
		return nil
	}
	if err := first(context.Background(), d, nil, Sampling{}); !errors.Is(err, ErrPromptEmpty) {
		t.Errorf("empty prompt: %v", err)
	}
	if err := first(context.Background(), d, []int32{1}, Sampling{MinP: 2}); err == nil {
		t.Error("min_p 2 is accepted")
	}
	if err := first(cancelled, d, []int32{1}, Sampling{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for i := range m.head.W.Data {
		m.head.W.Data[i] = float32(math.NaN())
	}
	if err := first(context.Background(), NewDecoder(m, pool), []int32{1}, Sampling{}); !errors.Is(err, ErrLogits) {
		t.Errorf("logits that are not numbers: %v", err)
	}
}
