// Package golden holds the engine to reference outputs: tensors that PyTorch computed in float64 for one model and one batch.
// Two lines in a test say that training still gives what PyTorch gave:
//
//	func TestTraining(t *testing.T) { golden.Check(t, "testdata/my-model") }
//
// scripts/goldens.py writes such a directory for any model of a supported family, or for a torch module. It holds a model
// directory and
//
//	inputs.json             ids, targets, where documents start, and runs of at most five training steps
//	inputs.safetensors      recorded subsets and the ids of sampled tails, where a run needs them
//	reference.safetensors   logits, what the recorder picks, and for each run its losses, gradients and changes of weights
//	manifest.json           who made it and how, the SHA-256 of the files, and for every tensor a bound
//	hashes.json             the engine's own SHA-256 of every tensor, with the version of the arithmetic contract
//
// Bounds find errors, hashes find changes. The error of a tensor a against its reference r is
//
//	max|a − r| / max(max|r|, 2⁻²⁰ · the largest value of its kind)
//
// and of weights, which are compared as the change d since the first step, ‖d − r‖ / ‖r‖: a bound on the weights themselves
// would pass an optimizer that does nothing. A bound is 8 times the error that PyTorch's float32 has against its float64, at
// least 2⁻¹⁸. NaN, an infinity or another shape is always an error. Within its bound a tensor can still have other bits than
// before: the engine promises the same bits on every processor, so that is a change, and fails too. After a change that is
// meant, Write stores the new hashes; so does the command reprise verify --write. They are labelled as the engine's own and
// never serve as a reference.
//
// Check uses the best tier of the processor. Tiers are switched for the whole process: a test that names several in Options must
// not run beside others that compute.
package golden
