package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// fields are the members of a JSON object, read by their exact names. A member that is null counts as not given. The first
// complaint is kept in err.
type fields struct {
	path string // prefix of names in errors: "rope_scaling."
	raw  map[string]json.RawMessage
	err  *error
}

// required, in the place of a default, says that the member must be given.
const required = -1

func bad(field, format string, args ...any) error {
	return fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...))
}

// cut shows a value of the file, which may be of any length; shown puts it into quotes.
func cut(value string) string {
	if len(value) > 60 {
		value = value[:60] + "…"
	}
	return strings.ToValidUTF8(value, "�")
}

func shown(value string) string { return fmt.Sprintf("%q", cut(value)) }

// Bounds on the number of members of an object and on the bytes of a member that is read, far above what real files have.
const (
	maxMembers = 4096
	maxValue   = 1 << 17
)

func newFields(text []byte) (fields, error) {
	raw, err := members(text)
	return fields{raw: raw, err: new(error)}, err
}

// members splits a JSON object without parsing its values.
func members(text []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("want a JSON object")
	}
	raw := map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name := key.(string)
		if raw[name] != nil {
			return nil, fmt.Errorf("%s is given twice", shown(name))
		}
		if len(raw) == maxMembers {
			return nil, fmt.Errorf("more than %d members", maxMembers)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("%s: %w", shown(name), err)
		}
		raw[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("the JSON text ends too early: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return raw, nil
}

func (f fields) fail(name, format string, args ...any) {
	if *f.err == nil {
		*f.err = bad(f.path+name, format, args...)
	}
}

// has says whether a member is present, null or not.
func (f fields) has(name string) bool { return f.raw[name] != nil }

// null says whether a member is absent or null.
func (f fields) null(name string) bool {
	return f.raw[name] == nil || string(f.raw[name]) == "null"
}

// names lists the members in order.
func (f fields) names() []string {
	names := make([]string, 0, len(f.raw))
	for name := range f.raw {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// read parses a member; it returns false if the member is absent or not of the kind wanted.
func (f fields) read(name, kind string, into any) bool {
	if f.null(name) {
		return false
	}
	if len(f.raw[name]) > maxValue {
		f.fail(name, "%d bytes, at most %d are allowed", len(f.raw[name]), maxValue)
		return false
	}
	if err := json.Unmarshal(f.raw[name], into); err != nil {
		f.fail(name, "%s, want %s", cut(string(f.raw[name])), kind)
		return false
	}
	return true
}

func (f fields) int(name string, fallback, lo, hi int) int {
	var n int
	if !f.read(name, "a whole number", &n) {
		if fallback == required {
			f.fail(name, "missing")
		}
		return fallback
	}
	if n < lo || n > hi {
		f.fail(name, "%d, want %d to %d", n, lo, hi)
	}
	return n
}

func (f fields) float(name string, fallback, lo, hi float64) float64 {
	var x float64
	if !f.read(name, "a number", &x) {
		if fallback == required {
			f.fail(name, "missing")
		}
		return fallback
	}
	if !(x >= lo && x <= hi) || math.IsInf(x, 0) {
		f.fail(name, "%g, want %g to %g", x, lo, hi)
	}
	return x
}

func (f fields) bool(name string, fallback bool) bool {
	b := fallback
	f.read(name, "true or false", &b)
	return b
}

func (f fields) text(name, fallback string) string {
	s := fallback
	f.read(name, "a text", &s)
	return s
}

func (f fields) texts(name string) []string {
	var list []string
	f.read(name, "a list of texts", &list)
	return list
}

// object returns the members of an object, and no members if it is not given.
func (f fields) object(name string) fields {
	o := fields{path: f.path + name + ".", err: f.err}
	if !f.null(name) {
		var err error
		if o.raw, err = members(f.raw[name]); err != nil {
			f.fail(name, "%s: %v", cut(string(f.raw[name])), err)
		}
	}
	return o
}

// idList are ids as config.json and generation_config.json give them: one id or a list of ids.
type idList []int32

// UnmarshalJSON implements json.Unmarshaler.
func (l *idList) UnmarshalJSON(value []byte) error {
	if value[0] == '[' {
		return json.Unmarshal(value, (*[]int32)(l))
	}
	var id int32
	if err := json.Unmarshal(value, &id); err != nil {
		return err
	}
	*l = idList{id}
	return nil
}

// ParseIDs reads the value of eos_token_id or another such member of a config.json or generation_config.json: one id or a list of ids;
// without a value, or with null, there are none. Ids outside the vocabulary are among them.
func ParseIDs(value []byte) ([]int32, error) {
	if len(value) == 0 || string(value) == "null" {
		return nil, nil
	}
	var list idList
	err := json.Unmarshal(value, &list)
	return list, err
}

// ids reads one id or a list of ids. Those outside the vocabulary, which other programs leave in files, are returned apart.
func (f fields) ids(name string, vocab int) (inside, outside []int32) {
	var list idList
	f.read(name, "an id or a list of ids", &list)
	for _, id := range list {
		if id < 0 || int(id) >= vocab {
			outside = append(outside, id)
		} else {
			inside = append(inside, id)
		}
	}
	return inside, outside
}

// only refuses every value of a member except those given, in JSON.
func (f fields) only(name string, values ...string) {
	if f.null(name) || slices.Contains(values, string(f.raw[name])) {
		return
	}
	supported := ""
	if len(values) > 0 {
		supported = "; supported: " + values[0]
	}
	f.fail(name, "%s is not supported%s", cut(string(f.raw[name])), supported)
}

// oneOf refuses every string except those given.
func (f fields) oneOf(name string, values ...string) {
	if s := f.text(name, values[0]); !slices.Contains(values, s) {
		f.fail(name, "%s is not supported; supported: %s", shown(s), values[0])
	}
}
