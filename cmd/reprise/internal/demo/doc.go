// Package demo is the whole job on an embedded model: a small llama that this engine trained on text from package synth
// learns to write SQL, four ways, and is asked what it still knows.
//
// Rebuild makes the embedded model again from nothing, to the same SHA-256.
package demo
