package jinja

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// method is a method of a text, a list, a dictionary or a tuple: params are its parameters, in Python's order.
type method struct {
	params   []string // names of those that may be given as keywords too; "-" for those that may not
	required int
	call     func(r *run, self Value, a []Value) Value
}

var strMethods, listMethods, dictMethods, tupleMethods map[string]method

// forbidden are the methods that change their value: transformers refuses them too.
var forbidden = map[string][]string{
	"list": params("append extend insert remove pop clear sort reverse"),
	"dict": params("update setdefault pop popitem clear"),
}

// unsupported are the other public attributes that values of these types have in Python.
var unsupported = map[string][]string{
	"str": params("casefold center encode expandtabs format_map isascii isidentifier isnumeric isprintable istitle ljust maketrans rjust swapcase translate zfill"),

	"dict":      params("fromkeys"),
	"int":       params("as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag numerator real to_bytes"),
	"float":     params("as_integer_ratio conjugate fromhex hex imag is_integer real"),
	"range":     params("count index start step stop"),
	"Markup":    params("capitalize casefold center count encode endswith escape expandtabs find format format_map index isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip striptags swapcase title translate unescape upper zfill"),
	"dict_keys": params("isdisjoint mapping"), "dict_values": params("mapping"), "dict_items": params("isdisjoint mapping"),
}

func init() {
	test := func(is func(string) bool) method {
		return method{call: func(r *run, self Value, _ []Value) Value { return is(self.(string)) }}
	}
	change := func(to func(string) string) method {
		return method{call: func(r *run, self Value, _ []Value) Value { return r.text(to(self.(string))) }}
	}
	each := func(is func(rune) bool) method {
		return test(func(s string) bool { return s != "" && strings.IndexFunc(s, func(c rune) bool { return !is(c) }) < 0 })
	}
	strip := func(left, right bool) method {
		return method{params("-"), 0, func(r *run, self Value, a []Value) Value { return r.strip(self.(string), a[0], left, right) }}
	}
	find := func(last, must, count bool) method {
		return method{params("- - -"), 1, func(r *run, self Value, a []Value) Value { return r.find(self.(string), a, last, must, count) }}
	}
	strMethods = map[string]method{
		"upper": change(upperText), "lower": change(lowerText), "title": change(titleText), "capitalize": change(capitalize),
		"strip": strip(true, true), "lstrip": strip(true, false), "rstrip": strip(false, true),
		"isalpha": each(unicode.IsLetter), "isspace": each(isSpace), "isdecimal": each(unicode.IsDigit), "isdigit": each(isDigit),
		"isalnum": each(func(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) }),
		"islower": test(isLower), "isupper": test(isUpper),
		"find": find(false, false, false), "rfind": find(true, false, false), "index": find(false, true, false),
		"rindex": find(true, true, false), "count": find(false, false, true),
		"startswith": {params("- - -"), 1, func(r *run, self Value, a []Value) Value {
			return r.edge("startswith", self.(string), a, strings.HasPrefix)
		}},
		"endswith": {params("- - -"), 1, func(r *run, self Value, a []Value) Value {
			return r.edge("endswith", self.(string), a, strings.HasSuffix)
		}},
		"split":  {params("sep maxsplit"), 0, func(r *run, self Value, a []Value) Value { return r.split(self.(string), a, false) }},
		"rsplit": {params("sep maxsplit"), 0, func(r *run, self Value, a []Value) Value { return r.split(self.(string), a, true) }},
		"splitlines": {params("keepends"), 0, func(r *run, self Value, a []Value) Value {
			return r.texts(splitLines(self.(string), flag(a[0])))
		}},
		"partition": {params("-"), 1, func(r *run, self Value, a []Value) Value {
			return r.partition(self.(string), a[0], strings.Index, false)
		}},
		"rpartition": {params("-"), 1, func(r *run, self Value, a []Value) Value {
			return r.partition(self.(string), a[0], strings.LastIndex, true)
		}},
		"replace": {params("- - -"), 2, func(r *run, self Value, a []Value) Value {
			from, to := r.needText("replace", a[0]), r.needText("replace", a[1])
			return r.replace(self.(string), from, to, r.whole("replace", a[2], -1))
		}},
		"removeprefix": {params("-"), 1, func(r *run, self Value, a []Value) Value {
			return strings.TrimPrefix(self.(string), r.needText("removeprefix", a[0]))
		}},
		"removesuffix": {params("-"), 1, func(r *run, self Value, a []Value) Value {
			return strings.TrimSuffix(self.(string), r.needText("removesuffix", a[0]))
		}},
		"join": {params("-"), 1, func(r *run, self Value, a []Value) Value {
			var parts []string
			for _, x := range r.list(a[0]) {
				s := r.needText("join", x)
				r.made(len(s) + len(self.(string)))
				parts = append(parts, s)
			}
			return strings.Join(parts, self.(string))
		}},
	}
	search := func(items func(Value) []Value) map[string]method {
		return map[string]method{
			"count": {params("-"), 1, func(r *run, self Value, a []Value) Value {
				n := int64(0)
				for _, x := range items(self) {
					if r.equal(x, a[0]) {
						n++
					}
				}
				return n
			}},
			"index": {params("- - -"), 1, func(r *run, self Value, a []Value) Value {
				list := items(self)
				from, to := clamp(r.whole("index", a[1], 0), len(list)), clamp(r.whole("index", a[2], len(list)), len(list))
				for i := from; i < to; i++ {
					if r.equal(list[i], a[0]) {
						return int64(i)
					}
				}
				r.fail("the value is not in the list")
				return nil
			}},
		}
	}
	listMethods = search(func(v Value) []Value { return v.(*List).Items })
	listMethods["copy"] = method{call: func(r *run, self Value, _ []Value) Value { return &List{r.list(self)} }}
	tupleMethods = search(func(v Value) []Value { return v.(*tuple).items })
	views := func(kind string) method {
		return method{call: func(_ *run, self Value, _ []Value) Value { return &view{kind, self.(*Dict)} }}
	}
	dictMethods = map[string]method{
		"keys": views("keys"), "values": views("values"), "items": views("items"),
		"get": {params("- -"), 1, func(r *run, self Value, a []Value) Value {
			if i, ok := self.(*Dict).at[r.hash(a[0])]; ok {
				return self.(*Dict).values[i]
			}
			if a[1] != nil {
				return a[1]
			}
			return None
		}},
		"copy": {call: func(r *run, self Value, _ []Value) Value {
			d := NewDict()
			for i, k := range self.(*Dict).keys {
				r.put(d, k, self.(*Dict).values[i])
			}
			return d
		}},
	}
}

// method returns a method bound to its value. What Python has and this package has not is an error.
func (r *run) method(v Value, name string) (Value, bool) {
	kind := typeName(v)
	if kind == "bool" {
		kind = "int"
	}
	m, ok := map[string]map[string]method{"str": strMethods, "list": listMethods, "dict": dictMethods, "tuple": tupleMethods}[kind][name]
	switch {
	case kind == "str" && name == "format":
		return &function{"format", func(r *run, args []Value, keys []keyword) Value { return r.format(v.(string), args, keys) }}, true
	case ok:
		return &function{name, func(r *run, args []Value, keys []keyword) Value {
			r.step(1)
			if s, ok := v.(string); ok {
				r.step(len(s) / 64)
			}
			return m.call(r, v, r.bindMethod(kind+"."+name, m, args, keys))
		}}, true
	case slices.Contains(forbidden[kind], name):
		return &function{name, func(r *run, _ []Value, _ []keyword) Value {
			r.fail("%s.%s is unsafe: a template may not change a %s; make a new one with + or use a namespace", kind, name, kind)
			return nil
		}}, true
	case slices.Contains(unsupported[kind], name):
		r.fail("%s.%s is not supported", kind, name)
	}
	return nil, false
}

func (r *run) bindMethod(what string, m method, args []Value, keys []keyword) []Value {
	if len(args) > len(m.params) {
		r.fail("%s takes at most %d argument(s), not %d", what, len(m.params), len(args))
	}
	bound := make([]Value, len(m.params))
	copy(bound, args)
	for _, k := range keys {
		i := slices.Index(m.params, k.name)
		if i < 0 || k.name == "-" || bound[i] != nil {
			r.fail("%s has no keyword argument '%s', or has it already", what, clip(k.name))
		}
		bound[i] = k.value
	}
	for i := range m.required {
		if bound[i] == nil {
			r.fail("%s wants %d argument(s)", what, m.required)
		}
	}
	return bound
}

func (r *run) strip(s string, chars Value, left, right bool) Value {
	out := isSpace
	if chars != nil && chars != None {
		set := r.needText("strip", chars)
		out = func(c rune) bool { return strings.ContainsRune(set, c) }
	}
	if left {
		s = strings.TrimLeftFunc(s, out)
	}
	if right {
		s = strings.TrimRightFunc(s, out)
	}
	return s
}

// clamp is where a slice index lies in a sequence of length n.
func clamp(i, n int) int {
	if i < 0 {
		i += n
	}
	return min(max(i, 0), n)
}

// part cuts the part of a text that optional indices name, in characters. ok is false where it begins after the end.
func (r *run) part(s string, a []Value) (part string, start int, ok bool) {
	if (a[0] == nil || a[0] == None) && (a[1] == nil || a[1] == None) {
		return s, 0, true
	}
	bound := func(v Value, otherwise int) int {
		if v == None {
			v = nil
		}
		return r.whole("an index", v, otherwise)
	}
	runes := []rune(s)
	n := len(runes)
	from := bound(a[0], 0)
	to := clamp(bound(a[1], n), n)
	if from > n {
		return "", 0, false
	}
	from = clamp(from, n)
	if from > to {
		return "", 0, false
	}
	return string(runes[from:to]), from, true
}

func (r *run) find(s string, a []Value, last, must, count bool) Value {
	want := r.needText("find", a[0])
	part, start, ok := r.part(s, a[1:])
	if count {
		if !ok {
			return int64(0)
		}
		return int64(strings.Count(part, want))
	}
	at := -1
	if ok && last {
		at = strings.LastIndex(part, want)
	} else if ok {
		at = strings.Index(part, want)
	}
	if at < 0 {
		if must {
			r.fail("substring not found")
		}
		return int64(-1)
	}
	return int64(start + utf8.RuneCountInString(part[:at]))
}

func (r *run) edge(name, s string, a []Value, has func(s, t string) bool) Value {
	part, _, ok := r.part(s, a[1:])
	if t, isTuple := a[0].(*tuple); isTuple {
		for _, x := range t.items {
			if has(part, r.needText(name, x)) && ok {
				return true
			}
		}
		return false
	}
	return has(part, r.needText(name, a[0])) && ok
}

func (r *run) texts(parts []string) Value {
	l := &List{Items: []Value{}}
	for _, p := range parts {
		r.made(16 + len(p))
		l.Items = append(l.Items, p)
	}
	return l
}

func (r *run) split(s string, a []Value, fromRight bool) Value {
	most := r.whole("split: maxsplit", a[1], -1)
	if most < 0 {
		most = len(s) + 1
	}
	if a[0] == nil || a[0] == None {
		return r.texts(splitSpace(s, most, fromRight))
	}
	sep := r.needText("split", a[0])
	if sep == "" {
		r.fail("split: empty separator")
	}
	if !fromRight {
		return r.texts(strings.SplitN(s, sep, most+1))
	}
	var parts []string
	for range most {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		parts = append(parts, s[i+len(sep):])
		s = s[:i]
	}
	parts = append(parts, s)
	slices.Reverse(parts)
	return r.texts(parts)
}

// splitSpace cuts at runs of white space; the last part keeps its own after most cuts.
func splitSpace(s string, most int, fromRight bool) (parts []string) {
	notSpace := func(c rune) bool { return !isSpace(c) }
	if !fromRight {
		for s = strings.TrimLeftFunc(s, isSpace); s != ""; s = strings.TrimLeftFunc(s, isSpace) {
			end := strings.IndexFunc(s, isSpace)
			if len(parts) == most || end < 0 {
				return append(parts, s)
			}
			parts = append(parts, s[:end])
			s = s[end:]
		}
		return parts
	}
	for s = strings.TrimRightFunc(s, isSpace); s != ""; s = strings.TrimRightFunc(s, isSpace) {
		if len(parts) == most {
			parts = append(parts, s)
			break
		}
		start := strings.LastIndexFunc(s, isSpace)
		if start < 0 {
			parts = append(parts, s)
			break
		}
		start += strings.IndexFunc(s[start:], notSpace)
		parts = append(parts, s[start:])
		s = s[:start]
	}
	slices.Reverse(parts)
	return parts
}

func splitLines(s string, keep bool) (lines []string) {
	start := 0
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		if !isLineEnd(c) {
			i += n
			continue
		}
		end := i
		i += n
		if c == '\r' && strings.HasPrefix(s[i:], "\n") {
			i++
		}
		if keep {
			end = i
		}
		lines = append(lines, s[start:end])
		start = i
	}
	if start < len(s) {
		lines = append(lines, s[start:])
	}
	return lines
}

func (r *run) partition(s string, sep Value, index func(s, sep string) int, right bool) Value {
	t := r.needText("partition", sep)
	if t == "" {
		r.fail("partition: empty separator")
	}
	if i := index(s, t); i >= 0 {
		return &tuple{items: []Value{s[:i], t, s[i+len(t):]}}
	}
	if right {
		return &tuple{items: []Value{"", "", s}}
	}
	return &tuple{items: []Value{s, "", ""}}
}

// isDigit is Python's: decimal digits, and digits in circles, above and below the line.
func isDigit(c rune) bool {
	if unicode.IsDigit(c) {
		return true
	}
	for _, d := range otherDigits {
		if c >= d[0] && c <= d[1] {
			return true
		}
	}
	return false
}
