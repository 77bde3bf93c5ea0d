package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"reprise/checkpoint"
	"reprise/cmd/reprise/internal/synth"
	"reprise/internal/atomicfile"
	"reprise/model"
	"reprise/optim"
	"reprise/run"
	"reprise/tensor"
	"reprise/tokenizer"
)

// The sizes from which the embedded base model is made. Changing any of them changes its SHA-256: rebuild it, and commit the
// files and BaseSHA256 together.
const (
	baseSeed       = 1
	shortDocuments = 110_000 // of two to four words, repeated: about 10 tokens each
	longDocuments  = 90_000  // of up to twelve words, repeated: about 20 tokens each
	baseDocuments  = 190_000 // of general text, about 105 tokens each
	tokenizerTexts = 40_000  // of these, used to train the tokenizer
	vocabulary     = 8192
	endOfText      = "<|endoftext|>"
	seqLen         = 256
)

// baseConfig is the embedded model's config.json.
const baseConfig = `{
  "architectures": ["LlamaForCausalLM"],
  "model_type": "llama",
  "vocab_size": 8192,
  "hidden_size": 128,
  "intermediate_size": 352,
  "num_hidden_layers": 4,
  "num_attention_heads": 4,
  "num_key_value_heads": 2,
  "head_dim": 32,
  "hidden_act": "silu",
  "max_position_embeddings": 256,
  "initializer_range": 0.09,
  "rms_norm_eps": 1e-05,
  "rope_theta": 100.0,
  "tie_word_embeddings": true,
  "eos_token_id": %d,
  "torch_dtype": "float32"
}
`

// lessons are the runs that make the base model: first short lists of words repeated, then longer ones, from which attention
// learns to look words up, then general text. All are ordinary cross-entropy with AdamW.
func lessons(dir string) []run.Recipe {
	r := run.DefaultRecipe()
	r.Loss, r.Config = "full", optim.DefaultConfig(optim.AdamW)
	r.Beta2, r.Epochs, r.MaxSeqLen = 0.98, 1, seqLen
	r.Save.Every, r.Save.KeepLast = 100, 2
	short, long, general := r, r, r

	short.Model, short.Data, short.Out = filepath.Join(dir, "init"), filepath.Join(dir, "short.txt"), filepath.Join(dir, "run-short")
	short.LR, short.Schedule, short.WarmupRatio = 6e-3, "constant", 0.1
	short.GlobalBatchSize, short.MicroBatchSize = 8, 8

	long = short
	long.Model, long.Data, long.Out = filepath.Join(short.Out, "final"), filepath.Join(dir, "long.txt"), filepath.Join(dir, "run-long")
	long.WarmupRatio = 0.02

	general.Model, general.Data, general.Out = filepath.Join(long.Out, "final"), filepath.Join(dir, "general.txt"), filepath.Join(dir, "run-general")
	general.LR, general.WarmupRatio, general.FinalLRRatio = 4e-3, 0.02, 0.02
	general.ScheduleEnd = "last" // as it was made, before there was another
	general.GlobalBatchSize, general.MicroBatchSize = 16, 8
	general.Eval.Data, general.Eval.Every = []string{"general=" + filepath.Join(dir, "valid.txt")}, 500
	return []run.Recipe{short, long, general}
}

// Rebuild trains the base model from nothing in dir: text, tokenizer, fresh weights, three runs. Files that exist already
// are kept, so that an interrupted rebuild continues. The result, dir/base, has the bytes of the embedded files.
func Rebuild(ctx context.Context, dir string, pool *tensor.Pool, event func(run.Event)) (sha string, err error) {
	if all := lessons(dir); exists(filepath.Join(dir, "base")) && !exists(filepath.Join(all[len(all)-1].Out, "final")) {
		return "", fmt.Errorf("demo: %s exists already and was not made by a rebuild; choose another directory", filepath.Join(dir, "base"))
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	if err := prepareBase(dir); err != nil {
		return "", fmt.Errorf("demo: rebuilding the base model: %w", err)
	}
	last := ""
	for _, r := range lessons(dir) {
		last = filepath.Join(r.Out, "final")
		if exists(last) {
			continue
		}
		job, err := run.Open(r, pool, true)
		if err != nil {
			return "", err
		}
		for _, e := range job.Events(ctx) {
			event(e)
		}
		if err := job.Err(); err != nil {
			return "", err
		}
	}
	trained, err := checkpoint.Load(last)
	if err != nil {
		return "", err
	}
	base := filepath.Join(dir, "base")
	if err := checkpoint.SaveModel(base, trained.Model, checkpoint.SaveOptions{SourceDir: last, DType: checkpoint.BF16, Replace: true}); err != nil {
		return "", err
	}
	loaded, err := checkpoint.Load(base)
	if err != nil {
		return "", err
	}
	return loaded.Fingerprint, nil
}

// prepareBase writes the text, the tokenizer and the fresh model.
func prepareBase(dir string) error {
	if err := errors.Join(
		writeTexts(filepath.Join(dir, "short.txt"), repeatTexts(baseSeed, shortDocuments, 4)),
		writeTexts(filepath.Join(dir, "long.txt"), repeatTexts(baseSeed+1, longDocuments, 12)),
		writeTexts(filepath.Join(dir, "general.txt"), generalTexts("train", baseDocuments)),
		writeTexts(filepath.Join(dir, "valid.txt"), generalTexts("valid", 500)),
	); err != nil {
		return err
	}
	init := filepath.Join(dir, "init")
	if exists(init) {
		return nil
	}
	tokJSON, err := tokenizer.Train(generalTexts("train", tokenizerTexts), tokenizer.TrainOptions{VocabSize: vocabulary, Special: []string{endOfText}})
	if err != nil {
		return err
	}
	tokConfig := []byte(fmt.Sprintf("{\n  \"eos_token\": %q,\n  \"model_max_length\": %d,\n  \"tokenizer_class\": \"GPT2Tokenizer\"\n}\n", endOfText, seqLen))
	tok, err := tokenizer.Parse(tokJSON, tokConfig)
	if err != nil {
		return err
	}
	eos, ok := tok.EOS()
	if !ok || tok.VocabSize() != vocabulary {
		return fmt.Errorf("the tokenizer has %d ids and an end id: %v; want %d", tok.VocabSize(), ok, vocabulary)
	}
	config := []byte(fmt.Sprintf(baseConfig, eos))
	cfg, err := model.ParseConfig(config)
	if err != nil {
		return err
	}
	m := model.New(cfg)
	m.Init(baseSeed)
	return checkpoint.SaveModel(init, m, checkpoint.SaveOptions{Files: map[string][]byte{
		"config.json": config, "tokenizer.json": tokJSON, "tokenizer_config.json": tokConfig,
	}})
}

// mixTexts returns general text to mix into training, at most mixDocs documents. They come after those that forgetting is measured
// on: a base model that is trained on its own test would seem to forget nothing.
func mixTexts(n int) iter.Seq[string] {
	return from(generalDocs, generalTexts("valid", generalDocs+n))
}

// choosingTexts returns n general texts on which learning rates are chosen. They come after those that are mixed in.
func choosingTexts(n int) iter.Seq[string] {
	before := generalDocs + mixDocs
	return from(before, generalTexts("valid", before+n))
}

// seedOf keeps training and validation text apart.
func seedOf(split string) uint64 {
	if split == "train" {
		return baseSeed
	}
	return baseSeed + 1000
}

// generalTexts returns n documents of general text.
func generalTexts(split string, n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range n {
			if !yield(synth.General(seedOf(split), uint64(i))) {
				return
			}
		}
	}
}

// repeatTexts returns n lists of words that are repeated.
func repeatTexts(seed uint64, n, longest int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range n {
			if !yield(synth.Repeats(seed, uint64(i), longest)) {
				return
			}
		}
	}
}

// writeTexts writes documents, separated by end markers, unless the file exists.
func writeTexts(path string, texts iter.Seq[string]) error {
	if exists(path) {
		return nil
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		for text := range texts {
			b.WriteString(strings.TrimSpace(text) + "\n" + endOfText + "\n")
		}
		return b.Flush()
	})
}

// exists says whether a file exists.
func exists(path string) bool { _, err := os.Stat(path); return err == nil }
