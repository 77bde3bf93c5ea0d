// Package base opens a base model: weights, tokenizer and fingerprint, from a Hugging Face directory of the llama, mistral,
// qwen2, qwen3 or gpt2 family.
//
// [Open] is the only loader, and is what most programs need. It checks that model and tokenizer belong together. [Base.Save]
// writes the model after training. [Fresh] and [New] make a model with random weights, to train from the beginning or for tests.
//
//	b, err := base.Open("path/of/a/model")
//	ids := b.Tokenizer.Encode("Once upon a time", true)
//	fmt.Println(b.Model.Config, b.Fingerprint)
//
// The fingerprint is the SHA-256 of the weights when the model was opened; training does not change it. Records and runs
// identify their base model by it.
package base
