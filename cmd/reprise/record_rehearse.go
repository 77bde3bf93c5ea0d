package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"reprise/base"
	"reprise/data"
	"reprise/replay"
	"reprise/tokenizer"
)

// rehearseFlags say what text the base model writes into a record.
type rehearseFlags struct {
	Share   string `name:"rehearse" default:"0.25" help:"Share of the packs in training that the base model writes itself, without any old data, or none." placeholder:"SHARE"`
	Tokens  int    `name:"rehearse-tokens" default:"200000" help:"Let it write at most this many tokens to be trained on." placeholder:"N"`
	Only    bool   `name:"rehearse-only" help:"Record its text alone, without --data, for records of this model that copy it with --rehearse-from."`
	From    string `name:"rehearse-from" help:"Copy its text from another record of the same model in place of writing some." placeholder:"FILE"`
	Prompts string `name:"prompts" help:"Begin each of its documents with a line of this text file, which carries no loss." placeholder:"FILE"`
	Start   string `name:"start" help:"Begin its documents with this token or id, or after a burn-in; without the flag as reprise inspect model says." placeholder:"ID|TOKEN|burn-in"`
}

// checkRehearsal refuses flags that do not go together.
func (c *recordRunCmd) checkRehearsal() error {
	f := &c.Rehearsal
	none := f.Share == "none"
	switch {
	case c.Data == "" && !f.Only:
		return errors.New("record: --data is missing (without it only --rehearse-only has something to record)")
	case c.Data != "" && f.Only:
		return errors.New("record: --data and --rehearse-only are both given: --rehearse-only records the base model's own text alone")
	case none && (f.Only || f.From != "" || f.Start != "" || f.Prompts != ""):
		return errors.New("record: --rehearse none goes with none of --rehearse-only, --rehearse-from, --start and --prompts")
	case f.From != "" && (f.Only || f.Start != "" || f.Prompts != ""):
		return errors.New("record: --rehearse-from copies what was written: it goes with none of --rehearse-only, --start and --prompts")
	case f.Tokens < 1:
		return fmt.Errorf("record: --rehearse-tokens %d: want 1 or more", f.Tokens)
	}
	if _, err := f.share(); err != nil {
		return err
	}
	return nil
}

// share is the share of the packs; 0: none.
func (f *rehearseFlags) share() (float64, error) {
	if f.Share == "none" {
		return 0, nil
	}
	s, err := strconv.ParseFloat(f.Share, 64)
	if err != nil || !(s > 0 && s < 1) {
		return 0, fmt.Errorf("record: --rehearse %s: want a share above 0 and below 1, such as 0.25, or none", f.Share)
	}
	return s, nil
}

// rehearse is what the flags ask for; nil: nothing.
func (f *rehearseFlags) rehearse(b *base.Base, maxSeqLen int) (*replay.Rehearse, error) {
	share, err := f.share()
	if err != nil || share == 0 {
		return nil, err
	}
	start := replay.StartOf(&b.Model.Config, b.Tokenizer)
	if f.Start != "" {
		if start, err = replay.ParseStart(f.Start, &b.Model.Config, b.Tokenizer); err != nil {
			return nil, err
		}
	}
	own := &replay.Rehearse{Share: share, MaxTokens: f.Tokens, Start: &start, From: f.From}
	if f.Prompts != "" {
		if err := f.prompts(own, b.Tokenizer, maxSeqLen); err != nil {
			return nil, err
		}
	}
	return own, nil
}

// prompts reads the file of --prompts.
func (f *rehearseFlags) prompts(own *replay.Rehearse, tok *tokenizer.Tokenizer, maxSeqLen int) error {
	text, err := os.ReadFile(f.Prompts)
	if err != nil {
		return fmt.Errorf("record: --prompts: %w", err)
	}
	if !utf8.Valid(text) {
		return fmt.Errorf("record: --prompts: %s is not text in UTF-8", f.Prompts)
	}
	own.Digest = sha256.Sum256(text)
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		ids := tok.Encode(strings.TrimSpace(line), false)
		if len(ids) == 0 {
			continue
		}
		if len(ids) > maxSeqLen/2 {
			return fmt.Errorf("record: --prompts: %s, line %d has %d tokens, want at most half of max_seq_len, %d; shorten it", f.Prompts, number, len(ids), maxSeqLen/2)
		}
		own.Prompts = append(own.Prompts, ids)
	}
	if own.Prompts == nil {
		return fmt.Errorf("record: --prompts: %s has no line that is not empty; write one beginning a line", f.Prompts)
	}
	return nil
}

// ownSummary is what a record holds of the base model's own text.
type ownSummary struct {
	replay.Summary          // of the packs that are trained on
	Gauge          int      `json:"gauge"` // held-out packs
	Start          string   `json:"start"`
	Samples        []string `json:"samples"` // beginnings of documents, decoded
}

// samplesShown is how many texts of the base model record prints, and sampleTokens how many tokens of each.
const samplesShown, sampleTokens = 2, 60

// ownText reads what a record holds of the base model's own text; nil: none.
func ownText(path string, tok *tokenizer.Tokenizer) (*ownSummary, error) {
	r, err := replay.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	h := r.Header()
	if h.Rehearsal == nil {
		return nil, nil
	}
	s := &ownSummary{Summary: r.RehearsalSummary(), Gauge: r.Gauged(), Start: h.Rehearsal.Start.Text(tok), Samples: []string{}}
	var q data.Sequence
	for i := 0; i < r.Rehearsed() && len(s.Samples) < samplesShown; i++ {
		if err := r.RehearsalPack(i, &q); err != nil {
			return nil, err
		}
		end := len(q.IDs) // of the first document
		if len(q.DocStarts) > 1 {
			end = int(q.DocStarts[1])
		}
		s.Samples = append(s.Samples, tok.Decode(q.IDs[:min(end, sampleTokens)], true))
	}
	return s, nil
}

// print prints what the base model wrote, and two beginnings of it, so that a person sees what will be rehearsed.
func (s *ownSummary) print(a *app) {
	if s == nil {
		return
	}
	a.printf("the base model wrote %d packs to rehearse, %d documents, %d tokens, and %d packs to measure forgetting with; documents begin %s\n",
		s.Sequences, s.Documents, s.Tokens, s.Gauge, s.Start)
	a.printf("mean |S| %.2f, covered mass %.4f, outside %.1f %%\n", s.MeanSubset, s.Coverage, 100*s.GoldOutside)
	s.printSamples(a)
}

// printSamples prints the beginnings of documents.
func (s *ownSummary) printSamples(a *app) {
	for _, text := range s.Samples {
		a.printf("  | %s\n", fit(strings.Join(strings.Fields(text), " "), 150))
	}
}
