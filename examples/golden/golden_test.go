// Package golden shows how a program checks its training against PyTorch's results with an ordinary Go test.
package golden

import (
	"testing"

	"reprise/golden"
)

// TestTrainingGivesWhatPyTorchGave computes the logits, the losses, every gradient and five steps of six optimizers for one model,
// and compares them with PyTorch's results in float64. It also fails if a bit has changed since hashes.json was written.
func TestTrainingGivesWhatPyTorchGave(t *testing.T) {
	golden.Check(t, "../../testdata/models/llama")
}
