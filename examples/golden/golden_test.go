// Package golden shows how a program holds its training to PyTorch's results with an ordinary Go test.
package golden

import (
	"testing"

	"reprise/golden"
)

// TestTrainingGivesWhatPyTorchGave computes the logits, the losses, every gradient and five steps of six optimizers for one model,
// and compares them with what PyTorch computed in float64. It also fails where a bit has changed since hashes.json was written.
func TestTrainingGivesWhatPyTorchGave(t *testing.T) {
	golden.Check(t, "../../testdata/models/llama")
}
