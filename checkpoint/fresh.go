package checkpoint

import (
	"fmt"

	"reprise/model"
)

// notOfTokenizer are those of the copied files that a fresh model does not take from the tokenizer's directory.
var notOfTokenizer = []string{"config.json", "generation_config.json"}

// maxFresh bounds the weights of a fresh model: larger ones do not fit into the memory of the machines that this program is
// made for.
const maxFresh = 1 << 33

// Fresh makes a model with random weights that depend on the seed. Its architecture comes from a config.json, its
// tokenizer's files from another directory. It writes nothing; SaveModel with Files writes the model.
func Fresh(configPath, tokenizerDir string, seed uint64) (*Loaded, error) {
	config, err := readLimited(configPath, maxConfig)
	if err != nil {
		return nil, err
	}
	if tokenizerDir, err = snapshot(tokenizerDir); err != nil {
		return nil, err
	}
	files := map[string][]byte{"config.json": config}
	names, err := listed(tokenizerDir, copied, notOfTokenizer)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: reading the tokenizer: %w", err)
	}
	for _, name := range names {
		if files[name], err = readInside(tokenizerDir, name, maxCopied); err != nil {
			return nil, err
		}
	}
	loaded, err := FreshFrom(files, seed)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", configPath, err)
	}
	return loaded, nil
}

// FreshFrom is Fresh for files that are in memory, by their names: config.json and what else SaveModel shall write.
func FreshFrom(files map[string][]byte, seed uint64) (*Loaded, error) {
	config := files["config.json"]
	cfg, err := model.ParseConfig(config)
	if err != nil {
		return nil, err
	}
	if n := model.Outline(cfg).Count(); n > maxFresh {
		return nil, fmt.Errorf("config.json: %.3g weights, at most %.3g can be made afresh", float64(n), float64(maxFresh))
	}
	m := model.New(cfg)
	m.Init(seed)
	return &Loaded{Model: m, Files: files, DType: F32, Fingerprint: TensorSHA256(m), Config: config}, nil
}
