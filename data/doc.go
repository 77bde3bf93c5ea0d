// Package data turns text and rows into tokenised documents with a loss mask, and documents into packed sequences.
// [LoadDocuments] and [Pack] are what most programs need; [Text] and [Pair] make documents of what is in memory.
//
// LoadDocuments reads a file and decompresses .gz, .bz2 and .zst:
//
//   - .txt, .text, .md: text. Lines that hold only an end marker (the tokenizer's end-of-text piece, <|endoftext|> or </s>)
//     separate documents; without such lines the file is one document, or one per paragraph with [SplitBlankLine].
//   - .jsonl, .ndjson: one object a line. .json: one list of objects, an object that holds nothing but such a list, or an object
//     a line.
//   - .csv, .tsv: the first line names the columns; a first column without a name, as of an index, is left out. Cells are text; an
//     empty cell is an empty text. Cells of messages, conversations, conversation, segments, choices, tools, functions, history,
//     chat_template_kwargs, and of answer beside choices, hold JSON; if empty they are absent.
//   - .parquet: the values as JSON would have them; a float that is not a number is null.
//
// Reading.Columns renames fields where a row has them. An object has one of the shapes below. What a file plainly holds under a
// wrong name is refused with the right one.
//
// A directory means its training part, or its evaluation part ([Files]). The shapes, and the parts that carry loss:
//
//	text                                  all of it
//	prompt, completion                    the completion; also question and answer, instruction and response, and their like
//	instruction, input, output            (alpaca) the output; system and history are read too
//	a question, choices, answer           the option with the index answer (from 0), as a completion
//	segments                              of a list of {"text", "label"}, the texts whose label is true
//	messages, tools                       of a list of {"role", "content"}, the assistant's messages
//	conversations                         (sharegpt) of a list of {"from", "value"}, the assistant's messages
//	prompt, completion as messages        the assistant's messages of the completion
//
// [Reading.Seam] says how a prompt and a completion meet. By default all white space between them is kept, and where there is none
// one space is put ([tokenizer.Tokenizer.Join]); white space at a completion's end is kept. Of the special tokens that a text
// itself spells, those of a document's beginning and end are not doubled, and [Stats.Special] counts the others that are learnt.
//
// [Shapes] is the table of all shapes and fields: which change the sample, which are refused, which are known to be harmless. Null
// counts as absent. A field that is in no table is ignored and counted ([Stats]). Only conversations go through the tokenizer's chat
// template; [Chat] says which of their tokens carry loss.
//
// A text longer than MaxSeqLen is cut into windows that do not overlap. Each is a [Document] of its own and begins with the ids
// that the tokenizer puts before every text (in most models BOS, or none). These ids, prompts and the first token of a document
// carry no loss. A document for training ends with the end-of-text id, which carries loss; in evaluation only pairs and segments
// end with it. If a pair is too long, the beginning of the prompt is dropped; if the completion still does not fit, its end is
// dropped, and the end id with it. A conversation first loses its last turns. All this is counted in [Stats].
//
// [Pack] puts documents into sequences of at most MaxSeqLen tokens, once per data seed; [Order] permutes the packs for an
// epoch. A [Sequence] lists where its documents start; attention never crosses these places, and positions restart there.
//
//	docs, stats, err := data.LoadDocuments("train.jsonl.bz2", tok, data.Options{MaxSeqLen: 512})
//	packs := data.Pack(docs, 512, seed)
//	for _, i := range data.Order(seed, epoch, len(packs)) { … packs[i] … }
package data
