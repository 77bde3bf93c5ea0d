package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"reprise/base"
	"reprise/checkpoint"
	"reprise/data"
	"reprise/internal/hub"
	"reprise/model"
	"reprise/tokenizer"
)

type inspectDataCmd struct {
	Model      string `required:"" help:"Model directory; only its tokenizer and config.json are read." placeholder:"DIR"`
	Data       string `required:"" help:"File or directory, as record and train read it." placeholder:"FILE"`
	Show       int    `default:"3" help:"Number of documents to show, starting with the first."`
	MaxSeqLen  int    `help:"Tokens per sequence; 0: the model's, at most 512."`
	Evaluation bool   `help:"Read the data as eval does: a directory's valid part, texts without the end id."`
	AllowNoEnd bool   `help:"No error if no token that ends a text or a turn is learnt."`
	JSON       bool   `name:"json" help:"Print one JSON object."`

	Reading readingFlags `embed:""`
}

// dataReport is what inspect data found. Its JSON is kept stable; fields may be added.
type dataReport struct {
	Data      string  `json:"data"`
	MaxSeqLen int     `json:"max_seq_len"`
	Samples   int     `json:"samples"`   // lines, texts
	Documents int     `json:"documents"` // that the samples were cut into
	Tokens    int     `json:"tokens"`
	Trained   int     `json:"trained"` // tokens that carry loss
	Share     float64 `json:"trained_share"`
	Empty     int     `json:"empty"`     // samples without a token that carries loss: training refuses them
	Truncated int     `json:"truncated"` // samples cut to max_seq_len

	Seam   tokenizer.Seam `json:"seam"`         // how prompts and completions meet
	Pairs  int            `json:"pairs"`        // prompts with a completion
	Spaced int            `json:"spaced_pairs"` // those between which the seam puts a space

	Lengths struct {
		Min    int `json:"min"`
		Median int `json:"p50"`
		P95    int `json:"p95"`
		Max    int `json:"max"`
	} `json:"lengths"`
	Ends     []dataEnd       `json:"ends"`
	Warnings []string        `json:"warnings"`
	Shown    []shownDocument `json:"shown"`
}

// dataEnd is a token that ends a text or a turn.
type dataEnd struct {
	Kind    string `json:"kind"` // "text" or "turn"
	ID      int32  `json:"id"`
	Token   string `json:"token"`
	Trained int    `json:"trained"` // number of times that it carries loss
	Stops   bool   `json:"stops"`   // generate stops at it
}

type shownDocument struct {
	Source string       `json:"source"`
	Line   int          `json:"line"` // of Parquet the row
	Text   string       `json:"text"`
	Tokens []shownToken `json:"tokens"`
}

type shownToken struct {
	ID      int32  `json:"id"`
	Text    string `json:"text"`
	Trained bool   `json:"trained"`
}

func (c *inspectDataCmd) Run(a *app) error {
	tok, err := tokenizer.Load(c.Model)
	if err != nil {
		return err
	}
	if text, err := checkpoint.ReadConfig(c.Model); err == nil { // the tokenizer alone is enough
		if cfg, err := model.ParseConfig(text); err == nil {
			if _, err := tok.SetRows(cfg.VocabSize); err != nil {
				return fmt.Errorf("inspect: %s: %w", c.Model, err)
			}
		}
	}
	limit, stops, err := readLimits(c.Model)
	if err != nil {
		return err
	}
	if c.MaxSeqLen != 0 {
		limit = c.MaxSeqLen
	}
	reading := c.Reading.reading()
	reading.SkipEmpty = true // the report counts them
	docs, stats, err := data.LoadDocuments(c.Data, tok, data.Options{MaxSeqLen: limit, Evaluation: c.Evaluation, Reading: reading, Context: a.ctx})
	if err != nil && !errors.Is(err, data.ErrAllEmpty) { // the report says that they are
		return err
	}
	r := dataReport{Data: c.Data, MaxSeqLen: limit, Samples: stats.Documents, Documents: len(docs), Tokens: stats.Tokens, Trained: stats.Targets,
		Empty: stats.Empty, Truncated: stats.Truncated, Seam: reading.Seam, Pairs: stats.Pairs, Spaced: stats.Spaced,
		Warnings: []string{}, Ends: []dataEnd{}, Shown: []shownDocument{}}
	if stats.Tokens > 0 {
		r.Share = float64(stats.Targets) / float64(stats.Tokens)
	}
	r.measure(docs)
	r.findEnds(docs, tok, stops)
	for i := range docs[:min(len(docs), max(0, c.Show))] {
		r.Shown = append(r.Shown, show(tok, &docs[i]))
	}
	noEnd := r.judge()
	if stats.Documents > 0 && stats.Empty == stats.Documents && noEnd != nil {
		reading.SkipEmpty = false // the first row says why nothing can be learnt
		if _, _, err := data.LoadDocuments(c.Data, tok, data.Options{MaxSeqLen: limit, Evaluation: c.Evaluation, Reading: reading, Context: a.ctx}); err != nil {
			noEnd = err
		}
	}
	stats.Empty, stats.Truncated = 0, 0 // these are judged already
	r.Warnings = append(r.Warnings, stats.Notices(limit)...)
	if c.JSON {
		out := json.NewEncoder(a.stdout)
		out.SetEscapeHTML(false)
		err = out.Encode(r)
	} else {
		err = r.print(a.stdout, isTerminal(a.stdout) && os.Getenv("NO_COLOR") == "")
	}
	if noEnd != nil && !c.AllowNoEnd {
		return noEnd
	}
	return err
}

// readLimits reads how long a sequence may be, and which ids stop generation, from a model directory's config.json and
// generation_config.json.
func readLimits(dir string) (maxSeqLen int, stops []int32, err error) {
	if dir, err = hub.Snapshot(dir); err != nil {
		return 0, nil, err
	}
	var c struct {
		MaxPositions int             `json:"max_position_embeddings"`
		Positions    int             `json:"n_positions"`
		EOS          json.RawMessage `json:"eos_token_id"`
	}
	for _, name := range []string{"generation_config.json", "config.json"} {
		c.EOS = nil
		text, err := hub.ReadFile(dir, name, maxSettings)
		if errors.Is(err, hub.ErrLeaves) {
			return 0, nil, fmt.Errorf("inspect: %w", err)
		}
		if err != nil { // the tokenizer alone is enough
			continue
		}
		if err := json.Unmarshal(text, &c); err != nil {
			return 0, nil, fmt.Errorf("inspect: %s: %w", filepath.Join(dir, name), err)
		}
		if ids, err := model.ParseIDs(c.EOS); err == nil {
			stops = append(stops, ids...)
		}
	}
	maxSeqLen = data.DefaultMaxSeqLen
	if n := max(c.MaxPositions, c.Positions); n > 1 {
		maxSeqLen = min(maxSeqLen, n)
	}
	return maxSeqLen, stops, nil
}

func (r *dataReport) measure(docs []data.Document) {
	if len(docs) == 0 {
		return
	}
	lengths := make([]int, len(docs))
	for i := range docs {
		lengths[i] = len(docs[i].IDs)
	}
	slices.Sort(lengths)
	last := len(lengths) - 1
	r.Lengths.Min, r.Lengths.Median, r.Lengths.P95, r.Lengths.Max = lengths[0], lengths[last/2], lengths[last*95/100], lengths[last]
}

func (r *dataReport) findEnds(docs []data.Document, tok *tokenizer.Tokenizer, stops []int32) {
	turn, turns := tok.EndOfTurn()
	stops = base.Ends(tok, false, stops...)
	for _, id := range base.Ends(tok, true) {
		e := dataEnd{Kind: "text", ID: id, Token: tok.Piece(id), Stops: slices.Contains(stops, id)}
		if turns && id == turn {
			e.Kind = "turn"
		}
		for i := range docs {
			for t, id := range docs[i].IDs {
				if id == e.ID && docs[i].Target[t] {
					e.Trained++
				}
			}
		}
		r.Ends = append(r.Ends, e)
	}
}

// judge collects warnings. It returns an error if no token in the data teaches the model to stop.
func (r *dataReport) judge() error {
	warn := func(format string, args ...any) { r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...)) }
	if r.Empty > 0 {
		warn("%d of %d samples have nothing to learn; training refuses them", r.Empty, r.Samples)
	}
	if r.Truncated > 0 {
		warn("%d of %d samples are cut to %d tokens; a larger --max-seq-len keeps more", r.Truncated, r.Samples, r.MaxSeqLen)
	}
	trained := 0
	for _, e := range r.Ends {
		trained += e.Trained
		if e.Trained > 0 && !e.Stops {
			warn("%s (id %d) ends a turn and is learnt, but the model's files do not stop at it: train names it in generation_config.json beside the trained weights", e.Token, e.ID)
		}
	}
	switch {
	case len(r.Ends) == 0:
		return errors.New("inspect: the tokenizer has no token that ends a text, so the model cannot learn to stop: name one as eos_token in tokenizer_config.json (or give --allow-no-end)")
	case trained == 0:
		return fmt.Errorf("inspect: %s is never learnt, so the model will not stop by itself: samples end without it, or are all cut to %d tokens (if that is intended, give --allow-no-end)", r.Ends[0].Token, r.MaxSeqLen)
	}
	return nil
}

func show(tok *tokenizer.Tokenizer, d *data.Document) shownDocument {
	s := shownDocument{Source: d.Source, Line: d.Line, Text: tok.Decode(d.IDs, false)}
	for i, id := range d.IDs {
		piece := tok.Piece(id)
		if tok.ByteLevel() && !tok.IsSpecial(id) {
			if text := tok.Decode([]int32{id}, false); !strings.ContainsRune(text, '\ufffd') {
				piece = text // otherwise it is a part of a character: show it as in tokenizer.json
			}
		} else if !tok.ByteLevel() {
			piece = strings.ReplaceAll(piece, "▁", " ")
		}
		s.Tokens = append(s.Tokens, shownToken{id, piece, d.Target[i]})
	}
	return s
}

// A terminal shows learnt tokens in green and the others dim. Elsewhere learnt tokens stand in [ ].
const (
	green, dim, plainText = "\x1b[32m", "\x1b[2m", "\x1b[0m"
)

func (r *dataReport) print(w io.Writer, colours bool) error {
	var b strings.Builder
	for _, d := range r.Shown {
		origin := data.Document{Source: d.Source, Line: d.Line}
		fmt.Fprintf(&b, "%s: %d tokens\n", safe(origin.Origin()), len(d.Tokens))
		for i, t := range d.Tokens {
			begins := i == 0 || d.Tokens[i-1].Trained != t.Trained
			ends := i == len(d.Tokens)-1 || d.Tokens[i+1].Trained != t.Trained
			text := visible(t.Text)
			if !ends && !strings.HasSuffix(text, "\n") {
				text += "·"
			}
			switch {
			case colours && t.Trained:
				text = green + strings.ReplaceAll(text, "\n", plainText+"\n"+green) + plainText
			case colours:
				text = dim + strings.ReplaceAll(text, "\n", plainText+"\n"+dim) + plainText
			case t.Trained && begins:
				text = "[" + text
			}
			if ends && t.Trained && !colours {
				text += "]"
			}
			b.WriteString(text)
		}
		b.WriteString("\n\n")
	}
	shown := b.String()
	b.Reset()
	fmt.Fprintf(&b, "samples    %d, %d without anything to learn, %d cut to %d tokens\n", r.Samples, r.Empty, r.Truncated, r.MaxSeqLen)
	fmt.Fprintf(&b, "documents  %d of %d to %d tokens, median %d, 95 %% within %d\n", r.Documents, r.Lengths.Min, r.Lengths.Max, r.Lengths.Median, r.Lengths.P95)
	fmt.Fprintf(&b, "tokens     %d, of which %d (%.1f %%) carry loss\n", r.Tokens, r.Trained, 100*r.Share)
	if r.Pairs > 0 {
		fmt.Fprintf(&b, "seam       %s: %d of %d completions stand one space after their prompt, %d as they are written\n", r.Seam, r.Spaced, r.Pairs, r.Pairs-r.Spaced)
	}
	for _, e := range r.Ends {
		fmt.Fprintf(&b, "end        of a %s: %s (id %d), learnt %d times\n", e.Kind, e.Token, e.ID, e.Trained)
	}
	for _, text := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", text)
	}
	if colours { // their escape codes are meant
		w = writer(w)
	}
	_, err := io.WriteString(w, shown+safe(b.String()))
	return err
}

// visible writes control characters, and white space other than the space, as escapes; a line break also breaks the line.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString("\\n\n")
		case r == '\t' || isControl(r) && r <= 0x7f:
			fmt.Fprintf(&b, "\\x%02x", r)
		case r != ' ' && unicode.IsSpace(r) || r == '\u200b' || isControl(r):
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
