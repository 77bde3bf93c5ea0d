package data

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"reprise/tokenizer"
)

// Reading says how the rows of files are understood. Recording, training, evaluation and inspection take the same keys, so that
// they see the same samples. The zero value means the defaults, as [DefaultReading] writes them out. What the tags say is in
// package internal/keys.
type Reading struct {
	SkipEmpty bool   `yaml:"skip_empty" bound:"any" help:"Leave out rows in which nothing can be learnt, and say how many; otherwise the first of them ends the command."`
	Columns   string `yaml:"columns" bound:"any" holder:"FIELD=COLUMN,..." help:"Names of columns in the files for the fields that Reprise knows, such as prompt=question,completion=answer."`

	// Seam decides the packs, whose digest is part of a run's: bits contents.
	Seam tokenizer.Seam `yaml:"seam" bound:"auto|exact|space" bits:"contents" help:"How a prompt and its completion meet: exact leaves both as they are, space removes white space there and puts one space, auto puts one where there is none."`

	ChatDate string `yaml:"chat_date" bound:"any" holder:"YYYY-MM-DD" help:"The day that chat templates get where they ask for today's date; without it a template that cannot do without is refused."`
}

// DefaultReading holds the default of every key.
func DefaultReading() Reading { return Reading{}.complete() }

// complete fills in the defaults.
func (r Reading) complete() Reading {
	r.Seam = cmp.Or(r.Seam, tokenizer.SeamAuto)
	return r
}

// Validate returns an error that names a key whose value is out of bounds.
func (r Reading) Validate() error {
	if _, err := newColumns(r.Columns); err != nil {
		return err
	}
	switch r.complete().Seam {
	case tokenizer.SeamAuto, tokenizer.SeamExact, tokenizer.SeamSpace:
		_, err := r.Date()
		return err
	}
	return fmt.Errorf("seam: %q, want auto, exact or space", r.Seam)
}

// Date is the day of ChatDate; zero without one.
func (r Reading) Date() (time.Time, error) {
	if r.ChatDate == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, r.ChatDate)
	if err != nil {
		return day, fmt.Errorf("chat_date: %q, want a day as YYYY-MM-DD", r.ChatDate)
	}
	return day, nil
}

// Notices are sentences for the user about what reading changed or left out. maxSeqLen is the one that the text was read with.
func (s Stats) Notices(maxSeqLen int) (texts []string) {
	add := func(format string, args ...any) { texts = append(texts, fmt.Sprintf(format, args...)) }
	if s.Empty > 0 {
		add("%d of %d samples have nothing to learn and are left out", s.Empty, s.Documents)
	}
	if s.Truncated > 0 {
		add("%d of %d samples were cut to %d tokens", s.Truncated, s.Documents, maxSeqLen)
	}
	if list := s.specials(); list != "" {
		add("special tokens that the texts themselves spell are learnt as a part of them: %s", list)
	}
	if s.NoColumn != nil {
		add("no row has a column that columns names (%s), so that the rows are read by their own names", strings.Join(s.NoColumn, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Unknown)) {
		what := "is not known and is ignored"
		if strings.Contains(name, ".") && (strings.Contains(name, "[]") || strings.HasPrefix(name, "chat_template_kwargs")) {
			what = "is not read by the chat template and changes nothing"
		}
		samples := "1 sample"
		if n := s.Unknown[name]; n != 1 {
			samples = fmt.Sprintf("%d samples", n)
		}
		add("the field %q, in %s, %s", name, samples, what)
	}
	return texts
}

// specials lists the special tokens that texts themselves spell and that are learnt, with their counts; "" if there are none.
func (s Stats) specials() string {
	var list []string
	for _, piece := range slices.Sorted(maps.Keys(s.Special)) {
		list = append(list, fmt.Sprintf("%s (%d)", piece, s.Special[piece]))
	}
	return strings.Join(list, ", ")
}

// How prompt and completion meet, in the words of a record's header. The first two stand for SeamAuto and say where the space is
// that it puts between texts without white space; all records from before there was a choice have them.
const (
	spaceInCompletion = "space in the completion"
	spaceOfNormalizer = "space from the normalizer"
	endToEnd          = "end to end"
	alwaysSpace       = "always one space"
)

// SeamWords are the words for a seam in the header of a record that is made with a tokenizer.
func SeamWords(tok *tokenizer.Tokenizer, seam tokenizer.Seam) string {
	switch {
	case seam == tokenizer.SeamExact:
		return endToEnd
	case seam == tokenizer.SeamSpace:
		return alwaysSpace
	case tok.ByteLevel():
		return spaceInCompletion
	}
	return spaceOfNormalizer
}

// ParseSeam reads the words of a record's header.
func ParseSeam(words string) (tokenizer.Seam, error) {
	switch words {
	case spaceInCompletion, spaceOfNormalizer:
		return tokenizer.SeamAuto, nil
	case endToEnd:
		return tokenizer.SeamExact, nil
	case alwaysSpace:
		return tokenizer.SeamSpace, nil
	}
	return "", fmt.Errorf("seam: %q is not known; known are %q, %q, %q and %q", words, spaceInCompletion, spaceOfNormalizer, endToEnd, alwaysSpace)
}
