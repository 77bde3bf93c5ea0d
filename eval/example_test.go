package eval_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"

	"reprise/base"
	"reprise/eval"
	"reprise/tensor"
	"reprise/tokenizer"
)

// Measure a model with random weights on a text and on questions. It has learnt nothing: its loss is about the logarithm of the
// vocabulary size.
func Example() {
	dir, err := os.MkdirTemp("", "eval-example-")
	check(err)
	defer os.RemoveAll(dir)
	text := "the lamp stands in the window and the cat sleeps under the lamp"
	check(os.WriteFile(dir+"/valid.txt", []byte(text), 0o666))
	questions := `{"prompt": "the cat sleeps under", "choices": ["the lamp", "the sea", "a hat"], "answer": 0}
{"prompt": "the lamp stands in", "choices": ["the sea", "a hat", "the window"], "answer": 2}`
	check(os.WriteFile(dir+"/questions.jsonl", []byte(questions), 0o666))
	b := smallModel(text) // base.Open("path/of/a/model") opens a real one
	pool := tensor.NewPool(0)
	defer pool.Close()

	e := eval.Evaluator{Model: b.Model, Pool: pool, Tokenizer: b.Tokenizer}
	r, err := e.Run(context.Background(), eval.Set{Name: "stories", Path: dir + "/valid.txt"})
	check(err)
	fmt.Printf("%s: %.3f nats per token over %d tokens, perplexity %.0f\n", r.Name, *r.Loss, r.Tokens, *r.Perplexity)
	r, err = e.Run(context.Background(), eval.Set{Name: "questions", Path: dir + "/questions.jsonl", Task: eval.Choice})
	check(err)
	fmt.Printf("%s: %d of %d right, %.2f by guessing\n", r.Name, *r.Correct, r.Total, *r.Chance)
	// Output:
	// stories: 5.716 nats per token over 35 tokens, perplexity 304
	// questions: 1 of 2 right, 0.33 by guessing
}

func smallModel(text string) *base.Base {
	const config = `{"model_type": "llama", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64,
		"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "tie_word_embeddings": true}`
	vocabulary, err := tokenizer.Train(slices.Values([]string{text}), tokenizer.TrainOptions{VocabSize: 300})
	check(err)
	b, err := base.New([]byte(config), vocabulary, 1)
	check(err)
	return b
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
