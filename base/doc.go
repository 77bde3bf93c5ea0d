// Package base opens a base model: weights, tokenizer and fingerprint, from a Hugging Face directory of the llama, mistral,
// qwen2, qwen3 or gpt2 family.
//
// [Open] is the one loader, and what most programs need. It checks that model and tokenizer belong together. [Base.Save] writes
// the model again after training. [Fresh] and [New] make a model with random weights, to train from the beginning or to try
// something on.
//
//	b, err := base.Open("path/of/a/model")
//	ids := b.Tokenizer.Encode("Once upon a time", true)
//	fmt.Println(b.Model.Config, b.Fingerprint)
//
// The fingerprint is the SHA-256 of the weights as they were when the model was opened. Records and runs name their base model
// by it; training does not change it.
package base
