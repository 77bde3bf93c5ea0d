package replay_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"reprise/base"
	"reprise/data"
	"reprise/loss"
	"reprise/model"
	"reprise/replay"
	"reprise/tensor"
	"reprise/tokenizer"
)

// Make a record, read it, and compute the replay loss on it as a training step does, but without the gradient. The full
// cross-entropy is computed, too; the difference is −log(1 − ρ), where ρ is the mass that the model gives to ids outside the
// record.
func Example() {
	dir, err := os.MkdirTemp("", "replay-example-")
	check(err)
	defer os.RemoveAll(dir)
	pool := tensor.NewPool(0)
	defer pool.Close()
	b := smallModel()
	var docs []data.Document
	for i := range 20 {
		d, _, err := data.Pair(b.Tokenizer, fmt.Sprint("number ", i, " comes before"), fmt.Sprint("number ", i+1), tokenizer.SeamAuto, 64, true)
		check(err)
		docs = append(docs, d)
	}

	// Stage 0. Fields that are left out have their defaults.
	job := replay.Job{Model: b.Model, Tokenizer: b.Tokenizer, Pool: pool, Documents: docs, Out: dir + "/numbers.replay"}
	summary, err := replay.Record(context.Background(), job)
	check(err)
	fmt.Printf("%d sequences, %d positions with loss, %.1f ids each\n", summary.Sequences, summary.Positions, summary.MeanSubset)

	r, err := replay.Open(job.Out)
	check(err)
	defer r.Close()
	pass := model.NewPass(b.Model, pool, false)
	var replayLoss loss.Replay
	var fullLoss loss.Full
	var bare, full float64
	for s, err := range r.All() { // one sequence at a time is in memory
		check(err)
		h := pass.Forward(model.Batch{IDs: s.IDs, DocStarts: s.DocStarts})
		losses := make([]float64, s.Targets())
		replayLoss.Run(pool, b.Model.Head(), h, nil, s.Subsets, nil, 1, losses)
		bare += sum(losses)

		var targets loss.Targets
		targets.Append(s.IDs, s.Target, 0)
		fullLoss.Run(pool, b.Model.Head(), h, nil, targets, 1, losses)
		full += sum(losses)
	}
	n := float64(summary.Positions)
	fmt.Printf("loss_replay %.3f nats, loss_full %.3f\n", bare/n, full/n)
	// Output:
	// 4 sequences, 89 positions with loss, 64.8 ids each
	// loss_replay 6.112 nats, loss_full 6.546
}

// Three machines share a recording of eight sequences.
func ExampleHeader_Range() {
	for i := range 3 {
		h := replay.Header{Sequences: 8, Shard: i, Shards: 3}
		fmt.Println(h.Range())
	}
	// Output:
	// 0 2
	// 2 5
	// 5 8
}

// smallModel has random weights. A real one comes from base.Open.
func smallModel() *base.Base {
	const config = `{"model_type": "llama", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
		"num_attention_heads": 4, "max_position_embeddings": 64, "tie_word_embeddings": true, "initializer_range": 0.2}`
	text := strings.Repeat("number 1234567890 comes before ", 5)
	vocabulary, err := tokenizer.Train(slices.Values([]string{text}), tokenizer.TrainOptions{VocabSize: 300})
	check(err)
	b, err := base.New([]byte(config), vocabulary, 1)
	check(err)
	return b
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
