// Package demo runs all stages on an embedded model: a small llama, which this engine trained on text from package synth,
// learns to write SQL with four methods, and the demonstration measures what each has learnt and forgotten.
//
// Rebuild makes the embedded model again from nothing, to the same SHA-256.
package demo
