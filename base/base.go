package base

import (
	"fmt"

	"reprise/checkpoint"
	"reprise/tokenizer"
)

// Base is a model with its tokenizer, which belong together.
type Base struct {
	*checkpoint.Loaded
	Tokenizer *tokenizer.Tokenizer
}

// Open reads a model directory: config.json, the weights and the tokenizer. A tokenizer with more ids than the embedding has
// rows is refused.
func Open(dir string) (*Base, error) {
	loaded, err := checkpoint.Load(dir)
	if err != nil {
		return nil, err
	}
	return join(loaded, dir)
}

// Fresh makes a model with random weights of a seed. Its architecture is a config.json, its tokenizer lies in a directory.
// Nothing is written.
func Fresh(configPath, tokenizerDir string, seed uint64) (*Base, error) {
	loaded, err := checkpoint.Fresh(configPath, tokenizerDir, seed)
	if err != nil {
		return nil, err
	}
	return join(loaded, tokenizerDir)
}

// join adds the tokenizer of a directory to a model, if they belong together.
func join(loaded *checkpoint.Loaded, dir string) (*Base, error) {
	tok, err := tokenizer.Load(dir)
	if err != nil {
		return nil, err
	}
	if ids, rows := tok.VocabSize(), loaded.Model.Config.VocabSize; ids > rows {
		return nil, fmt.Errorf("base: %s: tokenizer.json has %d ids, but config.json says vocab_size %d; they do not belong together: "+
			"take both from the same model", dir, ids, rows)
	}
	return &Base{Loaded: loaded, Tokenizer: tok}, nil
}
