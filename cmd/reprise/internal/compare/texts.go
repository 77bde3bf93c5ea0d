package compare

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"

	"reprise/data"
	"reprise/tensor"
)

// unit is one document for the purposes of halves, subsamples and bootstraps: a sample with all its windows, so that no text
// is on both sides of a split.
type unit []data.Document

// fewest is the number of samples below which the windows of a text count as its documents: a book, for instance, is one
// sample.
const fewest = 20

// units groups windows into documents. If only limit tokens are to be taken (0: all), a sample of more than limit/fewest
// tokens is divided into its windows as well.
func units(docs []data.Document, limit int) []unit {
	var samples []unit
	for i, d := range docs {
		if i > 0 && d.Line == docs[i-1].Line && d.Source == docs[i-1].Source {
			samples[len(samples)-1] = append(samples[len(samples)-1], d)
		} else {
			samples = append(samples, unit{d})
		}
	}
	var out []unit
	for _, u := range samples {
		if len(samples) < fewest || limit > 0 && u.tokens() > limit/fewest {
			for _, d := range u {
				out = append(out, unit{d})
			}
		} else {
			out = append(out, u)
		}
	}
	return out
}

// hash identifies a document by its ids.
func (u unit) hash() [32]byte {
	h := sha256.New()
	for _, d := range u {
		for _, id := range d.IDs {
			var b [4]byte
			binary.LittleEndian.PutUint32(b[:], uint32(id))
			h.Write(b[:])
		}
	}
	return [32]byte(h.Sum(nil))
}

func (u unit) tokens() (n int) {
	for _, d := range u {
		n += len(d.IDs)
	}
	return n
}

// read reads a text as documents, and tells what reading it changed or left out.
func (r *Runner) read(t Text, maxSeqLen int, evaluation bool) ([]data.Document, error) {
	docs, stats, err := data.LoadDocuments(t.File, r.base.Tokenizer, r.grid.options(t, maxSeqLen, evaluation))
	if err != nil {
		return nil, err
	}
	for _, text := range stats.Notices(maxSeqLen) {
		r.notice(t.File + ": " + text)
	}
	return docs, nil
}

// notice tells the user something that reading a model or a text showed. What several methods read is told once.
func (r *Runner) notice(text string) {
	if !r.told[text] {
		r.told[text] = true
		r.say("notice: %s", text)
	}
}

// load reads a text for measurements as documents: at most limit tokens of them, in a random order that depends only on the
// file.
func (r *Runner) load(t Text, maxSeqLen, limit int) ([]unit, error) {
	docs, err := r.read(t, maxSeqLen, true)
	if err != nil {
		return nil, err
	}
	return take(units(docs, limit), limit, 0, "texts"), nil
}

// take draws documents in a seeded order until they have limit tokens; 0: all.
func take(list []unit, limit int, seed uint64, purpose string) []unit {
	var out []unit
	n := 0
	for _, i := range tensor.NewRNG(seed, purpose, 0).Perm(len(list)) {
		if limit > 0 && n >= limit {
			break
		}
		out = append(out, list[i])
		n += list[i].tokens()
	}
	return out
}

// halves splits documents by their hash: one half to choose by, one to report.
func halves(list []unit) (choose, report []unit) {
	for _, u := range list {
		if u.hash()[31]&1 == 0 {
			choose = append(choose, u)
		} else {
			report = append(report, u)
		}
	}
	return choose, report
}

// split is a held-out text in two halves: one to choose by, one to report.
type split struct{ choose, report []unit }

// held are the held-out documents on which cells are measured.
type held struct {
	split           // of the domain
	general []split // of every general text
}

// findTexts returns an error if a text to train on is missing: some are read only hours after the start.
func (g *Grid) findTexts() error {
	texts := map[string]string{"domain: train": g.Domain.Train}
	for i := range g.Methods {
		if g.mixes(&g.Methods[i]) {
			texts["mix: file"] = g.Mix.File
		}
	}
	for field, path := range texts {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("compare: %s: %w", field, err)
		}
	}
	return nil
}

func (r *Runner) hold() (*held, error) {
	g, h := r.grid, &held{}
	domain, err := r.load(Text{File: g.Domain.Valid, Split: g.Domain.Split}, g.Record.MaxSeqLen, g.EvalTokens)
	if err != nil {
		return nil, err
	}
	h.choose, h.report = halves(domain)
	for _, t := range g.General {
		list, err := r.load(t, g.Record.MaxSeqLen, g.EvalTokens)
		if err != nil {
			return nil, err
		}
		var s split
		s.choose, s.report = halves(list)
		h.general = append(h.general, s)
		if len(s.choose) < 2 || len(s.report) < 2 {
			return nil, fmt.Errorf("compare: %s has too few documents for two halves; give it split: blank-line, or a longer text", t.File)
		}
	}
	if len(h.choose) < 2 || len(h.report) < 2 {
		return nil, fmt.Errorf("compare: %s has too few documents for two halves; give a longer file", g.Domain.Valid)
	}
	return h, nil
}

func flat(list []unit) []data.Document {
	var out []data.Document
	for _, u := range list {
		out = append(out, u...)
	}
	return out
}

// digest identifies lists of documents by their ids.
func digest(lists ...[]unit) [32]byte {
	h := sha256.New()
	for _, list := range lists {
		for _, u := range list {
			sum := u.hash()
			h.Write(sum[:])
		}
		h.Write([]byte{'|'})
	}
	return [32]byte(h.Sum(nil))
}
