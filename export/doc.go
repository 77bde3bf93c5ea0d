// Package export writes models for other programs.
//
// GGUF writes the single file that llama.cpp and what is built on it read: architecture, tokenizer and weights, in F32, F16,
// BF16 or Q8_0.
//
//	b, err := base.Open("runs/a/final")
//	notes, err := export.GGUF("model.gguf", b, export.Options{Type: export.Q8_0})
//
// Names and layouts differ from Hugging Face's: gpt2's projections are transposed to [out, in], and llama's query and key rows
// are put in the order of llama.cpp's rotation, which pairs neighbours (2i, 2i+1) where Hugging Face pairs (i, i+d/2).
// If llama.cpp would compute or tokenise something differently, the export is refused, or a note says so.
//
// The format is described at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
package export
