package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"reprise/internal/tiny"
	"reprise/model"
	"reprise/tensor"
)

// TestPrefillFlopsAreThoseOfTheForwardPass: the pass over a prompt counts a third of a training step's operations, minus the
// head's for all tokens except the last.
func TestPrefillFlopsAreThoseOfTheForwardPass(t *testing.T) {
	cfg, err := model.ParseConfig([]byte(tiny.Config))
	if err != nil {
		t.Fatal(err)
	}
	const tokens = 48
	head := 2 * float64(cfg.VocabSize) * float64(cfg.HiddenSize)
	if got, want := prefillFlops(cfg, tokens), tokens*stepFlops(cfg, tokens)/3-(tokens-1)*head; got != want {
		t.Errorf("%g operations, want %g", got, want)
	}
}

// TestGenerateStops: a cancelled measurement ends between two tokens.
func TestGenerateStops(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	config := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(config, []byte(tiny.Config), 0o666); err != nil {
		t.Fatal(err)
	}
	o := GenerateOptions{Models: []string{config}, PromptTokens: 2, MaxTokens: 3, Repetitions: 1}
	if _, err := Generate(ctx, pool, o); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled measurement ends with %v", err)
	}
}
