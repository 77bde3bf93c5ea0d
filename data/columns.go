package data

import (
	"encoding/json"
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
		case slices.Contains(c.to, to):
			return nil, fmt.Errorf("columns: %q is given twice", to)
		case slices.Contains(c.from, from):
			return nil, fmt.Errorf("columns: the column %q is used twice", from)
		}
		c.from, c.to, c.seen = append(c.from, from), append(c.to, to), append(c.seen, false)
	}
	return c, nil
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
		renamed := make(map[string]json.RawMessage, len(fields))
		for name, value := range fields {
			i := slices.Index(c.from, name)
			if i < 0 {
				if len(c.names) < maxNames {
					c.names[name] = nil
				}
				renamed[name] = value
				continue
			}
			c.seen[i] = true
			if old, ok := fields[c.to[i]]; ok && !slices.Contains(c.from, c.to[i]) && string(old) != "null" {
				return badField(c.to[i], ": columns: %q would become %q, and the row has a field of that name, too; leave one of them out", name, c.to[i])
			}
		}
		for i, name := range c.from {
			if value, ok := fields[name]; ok {
				renamed[c.to[i]] = value
			}
		}
		err := use(line, mustJSON(renamed))
		if missing := c.missing(); err != nil && missing != nil {
			return missing // more likely the reason
		}
		return err
	}
}

// missing is the error of a column that no row has had.
func (c *columns) missing() error {
	if c == nil {
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
