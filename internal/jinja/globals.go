package jinja

import (
	"fmt"
	"strings"
	"time"
)

// globals are the functions that every template has. (Jinja2's lipsum is left out: it writes at random.)
var globals map[string]Value

func init() {
	globals = map[string]Value{
		"range": &function{"range", makeRange},
		"dict":  &function{"dict", func(r *run, args []Value, keys []keyword) Value { return r.makeDict("dict", args, keys) }},
		"namespace": &function{"namespace", func(r *run, args []Value, keys []keyword) Value {
			return &namespace{r.makeDict("namespace", args, keys)}
		}},
		"raise_exception": &function{"raise_exception", raise},
		"lipsum":          refusedGlobal("lipsum"),
		"cycler":          refusedGlobal("cycler"),
		"joiner":          refusedGlobal("joiner"),
	}
}

func refusedGlobal(name string) Value {
	return &function{name, func(r *run, _ []Value, _ []keyword) Value {
		r.fail("function '%s' is not supported", name)
		return nil
	}}
}

func raise(r *run, args []Value, keys []keyword) Value {
	if len(args)+len(keys) != 1 || len(keys) == 1 && keys[0].name != "message" {
		r.fail("raise_exception takes one message")
	}
	message := ""
	if len(args) == 1 {
		message = r.str(args[0])
	} else {
		message = r.str(keys[0].value)
	}
	panic(&Error{Line: r.line, Problem: message, Raised: true})
}

func makeRange(r *run, args []Value, keys []keyword) Value {
	r.noKeys("range", keys)
	n := make([]int64, len(args))
	for i, a := range args {
		n[i] = int64(r.whole("range", a, 0))
	}
	s := &span{step: 1}
	switch len(n) {
	case 1:
		s.stop = n[0]
	case 2:
		s.start, s.stop = n[0], n[1]
	case 3:
		s.start, s.stop, s.step = n[0], n[1], n[2]
	default:
		r.fail("range takes 1 to 3 arguments, not %d", len(n))
	}
	switch {
	case s.step == 0:
		r.fail("range: the third argument must not be zero")
	case s.step > 0:
		s.n = max(0, (s.stop-s.start+s.step-1)/s.step)
	default:
		s.n = max(0, (s.start-s.stop-s.step-1)/-s.step)
	}
	if s.n > 100_000 {
		r.fail("range is too big: at most 100,000 numbers")
	}
	return s
}

// makeDict is Python's dict(…): a dictionary or pairs, and keywords.
func (r *run) makeDict(what string, args []Value, keys []keyword) *Dict {
	if len(args) > 1 {
		r.fail("%s takes at most 1 argument without a name, not %d", what, len(args))
	}
	d := NewDict()
	for _, a := range args {
		if from, ok := a.(*Dict); ok {
			for i, k := range from.keys {
				r.put(d, k, from.values[i])
			}
			continue
		}
		for _, pair := range r.list(a) {
			kv := r.list(pair)
			if len(kv) != 2 {
				r.fail("%s: want pairs of a key and a value", what)
			}
			r.put(d, kv[0], kv[1])
		}
	}
	for _, k := range keys {
		r.put(d, k.name, k.value)
	}
	return d
}

// StrftimeNow is the function strftime_now for templates, with a date that the caller fixes. Without it the name is undefined, so
// that templates use their own date, and an unconditional call is an error that says so.
func StrftimeNow(date time.Time) Value {
	return &function{"strftime_now", func(r *run, args []Value, keys []keyword) Value {
		if len(args) != 1 || len(keys) > 0 {
			r.fail("strftime_now takes one format")
		}
		return r.text(r.strftime(date, r.needText("strftime_now", args[0])))
	}}
}

func (r *run) strftime(t time.Time, format string) string {
	layouts := map[byte]string{
		'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'd': "02", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM",
		'S': "05", 'y': "06", 'Y': "2006", 'j': "002",
	}
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		i++
		c := format[i]
		skip := c == '-' && i+1 < len(format)
		if skip {
			i++
			c = format[i]
		}
		layout, ok := layouts[c]
		switch {
		case ok && skip:
			text := strings.TrimLeft(t.Format(layout), "0")
			if text == "" {
				text = "0"
			}
			out.WriteString(text)
		case ok:
			out.WriteString(t.Format(layout))
		case c == '%':
			out.WriteByte('%')
		default:
			r.fail("strftime_now: the format %s is not supported", fmt.Sprintf("%%%c", c))
		}
	}
	return out.String()
}
