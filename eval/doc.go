// Package eval measures a model: cross-entropy and perplexity on text and on prompt/completion pairs, multiple choice by
// option log-likelihood, and exact match of greedy completions.
//
// A loss here is always full cross-entropy over the whole vocabulary, whatever the model was trained with.
package eval
