// Package yamlfile decodes YAML files that people write by hand. It refuses what other decoders would ignore or change
// silently: unknown keys, fractions where a whole number belongs, a second document, encodings other than UTF-8.
package yamlfile

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// ErrEmpty is the error of a text without keys.
var ErrEmpty = errors.New("the file holds no keys")

var errNoText = errors.New("this is no YAML: its bytes are not UTF-8")

// Part says that the mapping at a key, which is decoded as map[string]any, is meant for the struct Of. The key of a mapping in
// a list of mappings is written without the place in the list: methods.recipe.
type Part struct {
	Key string
	Of  any
}

// Decode sets those fields of the struct into that the text names. Errors show the line and the key. Parts are checked as if
// they were decoded into their structs.
func Decode(text []byte, into any, parts ...Part) error {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // a byte order mark
	if !utf8.Valid(text) {
		return errNoText
	}
	if err := limited(text); err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(text), options...)
	err := d.Decode(into)
	if err == io.EOF {
		return ErrEmpty
	}
	if err != nil || len(parts) > 0 {
		if found := locate(text, into, parts); found != nil {
			return found
		}
	}
	if err != nil {
		return errors.New(yaml.FormatError(err, false, true))
	}
	var more any
	if err := d.Decode(&more); err != io.EOF {
		return errors.New("there is more than one document (a line of ---); leave one in the file")
	}
	return nil
}

// options are how files are decoded.
var options = []yaml.DecodeOption{
	yaml.Strict(), yaml.CustomUnmarshaler(whole[int]), yaml.CustomUnmarshaler(whole[int32]), yaml.CustomUnmarshaler(whole[uint64]),
}

// whole reads an integer. It accepts 1e3 and refuses 1.5, and numbers that the decoder would change because they are too large.
func whole[T int | int32 | uint64](to *T, text []byte) error {
	s := strings.Trim(strings.TrimSpace(string(text)), `"'`)
	if s == "null" || s == "~" || s == "" {
		return nil // as if the key were not there
	}
	var plain T
	if err := yaml.Unmarshal(text, &plain); err != nil {
		return err
	}
	if x, err := strconv.ParseFloat(s, 64); err == nil {
		if x != math.Trunc(x) || x == 0 && strings.Trim(mantissa(s), "+-0._") != "" {
			return errors.New(short(s) + " is not a whole number")
		}
		// A number with leading zeros is octal to the decoder.
		if octal := len(strings.TrimLeft(s, "+-")) > 1 && strings.TrimLeft(s, "+-")[0] == '0'; !octal && float64(plain) != x {
			return errors.New(short(s) + " is too large")
		}
		if strings.ContainsAny(s, ".eE") && math.Abs(x) >= 1<<53 {
			return errors.New(short(s) + " is too large to be written with a fraction or an exponent")
		}
	}
	*to = plain
	return nil
}

// mantissa is a number without its exponent.
func mantissa(s string) string {
	m, _, _ := strings.Cut(strings.ToLower(s), "e")
	return m
}
