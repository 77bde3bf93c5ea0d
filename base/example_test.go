package base_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"reprise/base"
	"reprise/tokenizer"
)

// The config.json of a very small llama. vocab_size must not be smaller than the tokenizer's vocabulary.
const config = `{"model_type": "llama", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64,
	"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "tie_word_embeddings": true}`

// Make a small model with random weights, save it as a Hugging Face directory, and open it like any other model.
func Example() {
	texts := []string{"the red lamp and the blue stone", "the blue lamp and the red river"}
	vocabulary, err := tokenizer.Train(slices.Values(texts), tokenizer.TrainOptions{VocabSize: 300})
	check(err)
	fresh, err := base.New([]byte(config), vocabulary, 1) // random weights of seed 1
	check(err)
	dir, err := os.MkdirTemp("", "base-example-")
	check(err)
	defer os.RemoveAll(dir)
	check(fresh.Save(filepath.Join(dir, "model")))

	b, err := base.Open(filepath.Join(dir, "model"))
	check(err)
	fmt.Println(b.Model.Config)
	fmt.Println(b.Model.Count(), "weights,", b.Tokenizer.VocabSize(), "ids")
	fmt.Println("the same weights:", b.Fingerprint == fresh.Fingerprint)
	fmt.Println(b.Tokenizer.Decode(b.Tokenizer.Encode("the red stone", false), false))
	// Output:
	// llama, 2 layers, hidden 32, heads 4/4 x 8, intermediate 64, vocabulary 300, tied
	// 30240 weights, 274 ids
	// the same weights: true
	// the red stone
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
