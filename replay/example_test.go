package replay_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/internal/tiny"
	"reprise/loss"
	"reprise/model"
	"reprise/replay"
	"reprise/tensor"
	"reprise/tokenizer"
)

// A record is read and the replay loss computed on it: what a training loop does, without the gradient. Beside it stands the
// full cross-entropy; the difference is −log(1 − ρ), where ρ is the mass that the model gives to ids outside the record.
func Example() {
	dir, err := os.MkdirTemp("", "replay-example-")
	check(err)
	defer os.RemoveAll(dir)
	check(tiny.Write(dir)) // base/ is a very small model with fresh weights, domain.jsonl some prompts and completions
	base, err := checkpoint.Load(filepath.Join(dir, "base"))
	check(err)
	pool := tensor.NewPool(0)
	defer pool.Close()
	path := record(base, filepath.Join(dir, "domain.jsonl"), pool)

	r, err := replay.Open(path)
	check(err)
	defer r.Close()
	summary := r.Summary()
	fmt.Printf("%d sequences, %d positions with loss, %.1f ids each\n", r.Len(), summary.Positions, summary.MeanSubset)

	pass := model.NewPass(base.Model, pool, false)
	var replayLoss loss.Replay
	var fullLoss loss.Full
	var bare, full float64
	for s, err := range r.All() { // one sequence at a time is in memory
		check(err)
		h := pass.Forward(model.Batch{IDs: s.IDs, DocStarts: s.DocStarts})
		u := s.Subsets
		subsets := loss.Subsets{Rows: u.Rows, Offsets: u.Offsets, IDs: u.IDs, Gold: u.Gold, Seqs: []int32{0}}
		losses := make([]float64, len(u.Rows))
		replayLoss.Run(pool, base.Model.Head(), h, nil, &subsets, nil, 1, losses)
		bare += sum(losses)

		targets := loss.Targets{Rows: u.Rows}
		for _, t := range u.Rows {
			targets.Gold = append(targets.Gold, s.IDs[t+1])
		}
		fullLoss.Run(pool, base.Model.Head(), h, nil, targets, 1, losses)
		full += sum(losses)
	}
	n := float64(summary.Positions)
	fmt.Printf("loss_replay %.3f nats, loss_full %.3f\n", bare/n, full/n)
	// Output:
	// 35 sequences, 733 positions with loss, 64.8 ids each
	// loss_replay 4.961 nats, loss_full 5.853
}

// record is Stage 0 in its defaults.
func record(base *checkpoint.Loaded, text string, pool *tensor.Pool) string {
	tok, err := tokenizer.Load(base.Dir)
	check(err)
	docs, _, err := data.LoadDocuments(text, tok, data.Options{MaxSeqLen: tiny.MaxSeqLen})
	check(err)
	job := replay.Job{
		Model: base.Model, ModelFingerprint: base.Fingerprint, Tokenizer: tok, Pool: pool, Rule: replay.DefaultRule(),
		Documents: docs, MaxSeqLen: tiny.MaxSeqLen, Seed: 1, Out: text + ".replay",
	}
	_, err = replay.Record(context.Background(), job)
	check(err)
	return job.Out
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
