// Package yamlfile decodes YAML files that people write by hand. It refuses what other decoders would ignore or change
// silently: unknown keys, fractions where a whole number belongs, a second document, encodings other than UTF-8.
package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// ErrEmpty is the error of a text without keys.
var ErrEmpty = errors.New("the file holds no keys")

// Decode sets those fields of the struct into that the text names. Errors show the line.
func Decode(text []byte, into any) error {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // a byte order mark
	if !utf8.Valid(text) {
		return errors.New("this is no YAML: its bytes are not UTF-8")
	}
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict(),
		yaml.CustomUnmarshaler(whole[int]), yaml.CustomUnmarshaler(whole[int32]), yaml.CustomUnmarshaler(whole[uint64]))
	var part fraction
	switch err := d.Decode(into); {
	case err == io.EOF:
		return ErrEmpty
	case errors.As(err, &part):
		return fmt.Errorf("line %d: %w", line(text, string(part)), part)
	case err != nil:
		return errors.New(yaml.FormatError(err, false, true))
	}
	var more any
	if err := d.Decode(&more); err != io.EOF {
		return errors.New("there is more than one document (a line of ---); leave one in the file")
	}
	return nil
}

// whole reads an integer. It accepts 1e3 and refuses 1.5.
func whole[T int | int32 | uint64](to *T, text []byte) error {
	s := strings.TrimSpace(string(text))
	if s == "null" || s == "~" || s == "" {
		return nil // as if the key were not there
	}
	var plain T
	if err := yaml.Unmarshal(text, &plain); err != nil {
		return err
	}
	if x, err := strconv.ParseFloat(s, 64); err == nil && x != math.Trunc(x) {
		return fraction(s)
	}
	*to = plain
	return nil
}

// fraction is the error for a number that is not whole.
type fraction string

func (f fraction) Error() string { return string(f) + " where a whole number is wanted" }

// line is the number of the first line that holds a value.
func line(text []byte, value string) int {
	at := max(0, bytes.Index(text, []byte(value)))
	return 1 + bytes.Count(text[:at], []byte("\n"))
}
