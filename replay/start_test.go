package replay_test

import (
	"slices"
	"testing"

	"reprise/model"
	"reprise/replay"
	"reprise/tokenizer"
)

// TestStartOf: where the documents of a model begin, for every family and every way in which a tokenizer speaks of its beginning.
func TestStartOf(t *testing.T) {
	vocabulary := func(special ...string) []byte {
		text, err := tokenizer.Train(slices.Values([]string{"they sing"}), tokenizer.TrainOptions{VocabSize: 300, Special: special})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	const end, burnIn = "<|endoftext|>", -1
	for _, c := range []struct {
		name, family string
		special      []string
		config       string
		want         int32
	}{
		{"llama with BOS", "llama", []string{"<s>", "</s>"}, `{"bos_token": "<s>", "add_bos_token": true}`, 0},
		{"gpt2 with BOS", "gpt2", []string{"<x>", end}, `{"bos_token": "<x>", "add_bos_token": true}`, 0},
		{"llama that does not add it", "llama", []string{"<s>", "</s>"}, `{"bos_token": "<s>", "add_bos_token": false}`, burnIn},
		{"gpt2", "gpt2", []string{"<pad>", end}, `{"bos_token": "<|endoftext|>"}`, 1},
		{"gpt2 without a configuration", "gpt2", []string{"<pad>", end}, ``, 1},
		{"qwen2", "qwen2", []string{"<a>", "<b>", end}, `{"bos_token": null}`, 2},
		{"qwen3", "qwen3", []string{end}, `{"bos_token": null, "eos_token": "<|endoftext|>"}`, 0},
		{"qwen3 without the token", "qwen3", []string{"<end>"}, `{"bos_token": null}`, burnIn},
		{"SmolLM", "llama", []string{"<pad>", end}, `{"bos_token": "<|endoftext|>"}`, 1},
		{"a llama of ours", "llama", []string{end}, `{"bos_token": null, "eos_token": "<|endoftext|>"}`, burnIn},
		{"a llama of ours, no configuration", "llama", []string{end}, ``, burnIn},
		{"mistral without BOS", "mistral", []string{end}, ``, burnIn},
	} {
		tok, err := tokenizer.Parse(vocabulary(c.special...), []byte(c.config))
		if err != nil {
			t.Fatal(err)
		}
		want := replay.Start{ID: c.want}
		if c.want == burnIn {
			want.BurnIn = replay.DefaultBurnIn
		}
		cfg := model.Config{ModelType: c.family, VocabSize: 300, MaxPositions: 64}
		if got := replay.StartOf(&cfg, tok); got != want {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
	}

	tok, err := tokenizer.Parse(vocabulary("<x>", end), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := model.Config{ModelType: "llama", VocabSize: 280, MaxPositions: 20}
	if got := replay.StartOf(&cfg, tok); got != (replay.Start{ID: -1, BurnIn: 20}) {
		t.Errorf("a burn-in beyond the model's positions: %+v", got)
	}
	for text, want := range map[string]int32{"<x>": 0, end: 1, "17": 17} {
		if got, err := replay.ParseStart(text, &cfg, tok); err != nil || got != (replay.Start{ID: want}) {
			t.Errorf("start %q: %+v, %v", text, got, err)
		}
	}
	if got, err := replay.ParseStart("burn-in", &cfg, tok); err != nil || got != (replay.Start{ID: -1, BurnIn: 20}) {
		t.Errorf("start burn-in: %+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"<y>": `replay: start: the tokenizer has no token "<y>"; give a token as tokenizer.json spells it, an id below 258, or burn-in`,
		"258": "replay: start: id 258, want 0 to 257",
		"-1":  "replay: start: id -1, want 0 to 257",
	} {
		if _, err := replay.ParseStart(text, &cfg, tok); err == nil || err.Error() != want {
			t.Errorf("start %q: %v", text, err)
		}
	}
	if got := (replay.Start{ID: 1}).Text(tok); got != `at "<|endoftext|>" (id 1)` {
		t.Error(got)
	}
	if got := (replay.Start{ID: -1, BurnIn: 9}).Text(tok); got != "after a burn-in of 9 tokens" {
		t.Error(got)
	}
}

// TestAmount: how many packs a model writes.
func TestAmount(t *testing.T) {
	for _, c := range []struct {
		domain         int
		share          float64
		seqLen, tokens int
		packs, gauge   int
	}{
		{300, 0.25, 512, replay.DefaultOwn, 100, 8},
		{301, 0.25, 512, replay.DefaultOwn, 101, 8},
		{300, 0.1, 512, replay.DefaultOwn, 34, 8},
		{300, 0.4, 512, replay.DefaultOwn, 200, 8},
		{30000, 0.25, 512, replay.DefaultOwn, 390, 8},
		{300, 0.25, 512, 40_000, 78, 8},
		{1, 0.1, 512, replay.DefaultOwn, 1, 4},
		{15, 0.25, 512, replay.DefaultOwn, 5, 5},
		{1000, 0.25, 64, replay.DefaultOwn, 334, 32},
		{1000, 0.25, 4096, replay.DefaultOwn, 48, 4},
		{0, 0.25, 512, replay.DefaultOwn, 390, 8},
		{9, 0.25, 4096, 100, 1, 4},
	} {
		if packs, gauge := replay.Amount(c.domain, c.share, c.seqLen, c.tokens); packs != c.packs || gauge != c.gauge {
			t.Errorf("%+v: %d and %d", c, packs, gauge)
		}
	}
}
