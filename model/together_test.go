package model

import (
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
