// Package eval measures a model: cross-entropy and perplexity on text and on prompt/completion pairs, multiple choice by
// option log-likelihood, and exact match of greedy completions.
//
// [Evaluator.Run] measures on a file, a [Set]; [Evaluator.Documents] on documents that are in memory. With a base model beside
// the model, both also say how far the predictions have moved ([Drift]).
//
//	e := eval.Evaluator{Model: b.Model, Pool: pool, Tokenizer: b.Tokenizer}
//	r, err := e.Run(ctx, eval.Set{Name: "domain", Path: "valid.jsonl"})
//	fmt.Println(*r.Loss, *r.Perplexity)
//
// A loss here is always full cross-entropy over the whole vocabulary, whatever the model was trained with: in nats per token,
// the mean over the tokens that carry loss. Perplexity is its exponential, and bits per byte is the loss of a text in bits
// divided by its bytes, which two models with different tokenizers have in common.
package eval
