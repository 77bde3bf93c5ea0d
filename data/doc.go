// Package data turns text and JSON Lines into tokenised documents with a loss mask, and documents into packed sequences.
//
// [LoadDocuments] reads one file; compression (.gz, .bz2, .zst) is undone on the way:
//
//   - .txt, .text, .md: text. Lines that hold only an end marker (the tokenizer's end-of-text piece, <|endoftext|> or </s>)
//     separate documents; without such lines the file is one document, or one per paragraph with [SplitBlankLine].
//   - .jsonl, .ndjson: one object a line, with "text", or with "prompt" and "completion" (loss on the completion only), or
//     with "prompt" or "question", "choices" and "answer" (an index from 0; the right option is the completion), or with
//     "segments", a list of {"text", "label"} (loss on those whose label is true). Other fields are ignored.
//
// A text longer than MaxSeqLen is cut into windows that do not overlap, each a [Document] of its own that begins with the
// BOS id where the tokenizer adds one. BOS, prompts and whatever else has nothing before it carry no loss. A document that
// is trained on ends with the end-of-text id, which does; in evaluation only pairs end with it. Of a pair that is too long
// the prompt loses its beginning, and a completion that still does not fit loses its end (and with it the end id); both are
// counted in [Stats].
//
// [Pack] puts documents into sequences of at most MaxSeqLen tokens, once per data seed; [Order] permutes the packs for an
// epoch. Attention and positions never cross the starts of documents that a [Sequence] lists.
//
//	docs, stats, err := data.LoadDocuments("train.jsonl.bz2", tok, data.Options{MaxSeqLen: 512})
//	packs := data.Pack(docs, 512, seed)
//	for _, i := range data.Order(seed, epoch, len(packs)) { … packs[i] … }
package data
