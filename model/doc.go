// Package model is the decoder: its configuration, its weights, and explicit forward and backward passes.
//
//	x = E[ids]                                      gpt2: + P[position]
//	per block:  x += Wo·attention(rope(Wq·n), rope(Wk·n), Wv·n)   with n = norm(x)
//	            x += Wdown·(silu(Wgate·n) ⊙ Wup·n)                with n = norm(x)
//	h = norm(x)
//
// This is llama, with RMSNorm. The other families have other parts in the same places, and Config names them: a window
// (mistral), biases (qwen2), norms of the query and key heads (qwen3); LayerNorm, learned positions instead of rope, gelu and
// biases everywhere (gpt2). All families share one forward and one backward pass.
//
// The head, h·Wᵀ, belongs to package loss. There is no automatic differentiation: every Forward has a Backward beside it,
// and docs/NUMERICS.md fixes the order of every sum, so that results have the same bits with any number of threads, any
// cut into micro-batches and on any processor.
//
// The activations and gradients of a pass lie in one allocation, planned from the configuration (Config.TrainingMemory,
// Pass.Reserve). Values that follow element by element from those that are kept are recomputed in the backward pass; a
// recomputing pass keeps only the input of every block and runs the block's forward pass again. Neither changes a result.
//
// A Model holds weights; a Pass holds the activations of one forward and backward pass over a Batch of sequences laid end
// to end; a Decoder holds the keys and values of one sequence, and [Generate] continues it. Package base opens a trained model.
package model
