// Package data turns text and JSON Lines into tokenised documents with a loss mask, and documents into packed sequences.
// [LoadDocuments] and [Pack] are what most programs need; [Text] and [Pair] make documents of what is in memory.
//
// LoadDocuments reads a file; compression (.gz, .bz2, .zst) is undone on the way:
//
//   - .txt, .text, .md: text. Lines that hold only an end marker (the tokenizer's end-of-text piece, <|endoftext|> or </s>)
//     separate documents; without such lines the file is one document, or one per paragraph with [SplitBlankLine].
//   - .jsonl, .ndjson: one object a line; .json: one list of objects. An object has one of the shapes below; other fields
//     are ignored.
//
// A directory stands for its training part, or its evaluation part ([Files]). The shapes, and what carries loss:
//
//	text                                  all of it
//	prompt, completion                    the completion
//	prompt or question, choices, answer   the option with the index answer (from 0), as a completion
//	instruction, input, output            (alpaca) the output; the prompt is the instruction, a blank line and the input
//	segments                              of a list of {"text", "label"}, those whose label is true
//	messages, tools                       of a list of {"role", "content"}, what the assistant writes
//	conversations, system                 (sharegpt) of a list of {"from", "value"}, the same
//
// Only messages and conversations go through the tokenizer's chat template; [Chat] says which of their tokens carry loss.
//
// A text longer than MaxSeqLen is cut into windows that do not overlap, each a [Document] of its own that begins with the
// BOS id where the tokenizer adds one. BOS, prompts and whatever else has nothing before it carry no loss. A document that
// is trained on ends with the end-of-text id, which does; in evaluation only pairs and segments end with it. Of a pair that is too long
// the prompt loses its beginning, and a completion that still does not fit loses its end (and with it the end id); a
// conversation first loses its last turns. All of it is counted in [Stats].
//
// [Pack] puts documents into sequences of at most MaxSeqLen tokens, once per data seed; [Order] permutes the packs for an
// epoch. Attention and positions never cross the starts of documents that a [Sequence] lists.
//
//	docs, stats, err := data.LoadDocuments("train.jsonl.bz2", tok, data.Options{MaxSeqLen: 512})
//	packs := data.Pack(docs, 512, seed)
//	for _, i := range data.Order(seed, epoch, len(packs)) { … packs[i] … }
package data
