package jinja

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// str is Python's str(v).
func (r *run) str(v Value) string {
	if s, ok := anyText(v); ok {
		return s
	}
	if _, ok := v.(*undefined); ok {
		return ""
	}
	if s, ok := v.(int64); ok {
		return strconv.FormatInt(s, 10)
	}
	var out strings.Builder
	r.repr(&out, v)
	return out.String()
}

// repr is Python's repr(v).
func (r *run) repr(out *strings.Builder, v Value) {
	r.step(1)
	r.deeper()
	defer func() { r.depth-- }()
	start := out.Len()
	switch v := v.(type) {
	case none:
		out.WriteString("None")
	case *undefined:
		out.WriteString("Undefined")
	case bool:
		if v {
			out.WriteString("True")
		} else {
			out.WriteString("False")
		}
	case int64:
		out.WriteString(strconv.FormatInt(v, 10))
	case *big.Int:
		out.WriteString(v.String())
	case float64:
		out.WriteString(floatText(v))
	case string:
		out.WriteString(quote(v))
	case markup:
		out.WriteString("Markup(" + quote(string(v)) + ")")
	case *List:
		r.reprItems(out, "[", "]", v.Items)
		return
	case *tuple:
		if len(v.items) == 1 {
			r.reprItems(out, "(", ",)", v.items)
		} else {
			r.reprItems(out, "(", ")", v.items)
		}
		return
	case *Dict:
		out.WriteByte('{')
		for i := range v.keys {
			if i > 0 {
				out.WriteString(", ")
			}
			r.repr(out, v.keys[i])
			out.WriteString(": ")
			r.repr(out, v.values[i])
		}
		out.WriteByte('}')
		return
	case *view:
		out.WriteString("dict_" + v.kind + "(")
		r.repr(out, &List{r.list(v)})
		out.WriteByte(')')
		return
	case *span:
		fmt.Fprintf(out, "range(%d, %d", v.start, v.stop)
		if v.step != 1 {
			fmt.Fprintf(out, ", %d", v.step)
		}
		out.WriteByte(')')
	case *namespace:
		out.WriteString("<Namespace ")
		r.repr(out, v.d)
		out.WriteByte('>')
		return
	case *macro:
		if v.name == "" {
			out.WriteString("<Macro anonymous>")
		} else {
			out.WriteString("<Macro " + quote(v.name) + ">")
		}
	case *loop:
		fmt.Fprintf(out, "<LoopContext %d/%d>", v.index0+1, v.length())
	case *generator:
		r.fail("a generator cannot be written as text: put | list after the filter")
	default:
		r.fail("a function cannot be written as text: call it with ()")
	}
	r.made(out.Len() - start)
}

func (r *run) reprItems(out *strings.Builder, open, end string, items []Value) {
	out.WriteString(open)
	for i, x := range items {
		if i > 0 {
			out.WriteString(", ")
		}
		r.repr(out, x)
	}
	out.WriteString(end)
}

// quote is Python's repr of a text.
func quote(s string) string {
	mark := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, "\"") {
		mark = '"'
	}
	var out strings.Builder
	out.WriteByte(mark)
	for _, c := range s {
		switch {
		case c == rune(mark) || c == '\\':
			out.WriteByte('\\')
			out.WriteRune(c)
		case c == '\n':
			out.WriteString("\\n")
		case c == '\r':
			out.WriteString("\\r")
		case c == '\t':
			out.WriteString("\\t")
		case strconv.IsPrint(c):
			out.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(&out, "\\x%02x", c)
		case c < 0x10000:
			fmt.Fprintf(&out, "\\u%04x", c)
		default:
			fmt.Fprintf(&out, "\\U%08x", c)
		}
	}
	out.WriteByte(mark)
	return out.String()
}

// text counts a text that was made.
func (r *run) text(s string) Value {
	r.made(len(s))
	return s
}

// plain refuses what | escape and | safe return, because text that is added to it would be escaped too.
func (r *run) plain(v Value) {
	if _, ok := v.(markup); ok {
		r.fail("the result of | escape or | safe can only be written, joined with ~ or turned into a text with | string")
	}
}

// needText returns a text, or fails as the named operation would.
func (r *run) needText(what string, v Value) string {
	r.plain(v)
	r.defined(v)
	s, ok := v.(string)
	if !ok {
		r.fail("%s: want a text, not %s", what, typeName(v))
	}
	return s
}

// soft is the text of a value as most filters of texts take it.
func (r *run) soft(v Value) string {
	r.plain(v)
	return r.str(v)
}
