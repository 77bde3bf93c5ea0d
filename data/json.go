package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// ofRow says that a field of a row may hold a list of objects: an object with such a list is a row, not a file's wrapping.
func ofRow(name string) bool {
	always, sometimes := listFields()
	return slices.Contains(always, name) || slices.Contains(sometimes, name) || name == "chosen" || name == "rejected"
}

// jsonFile calls use for every row of a .json file: one list of objects, such a list as the only member of an object, or JSON
// Lines, which are often named so.
func (s *source) jsonFile(use func(line int, b []byte) error) error {
	text, err := s.text()
	if err != nil {
		return err
	}
	if trimmed := strings.TrimSpace(text); trimmed[0] != '{' {
		return s.listed(text, 1, use)
	}
	d := json.NewDecoder(strings.NewReader(text))
	var object map[string]json.RawMessage
	if err := d.Decode(&object); err != nil {
		return s.lines(strings.NewReader(text), use) // its messages say where
	}
	if strings.TrimSpace(text[d.InputOffset():]) != "" {
		return s.lines(strings.NewReader(text), use)
	}
	var lists []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		var list []struct{}
		if json.Unmarshal(object[name], &list) == nil && len(list) > 0 && !ofRow(name) {
			lists = append(lists, name)
		}
	}
	switch {
	case len(lists) == 0:
		return errors.New("the file is one object, want a list of objects; put [ before it and ] after it")
	case len(object) > 1:
		var wrapped []struct {
			Row map[string]json.RawMessage `json:"row"`
		}
		path := "." + string(mustJSON(lists[0]))
		if json.Unmarshal(object[lists[0]], &wrapped) == nil && wrapped[0].Row != nil {
			path = "[" + path + "[].row]"
		}
		return fmt.Errorf("the file is one object with the members %s; take the list of rows out of it, for example with: jq '%s' %s > %s",
			quotedNames(object), path, quoted(s.path), quoted(beside(s.path, "-rows", ".json")))
	}
	d = json.NewDecoder(strings.NewReader(text))
	for range 2 { // the brace and the name
		if _, err := d.Token(); err != nil {
			return err
		}
	}
	at := int(d.InputOffset())
	at += strings.IndexByte(text[at:], '[')
	return s.listed(string(object[lists[0]]), 1+strings.Count(text[:at], "\n"), use)
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// listed calls use for every element of a JSON list that begins in a line.
func (s *source) listed(text string, line int, use func(line int, b []byte) error) error {
	d := json.NewDecoder(strings.NewReader(text))
	at := 0 // the byte that line belongs to
	advance := func(to int) {
		line += strings.Count(text[at:to], "\n")
		at = to
	}
	bad := func(err error) error {
		to := int(d.InputOffset()) // the end of what could be read; the error is in what follows
		advance(len(text) - len(strings.TrimLeft(text[to:], ", \t\r\n")))
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return s.at(line, errors.New("the list is not closed"))
		}
		return s.at(line, fmt.Errorf("bad JSON: %w", err))
	}
	if open, err := d.Token(); err != nil {
		return bad(err)
	} else if open != json.Delim('[') {
		return errors.New("want one list of objects; name the file .jsonl if it has an object a line")
	}
	found := false
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return bad(err)
		}
		found = true
		end := int(d.InputOffset())
		advance(end - len(raw))
		if err := use(line, raw); err != nil {
			return s.at(line, err)
		}
		advance(end)
	}
	if _, err := d.Token(); err != nil {
		return bad(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return bad(errors.New("something follows the list"))
	}
	if !found {
		return errEmpty
	}
	return nil
}
