package jinja

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// filter is a filter with named parameters, or (open) one that reads its arguments itself.
type filter struct {
	params   []string
	required int
	call     func(r *run, v Value, a []Value) Value // a has a value for every parameter, nil where it was not given
	open     func(r *run, v Value, args []Value, keys []keyword) Value
}

func params(names string) []string { return strings.Fields(names) }

var filters map[string]*filter

// refusedFilters are filters of Jinja2 that are left out.
var refusedFilters = []string{"attr", "center", "filesizeformat", "pprint", "random", "striptags", "urlencode", "urlize", "wordwrap", "xmlattr"}

func init() { // not in the declaration, because map calls filters by name
	filters = map[string]*filter{
		"abs":        {call: filterAbs},
		"batch":      {params: params("linecount fill_with"), required: 1, call: filterBatch},
		"capitalize": {call: func(r *run, v Value, _ []Value) Value { return r.text(capitalize(r.soft(v))) }},
		"default":    {params: params("default_value boolean"), call: filterDefault},
		"dictsort":   {params: params("case_sensitive by reverse"), call: filterDictsort},
		"escape":     {call: filterEscape},
		"first":      {call: filterFirst},
		"float":      {params: params("default"), call: filterFloat},
		"forceescape": {call: func(r *run, v Value, _ []Value) Value {
			return markup(r.text(escapeHTML(r.str(v))).(string))
		}},
		"format":  {open: filterFormat},
		"groupby": {params: params("attribute default case_sensitive"), required: 1, call: filterGroupby},
		"indent":  {params: params("width first blank"), call: filterIndent},
		"int":     {params: params("default base"), call: filterInt},
		"items":   {call: filterItems},
		"join":    {params: params("d attribute"), call: filterJoin},
		"last":    {call: filterLast},
		"length":  {call: func(r *run, v Value, _ []Value) Value { return int64(r.length(v)) }},
		"list":    {call: func(r *run, v Value, _ []Value) Value { return &List{r.list(v)} }},
		"lower":   {call: func(r *run, v Value, _ []Value) Value { return r.text(lowerText(r.soft(v))) }},
		"map":     {open: filterMap},
		"max":     {params: params("case_sensitive attribute"), call: func(r *run, v Value, a []Value) Value { return r.extreme(v, a, ">") }},
		"min":     {params: params("case_sensitive attribute"), call: func(r *run, v Value, a []Value) Value { return r.extreme(v, a, "<") }},
		"reject": {open: func(r *run, v Value, args []Value, keys []keyword) Value {
			return r.choose(v, args, keys, false, false)
		}},
		"rejectattr": {open: func(r *run, v Value, args []Value, keys []keyword) Value { return r.choose(v, args, keys, false, true) }},
		"replace":    {params: params("old new count"), required: 2, call: filterReplace},
		"reverse":    {call: filterReverse},
		"round":      {params: params("precision method"), call: filterRound},
		"safe":       {call: func(r *run, v Value, _ []Value) Value { return markup(r.str(v)) }},
		"select":     {open: func(r *run, v Value, args []Value, keys []keyword) Value { return r.choose(v, args, keys, true, false) }},
		"selectattr": {open: func(r *run, v Value, args []Value, keys []keyword) Value { return r.choose(v, args, keys, true, true) }},
		"slice":      {params: params("slices fill_with"), required: 1, call: filterSlice},
		"sort":       {params: params("reverse case_sensitive attribute"), call: filterSort},
		"string":     {call: filterString},
		"sum":        {params: params("attribute start"), call: filterSum},
		"title":      {call: filterTitle},
		"tojson":     {params: params("ensure_ascii indent separators sort_keys"), call: filterJSON},
		"trim":       {params: params("chars"), call: func(r *run, v Value, a []Value) Value { return r.strip(r.soft(v), a[0], true, true) }},
		"truncate":   {params: params("length killwords end leeway"), call: filterTruncate},
		"unique":     {params: params("case_sensitive attribute"), call: filterUnique},
		"upper":      {call: func(r *run, v Value, _ []Value) Value { return r.text(upperText(r.soft(v))) }},
		"wordcount":  {call: func(r *run, v Value, _ []Value) Value { return int64(len(strings.FieldsFunc(r.soft(v), notWord))) }},
	}
	for short, name := range map[string]string{"d": "default", "e": "escape", "count": "length"} {
		filters[short] = filters[name]
	}
}

func notWord(c rune) bool { return !isWord(c) }

// checkFilter refuses a filter, and arguments of it, that are not known.
func (p *parser) checkFilter(name string, a *callArgs, line int) {
	fail := func(problem string) { panic(&Error{Line: line, Problem: problem}) }
	f, ok := p.filters[name]
	switch {
	case slices.Contains(refusedFilters, name):
		fail("filter '" + name + "' is not supported")
	case !ok:
		fail("unknown filter '" + clip(name) + "'")
	case f.open != nil:
		p.checkOpen(name, a, line)
	case a.star == nil && a.starStar == nil:
		if problem := f.misfit(name, len(a.args), a.names); problem != "" {
			fail(problem)
		}
	}
}

// checkOpen looks into the filters that take the name of a filter or a test.
func (p *parser) checkOpen(name string, a *callArgs, line int) {
	at := map[string]int{"map": 0, "select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}
	i, ok := at[name]
	if !ok || len(a.args) <= i {
		return
	}
	constant, ok := a.args[i].(constExpr)
	if !ok {
		return
	}
	inner, ok := constant.v.(string)
	if !ok {
		return
	}
	rest := callArgs{args: a.args[i+1:], names: a.names, values: a.values, star: a.star, starStar: a.starStar}
	if name == "map" {
		p.checkFilter(inner, &rest, line)
	} else {
		p.checkTest(inner, &rest, line)
	}
}

// misfit says why arguments do not fit; "" if they do.
func (f *filter) misfit(name string, n int, keys []string) string {
	if n > len(f.params) {
		return fmt.Sprintf("filter '%s' takes at most %d argument(s), not %d", name, len(f.params), n)
	}
	given := n
	for _, k := range keys {
		i := slices.Index(f.params, k)
		if i < 0 {
			return fmt.Sprintf("filter '%s' has no keyword argument '%s'", name, clip(k))
		}
		if i < n {
			return fmt.Sprintf("filter '%s' got multiple values for argument '%s'", name, k)
		}
		if i < f.required {
			given++
		}
	}
	if given < f.required {
		return fmt.Sprintf("filter '%s' wants %d argument(s)", name, f.required)
	}
	return ""
}

func (r *run) applyFilter(name string, v Value, args []Value, keys []keyword) Value {
	r.step(1)
	f, ok := filters[name]
	if !ok {
		r.fail("unknown filter '%s'", clip(name))
	}
	if f.open != nil {
		return f.open(r, v, args, keys)
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	if problem := f.misfit(name, len(args), names); problem != "" {
		r.fail("%s", problem)
	}
	bound := make([]Value, len(f.params))
	copy(bound, args)
	for _, k := range keys {
		bound[slices.Index(f.params, k.name)] = k.value
	}
	return f.call(r, v, bound)
}

// flag is the truth of an argument that may be absent.
func flag(v Value) bool { return v != nil && truth(v) }

// whole is an argument that must be a whole number.
func (r *run) whole(what string, v Value, otherwise int) int {
	if v == nil {
		return otherwise
	}
	r.defined(v)
	i, ok := intOf(v)
	if !ok {
		r.fail("%s: want a whole number, not %s", what, typeName(v))
	}
	if !i.IsInt64() || i.Int64() > 1<<31 || i.Int64() < -1<<31 {
		r.fail("%s: the number %s is too large", what, clip(i.String()))
	}
	return int(i.Int64())
}

func filterAbs(r *run, v Value, _ []Value) Value {
	r.defined(v)
	if f, ok := v.(float64); ok {
		return math.Abs(f)
	}
	i, ok := intOf(v)
	if !ok {
		r.fail("bad operand type for abs(): '%s'", typeName(v))
	}
	return normal(new(big.Int).Abs(i))
}

func filterDefault(r *run, v Value, a []Value) Value {
	_, missing := v.(*undefined)
	if missing || flag(a[1]) && !truth(v) {
		if a[0] == nil {
			return ""
		}
		return a[0]
	}
	return v
}

func filterString(r *run, v Value, _ []Value) Value {
	if _, ok := v.(markup); ok {
		return v
	}
	return r.text(r.str(v))
}

var htmlEscapes = strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", "'", "&#39;", "\"", "&#34;")

func escapeHTML(s string) string { return htmlEscapes.Replace(s) }

func filterEscape(r *run, v Value, _ []Value) Value {
	if m, ok := v.(markup); ok {
		return m
	}
	return markup(r.text(escapeHTML(r.str(v))).(string))
}

func filterInt(r *run, v Value, a []Value) Value {
	r.plain(v)
	r.defined(v)
	var otherwise Value = int64(0)
	if a[0] != nil {
		otherwise = a[0]
	}
	base := r.whole("filter 'int': base", a[1], 10)
	if base != 0 && (base < 2 || base > 36) {
		r.fail("filter 'int': base %d is not supported", base)
	}
	if s, ok := v.(string); ok {
		if i, ok := parseInt(s, base); ok {
			return r.bounded(i)
		}
		f, ok := parseFloat(s)
		if !ok || math.IsNaN(f) {
			return otherwise
		}
		return r.truncated(f)
	}
	if f, ok := v.(float64); ok {
		if math.IsNaN(f) {
			return otherwise
		}
		return r.truncated(f)
	}
	if i, ok := intOf(v); ok {
		return normal(i)
	}
	return otherwise
}

// truncated is Python's int of a float.
func (r *run) truncated(f float64) Value {
	if math.IsInf(f, 0) {
		r.fail("cannot convert float infinity to integer")
	}
	i, _ := new(big.Float).SetFloat64(f).Int(nil)
	return normal(i)
}

func filterFloat(r *run, v Value, a []Value) Value {
	r.plain(v)
	r.defined(v)
	if s, ok := v.(string); ok {
		if f, ok := parseFloat(s); ok {
			return f
		}
	} else if isNumber(v) {
		return r.toFloat(v)
	}
	if a[0] != nil {
		return a[0]
	}
	return 0.0
}

func filterRound(r *run, v Value, a []Value) Value {
	r.defined(v)
	precision := r.whole("filter 'round': precision", a[0], 0)
	method := "common"
	if a[1] != nil {
		method = r.needText("filter 'round': method", a[1])
	}
	if !isNumber(v) {
		r.fail("filter 'round': want a number, not %s", typeName(v))
	}
	if precision < 0 || precision > 300 {
		r.fail("filter 'round': precision %d is not supported", precision)
	}
	f, isFloat := v.(float64)
	switch method {
	case "common":
		if !isFloat {
			i, _ := intOf(v)
			return normal(i)
		}
		if math.IsInf(f, 0) || math.IsNaN(f) {
			return f
		}
		out, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', precision, 64), 64)
		return out
	case "ceil", "floor":
		scale := r.intBinary("**", big.NewInt(10), big.NewInt(int64(precision)))
		product := r.binary("*", v, scale)
		if f, ok := product.(float64); ok {
			if math.IsNaN(f) {
				r.fail("cannot convert float NaN to integer")
			}
			if method == "ceil" {
				product = r.truncated(math.Ceil(f))
			} else {
				product = r.truncated(math.Floor(f))
			}
		}
		return r.binary("/", product, scale)
	}
	r.fail("filter 'round': method must be common, ceil or floor")
	return nil
}

func filterReplace(r *run, v Value, a []Value) Value {
	count := -1
	if a[2] != nil && a[2] != None {
		count = r.whole("filter 'replace': count", a[2], -1)
	}
	return r.replace(r.soft(v), r.soft(a[0]), r.soft(a[1]), count)
}

func (r *run) replace(s, from, to string, count int) Value {
	n := strings.Count(s, from)
	if count >= 0 {
		n = min(n, count)
	}
	r.made(len(s) + n*len(to))
	return strings.Replace(s, from, to, count)
}

func filterTitle(r *run, v Value, _ []Value) Value {
	var out strings.Builder
	word := ""
	flush := func() {
		for _, c := range word {
			n := len(string(c))
			out.WriteString(upperText(word[:n]) + lowerText(word[n:]))
			break
		}
		word = ""
	}
	for _, c := range r.soft(v) {
		if isSpace(c) || strings.ContainsRune("-({[<", c) {
			flush()
			out.WriteString(upperText(string(c)))
			continue
		}
		word += string(c)
		r.step(1 + len(word)/256)
	}
	flush()
	return r.text(out.String())
}

func filterIndent(r *run, v Value, a []Value) Value {
	s := r.needText("filter 'indent'", v)
	indent := "    "
	if a[0] != nil {
		if t, ok := a[0].(string); ok {
			indent = t
		} else {
			n := max(0, r.whole("filter 'indent': width", a[0], 4))
			r.made(n)
			indent = strings.Repeat(" ", n)
		}
	}
	lines := splitLines(s+"\n", false)
	r.made(len(s) + len(indent)*len(lines))
	var out strings.Builder
	for i, line := range lines {
		if i > 0 {
			out.WriteByte('\n')
			if line != "" || flag(a[2]) {
				out.WriteString(indent)
			}
		} else if flag(a[1]) {
			out.WriteString(indent)
		}
		out.WriteString(line)
	}
	return out.String()
}

func filterTruncate(r *run, v Value, a []Value) Value {
	runes := []rune(r.needText("filter 'truncate'", v))
	r.made(4 * len(runes))
	n := r.whole("filter 'truncate': length", a[0], 255)
	end := "..."
	if a[2] != nil {
		end = r.needText("filter 'truncate': end", a[2])
	}
	leeway := 5
	if a[3] != nil && a[3] != None {
		leeway = r.whole("filter 'truncate': leeway", a[3], 5)
	}
	keep := n - len([]rune(end))
	if keep < 0 || leeway < 0 {
		r.fail("filter 'truncate': the length %d is too small, or the leeway %d is below zero", n, leeway)
	}
	if len(runes) <= n+leeway {
		return string(runes)
	}
	cut := string(runes[:min(keep, len(runes))])
	if !flag(a[1]) {
		if i := strings.LastIndexByte(cut, ' '); i >= 0 {
			cut = cut[:i]
		}
	}
	return cut + end
}

func filterFormat(r *run, v Value, args []Value, keys []keyword) Value {
	if len(args) > 0 && len(keys) > 0 {
		r.fail("filter 'format' takes arguments with names or without, not both")
	}
	if len(keys) > 0 {
		d := NewDict()
		for _, k := range keys {
			d.Set(k.name, k.value)
		}
		return r.percent(r.soft(v), d)
	}
	return r.percent(r.soft(v), &tuple{items: args})
}
