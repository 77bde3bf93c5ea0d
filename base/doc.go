// Package base opens a base model: weights, tokenizer and fingerprint, from a Hugging Face directory of the llama, mistral,
// qwen2, qwen3 or gpt2 family.
//
// [Open] is the one loader. It checks that model and tokenizer belong together; the fingerprint of the weights is what records
// and runs name their base model by.
package base
