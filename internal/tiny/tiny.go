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
	rng := tensor.NewRNG(5, "words", 0)
	words := strings.Fields("red blue lamp stone river seven open close the a and of runs sings quickly never")
	pick := func(n int) string {
		var s []string
		for range n {
			s = append(s, words[rng.Intn(len(words))])
		}
		return strings.Join(s, " ")
	}
	var lines []string
	for range 40 {
		line, err := json.Marshal(map[string]string{"prompt": pick(5), "completion": pick(7)})
		if err != nil {
			return err
		}
		lines = append(lines, string(line))
	}
	if err := os.WriteFile(filepath.Join(dir, "domain.jsonl"), []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "general.txt"), []byte(pick(120)+"\n"), 0o666); err != nil {
		return err
	}
	var stories []string
	for range 40 {
		stories = append(stories, pick(12))
	}
	if err := os.WriteFile(filepath.Join(dir, "stories.txt"), []byte(strings.Join(stories, "\n\n")+"\n"), 0o666); err != nil {
		return err
	}
	tok, err := tokenizer.Train(slices.Values(lines), tokenizer.TrainOptions{VocabSize: 300, Special: []string{"<|endoftext|>"}})
	if err != nil {
		return err
	}
	return Model(filepath.Join(dir, "base"), tok, 1)
}

// Model writes a model directory with fresh weights that depend on the seed.
func Model(dir string, tokenizerJSON []byte, seed uint64) error {
	cfg, err := model.ParseConfig([]byte(Config))
	if err != nil {
		return err
	}
	m := model.New(cfg)
	m.Init(seed)
	err = checkpoint.SaveModel(dir, m, checkpoint.SaveOptions{Files: map[string][]byte{"config.json": []byte(Config), "tokenizer.json": tokenizerJSON}})
	if err != nil {
		return fmt.Errorf("tiny: %w", err)
	}
	return nil
}
