// Package golden compares the engine with reference outputs: tensors that PyTorch computed in float64 for one model and one batch.
// These lines are a test that training still gives what PyTorch gave:
//
//	func TestTraining(t *testing.T) { golden.Check(t, "testdata/my-model") }
//
// scripts/goldens.py writes such a directory for any model of a supported family, or for a torch module. It holds a model
// directory and
//
//	inputs.json             ids, targets, where documents start, and runs of at most five training steps
//	inputs.safetensors      recorded subsets and the ids of sampled tails, where a run needs them
//	reference.safetensors   logits, what the recorder picks, and for each run its losses, gradients and changes of weights
//	manifest.json           who made the reference and how, the SHA-256 of the files, and for every tensor a bound
//	hashes.json             the engine's own SHA-256 of every tensor, with the version of the arithmetic contract
//
// Bounds find errors, hashes find changes. The error of a tensor a against its reference r is
//
//	max|a − r| / max(max|r|, 2⁻²⁰ · the largest value of its kind)
//
// The error of weights is ‖d − r‖ / ‖r‖, where d is their change since before the first step: a bound on the weights themselves
// would pass an optimizer that does nothing. A bound is 8 times the error of PyTorch's float32 against its float64, at
// least 2⁻¹⁸. NaN, an infinity or a different shape is always an error. A tensor within its bound can still have other bits than
// before. The engine promises the same bits on every processor, so this counts as a change and fails, too. After an intended
// change, Write stores the new hashes; so does the command reprise verify --write. They are labelled as the engine's own and
// never serve as a reference.
//
// Check uses the best tier of the processor. Tiers are switched for the whole process: a test that names several in Options must
// not run in parallel with others that compute.
package golden
