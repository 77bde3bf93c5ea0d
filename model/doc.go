// Package model is the decoder: its configuration, its weights, and explicit forward and backward passes.
//
//	x = E[ids]                                      gpt2: + P[position]
//	per block:  x += Wo·attention(rope(Wq·n), rope(Wk·n), Wv·n)   with n = norm(x)
//	            x += Wdown·(silu(Wgate·n) ⊙ Wup·n)                with n = norm(x)
//	h = norm(x)
//
// That is llama, with RMSNorm. The other families have other parts in the same places, which Config names: a window
// (mistral), biases (qwen2), norms of the query and key heads (qwen3); LayerNorm, learned positions instead of rope, gelu and
// biases everywhere (gpt2). Forward and backward pass exist once.
//
// The head, h·Wᵀ, belongs to package loss. There is no automatic differentiation: every Forward has a Backward beside it,
// and docs/NUMERICS.md fixes the order of every sum, so that results have the same bits with any number of threads, any
// cut into micro-batches and on any processor.
//
// The activations and gradients of a pass lie in one allocation, planned from the configuration (Config.TrainingMemory,
// Pass.Reserve). What follows element by element from what is kept is computed once more in the backward pass; a recomputing
// pass keeps the input of every block only and runs the block's forward pass again. Neither can be seen in a result.
//
// A Model holds weights; a Pass holds the activations of one forward and backward pass over a Batch of sequences laid end
// to end; a Decoder holds the keys and values of one sequence and generates from it.
package model
