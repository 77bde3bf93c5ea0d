package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"reprise/asm"
	"reprise/data"
	"reprise/loss"
	"reprise/model"
	"reprise/replay"
	"reprise/tensor"
)

// RecordResult compares Stage 0 with the same forward pass and the same head tiles, without any use of the logits.
type RecordResult struct {
	Model      string  `json:"model"`
	Head       string  `json:"head"` // flat: probabilities of random weights; peaked: logits spread like a trained model's
	Tier       string  `json:"tier"`
	Threads    int     `json:"threads"`
	Tokens     int     `json:"tokens"` // of one repetition
	KMax       int     `json:"k_max"`
	MeanSubset float64 `json:"mean_subset"`
	RecordMS   float64 `json:"record_ms"` // Stage 0: forward pass, head, subsets, written to a file; median
	BareMS     float64 `json:"bare_ms"`   // forward pass and head tiles alone; median
	Ratio      float64 `json:"ratio"`     // median of the ratios of neighbouring repetitions
	PerSecond  float64 `json:"tokens_per_s"`
}

// peak is the factor that spreads the logits of random weights like those of a trained model: most positions then need far
// fewer than k_max ids.
const peak = 14

// Record measures Stage 0 on models of random weights (names or config.json files), repetitions times each after a few to warm
// up.
func Record(ctx context.Context, pool *tensor.Pool, models []string, repetitions int) ([]RecordResult, error) {
	var results []RecordResult
	for _, name := range models {
		shape, cfg, err := findShape(name)
		if err != nil {
			return nil, err
		}
		m := model.New(cfg)
		m.Init(1)
		for _, head := range []string{"flat", "peaked"} {
			if head == "peaked" {
				sharpen(m)
			}
			r, err := recordOne(ctx, pool, m, shape.sequences, repetitions)
			if err != nil {
				return results, fmt.Errorf("bench: record: %w", err)
			}
			r.Model, r.Head = name, head
			results = append(results, r)
		}
	}
	return results, nil
}

// sharpen multiplies the output of the last norm, and so every logit.
func sharpen(m *model.Model) {
	for p := range m.Params() {
		switch p.Name {
		case "model.norm.weight", "transformer.ln_f.weight", "transformer.ln_f.bias":
			asm.Scale(p.W.Data, peak, p.W.Data)
		}
	}
}

// recordOne measures one model.
func recordOne(ctx context.Context, pool *tensor.Pool, m *model.Model, sequences, repetitions int) (r RecordResult, err error) {
	dir, err := os.MkdirTemp("", "reprise-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	length := min(seqLen, m.Config.MaxPositions)
	seqs := randomSequences(sequences, length, m.Config.VocabSize)
	rule := replay.DefaultRule()
	w, err := replay.Create(filepath.Join(dir, "bench.replay"), replay.Header{
		Rule: rule, VocabSize: m.Config.VocabSize, MaxSeqLen: length,
		Sequences: (repetitions + warmUp) * len(seqs),
	})
	if err != nil {
		return r, err
	}
	defer w.Suspend()
	rec := replay.NewRecorder(m, pool, rule)
	bare := newBareHead(m, pool)
	next := 0
	stage0 := func() error {
		subsets, err := rec.Sequences(ctx, seqs)
		for i := range subsets {
			if err = w.Append(next, seqs[i].With(&subsets[i])); err != nil {
				break
			}
			next++
		}
		return err
	}
	var recording, thrown, ratios []float64
	for i := range warmUp + repetitions {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		var a, b float64
		if i%2 == 0 { // in turns, so that neither is always second
			a = milliseconds(func() { bare.run(seqs) })
		}
		b = milliseconds(func() { err = stage0() })
		if err != nil {
			return r, err
		}
		if i%2 != 0 {
			a = milliseconds(func() { bare.run(seqs) })
		}
		if i >= warmUp {
			thrown, recording, ratios = append(thrown, a), append(recording, b), append(ratios, b/a)
		}
	}
	r = RecordResult{
		Tier: asm.Active().String(), Threads: pool.Workers(), Tokens: len(seqs) * length, KMax: rule.KMax,
		MeanSubset: w.Summary().MeanSubset, RecordMS: median(recording), BareMS: median(thrown), Ratio: median(ratios),
	}
	r.PerSecond = float64(r.Tokens) / r.RecordMS * 1e3
	return r, nil
}

// randomSequences are the sequences of one repetition: every token except the first carries loss.
func randomSequences(n, length, vocab int) []data.Sequence {
	rng := tensor.NewRNG(1, "bench", 0)
	seqs := make([]data.Sequence, n)
	for i := range seqs {
		q := data.Sequence{DocStarts: []int32{0}}
		for k := range length {
			q.IDs, q.Target = append(q.IDs, int32(rng.Intn(vocab))), append(q.Target, k > 0)
		}
		seqs[i] = q
	}
	return seqs
}

// bareHead does the least that a recording needs: the forward pass and the head's products, tile by tile. It does not use
// the logits.
type bareHead struct {
	pass  *model.Pass
	tiles loss.Tiles
}

func newBareHead(m *model.Model, pool *tensor.Pool) *bareHead {
	return &bareHead{pass: model.NewPass(m, pool, false)}
}

// Visit ignores a tile.
func (b *bareHead) Visit(worker, position, first int, z []float32) {}

func (b *bareHead) run(seqs []data.Sequence) {
	var batch model.Batch
	var targets loss.Targets
	for _, s := range seqs {
		targets.Append(s.IDs, s.Target, int32(len(batch.IDs)))
		batch.Append(s.IDs, s.DocStarts)
	}
	h, rows := b.pass.Forward(batch), targets.Rows
	for lo, hi := range loss.Blocks(len(rows)) {
		b.tiles.Run(b.pass.Pool, b.pass.Model.Head(), h, rows[lo:hi], b)
	}
}

func milliseconds(f func()) float64 {
	start := time.Now()
	f()
	return time.Since(start).Seconds() * 1e3
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return 0
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
