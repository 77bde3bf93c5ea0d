package run_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"reprise/base"
	"reprise/run"
	"reprise/tensor"
	"reprise/tokenizer"
)

// A training run with full cross-entropy: a recipe, its events, and the model that it leaves.
func Example() {
	dir, err := os.MkdirTemp("", "run-example-")
	check(err)
	defer os.RemoveAll(dir)
	prepare(dir) // makes dir/model, dir/train.jsonl and dir/valid.jsonl; take a model and data of your own in their place
	pool := tensor.NewPool(0)
	defer pool.Close()

	r := run.DefaultRecipe() // run.ReadRecipe reads one from a file
	r.Model, r.Loss, r.Data, r.Out = dir+"/model", "full", dir+"/train.jsonl", dir+"/run"
	r.LR, r.Epochs, r.GlobalBatchSize, r.MaxSeqLen = 0.01, 10, 4, 64
	r.Eval = run.EvalPlan{Every: 10, Data: []string{"sums=" + dir + "/valid.jsonl"}}
	training, err := run.Open(r, pool, false) // true continues an interrupted run
	check(err)
	for step, event := range training.Events(context.Background()) {
		for _, result := range event.Eval {
			fmt.Printf("step %2d of %d: %s %.3f nats per token\n", step, training.Steps, result.Name, *result.Loss)
		}
	}
	check(training.Err())
	tuned, err := base.Open(dir + "/run/final")
	check(err)
	fmt.Println(tuned.Model.Config)
	// Output:
	// step  0 of 30: sums 5.714 nats per token
	// step 10 of 30: sums 2.694 nats per token
	// step 20 of 30: sums 1.995 nats per token
	// step 30 of 30: sums 1.873 nats per token
	// llama, 2 layers, hidden 32, heads 4/4 x 8, intermediate 64, vocabulary 300, tied
}

// prepare makes a very small model with random weights, and data for it to learn.
func prepare(dir string) {
	const config = `{"model_type": "llama", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64,
		"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "tie_word_embeddings": true}`
	var files [2]strings.Builder
	for i := range 100 {
		fmt.Fprintf(&files[i%10/9], `{"prompt": "%d and %d make", "completion": "%d"}`+"\n", i/10, i%10, i/10+i%10)
	}
	check(os.WriteFile(dir+"/train.jsonl", []byte(files[0].String()), 0o666))
	check(os.WriteFile(dir+"/valid.jsonl", []byte(files[1].String()), 0o666))
	vocabulary, err := tokenizer.Train(slices.Values([]string{files[0].String()}), tokenizer.TrainOptions{VocabSize: 300})
	check(err)
	b, err := base.New([]byte(config), vocabulary, 1)
	check(err)
	check(b.Save(dir + "/model"))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
