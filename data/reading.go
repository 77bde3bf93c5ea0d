package data

import "fmt"

// Reading says how the rows of files are understood. Recording, training, evaluation and inspection take the same keys, so that
// they see the same samples. The zero value is the default of every key. What the tags say is in package internal/keys.
type Reading struct {
	SkipEmpty bool `yaml:"skip_empty" bound:"any" help:"Leave out rows in which nothing can be learnt, and say how many; otherwise the first of them ends the command."`
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
	return texts
}
