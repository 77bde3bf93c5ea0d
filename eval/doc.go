// Package eval measures a model: cross-entropy and perplexity on text and on prompt/completion pairs, multiple choice by
// option log-likelihood, and exact match of greedy completions.
//
// [Evaluator.Run] measures on a file, a [Set]; [Evaluator.Documents] on documents that are in memory. If the Evaluator also has
// a base model, both also measure how far the model's predictions have moved from the base model's ([Drift]).
// [Evaluator.Forgetting] measures the same on text that the base model wrote, and needs only what Stage 0 recorded of it.
//
//	e := eval.Evaluator{Model: b.Model, Pool: pool, Tokenizer: b.Tokenizer}
//	r, err := e.Run(ctx, eval.Set{Name: "domain", Path: "valid.jsonl"})
//	fmt.Println(*r.Loss, *r.Perplexity)
//
// Reading must be the one that the model was trained with: its Seam says how prompts and completions meet, in all tasks.
//
// A loss here is always full cross-entropy over the whole vocabulary, whatever loss the model was trained with: the mean over
// the tokens that carry loss, in nats per token. Perplexity is its exponential. Bits per byte is the summed loss of a text in
// bits divided by the number of its bytes; it can be compared between models with different tokenizers.
package eval
