package base

import (
	"fmt"

	"reprise/checkpoint"
	"reprise/tokenizer"
)

// Base is a model with the tokenizer that belongs to it.
type Base struct {
	*checkpoint.Loaded
	Tokenizer *tokenizer.Tokenizer
}

// Open reads a model directory: config.json, the weights and the tokenizer. A folder of the Hugging Face cache
// (models--ORG--NAME) stands for its snapshot: the commit in refs/main, or the only one. It is an error if the tokenizer has more ids than
// the embedding has rows.
func Open(dir string) (*Base, error) {
	loaded, err := checkpoint.Load(dir)
	if err != nil {
		return nil, err
	}
	return withTokenizer(loaded, loaded.Dir)
}

// Fresh makes a model with random weights from a seed. configPath is a config.json with its architecture, tokenizerDir a
// directory with its tokenizer. Nothing is written.
func Fresh(configPath, tokenizerDir string, seed uint64) (*Base, error) {
	loaded, err := checkpoint.Fresh(configPath, tokenizerDir, seed)
	if err != nil {
		return nil, err
	}
	return withTokenizer(loaded, tokenizerDir)
}

// New is like Fresh, but takes the contents of config.json and tokenizer.json from memory. [tokenizer.Train] makes the contents
// of a tokenizer.json.
func New(configJSON, tokenizerJSON []byte, seed uint64) (*Base, error) {
	tok, err := tokenizer.Parse(tokenizerJSON, nil)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	loaded, err := checkpoint.FreshFrom(map[string][]byte{"config.json": configJSON, "tokenizer.json": tokenizerJSON}, seed)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	b, err := join(loaded, tok)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	return b, nil
}

// Save writes the model with its weights as they are now, its configuration and its tokenizer's files into a directory that
// [Open] and other programs read. The directory must be empty or not exist yet. [checkpoint.SaveModel] has more choices.
func (b *Base) Save(dir string) error {
	return checkpoint.SaveModel(dir, b.Model, checkpoint.SaveOptions{SourceDir: b.Dir, Files: b.Files})
}

// withTokenizer adds the tokenizer of a directory to a model, and checks that they belong together.
func withTokenizer(loaded *checkpoint.Loaded, dir string) (*Base, error) {
	tok, err := tokenizer.Load(dir)
	if err != nil {
		return nil, err
	}
	b, err := join(loaded, tok)
	if err != nil {
		return nil, fmt.Errorf("base: %s: %w", dir, err)
	}
	return b, nil
}

// join checks that a tokenizer belongs to a model and puts both into a Base.
func join(loaded *checkpoint.Loaded, tok *tokenizer.Tokenizer) (*Base, error) {
	if ids, rows := tok.VocabSize(), loaded.Model.Config.VocabSize; ids > rows {
		return nil, fmt.Errorf("tokenizer.json has %d ids, but config.json says vocab_size %d; they do not belong together: "+
			"take both from the same model", ids, rows)
	}
	return &Base{Loaded: loaded, Tokenizer: tok}, nil
}
