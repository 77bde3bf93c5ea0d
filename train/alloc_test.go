package train

import (
	"fmt"
	"slices"
	"testing"

	"reprise/data"
	"reprise/internal/allocs"
	"reprise/internal/tiny"
	"reprise/loss"
	"reprise/model"
	"reprise/optim"
	"reprise/tensor"
)

// TestAStepAllocatesNothing takes steps on different batches, the first of them short: nothing is allocated after the
// first step, so the garbage collector has nothing to do.
func TestAStepAllocatesNothing(t *testing.T) {
	const steps = 50
	for _, c := range []struct {
		name, optimizer string
		config          string
		objective       Objective
		recompute       bool
	}{
		{"full, adamw", optim.AdamW, tiny.Config, Objective{}, false},
		{"full, adamw, recompute", optim.AdamW, tiny.Config, Objective{}, true},
		{"full, kl, adatam", optim.AdaTAM, tiny.Config, Objective{KL: 0.1}, false},
		{"full, mofo, gpt2", optim.MoFO, tinyGPT2, Objective{}, false},
		{"full, mofo, gpt2, recompute", optim.MoFO, tinyGPT2, Objective{}, true},
		{"replay, moclip", optim.MoClip, tiny.Config, Objective{Replay: true, Bare: true}, false},
		{"replay, sampled tail, moclip", optim.MoClip, tiny.Config, Objective{Replay: true, Proposal: loss.Uniform(300), TailN: 24}, false},
		{"replay, soft", optim.MoClip, tiny.Config, Objective{Replay: true, Proposal: loss.Uniform(300), TailN: 24, Rehearse: loss.Soft}, false},
		{"full, soft, kl", optim.AdamW, tiny.Config, Objective{Rehearse: loss.Soft, RehearseWeight: 2, KL: 0.1}, false},
		{"full, rehearsal kl", optim.AdamW, tiny.Config, Objective{Rehearse: loss.KL, RehearseWeight: 2}, false},
		{"replay, kl, cautious, recompute", optim.Cautious, tiny.Config, Objective{Replay: true, Bare: true, KL: 0.1}, true},
	} {
		for _, workers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d workers", c.name, workers), func(t *testing.T) {
				cfg, err := model.ParseConfig([]byte(c.config))
				if err != nil {
					t.Fatal(err)
				}
				var step func()
				allocs.None(t, func() []func() {
					m := model.New(cfg)
					m.Init(1)
					pool := tensor.NewPool(workers)
					t.Cleanup(pool.Close)
					w := Workload{
						Replay: c.objective.Replay, Recompute: c.recompute, MicroTokens: 80, StepTokens: 120, SeqLen: 40,
						Subset: 8, Tail: c.objective.TailN, Workers: workers,
					}
					s, err := NewStepper(m, pool, c.objective, optim.DefaultConfig(c.optimizer), w)
					if err != nil {
						t.Fatal(err)
					}
					var batches [][]*data.Sequence
					for i := range steps + 1 {
						batches = append(batches, randomBatch(cfg.VocabSize, uint64(i)))
					}
					batches[0] = batches[0][:1]
					done := 0
					step = func() {
						s.Optimizer.Measure = done == 0 || done == 7
						batch := batches[done%len(batches)]
						if _, err := s.StepRehearsing(batch[:1], batch[1:], 2, done+1, 1e-3); err != nil {
							t.Fatal(err)
						}
						done++
					}
					step()
					return slices.Repeat([]func(){step}, steps)
				})
				if n := testing.AllocsPerRun(10, step); n != 0 {
					t.Errorf("a step allocates %.0f times, want 0", n)
				}
			})
		}
	}
}

const tinyGPT2 = `{"model_type":"gpt2","vocab_size":300,"n_embd":32,"n_layer":2,"n_head":4,"n_positions":64}`

// randomBatch makes three sequences of two documents each, with subsets of eight ids at every position that carries loss.
func randomBatch(vocab int, number uint64) []*data.Sequence {
	rng := tensor.NewRNG(3, "batch", number)
	var seqs []*data.Sequence
	for range 3 {
		u := &loss.Subsets{Offsets: []int32{0}}
		q := &data.Sequence{DocStarts: []int32{0, 16}, Subsets: u}
		for i := range 40 {
			id := int32(rng.Intn(vocab))
			q.IDs, q.Target = append(q.IDs, id), append(q.Target, i != 0 && i != 16)
			if !q.Target[i] {
				continue
			}
			first := min(id, int32(vocab-8))
			for k := range int32(8) {
				u.IDs, u.LogProb = append(u.IDs, first+k), append(u.LogProb, -3)
			}
			u.Rows, u.Gold = append(u.Rows, int32(i-1)), append(u.Gold, id-first)
			u.Offsets, u.Mass, u.Outside = append(u.Offsets, int32(len(u.IDs))), append(u.Mass, 0.4), append(u.Outside, id%5 == 0)
		}
		seqs = append(seqs, q)
	}
	return seqs
}
