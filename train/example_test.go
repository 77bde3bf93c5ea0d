package train_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"reprise/base"
	"reprise/data"
	"reprise/optim"
	"reprise/replay"
	"reprise/tensor"
	"reprise/tokenizer"
	"reprise/train"
)

func Example() {
	dir := must(os.MkdirTemp("", "reprise-"))
	defer os.RemoveAll(dir)
	prepare(dir)              // makes dir/model and dir/sums.jsonl; take a model and data of your own in their place
	pool := tensor.NewPool(0) // one worker per core; the result does not depend on the number
	defer pool.Close()

	b := must(base.Open(dir + "/model"))
	docs, _, err := data.LoadDocuments(dir+"/sums.jsonl", b.Tokenizer, data.Options{MaxSeqLen: 64})
	check(err)

	// Stage 0: record which ids the base model finds probable at every position.
	job := replay.Job{Model: b.Model, Tokenizer: b.Tokenizer, Pool: pool, Documents: docs, Out: dir + "/sums.replay"}
	must(replay.Record(context.Background(), job))
	record := must(replay.Open(job.Out))
	defer record.Close()
	check(record.Fits(b))

	// Stage 1: ten epochs over the record, four sequences per step.
	s := must(train.NewStepper(b.Model, pool, train.DefaultObjective(record), optim.DefaultConfig(optim.MoClip), train.Workload{}))
	lr := optim.Schedule{Kind: "cosine", Peak: 0.01, Warmup: 3, Steps: 10 * ((record.Len() + 3) / 4)}
	for step, epoch := 1, 0; epoch < 10; epoch++ {
		for numbers := range slices.Chunk(data.Order(1, epoch, record.Len()), 4) {
			batch := must(record.Sequences(numbers))
			loss := must(s.Step(batch, 2, step, lr.At(step))) // two sequences in memory at a time
			if step%10 == 0 || step == 1 {
				fmt.Printf("step %2d: loss_replay %.3f nats\n", step, loss)
			}
			step++
		}
	}
	check(b.Save(dir + "/tuned")) // a Hugging Face directory again
	// Output:
	// step  1: loss_replay 5.716 nats
	// step 10: loss_replay 2.933 nats
	// step 20: loss_replay 1.934 nats
	// step 30: loss_replay 1.841 nats
}

// prepare makes a very small model with random weights, and data for it to learn.
func prepare(dir string) {
	const config = `{"model_type": "llama", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64,
		"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "tie_word_embeddings": true}`
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, `{"prompt": "%d and %d make", "completion": "%d"}`+"\n", i/10, i%10, i/10+i%10)
	}
	check(os.WriteFile(dir+"/sums.jsonl", []byte(lines.String()), 0o666))
	vocabulary := must(tokenizer.Train(slices.Values([]string{lines.String()}), tokenizer.TrainOptions{VocabSize: 300}))
	check(must(base.New([]byte(config), vocabulary, 1)).Save(dir + "/model"))
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
