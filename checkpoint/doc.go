// Package checkpoint reads and writes weights: safetensors files, Hugging Face model directories, and the checkpoints of
// a training run. Package base opens a model directory together with its tokenizer, which is what most programs want.
//
// # Safetensors
//
// A file is the length of its header (8 bytes, little-endian), the header (a JSON object from tensor names to dtype, shape
// and byte range, padded with spaces to a multiple of 8 bytes) and the tensors' little-endian bytes without gaps.
// Open maps a file into memory and checks the whole header; tensors are read one at a time:
//
//	f, err := checkpoint.Open("model.safetensors")
//	if err != nil { ... }
//	defer f.Close()
//	info, err := f.Info("model.norm.weight")
//	gain := make([]float32, info.Len())
//	err = f.ReadFloat32(info.Name, gain)
//
// A header that is wrong in any way is refused; memory stays within a small multiple of the header, and the header within
// the file. F32, BF16 and F16 convert to float32 exactly; float32 converts to BF16 and F16 by rounding to nearest, ties to
// even, and a finite value that would become infinite is an error.
//
// # Model directories
//
// Load reads config.json and the weights, from one file or from shards with an index; SaveModel writes such a directory in
// one step and copies the configuration and the tokenizer byte for byte. Loading and saving gives the same bytes. SHA256SUMS, which
// SaveModel adds, finds damage. A link that leads out of a model's directory is refused.
//
// # Run checkpoints
//
// SaveState and LoadState keep the weights and the optimizer's state of a run in directories step-000100, with a SHA-256
// of every file; Latest finds the newest one that is complete and undamaged.
//
// The safetensors format is described at https://github.com/huggingface/safetensors.
package checkpoint
