package export_test

import (
	"fmt"
	"log"
	"os"
	"slices"

	"reprise/base"
	"reprise/export"
	"reprise/tokenizer"
)

// Write a model as a GGUF file for llama.cpp. The model here is small and has random weights; base.Open opens a real one.
func Example() {
	const config = `{"model_type": "llama", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64,
		"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "tie_word_embeddings": true}`
	vocabulary, err := tokenizer.Train(slices.Values([]string{"the red lamp and the blue stone"}), tokenizer.TrainOptions{VocabSize: 300})
	check(err)
	b, err := base.New([]byte(config), vocabulary, 1)
	check(err)
	dir, err := os.MkdirTemp("", "export-example-")
	check(err)
	defer os.RemoveAll(dir)

	notes, err := export.GGUF(dir+"/model.gguf", b, export.Options{Type: export.Q8_0, Name: "small"})
	check(err)
	for _, note := range notes {
		fmt.Println("note:", note)
	}
	file, err := os.ReadFile(dir + "/model.gguf")
	check(err)
	fmt.Printf("%s, %d bytes for %d weights\n", file[:4], len(file), b.Model.Count())
	// Output:
	// GGUF, 39264 bytes for 30240 weights
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
