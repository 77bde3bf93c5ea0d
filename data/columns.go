package data

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// columns renames the fields of rows: the key Reading.Columns, parsed.
type columns struct {
	from, to []string
	seen     []bool // a row has had the field
	names    map[string]json.RawMessage
}

// maxNames bounds how many names of fields are kept for a message.
const maxNames = 100

// newColumns parses "prompt=question,completion=answer": our names, and theirs in the file. "" gives nil.
func newColumns(text string) (*columns, error) {
	if text == "" {
		return nil, nil
	}
	c := &columns{names: map[string]json.RawMessage{}}
	for pair := range strings.SplitSeq(text, ",") {
		to, from, ok := strings.Cut(pair, "=")
		to, from = strings.TrimSpace(to), strings.TrimSpace(from)
		switch {
		case !ok || to == "" || from == "":
			return nil, fmt.Errorf("columns: %q: want FIELD=COLUMN, such as prompt=question, and a comma between several", pair)
		case !known(to):
			return nil, fmt.Errorf("columns: %q is not a field that rows are read for; before the = stands one such as prompt, completion, text or messages (docs/ROWS.md has all)", to)
		case slices.Contains(c.to, to):
			return nil, fmt.Errorf("columns: %q is given twice", to)
		case slices.Contains(c.from, from):
			return nil, fmt.Errorf("columns: the column %q is used twice", from)
		}
		c.from, c.to, c.seen = append(c.from, from), append(c.to, to), append(c.seen, false)
	}
	return c, nil
}

// known says whether the table of shapes has a field.
func known(name string) bool {
	if slices.Contains(slices.Concat(questions, answers, talks, []string{"text", "segments", "choices"}), name) {
		return true
	}
	for _, s := range Shapes() {
		for _, f := range slices.Concat(s.Beside, FieldsAnywhere()) {
			if slices.Contains(f.Names, name) {
				return true
			}
		}
	}
	return false
}

// field is the name that a column gets.
func (c *columns) field(name string) string {
	if i := slices.Index(c.from, name); i >= 0 {
		return c.to[i]
	}
	return name
}

// renaming renames the fields of rows before they are used.
func (c *columns) renaming(use func(line int, b []byte) error) func(line int, b []byte) error {
	return func(line int, b []byte) error {
		var fields map[string]json.RawMessage
		if json.Unmarshal(b, &fields) != nil || fields == nil {
			return use(line, b) // whose message says what is wrong
		}
		for name := range fields {
			i := slices.Index(c.from, name)
			if i < 0 {
				if len(c.names) < maxNames {
					c.names[name] = nil
				}
				continue
			}
			c.seen[i] = true
			if old, ok := fields[c.to[i]]; ok && !slices.Contains(c.from, c.to[i]) && string(old) != "null" {
				return badField(c.to[i], ": columns: %q would become %q, and the row has a field of that name, too; leave one of them out", name, c.to[i])
			}
		}
		renamed, err := c.rename(b, fields)
		if err != nil {
			return err
		}
		err = use(line, renamed)
		if _, ok := errors.AsType[noShape](err); ok {
			if i := slices.Index(c.seen, false); i >= 0 { // more likely the reason
				return fmt.Errorf("%w; columns: no row up to this one has the column %q, which is to be %q", err, c.from[i], c.to[i])
			}
		}
		return err
	}
}

// rename writes a row with its fields renamed. A field that the row has twice it has twice then, too: whoever reads it refuses it.
func (c *columns) rename(b []byte, fields map[string]json.RawMessage) ([]byte, error) {
	out := []byte{'{'}
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		field := name.(string) // the names of an object are texts
		if i := slices.Index(c.to, field); i >= 0 && !slices.Contains(c.from, field) && fields[c.from[i]] != nil {
			continue // it is null, and another takes its name
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, mustJSON(c.field(field))...), ':'), value...)
	}
	return append(out, '}'), nil
}

// noShape is the error of a row whose fields make no shape, perhaps because one of them has another name.
type noShape struct{ error }

func (e noShape) Unwrap() error { return e.error }

// missing is the error of a column that no row has had, though there are others of those that are named. Where there is none of
// them the rows have names of their own.
func (c *columns) missing() error {
	if c == nil || c.unused() != nil {
		return nil
	}
	if i := slices.Index(c.seen, false); i >= 0 {
		found := maps.Clone(c.names)
		for j, name := range c.from {
			if c.seen[j] {
				found[name] = nil
			}
		}
		return fmt.Errorf("columns: no row has the column %q, which is to be %q; there are %s", c.from[i], c.to[i], quotedNames(found))
	}
	return nil
}

// unused are the columns if no row has had any of them.
func (c *columns) unused() []string {
	if c == nil || slices.Contains(c.seen, true) {
		return nil
	}
	return c.from
}
