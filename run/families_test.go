package run

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"reprise/checkpoint"
	"reprise/model"
	"reprise/optim"
	"reprise/tensor"
)

// Small models of families other than llama, with all parts that llama does not have.
var families = map[string]string{
	"gpt2": `{"model_type":"gpt2","vocab_size":300,"n_embd":30,"n_layer":2,"n_head":3,"n_positions":64,"initializer_range":0.1,
"resid_pdrop":0.1,"torch_dtype":"float32"}`,
	"gpt2 with exact gelu": `{"model_type":"gpt2","vocab_size":300,"n_embd":30,"n_layer":1,"n_head":3,"n_positions":64,"initializer_range":0.1,
"activation_function":"gelu","torch_dtype":"float32"}`,
	"llama with biases": `{"model_type":"llama","vocab_size":300,"hidden_size":30,"intermediate_size":44,"num_hidden_layers":2,
"num_attention_heads":3,"num_key_value_heads":1,"max_position_embeddings":64,"tie_word_embeddings":true,"attention_bias":true,
"mlp_bias":true,"initializer_range":0.1,"torch_dtype":"float32"}`,
	"qwen3": `{"model_type":"qwen3","vocab_size":300,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,
"num_attention_heads":4,"num_key_value_heads":2,"head_dim":10,"max_position_embeddings":64,"tie_word_embeddings":true,
"use_sliding_window":true,"sliding_window":9,"max_window_layers":1,"initializer_range":0.1,"torch_dtype":"float32"}`,
}

// model writes a fresh model with the tokenizer of base.
func (w *workshop) model(t *testing.T, name, config string) {
	t.Helper()
	tok, err := os.ReadFile(w.path("base/tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := model.ParseConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	m := model.New(cfg)
	m.Init(7)
	err = checkpoint.SaveModel(w.path(name), m, checkpoint.SaveOptions{
		Files: map[string][]byte{"config.json": []byte(config), "tokenizer.json": tok},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFamiliesTrainToTheSameBits: with any number of workers, any cut into micro-batches, interrupted or not.
func TestFamiliesTrainToTheSameBits(t *testing.T) {
	for name, config := range families {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			w.model(t, name, config)
			w.record(t, name, name+".replay")
			for loss, change := range map[string]func(*Recipe){
				"replay": func(*Recipe) {},
				"full":   func(r *Recipe) { r.Loss, r.Config = "full", optim.DefaultConfig(optim.AdamW) },
			} {
				r := w.recipe("whole-" + loss)
				r.Model, r.Replay, r.MaxSteps = w.path(name), w.path(name+".replay"), 5
				change(&r)
				want := w.run(t, r, w.pool, false)
				for _, workers := range []int{1, 3} {
					for _, micro := range []int{1, 4} {
						pool := tensor.NewPool(workers)
						r := r
						r.Out, r.MicroBatchSize = "", micro
						if got := w.run(t, r, pool, false); got != want {
							t.Errorf("%s, %d workers, micro-batches of %d: %s, want %s", loss, workers, micro, got, want)
						}
						pool.Close()
					}
				}

				r.Out = w.path("pieces-" + loss)
				run, err := Open(r, w.pool, false)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				for step := range run.Events(ctx) {
					if step == 2 {
						cancel()
					}
				}
				cancel()
				if !errors.Is(run.Err(), ErrInterrupted) {
					t.Fatalf("interrupted run ended with %v", run.Err())
				}
				if got := w.run(t, r, w.pool, true); got != want {
					t.Errorf("%s: resumed run: %s, uninterrupted: %s", loss, got, want)
				}
			}
		})
	}
}

// TestInit trains from random weights: the seed decides the bits, a resumed run has the same bits, and the written model has
// config, tokenizer and weights of the wanted type.
func TestInit(t *testing.T) {
	w := newWorkshop(t)
	w.write(t, "gpt2.json", families["gpt2"])
	r := DefaultRecipe()
	r.Init, r.Tokenizer, r.Data, r.Out = w.path("gpt2.json"), w.path("base"), w.path("domain.jsonl"), w.path("a")
	r.Loss, r.Config = "full", optim.DefaultConfig(optim.AdamW)
	r.MaxSteps, r.MaxSeqLen, r.DType, r.GlobalBatchSize = 4, 48, "bf16", 4
	r.Save.Every = 2
	want := w.run(t, r, w.pool, false)

	again := r
	again.Out, again.DType = w.path("b"), ""
	run, err := Open(again, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for step := range run.Events(ctx) {
		if step == 3 {
			cancel()
		}
	}
	cancel()
	if got := w.run(t, again, w.pool, true); got != want {
		t.Errorf("resumed: %s, want %s", got, want)
	}
	other := r
	other.Out, other.Seed = "", 2
	if got := w.run(t, other, w.pool, false); got == want {
		t.Error("another seed gives the same weights")
	}
	final, err := checkpoint.Load(w.path("a/final"))
	if err != nil || final.DType != checkpoint.BF16 || !strings.Contains(string(final.Config), `"torch_dtype":"bfloat16"`) {
		t.Errorf("final: %v %v", final, err)
	}
	full, err := checkpoint.Load(w.path("b/final"))
	if err != nil || full.DType != checkpoint.F32 || full.Fingerprint != want || string(full.Config) != families["gpt2"] {
		t.Errorf("final in float32: %v", err)
	}
	if _, err := os.Stat(w.path("a/final/tokenizer.json")); err != nil {
		t.Error(err)
	}

	for want, change := range map[string]func(*Recipe){
		"model: want either":              func(r *Recipe) { r.Model = w.path("base") },
		"tokenizer: init needs":           func(r *Recipe) { r.Tokenizer = "" },
		"init: fresh weights have no":     func(r *Recipe) { r.Loss = "replay" },
		`dtype: checkpoint: dtype "int8"`: func(r *Recipe) { r.DType = "int8" },
		"none.json":                       func(r *Recipe) { r.Init = w.path("none.json") },
		"tokenizer.json has 300 ids, but config.json says vocab_size 299": func(r *Recipe) { r.Init = w.path("small.json") },
		"n_layer: 0, want 1": func(r *Recipe) { r.Init = w.path("broken.json") },
	} {
		w.write(t, "small.json", strings.Replace(families["gpt2"], `"vocab_size":300`, `"vocab_size":299`, 1))
		w.write(t, "broken.json", strings.Replace(families["gpt2"], `"n_layer":2`, `"n_layer":0`, 1))
		r := r
		r.Out = w.path("refused")
		change(&r)
		_, err := Open(r, w.pool, false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if _, err := os.Stat(w.path("refused")); err == nil {
			t.Fatal("a run directory was made")
		}
	}
}
