// Package tokenizer turns text into ids and back exactly as a Hugging Face tokenizer.json says, and trains byte-level
// vocabularies of its own. [Load] reads the tokenizer of a model; [Tokenizer.Encode] and [Tokenizer.Decode] use it.
//
// # What is read
//
// The usual model is BPE (Sennrich, Haddow, Birch 2016, arXiv 1508.07909) in two forms. Byte-level (GPT-2): text is cut
// into words by a pattern, each word is a sequence of bytes, and every byte is written as one printable character.
// SentencePiece-style (Llama 2): a space is written "▁", a word is a sequence of characters, and a character without a piece
// is spelt as bytes <0x00> to <0xFF>. In both, the adjacent pair that comes first in the list of merges is joined, the
// leftmost if there are several, until no pair is in the list. Unigram (Kudo 2018, arXiv 1804.10959) takes the pieces whose
// scores have the largest sum; with WordLevel every word is one piece.
//
//	normalizer      Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Nmt, BertNormalizer,
//	                Precompiled
//	pre_tokenizer   Sequence, ByteLevel, Split, Digits, Punctuation, Metaspace, Whitespace, WhitespaceSplit,
//	                BertPreTokenizer, CharDelimiterSplit; after ByteLevel all but it and Metaspace
//	model           BPE: merges as "a b" or ["a", "b"], byte_fallback, ignore_merges, unk_token, fuse_unk;
//	                Unigram: unk_id, byte_fallback; WordLevel: unk_token
//	post_processor  Sequence, ByteLevel, TemplateProcessing (single texts)
//	decoder         Sequence, ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace
//	added_tokens    single_word, lstrip, rstrip, normalized, special
//
// Anything else is refused with its name: a wrong id is worse than no id. truncation and padding are properties of a call
// and not read. In a BPE vocabulary with neither bytes nor an unk_token, a character without a piece gives no id and its
// neighbours may merge, as in the reference implementation.
//
// A file's size bounds the memory that parsing it takes (64 MB for a file below 1 MB): steps, nesting, patterns and growth are
// limited, far above what real files need.
//
// The ids are those of Hugging Face's tokenizers: for a vocabulary of every kind that is read, tests compare them with
// recorded ids (../testdata/tokenizers). testdata/oracle.mjs compares the ids of GPT-2, Llama 2, Llama 3 and Qwen 3 over
// thousands of odd texts.
//
// A [Tokenizer] may be used by several goroutines at once.
//
// # Beginning and end
//
// The ids that begin and end a document come from tokenizer_config.json (bos_token, eos_token; null means none). If the file
// or the field is absent, they are the special tokens with the usual names. Its add_bos_token and add_eos_token take
// precedence over the post-processor. What the post-processor puts before a text begins every document and every prompt
// ([Tokenizer.Prefix]); what it puts after one is left to the caller. [Tokenizer.Join] says how a prompt and its completion meet.
// clean_up_tokenization_spaces is not read: Decode gives the text that the ids stand
// for.
//
// # Conversations
//
// A chat_template, of tokenizer_config.json or in a chat_template.jinja, writes messages as text ([Tokenizer.RenderChat]),
// and [Tokenizer.Turns] says which parts of the text carry loss: what the template marks with {% generation %}, or the turns of
// the assistant. A template of its own for conversations with tools is the one named tool_use, in the list of
// tokenizer_config.json or in additional_chat_templates. Package internal/jinja writes what Jinja2 writes, to the byte, or refuses
// by name (tests: ../testdata/chat). strftime_now is defined only for a [Conversation] with a Date, and a template falls back to a
// fixed date without it: with today's date, the same training would differ tomorrow.
//
// # Training
//
// [Train] counts the words of a text and adds merges greedily, the most frequent pair first, ties to the smaller ids. Equal
// texts in any order give equal bytes.
package tokenizer
