package run

import (
	"fmt"
	"os"
	"testing"

	"reprise/asm"
	"reprise/checkpoint"
	"reprise/internal/tiny"
	"reprise/optim"
	"reprise/tensor"
)

// The SHA-256 of the weights after 20 steps. They are part of the arithmetic contract: changing one means changing
// docs/NUMERICS.md and its version. They never depend on the processor, the compiler or the number of workers.
const (
	defaultIdentity = "52529ede8b5fa82e1fbc1a7a9d8a53115a86e03d82073ec0117475e11a036fa5"
	uniformIdentity = "ba9967cf84b3afc6f77808a573690eddf19f0028dcc19e1aeb3e26156865c973"
	softIdentity    = "eb769b198241a068288cd795f664f1036229d0bd07c972556edaa49cdc4c64f1"
	klIdentity      = "41a9fcca3b521ff53e1d1acf4717cbcf062a7dd9478106c7f20e62a7853bf82e"
	spaceIdentity   = "a61ad9459e12a2dcb7b345ff849938d459bd03b70768cee44d465f672ecc3efb"
	fullIdentity    = "cd700f96e2ec7ee5055086f350cc629ded4d3e875d61210240020ba300019839"
)

// identityFlops limits the operations of one run, so that portable and emulated runs stay quick.
const identityFlops = 0.55e9

// awkward is a model whose widths are not a multiple of any tile or vector, with three query heads for each key head.
const awkward = `{"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":300,"hidden_size":42,"intermediate_size":46,
"num_hidden_layers":2,"num_attention_heads":3,"num_key_value_heads":1,"head_dim":14,"max_position_embeddings":64,
"rms_norm_eps":1e-5,"rope_theta":10000.0,"tie_word_embeddings":%t,"initializer_range":0.1,"torch_dtype":"float32"}`

// TestTrainingHasTheSameBitsEverywhere records and trains a small model on every tier of this host with several numbers of
// workers, once with recomputation, and compares the SHA-256 of the weights with the committed one. The hash depends on
// initialisation, tokenizer, packing, forward and backward passes, losses, random draws, schedule and optimizer.
func TestTrainingHasTheSameBitsEverywhere(t *testing.T) {
	for _, c := range []struct {
		name    string
		tied    bool
		workers []int
		change  func(*Recipe)
		want    string
	}{
		{"replay, moclip", true, []int{1, 2, 3, 8}, func(r *Recipe) { r.Delta, r.CapStart = 80, 2 }, defaultIdentity},
		{"replay, uniform tail, moclip", true, []int{3}, func(r *Recipe) { r.Delta, r.CapStart, r.Proposal = 80, 2, "uniform" }, uniformIdentity},
		{"replay, rehearsed softly, moclip", true, []int{1, 3}, rehearsed("replay", "soft"), softIdentity},
		{"full, rehearsed by kl, moclip", true, []int{3}, rehearsed("full", "kl"), klIdentity},
		{"full, adamw, l2_sp, reset, average", true, []int{1, 2, 3, 8}, func(r *Recipe) {
			r.Loss, r.Config, r.L2SP = "full", optim.DefaultConfig(optim.AdamW), 2
			r.Reset.At, r.Reset.Score = 0.4, "abs"
			r.Average.Kind, r.Average.Every = "swa", 3
		}, spaceIdentity},
		{"full, adamw", false, []int{1, 2, 3, 8}, func(r *Recipe) { r.Loss, r.Config = "full", optim.DefaultConfig(optim.AdamW) }, fullIdentity},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &workshop{dir: t.TempDir()}
			w.awkward(t, c.tied)
			for _, tier := range asm.Available() {
				for _, workers := range c.workers {
					restore := asm.Force(tier)
					got := w.identity(t, workers, c.change)
					restore()
					if got != c.want {
						t.Errorf("%v, %d workers: the weights have SHA-256 %s, want %s", tier, workers, got, c.want)
					}
				}
			}
		})
	}
}

// rehearsed is a recipe whose mix is rehearsed.
func rehearsed(loss, kind string) func(*Recipe) {
	return func(r *Recipe) {
		r.GlobalBatchSize, r.ReplayMix = 1, 0.5 // one of the domain, and one on top
		r.Loss, r.Mix, r.MixLoss, r.RehearseLoss, r.RehearseWeight = loss, r.Replay, "rehearsal", kind, 0.75
	}
}

// awkward writes the text and the model named awkward.
func (w *workshop) awkward(t *testing.T, tied bool) {
	t.Helper()
	if err := tiny.Write(w.dir); err != nil {
		t.Fatal(err)
	}
	w.model(t, "awkward", fmt.Sprintf(awkward, tied))
}

// identity is one run, Stage 0 and 20 steps of Stage 1.
func (w *workshop) identity(t *testing.T, workers int, change func(*Recipe)) string {
	t.Helper()
	w.pool = tensor.NewPool(workers)
	defer w.pool.Close()
	if err := os.RemoveAll(w.path("domain.replay")); err != nil {
		t.Fatal(err)
	}
	w.record(t, "awkward", "domain.replay")

	const steps = 20
	r := DefaultRecipe()
	r.Model, r.Replay = w.path("awkward"), w.path("domain.replay")
	r.GlobalBatchSize, r.MicroBatchSize, r.Epochs, r.MaxSteps, r.TailN = 2, 1, steps, steps, 24
	r.Recompute = workers == 3
	change(&r)
	run, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	tokens := 0
	for _, e := range run.Events(t.Context()) {
		tokens += e.Tokens
	}
	if err := run.Err(); err != nil {
		t.Fatal(err)
	}
	if run.done != steps {
		t.Fatalf("%d steps, want %d", run.done, steps)
	}
	// An upper bound: the whole head, as if a replay loss were a full one, and every sequence of the greatest length.
	cfg := run.Model().Config
	weights := 0
	for p := range run.Model().Params() {
		if len(p.W.Data) != cfg.VocabSize*cfg.HiddenSize || p == run.Model().Head() {
			weights += len(p.W.Data)
		}
	}
	perToken := float64(weights + 2*cfg.Layers*cfg.Heads*cfg.HeadDim*tiny.MaxSeqLen)
	if flops := perToken * float64(6*tokens+2*run.domain.len()*tiny.MaxSeqLen); flops > identityFlops {
		t.Errorf("one run takes %.3g operations (%d tokens), want at most %.3g", flops, tokens, identityFlops)
	}
	return checkpoint.TensorSHA256(run.Model())
}
