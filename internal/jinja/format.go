package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// numberSpec is how a number or a text is laid out, by % and by format alike.
type numberSpec struct {
	fill      string
	align     byte // '<', '>', '^', '=' (fill between sign and digits), 0 for the usual
	sign      byte // '+', ' ' or 0
	width     int
	precision int  // -1 if absent
	comma     bool // between thousands
	verb      byte
}

const maxWidth = 1 << 16

// percent is Python's text % value.
func (r *run) percent(s string, v Value) Value {
	var out strings.Builder
	args, isTuple := v.(*tuple)
	items := []Value{v}
	if isTuple {
		items = args.items
	}
	dict, isDict := v.(*Dict)
	used, byName := 0, false
	next := func() Value {
		if used >= len(items) {
			r.fail("not enough arguments for format string")
		}
		used++
		return items[used-1]
	}
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out.WriteByte(s[i])
			continue
		}
		r.step(1)
		i++
		var value Value
		if i < len(s) && s[i] == '(' {
			end := strings.IndexByte(s[i:], ')')
			if end < 0 || !isDict || strings.Contains(s[i+1:i+max(end, 1)], "(") {
				r.fail("the format %s wants a dictionary, and a name in ()", clip(s[i:]))
			}
			value = r.item(dict, s[i+1:i+end])
			r.defined(value)
			byName = true
			i += end + 1
		}
		spec := numberSpec{fill: " ", align: '>', precision: -1}
		zero := false
		for ; i < len(s) && strings.IndexByte("-+ 0#", s[i]) >= 0; i++ {
			switch s[i] {
			case '-':
				spec.align = '<'
			case '+':
				spec.sign = '+'
			case ' ':
				if spec.sign == 0 {
					spec.sign = ' '
				}
			case '0':
				zero = true
			default:
				r.fail("the flag # in a format is not supported")
			}
		}
		number := func(otherwise int) int {
			start := i
			for i < len(s) && s[i] >= '0' && s[i] <= '9' {
				i++
			}
			if start == i {
				return otherwise
			}
			n, err := strconv.Atoi(s[start:i])
			if err != nil || n > maxWidth {
				r.fail("a width in a format is larger than %d", maxWidth)
			}
			return n
		}
		spec.width = number(0)
		if i < len(s) && s[i] == '.' {
			i++
			spec.precision = number(0)
		}
		if i >= len(s) {
			r.fail("incomplete format")
		}
		spec.verb = s[i]
		if spec.verb == '%' {
			out.WriteByte('%')
			continue
		}
		if strings.IndexByte("sdiufFeExXor", spec.verb) < 0 {
			r.fail("the format %%%s is not supported", clip(s[i:]))
		}
		if value == nil {
			value = next()
		}
		switch spec.verb {
		case 's':
			out.WriteString(r.layText(r.soft(value), spec))
			r.made(spec.width)
			continue
		case 'r':
			r.plain(value)
			var text strings.Builder
			r.repr(&text, value)
			out.WriteString(r.layText(text.String(), spec))
			continue
		case 'i', 'u':
			spec.verb = 'd'
		case 'F':
			spec.verb = 'f'
		}
		r.defined(value)
		if !isNumber(value) {
			r.fail("%%%c format: a number is required, not %s", spec.verb, typeName(value))
		}
		if f, ok := value.(float64); ok && spec.verb == 'd' {
			if math.IsNaN(f) {
				r.fail("cannot convert float NaN to integer")
			}
			value = r.truncated(f)
		}
		if _, ok := value.(float64); ok && strings.IndexByte("xXo", spec.verb) >= 0 {
			r.fail("%%%c format: an integer is required, not float", spec.verb)
		}
		if spec.precision >= 0 && strings.IndexByte("dxXo", spec.verb) >= 0 {
			r.fail("a precision for whole numbers is not supported in a format")
		}
		if zero && spec.align != '<' {
			spec.fill, spec.align = "0", '='
		}
		out.WriteString(r.layNumber(value, spec))
	}
	if used < len(items) && !isDict && !byName && !(used == 0 && !isTuple && isContainer(v)) {
		r.fail("not all arguments converted during string formatting")
	}
	return r.text(out.String())
}

// isContainer are single values that a format without verbs takes.
func isContainer(v Value) bool {
	switch v.(type) {
	case *List, *span, *Dict:
		return true
	}
	return false
}

func (r *run) layText(s string, spec numberSpec) string {
	if n := utf8.RuneCountInString(s); spec.precision >= 0 && n > spec.precision {
		s = string([]rune(s)[:spec.precision])
	}
	return layOut("", s, spec)
}

// layOut fills a text up to its width.
func layOut(sign, body string, spec numberSpec) string {
	missing := spec.width - utf8.RuneCountInString(sign+body)
	if missing <= 0 {
		return sign + body
	}
	switch spec.align {
	case '<':
		return sign + body + strings.Repeat(spec.fill, missing)
	case '^':
		return strings.Repeat(spec.fill, missing/2) + sign + body + strings.Repeat(spec.fill, missing-missing/2)
	case '=':
		return sign + strings.Repeat(spec.fill, missing) + body
	}
	return strings.Repeat(spec.fill, missing) + sign + body
}

func (r *run) layNumber(v Value, spec numberSpec) string {
	r.made(spec.width + max(0, spec.precision))
	body := ""
	switch spec.verb {
	case 'f', 'e', 'E', '%':
		f := r.toFloat(v)
		if spec.precision < 0 {
			spec.precision = 6
		}
		if spec.precision > 1000 {
			r.fail("a precision in a format is larger than 1000")
		}
		if spec.verb == '%' {
			body = strconv.FormatFloat(f*100, 'f', spec.precision, 64) + "%"
		} else {
			body = strconv.FormatFloat(f, spec.verb, spec.precision, 64)
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			r.fail("a format of %s is not supported", floatText(f))
		}
	default:
		i, _ := intOf(v)
		base := map[byte]int{'d': 10, 'x': 16, 'X': 16, 'o': 8, 'b': 2}[spec.verb]
		body = i.Text(base)
		if spec.verb == 'X' {
			body = strings.ToUpper(body)
		}
	}
	sign := ""
	if strings.HasPrefix(body, "-") {
		sign, body = "-", body[1:]
	} else if spec.sign != 0 {
		sign = string(spec.sign)
	}
	if spec.comma {
		end := strings.IndexAny(body, ".e%")
		if end < 0 {
			end = len(body)
		}
		for at := end - 3; at > 0; at -= 3 {
			body = body[:at] + "," + body[at:]
		}
	}
	return layOut(sign, body, spec)
}

// format is Python's text.format(…): {}, {0} and {name}, with !r, !s and a format specification.
func (r *run) format(s string, args []Value, keys []keyword) Value {
	var out strings.Builder
	auto, numbered := 0, false
	for i := 0; i < len(s); {
		c := s[i]
		if c != '{' && c != '}' {
			out.WriteByte(c)
			i++
			continue
		}
		if i+1 < len(s) && s[i+1] == c {
			out.WriteByte(c)
			i += 2
			continue
		}
		end := strings.IndexAny(s[i+1:], "{}")
		if c == '}' || end < 0 {
			r.fail("format: single '%c' in the text", c)
		}
		field := s[i+1 : i+1+end]
		if s[i+1+end] == '{' {
			r.fail("format: a field within a field, {%s, is not supported", clip(field))
		}
		i += end + 2
		r.step(1)
		field, spec, hasSpec := strings.Cut(field, ":")
		name, conversion, converted := strings.Cut(field, "!")
		var v Value
		n, err := strconv.Atoi(name)
		switch {
		case strings.ContainsAny(name, ".[]") || strings.ContainsAny(spec, "!"):
			r.fail("format: the field {%s} is not supported", clip(name))
		case name == "" || err == nil:
			if name == "" {
				n = auto
				auto++
			} else {
				numbered = true
			}
			if numbered && auto > 0 {
				r.fail("format: fields with and without numbers cannot be mixed")
			}
			if n < 0 || n >= len(args) {
				r.fail("format: replacement index %d out of range", n)
			}
			v = args[n]
		default:
			for _, k := range keys {
				if k.name == name {
					v = k.value
				}
			}
			if v == nil {
				r.fail("format: no argument '%s'", clip(name))
			}
		}
		r.plain(v)
		switch {
		case converted && conversion == "r":
			var text strings.Builder
			r.repr(&text, v)
			v = text.String()
		case converted && conversion == "s":
			v = r.str(v)
		case converted:
			r.fail("format: the conversion !%s is not supported", clip(conversion))
		}
		if !hasSpec || spec == "" {
			out.WriteString(r.str(v))
			continue
		}
		out.WriteString(r.formatSpec(v, spec))
	}
	return r.text(out.String())
}

func (r *run) formatSpec(v Value, text string) string {
	bad := func() { r.fail("format: the specification '%s' for %s is not supported", clip(text), typeName(v)) }
	s := text
	spec := numberSpec{fill: " ", precision: -1}
	if c, n := utf8.DecodeRuneInString(s); len(s) > n && strings.IndexByte("<>^=", s[n]) >= 0 && c != utf8.RuneError {
		spec.fill, spec.align, s = s[:n], s[n], s[n+1:]
	} else if s != "" && strings.IndexByte("<>^=", s[0]) >= 0 {
		spec.align, s = s[0], s[1:]
	}
	if s != "" && strings.IndexByte("+- ", s[0]) >= 0 {
		if spec.sign = s[0]; s[0] == '-' {
			spec.sign = 0
		}
		if !isNumber(v) {
			bad()
		}
		s = s[1:]
	}
	if strings.HasPrefix(s, "0") {
		if !isNumber(v) {
			bad()
		}
		if spec.align == 0 {
			spec.fill, spec.align = "0", '='
		}
		s = s[1:]
	}
	number := func() int {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		value, err := strconv.Atoi(s[:n])
		if n > 0 && (err != nil || value > maxWidth) {
			bad()
		}
		s = s[n:]
		return value
	}
	spec.width = number()
	if strings.HasPrefix(s, ",") {
		spec.comma, s = true, s[1:]
	}
	if strings.HasPrefix(s, ".") {
		if s = s[1:]; s == "" || s[0] < '0' || s[0] > '9' {
			bad()
		}
		spec.precision = number()
	}
	if len(s) > 1 || spec.comma && spec.align == '=' && spec.fill == "0" {
		bad()
	}
	if s != "" {
		spec.verb = s[0]
	}
	if t, ok := v.(string); ok {
		if spec.verb != 0 && spec.verb != 's' || spec.align == '=' || spec.comma {
			bad()
		}
		if spec.align == 0 {
			spec.align = '<'
		}
		r.made(spec.width * 4)
		return r.layText(t, spec)
	}
	if _, isBool := v.(bool); isBool || !isNumber(v) {
		bad()
	}
	if spec.align == 0 {
		spec.align = '>'
	}
	_, isFloat := v.(float64)
	if isFloat && spec.verb == 0 && spec.precision < 0 && !spec.comma && !math.IsNaN(v.(float64)) && !math.IsInf(v.(float64), 0) {
		body, sign := floatText(v.(float64)), ""
		if strings.HasPrefix(body, "-") {
			body, sign = body[1:], "-"
		} else if spec.sign != 0 {
			sign = string(spec.sign)
		}
		return layOut(sign, body, spec)
	}
	if !isFloat && spec.verb == 0 {
		spec.verb = 'd'
	}
	switch {
	case spec.verb == 0, isFloat && strings.IndexByte("feE%", spec.verb) < 0, strings.IndexByte("dxXobfeE%", spec.verb) < 0,
		strings.IndexByte("dxXob", spec.verb) >= 0 && spec.precision >= 0, spec.comma && strings.IndexByte("dfeE%", spec.verb) < 0:
		bad()
	}
	return r.layNumber(v, spec)
}
