package bench

import (
	"fmt"
	"os"

	"reprise/model"
)

// shape is a model of random weights to measure on, with the sequences of 256 tokens that a step takes.
type shape struct {
	name, config string
	sequences    int
}

var shapes = []shape{
	{"llama-15m", `{"model_type":"llama","vocab_size":32000,"hidden_size":288,"intermediate_size":768,"num_hidden_layers":6,
		"num_attention_heads":6,"max_position_embeddings":1024,"tie_word_embeddings":true}`, 8},
	{"llama-135m", `{"model_type":"llama","vocab_size":49152,"hidden_size":576,"intermediate_size":1536,"num_hidden_layers":30,
		"num_attention_heads":9,"num_key_value_heads":3,"max_position_embeddings":2048,"tie_word_embeddings":true}`, 2},
	{"gpt2-124m", `{"model_type":"gpt2","vocab_size":50257,"n_embd":768,"n_layer":12,"n_head":12,"n_positions":1024}`, 4},
}

// seqLen is the default length of the sequences.
const seqLen = 256

// findShape returns the shape with a name, or one read from a config.json.
func findShape(name string) (shape, model.Config, error) {
	s := shape{name: name, sequences: 2}
	for _, known := range shapes {
		if known.name == name {
			s = known
		}
	}
	if s.config == "" {
		text, err := os.ReadFile(name)
		if err != nil {
			return s, model.Config{}, fmt.Errorf("bench: --model %s: want llama-15m, llama-135m, gpt2-124m or a config.json: %w", name, err)
		}
		s.config = string(text)
	}
	cfg, err := model.ParseConfig([]byte(s.config))
	if err != nil {
		err = fmt.Errorf("bench: --model %s: %w", name, err)
	}
	return s, cfg, err
}
