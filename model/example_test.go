package model_test

import (
	"context"
	"fmt"
	"log"

	"reprise/model"
	"reprise/tensor"
)

// A model with random weights reads three tokens at once, and goes on token by token. Package base opens a trained one.
func Example() {
	cfg, err := model.ParseConfig([]byte(`{"model_type": "llama", "vocab_size": 40, "hidden_size": 32, "intermediate_size": 64,
		"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 16, "tie_word_embeddings": true}`))
	if err != nil {
		log.Fatal(err)
	}
	m := model.New(cfg)
	m.Init(1) // weights of seed 1
	pool := tensor.NewPool(0)
	defer pool.Close()

	pass := model.NewPass(m, pool, false) // true: activations are kept for Backward
	h := pass.Forward(model.Batch{IDs: []int32{5, 6, 7}, DocStarts: []int32{0}})
	fmt.Printf("%d weights; hidden states [%d, %d]\n", m.Count(), h.Rows, h.Cols)

	sampling := model.Sampling{Temperature: 1, Seed: 3} // the zero value takes the most probable id every time
	for id, err := range model.Generate(context.Background(), model.NewDecoder(m, pool), []int32{5, 6, 7}, 5, sampling, cfg.EOS) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(id, " ")
	}
	// Output:
	// 21920 weights; hidden states [3, 32]
	// 12 11 32 31 29
}

func ExampleConfig_String() {
	cfg, err := model.ParseConfig([]byte(`{"model_type": "gpt2", "vocab_size": 50257, "n_embd": 768, "n_layer": 12, "n_head": 12}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cfg)
	// Output: gpt2, 12 layers, hidden 768, heads 12/12 x 64, intermediate 3072, vocabulary 50257, tied
}
