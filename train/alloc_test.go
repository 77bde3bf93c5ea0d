package train

import (
	"fmt"
	"runtime"
	"testing"

	"reprise/data"
	"reprise/internal/tiny"
	"reprise/loss"
	"reprise/model"
	"reprise/optim"
	"reprise/replay"
	"reprise/tensor"
)

// TestAStepAllocatesNothing takes steps on batches of one shape and ever different ids: after the first one nothing is
// allocated, and the garbage collector never runs.
func TestAStepAllocatesNothing(t *testing.T) {
	const steps = 50
	const own = 20 // the runtime allocates some six times while it counts, more on a busy machine
	for _, c := range []struct {
		name, optimizer string
		config          string
		objective       Objective
	}{
		{"full, adamw", optim.AdamW, tiny.Config, Objective{}},
		{"full, kl, adatam", optim.AdaTAM, tiny.Config, Objective{KL: 0.1}},
		{"full, mofo, gpt2", optim.MoFO, tinyGPT2, Objective{}},
		{"replay, moclip", optim.MoClip, tiny.Config, Objective{Replay: true}},
		{"replay, sampled tail, moclip", optim.MoClip, tiny.Config, Objective{Replay: true, Proposal: loss.Uniform(300), TailN: 24}},
		{"replay, kl, cautious", optim.Cautious, tiny.Config, Objective{Replay: true, KL: 0.1}},
	} {
		for _, workers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d workers", c.name, workers), func(t *testing.T) {
				cfg, err := model.ParseConfig([]byte(c.config))
				if err != nil {
					t.Fatal(err)
				}
				m := model.New(cfg)
				m.Init(1)
				pool := tensor.NewPool(workers)
				defer pool.Close()
				s, err := NewStepper(m, pool, c.objective, optim.DefaultConfig(c.optimizer), Workload{})
				if err != nil {
					t.Fatal(err)
				}
				var batches [][]*replay.Sequence
				for i := range steps + 1 {
					batches = append(batches, randomBatch(cfg.VocabSize, uint64(i)))
				}
				done := 0
				step := func() {
					s.Optimizer.Measure = done == 7
					if _, err := s.Step(batches[done%len(batches)], 2, done+1, 1e-3); err != nil {
						t.Fatal(err)
					}
					done++
				}
				s.Optimizer.Measure = true
				step()
				runtime.GC()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range steps {
					step()
				}
				runtime.ReadMemStats(&after)
				if n := after.NumGC - before.NumGC; n != 0 {
					t.Errorf("%d garbage collections in %d steps, want none", n, steps)
				}
				if n := testing.AllocsPerRun(10, step); n != 0 {
					t.Errorf("a step allocates %.0f times, want 0", n)
				}
				// Buffers do not wait for the worst batch either. With several workers one may take its first task of a kind late.
				if n := after.Mallocs - before.Mallocs; workers == 1 && n > own {
					t.Errorf("%d allocations in %d steps, want 0 (at most %d of the measurement's own)", n, steps, own)
				}
			})
		}
	}
}

const tinyGPT2 = `{"model_type":"gpt2","vocab_size":300,"n_embd":32,"n_layer":2,"n_head":4,"n_positions":64}`

// randomBatch is three sequences of two documents with subsets of eight ids at every position that carries loss.
func randomBatch(vocab int, number uint64) []*replay.Sequence {
	rng := tensor.NewRNG(3, "batch", number)
	var seqs []*replay.Sequence
	for range 3 {
		q := &replay.Sequence{Sequence: data.Sequence{DocStarts: []int32{0, 16}}}
		u := &q.Subsets
		u.Offsets = []int32{0}
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
			u.Pos, u.Gold = append(u.Pos, int32(i-1)), append(u.Gold, id-first)
			u.Offsets, u.Mass = append(u.Offsets, int32(len(u.IDs))), append(u.Mass, 0.4)
		}
		seqs = append(seqs, q)
	}
	return seqs
}
