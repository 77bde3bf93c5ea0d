// Package model is the decoder: its configuration, its weights, and explicit forward and backward passes.
//
//	x = E[ids]
//	per block:  x += Wo·attention(rope(Wq·n), rope(Wk·n), Wv·n)   with n = RMSNorm(x)
//	            x += Wdown·(silu(Wgate·n) ⊙ Wup·n)                with n = RMSNorm(x)
//	h = RMSNorm(x)
//
// The head, h·Wᵀ, belongs to package loss. There is no automatic differentiation: every Forward has a Backward beside it,
// and docs/NUMERICS.md fixes the order of every sum, so that results have the same bits with any number of threads, any
// cut into micro-batches and on any processor.
//
// A Model holds weights; a Pass holds the activations of one forward and backward pass over a Batch of sequences laid end
// to end; a Decoder holds the keys and values of one sequence and generates from it.
package model
