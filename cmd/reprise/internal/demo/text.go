package demo

import (
	"iter"

	"reprise/cmd/reprise/internal/synth"
	"reprise/data"
	"reprise/tokenizer"
)

// document tokenises the segments of a synthetic document.
func document(tok *tokenizer.Tokenizer, segments []synth.Segment) data.Document {
	var parts []data.Segment
	for _, s := range segments {
		parts = append(parts, data.Segment{Text: s.Text, Label: s.Target})
	}
	d, _ := data.Segments(tok, parts, seqLen)
	return d
}

// domain returns n documents of the SQL domain: a schema and three questions with their queries, which carry the loss.
func domain(tok *tokenizer.Tokenizer, split synth.Split, n int) []data.Document {
	docs := make([]data.Document, n)
	for i := range docs {
		docs[i] = document(tok, synth.Domain(domainSeed, uint64(i), split))
	}
	return docs
}

// general returns the documents of general texts.
func general(tok *tokenizer.Tokenizer, texts iter.Seq[string]) []data.Document {
	var docs []data.Document
	for text := range texts {
		docs = append(docs, data.Text(tok, text, data.Options{MaxSeqLen: seqLen})...)
	}
	return docs
}

// probes returns n documents whose targets are copies of random words.
func probes(tok *tokenizer.Tokenizer, n int) []data.Document {
	docs := make([]data.Document, n)
	for i := range docs {
		docs[i] = document(tok, synth.CopyProbe(domainSeed, uint64(i)))
	}
	return docs
}
