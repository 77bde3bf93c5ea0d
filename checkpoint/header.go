package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds on a header. The reference implementation has the first one too. The others limit the time and the memory that a
// hostile file can take; they are far above what models need.
const (
	maxHeader  = 100_000_000 // bytes
	maxTensors = 1 << 17
	maxDims    = 64      // dimensions of a tensor
	maxStrings = 1 << 16 // entries of __metadata__
)

const metadataKey = "__metadata__"

// Info describes one stored tensor.
type Info struct {
	Name   string
	DType  DType
	Shape  []int // empty for a scalar
	Offset int64 // of the first byte, from the beginning of the file
	Bytes  int64
}

// Len is the number of elements.
func (i Info) Len() int { return int(i.Bytes) / i.DType.Size() }

// quote quotes a name from a file, and cuts it if it is long.
func quote(s string) string {
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return strconv.Quote(s)
}

// parseHeader reads a header whose tensors must fill exactly data bytes, and returns the tensors by name, with offsets
// from the beginning of the data.
func parseHeader(header []byte, data int64) (tensors []Info, metadata map[string]string, err error) {
	if !utf8.Valid(header) {
		return nil, nil, errors.New("the header is not valid UTF-8")
	}
	if len(header) == 0 || header[0] != '{' {
		return nil, nil, errors.New("the header is not a JSON object; is this a safetensors file?")
	}
	seen := map[string]bool{}
	p := newParser(header)
	err = p.object(func(name string) error {
		if seen[name] {
			return fmt.Errorf("tensor %s: listed twice", quote(name))
		}
		seen[name] = true
		if name == metadataKey {
			metadata = map[string]string{}
			return p.object(func(key string) error {
				if len(metadata) == maxStrings {
					return fmt.Errorf("%s: more than %d entries", metadataKey, maxStrings)
				}
				if _, dup := metadata[key]; dup {
					return fmt.Errorf("%s: %s is given twice", metadataKey, quote(key))
				}
				value, err := p.text()
				if err != nil {
					return fmt.Errorf("%s: %s: %w", metadataKey, quote(key), err)
				}
				metadata[key] = value
				return nil
			})
		}
		if len(tensors) == maxTensors {
			return fmt.Errorf("more than %d tensors", maxTensors)
		}
		t, err := p.tensor()
		if err != nil {
			return fmt.Errorf("tensor %s: %w", quote(name), err)
		}
		t.Name = name
		tensors = append(tensors, t)
		return nil
	})
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return nil, nil, err
	}
	if err := checkTiling(tensors, data); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(tensors, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return tensors, metadata, nil
}

// checkTiling refuses tensors that overlap, leave gaps, or do not end where the file does.
func checkTiling(tensors []Info, data int64) error {
	slices.SortFunc(tensors, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Bytes, b.Bytes))
	})
	var end int64
	for _, t := range tensors {
		switch {
		case t.Offset < end:
			return fmt.Errorf("tensor %s: begins at byte %d of the data, inside the one before it, which ends at %d", quote(t.Name), t.Offset, end)
		case t.Offset > end:
			return fmt.Errorf("tensor %s: begins at byte %d of the data, after a gap that begins at %d", quote(t.Name), t.Offset, end)
		case t.Bytes > data-t.Offset:
			return fmt.Errorf("tensor %s: ends at byte %d of the data, which has only %d; the file is cut short", quote(t.Name), t.Offset+t.Bytes, data)
		}
		end = t.Offset + t.Bytes
	}
	if end != data {
		return fmt.Errorf("the tensors take %d bytes, but %d follow the header", end, data)
	}
	return nil
}

// elements multiplies a shape; it refuses a shape whose size in bytes does not fit in an int.
func elements(shape []int, size int) (int, error) {
	n := uint64(1)
	for _, d := range shape {
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > math.MaxInt/uint64(size) {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		n = lo
	}
	return int(n), nil
}

// parser walks a JSON text without decoding it into values, so that it notices duplicate keys, other spellings of a key and
// numbers that are not plain integers.
type parser struct{ dec *json.Decoder }

func newParser(text []byte) *parser {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return &parser{dec}
}

func (p *parser) token() (json.Token, error) {
	t, err := p.dec.Token()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the JSON text ends too early")
	}
	return t, err
}

// object calls each for every key; each must read the value.
func (p *parser) object(each func(key string) error) error {
	t, err := p.token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return fmt.Errorf("%s, want an object", describe(t))
	}
	for p.dec.More() {
		t, err := p.token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("%s, want a name", describe(t))
		}
		if err := each(key); err != nil {
			return err
		}
	}
	_, err = p.token()
	return err
}

// tensor reads {"dtype": ..., "shape": [...], "data_offsets": [begin, end]}.
func (p *parser) tensor() (Info, error) {
	var t Info
	var offsets []int64
	seen := map[string]bool{}
	err := p.object(func(key string) error {
		if seen[key] {
			return fmt.Errorf("%s is given twice", key)
		}
		seen[key] = true
		switch key {
		case "dtype":
			s, err := p.text()
			if err != nil {
				return fmt.Errorf("dtype: %w", err)
			}
			if t.DType = DType(s); t.DType.Size() == 0 {
				return fmt.Errorf("dtype %s is not known", quote(s))
			}
		case "shape":
			dims, err := p.integers(maxDims)
			if err != nil {
				return fmt.Errorf("shape: %w", err)
			}
			for _, d := range dims {
				if d > math.MaxInt {
					return fmt.Errorf("shape: %d is too large", d)
				}
				t.Shape = append(t.Shape, int(d))
			}
		case "data_offsets":
			var err error
			if offsets, err = p.integers(2); err != nil {
				return fmt.Errorf("data_offsets: %w", err)
			}
			if len(offsets) != 2 {
				return fmt.Errorf("data_offsets: %d numbers, want 2", len(offsets))
			}
		default:
			return fmt.Errorf("unknown key %s", quote(key))
		}
		return nil
	})
	if err != nil {
		return t, err
	}
	for _, key := range []string{"dtype", "shape", "data_offsets"} {
		if !seen[key] {
			return t, fmt.Errorf("%s is missing", key)
		}
	}
	n, err := elements(t.Shape, t.DType.Size())
	if err != nil {
		return t, err
	}
	if offsets[1] < offsets[0] {
		return t, fmt.Errorf("data_offsets [%d, %d] run backwards", offsets[0], offsets[1])
	}
	t.Offset, t.Bytes = offsets[0], offsets[1]-offsets[0]
	if want := int64(n) * int64(t.DType.Size()); t.Bytes != want {
		return t, fmt.Errorf("data_offsets give %d bytes, but shape %v of %s takes %d", t.Bytes, t.Shape, t.DType, want)
	}
	return t, nil
}

func (p *parser) text() (string, error) {
	t, err := p.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%s, want a text", describe(t))
	}
	return s, nil
}

// integers reads a list of at most limit integers from 0 to 2^63-1.
func (p *parser) integers(limit int) ([]int64, error) {
	t, err := p.token()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('[') {
		return nil, fmt.Errorf("%s, want a list of numbers", describe(t))
	}
	var list []int64
	for p.dec.More() {
		t, err := p.token()
		if err != nil {
			return nil, err
		}
		number, ok := t.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%s, want a number", describe(t))
		}
		n, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%s, want a whole number from 0 to %d", describe(t), int64(math.MaxInt64))
		}
		if len(list) == limit {
			return nil, fmt.Errorf("more than %d numbers", limit)
		}
		list = append(list, n)
	}
	_, err = p.token()
	return list, err
}

// skip reads a value of any kind.
func (p *parser) skip() error {
	var raw json.RawMessage
	return p.dec.Decode(&raw)
}

// end refuses anything except white space after the value.
func (p *parser) end() error {
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

func describe(t json.Token) string {
	switch t := t.(type) {
	case nil:
		return "null"
	case string:
		return "the text " + quote(t)
	case json.Number:
		s := t.String()
		if len(s) > 40 {
			s = s[:40] + "..."
		}
		return s
	case json.Delim:
		if t == '{' {
			return "an object"
		}
		return "a list"
	}
	return fmt.Sprint(t)
}
