package jinja

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// DecodeJSON reads JSON as Python's json.loads does: objects keep the order of their keys, whole numbers are exact, and a number
// with a fraction or an exponent is a float.
func DecodeJSON(raw []byte) (Value, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more follows the JSON value")
	}
	return v, nil
}

func decodeValue(d *json.Decoder, depth int) (Value, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("JSON is nested more than %d deep", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case nil:
		return None, nil
	case json.Number:
		return decodeNumber(token.String())
	case json.Delim:
		if token == '[' {
			l := &List{Items: []Value{}}
			for d.More() {
				v, err := decodeValue(d, depth+1)
				if err != nil {
					return nil, err
				}
				l.Items = append(l.Items, v)
			}
			_, err = d.Token()
			return l, err
		}
		object := NewDict()
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			object.Set(key.(string), v)
		}
		_, err = d.Token()
		return object, err
	}
	return token, nil // a bool or a string
}

func decodeNumber(s string) (Value, error) {
	if strings.ContainsAny(s, ".eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil && !math.IsInf(f, 0) {
			return nil, err
		}
		return f, nil
	}
	if len(s) > 4000 {
		return nil, errors.New("a whole number has more than 4,000 digits")
	}
	i, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return nil, fmt.Errorf("the number %s cannot be read", clip(s))
	}
	return normal(i), nil
}

// jsonWriter writes as Python's json.dumps does.
type jsonWriter struct {
	r             *run
	out           strings.Builder
	indent        string
	hasIndent     bool
	comma, colon  string
	ascii, sorted bool
}

func filterJSON(r *run, v Value, a []Value) Value {
	w := &jsonWriter{r: r, comma: ", ", colon: ": ", ascii: flag(a[0]), sorted: flag(a[3])}
	if a[1] != nil && a[1] != None {
		w.hasIndent, w.comma = true, ","
		if s, ok := a[1].(string); ok {
			w.indent = s
		} else {
			n := max(0, r.whole("filter 'tojson': indent", a[1], 0))
			r.made(n)
			w.indent = strings.Repeat(" ", n)
		}
	}
	if a[2] != nil && a[2] != None {
		pair := r.list(a[2])
		if len(pair) != 2 {
			r.fail("filter 'tojson': separators must be two texts")
		}
		w.comma, w.colon = r.needText("filter 'tojson': separators", pair[0]), r.needText("filter 'tojson': separators", pair[1])
	}
	w.value(v, 0)
	return r.text(w.out.String())
}

// line begins a line where there is an indent.
func (w *jsonWriter) line(level int) {
	if w.hasIndent {
		w.r.made(1 + level*len(w.indent))
		w.out.WriteByte('\n')
		for range level {
			w.out.WriteString(w.indent)
		}
	}
}

func (w *jsonWriter) value(v Value, level int) {
	w.r.step(1)
	w.r.deeper()
	defer func() { w.r.depth-- }()
	start := w.out.Len()
	switch v := v.(type) {
	case none, bool, int64, *big.Int, float64:
		w.out.WriteString(w.scalar(v))
	case string:
		w.quote(v)
	case markup:
		w.quote(string(v))
	case *List:
		w.items(v.Items, level)
		return
	case *tuple:
		w.items(v.items, level)
		return
	case *Dict:
		w.dict(v, level)
		return
	default:
		w.r.fail("filter 'tojson': object of type %s is not JSON serializable", typeName(v))
	}
	w.r.made(w.out.Len() - start)
}

func (w *jsonWriter) scalar(v Value) string {
	switch v := v.(type) {
	case none:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN"
		case math.IsInf(v, 1):
			return "Infinity"
		case math.IsInf(v, -1):
			return "-Infinity"
		}
	}
	return w.r.str(v)
}

func (w *jsonWriter) items(items []Value, level int) {
	if len(items) == 0 {
		w.out.WriteString("[]")
		return
	}
	w.out.WriteByte('[')
	for i, x := range items {
		if i > 0 {
			w.out.WriteString(w.comma)
		}
		w.line(level + 1)
		w.value(x, level+1)
	}
	w.line(level)
	w.out.WriteByte(']')
}

func (w *jsonWriter) dict(d *Dict, level int) {
	keys, values := d.keys, d.values
	if len(keys) == 0 {
		w.out.WriteString("{}")
		return
	}
	if w.sorted {
		keys, values = w.r.sorted(keys, d.keys, false), w.r.sorted(values, d.keys, false)
	}
	w.out.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			w.out.WriteString(w.comma)
		}
		w.line(level + 1)
		switch k := k.(type) {
		case string:
			w.quote(k)
		case markup:
			w.quote(string(k))
		case none, bool, int64, *big.Int, float64:
			w.quote(w.scalar(k))
		default:
			w.r.fail("filter 'tojson': keys must be str, int, float, bool or None, not %s", typeName(k))
		}
		w.out.WriteString(w.colon)
		w.value(values[i], level+1)
	}
	w.line(level)
	w.out.WriteByte('}')
}

func (w *jsonWriter) quote(s string) {
	w.r.made(len(s))
	w.out.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			w.out.WriteByte('\\')
			w.out.WriteRune(c)
		case c == '\n':
			w.out.WriteString("\\n")
		case c == '\r':
			w.out.WriteString("\\r")
		case c == '\t':
			w.out.WriteString("\\t")
		case c == '\b':
			w.out.WriteString("\\b")
		case c == '\f':
			w.out.WriteString("\\f")
		case c < 0x20 || w.ascii && c >= 0x7f && c < 0x10000:
			fmt.Fprintf(&w.out, "\\u%04x", c)
		case w.ascii && c >= 0x10000:
			fmt.Fprintf(&w.out, "\\u%04x\\u%04x", 0xd800+(c-0x10000)>>10, 0xdc00+(c-0x10000)&0x3ff)
		default:
			w.out.WriteRune(c)
		}
	}
	w.out.WriteByte('"')
}
