// Package tokenizer turns text into ids and back exactly as a Hugging Face tokenizer.json says, and trains byte-level
// vocabularies of its own.
//
// # What is read
//
// The model is BPE (Sennrich, Haddow, Birch 2016, arXiv 1508.07909) in its two usual forms. Byte-level (GPT-2): text is cut
// into words by a pattern, each word is a row of bytes, every byte written as one printable character. SentencePiece-style
// (Llama 2): a space is written "▁", a word is a row of characters, and a character without a piece is spelt as bytes
// <0x00> to <0xFF>. In both, the adjacent pair that stands first in the list of merges is joined, the leftmost if there are
// several, until no pair is in the list.
//
//	normalizer      Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase, Strip
//	pre_tokenizer   Sequence, ByteLevel (the last one), Split, Digits, Punctuation, Metaspace
//	model           BPE: merges as "a b" or ["a", "b"], byte_fallback, ignore_merges, unk_token, fuse_unk
//	post_processor  Sequence, ByteLevel, TemplateProcessing (single texts)
//	decoder         Sequence, ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace
//	added_tokens    single_word, lstrip, rstrip, normalized, special
//
// Anything else is refused with its name: a wrong id is worse than no id. truncation and padding are properties of a call
// and not read. A character without a piece, in a vocabulary with neither bytes nor an unk_token, gives no id, as in the
// reference implementation.
//
// A [Tokenizer] may be used by several goroutines at once.
//
// # Beginning and end
//
// The ids that begin and end a document come from tokenizer_config.json (bos_token, eos_token; null means none); where it is
// absent or does not say, from the special tokens by their usual names.
//
// # Training
//
// [Train] counts the words of a text and adds merges greedily, the most frequent pair first, ties to the smaller ids. Equal
// texts in any order give equal bytes.
package tokenizer
