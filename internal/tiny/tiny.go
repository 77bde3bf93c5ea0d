// Package tiny makes a very small model, its tokenizer and some text for tests, so that they need no data from outside the
// tree.
package tiny

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"reprise/checkpoint"
	"reprise/model"
	"reprise/tensor"
	"reprise/tokenizer"
)

// Config is the model's config.json.
const Config = `{"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":300,"hidden_size":32,"intermediate_size":48,
"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":64,"rms_norm_eps":1e-5,
"rope_theta":10000.0,"tie_word_embeddings":true,"initializer_range":0.1,"torch_dtype":"float32"}`

// MaxSeqLen suits the text of Write.
const MaxSeqLen = 48

// Write fills dir with base/ (a Hugging Face directory with fresh weights), domain.jsonl (prompts and completions),
// general.txt (one text) and stories.txt (forty, with blank lines between them).
func Write(dir string) error {
	pick := words(5)
	lines, err := rows(pick)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "domain.jsonl"), []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "general.txt"), []byte(pick(120)+"\n"), 0o666); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "stories.txt"), []byte(stories(pick)), 0o666); err != nil {
		return err
	}
	tok, err := tokenizer.Train(slices.Values(lines), tokenizer.TrainOptions{VocabSize: 300, Special: []string{"<|endoftext|>"}})
	if err != nil {
		return err
	}
	return Model(filepath.Join(dir, "base"), tok, 1)
}

// Example fills dir with the files that examples/compare/tiny.yaml names: base/, whose weights are of half the size, and texts
// to train on and others to measure on.
func Example(dir string) error {
	train, err := rows(words(6))
	if err != nil {
		return err
	}
	valid, err := rows(words(7))
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"train.jsonl": strings.Join(train, "\n") + "\n", "valid.jsonl": strings.Join(valid, "\n") + "\n",
		"general-train.txt": stories(words(8)), "general-valid.txt": stories(words(9)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	tok, err := tokenizer.Train(slices.Values(train), tokenizer.TrainOptions{VocabSize: 300, Special: []string{"<|endoftext|>"}})
	if err != nil {
		return err
	}
	return save(filepath.Join(dir, "base"), tok, 1, checkpoint.BF16)
}

// words returns a function that draws that many words.
func words(seed uint64) func(n int) string {
	rng := tensor.NewRNG(seed, "words", 0)
	words := strings.Fields("red blue lamp stone river seven open close the a and of runs sings quickly never")
	return func(n int) string {
		var s []string
		for range n {
			s = append(s, words[rng.Intn(len(words))])
		}
		return strings.Join(s, " ")
	}
}

// rows are forty prompts and completions.
func rows(pick func(int) string) (lines []string, err error) {
	for range 40 {
		line, err := json.Marshal(map[string]string{"prompt": pick(5), "completion": pick(7)})
		if err != nil {
			return nil, err
		}
		lines = append(lines, string(line))
	}
	return lines, nil
}

// stories are forty texts with blank lines between them.
func stories(pick func(int) string) string {
	var list []string
	for range 40 {
		list = append(list, pick(12))
	}
	return strings.Join(list, "\n\n") + "\n"
}

// Model writes a model directory with fresh weights that depend on the seed.
func Model(dir string, tokenizerJSON []byte, seed uint64) error {
	return save(dir, tokenizerJSON, seed, checkpoint.F32)
}

func save(dir string, tokenizerJSON []byte, seed uint64, dtype checkpoint.DType) error {
	cfg, err := model.ParseConfig([]byte(Config))
	if err != nil {
		return err
	}
	m := model.New(cfg)
	m.Init(seed)
	err = checkpoint.SaveModel(dir, m, checkpoint.SaveOptions{
		Files: map[string][]byte{"config.json": []byte(Config), "tokenizer.json": tokenizerJSON}, DType: dtype,
	})
	if err != nil {
		return fmt.Errorf("tiny: %w", err)
	}
	// As a model from elsewhere has it. Tests edit the files.
	return os.Remove(filepath.Join(dir, "SHA256SUMS"))
}
