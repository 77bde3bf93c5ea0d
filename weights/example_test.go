package weights_test

import (
	"fmt"
	"log"
	"slices"

	"reprise/base"
	"reprise/tokenizer"
	"reprise/weights"
)

// The config.json of a very small llama.
const config = `{"model_type": "llama", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64,
	"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "tie_word_embeddings": true}`

// Move a model, which would have been trained, a quarter of the way back to its base model. Here both are in memory; for
// directories there is checkpoint.OpenStored, whose Reader takes the place of Copy.
func Example() {
	vocabulary, err := tokenizer.Train(slices.Values([]string{"the red lamp and the blue stone"}), tokenizer.TrainOptions{VocabSize: 300})
	check(err)
	first, err := base.New([]byte(config), vocabulary, 1)
	check(err)
	trained := first.Model.Clone()
	for p := range trained.Params() {
		for i := range p.W.Data {
			p.W.Data[i] += 1 // as training might
		}
	}
	check(weights.Blend(trained, weights.Copy(first.Model), weights.Copy(trained), 0.75))
	for p := range trained.Params() {
		if p.Name == "model.norm.weight" { // 1 in the base model, 2 after "training"
			fmt.Println(p.W.Data[:3])
		}
	}
	// Output: [1.75 1.75 1.75]
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
