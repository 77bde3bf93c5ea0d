package jinja

import (
	"fmt"
	"strings"
)

// maxSource bounds the text of a template, in bytes. The largest known ones have some 30 KB.
const maxSource = 1 << 20

// Limits of a rendering. What goes beyond them is an error that names the limit.
const (
	maxSteps  = 5_000_000 // evaluated nodes and items of loops, and work of that size
	maxOutput = 64 << 20  // bytes of the text
	maxMade   = 512 << 20 // bytes of all intermediate values together
	maxCalls  = 100       // macros and recursive loops within each other
)

// Template is a parsed template. It may be rendered by several goroutines at a time.
type Template struct {
	body  []node
	marks bool
}

// Marks says that the template has a {% generation %} block.
func (t *Template) Marks() bool { return t.marks }

// Span is a range of bytes of the output.
type Span struct{ From, To int }

// Output is a rendered template.
type Output struct {
	Text string
	// Generation are the places of {% generation %} blocks in Text, in order.
	Generation []Span
	// Untracked says that such a block stood inside a macro, a call or a captured text, so that its place is not known.
	Untracked bool
	Steps     int // that the rendering took
}

// Error is a fault of a template, or one that came up while it ran.
type Error struct {
	Line    int // of the template
	Problem string
	Raised  bool // by raise_exception: Problem is its message
	// NeedsDate says that the template calls strftime_now, and the variables do not have it.
	NeedsDate bool
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Problem) }

// catch turns a panic of this package into an error. Others are faults of ours and go on.
func catch(err *error) {
	if p := recover(); p != nil {
		e, ok := p.(*Error)
		if !ok {
			panic(p)
		}
		*err = e
	}
}

// Parse reads a template. Errors are of type *Error.
func Parse(source string) (t *Template, err error) {
	defer catch(&err)
	if len(source) > maxSource {
		return nil, &Error{Line: 1, Problem: fmt.Sprintf("the template has %d bytes, at most %d are allowed", len(source), maxSource)}
	}
	p := &parser{tokens: lex(source), filters: filters}
	body := p.body("", 1)
	return &Template{body, p.marks}, nil
}

// Render runs the template with these variables. Errors are of type *Error.
func (t *Template) Render(variables map[string]Value) (out Output, err error) {
	defer catch(&err)
	r := &run{line: 1}
	s := &scope{vars: map[string]Value{}, up: &scope{vars: variables, up: &scope{vars: globals}}}
	r.exec(t.body, s)
	return Output{Text: r.out.String(), Generation: r.spans, Untracked: r.untracked, Steps: r.steps}, nil
}

// run is one rendering.
type run struct {
	out       strings.Builder
	captures  []*strings.Builder // of set blocks, macros and filter blocks: the last is written to
	line      int
	steps     int
	bytes     int // made so far
	depth     int // of values that are compared, printed or evaluated
	calls     int
	spans     []Span
	untracked bool
}

type scope struct {
	vars map[string]Value
	up   *scope
}

func (s *scope) inner() *scope { return &scope{vars: map[string]Value{}, up: s} }

func (s *scope) get(name string) Value {
	for ; s != nil; s = s.up {
		if v, ok := s.vars[name]; ok {
			return v
		}
	}
	if name == "strftime_now" {
		return &undefined{what: needsDate, date: true}
	}
	return &undefined{what: "'" + name + "' is undefined"}
}

// needsDate is the error of a template that calls strftime_now without a date.
const needsDate = "strftime_now() gives today's date, with which the same training would differ tomorrow: set chat_date to a day " +
	`(YYYY-MM-DD), or put a fixed date in its place in the template, for instance {% set date = "26 Jul 2024" %}`

func (r *run) err(format string, args ...any) *Error {
	return &Error{Line: r.line, Problem: fmt.Sprintf(format, args...)}
}

func (r *run) fail(format string, args ...any) { panic(r.err(format, args...)) }

func (r *run) step(n int) {
	if r.steps += n; r.steps > maxSteps {
		r.fail("the template takes more than %d steps", maxSteps)
	}
}

// made counts bytes of values.
func (r *run) made(n int) {
	r.step(n / 256)
	if r.bytes += n; r.bytes > maxMade {
		r.fail("the template makes values of more than %d MiB", maxMade>>20)
	}
}

func (r *run) deeper() {
	if r.depth++; r.depth > 10*maxDepth {
		r.fail("values or expressions are nested too deep")
	}
}

func (r *run) write(s string) {
	r.step(1)
	out := &r.out
	if n := len(r.captures); n > 0 {
		out = r.captures[n-1]
	}
	if out.Len()+len(s) > maxOutput {
		r.fail("the template writes more than %d MiB", maxOutput>>20)
	}
	r.made(len(s))
	out.WriteString(s)
}

// capture runs statements and returns what they write.
func (r *run) capture(do func() control) (string, control) {
	out := &strings.Builder{}
	r.captures = append(r.captures, out)
	c := do()
	r.captures = r.captures[:len(r.captures)-1]
	return out.String(), c
}

// control says how statements ended.
type control int

const (
	through control = iota
	broken
	continued
)

func (r *run) exec(list []node, s *scope) control {
	for _, n := range list {
		if c := r.statement(n, s); c != through {
			return c
		}
	}
	return through
}

func (r *run) statement(n node, s *scope) control {
	r.step(1)
	switch n := n.(type) {
	case textNode:
		r.write(n.text)
	case printNode:
		r.line = n.line
		r.write(r.str(r.eval(n.x, s)))
	case *ifNode:
		r.line = n.line
		if truth(r.eval(n.cond, s)) {
			return r.exec(n.then, s)
		}
		return r.exec(n.other, s)
	case *forNode:
		r.line = n.line
		return r.forLoop(n, s, r.eval(n.seq, s), 0)
	case setNode:
		r.line = n.line
		r.assign(n.target, r.eval(n.x, s), s)
	case setBlockNode:
		text, c := r.capture(func() control { return r.exec(n.body, s.inner()) })
		if c != through {
			return c
		}
		r.line = n.line
		r.assign(n.target, r.filterText(n.filters, text, s), s)
	case filterNode:
		text, c := r.capture(func() control { return r.exec(n.body, s.inner()) })
		if c != through {
			return c
		}
		r.line = n.line
		filtered := r.filterText(n.filters, text, s)
		if _, ok := anyText(filtered); !ok {
			r.fail("a filter block must make a text, not %s", typeName(filtered))
		}
		r.write(r.str(filtered))
	case withNode:
		r.line = n.line
		in := s.inner()
		for i, t := range n.targets {
			r.assign(t, r.eval(n.values[i], s), in)
		}
		return r.exec(n.body, in)
	case macroNode:
		s.vars[n.name] = &macro{name: n.name, def: n.def, scope: s}
	case callNode:
		r.line = n.line
		r.write(r.str(r.call(n.call, s, &macro{def: n.def, scope: s})))
	case generationNode:
		start := r.out.Len()
		r.exec(n.body, s.inner())
		if len(r.captures) > 0 {
			r.untracked = true
		} else if r.out.Len() > start {
			r.spans = append(r.spans, Span{start, r.out.Len()})
		}
	case breakNode:
		return broken
	case continueNode:
		return continued
	}
	return through
}

// filterText applies the filters of a block to its text.
func (r *run) filterText(f *filterExpr, text string, s *scope) Value {
	if f == nil {
		return text
	}
	return r.eval(f, &scope{vars: map[string]Value{capturedName: text}, up: s})
}

// capturedName is what no name of a template can be.
const capturedName = " captured"

func (r *run) assign(t target, v Value, s *scope) {
	switch {
	case t.field != "":
		ns, ok := s.get(t.name).(*namespace)
		if !ok {
			r.fail("cannot set the field %s of %s, which is not a namespace", t.field, t.name)
		}
		r.made(64)
		ns.d.Set(t.field, v)
	case t.tuple != nil:
		items := []Value{}
		it := r.iterable(v)
		if it == nil {
			r.fail("cannot unpack non-iterable %s object", typeName(v))
		}
		for x, ok := it(); ok && len(items) <= len(t.tuple); x, ok = it() {
			items = append(items, x)
		}
		if len(items) < len(t.tuple) {
			r.fail("not enough values to unpack (expected %d, got %d)", len(t.tuple), len(items))
		}
		if len(items) > len(t.tuple) {
			r.fail("too many values to unpack (expected %d)", len(t.tuple))
		}
		for i := range items {
			r.assign(t.tuple[i], items[i], s)
		}
	default:
		s.vars[t.name] = v
	}
}

// loop is the variable of that name.
type loop struct {
	r       *run
	next    iterator
	ahead   []Value // items that were asked for before their turn
	over    bool
	index0  int
	depth   int
	known   int // the length, -1 if it is not known
	current Value
	before  Value
	changed []Value // arguments of the last call of changed; nil before the first
	again   func(seq Value, depth int) string
}

// peek says whether there is another item.
func (l *loop) peek() (Value, bool) {
	if len(l.ahead) == 0 && !l.over {
		v, ok := l.next()
		if !ok {
			l.over = true
			return nil, false
		}
		l.ahead = append(l.ahead, v)
	}
	if len(l.ahead) == 0 {
		return nil, false
	}
	return l.ahead[0], true
}

func (l *loop) advance() bool {
	v, ok := l.peek()
	if !ok {
		return false
	}
	l.ahead = l.ahead[1:]
	l.before, l.current = l.current, v
	l.index0++
	return true
}

func (l *loop) length() int {
	if l.known < 0 {
		for v, ok := l.next(); ok; v, ok = l.next() {
			l.ahead = append(l.ahead, v)
			l.r.made(16)
		}
		l.over = true
		l.known = l.index0 + 1 + len(l.ahead)
	}
	return l.known
}

func (l *loop) field(name string) (Value, bool) {
	switch name {
	case "index":
		return int64(l.index0 + 1), true
	case "index0":
		return int64(l.index0), true
	case "length":
		return int64(l.length()), true
	case "revindex":
		return int64(l.length() - l.index0), true
	case "revindex0":
		return int64(l.length() - l.index0 - 1), true
	case "first":
		return l.index0 == 0, true
	case "last":
		_, more := l.peek()
		return !more, true
	case "depth":
		return int64(l.depth + 1), true
	case "depth0":
		return int64(l.depth), true
	case "previtem":
		if l.index0 == 0 {
			return &undefined{what: "there is no previous item"}, true
		}
		return l.before, true
	case "nextitem":
		if v, more := l.peek(); more {
			return v, true
		}
		return &undefined{what: "there is no next item"}, true
	case "cycle":
		return &function{"loop.cycle", func(r *run, args []Value, keys []keyword) Value {
			r.noKeys("loop.cycle", keys)
			if len(args) == 0 {
				r.fail("loop.cycle: no items for cycling given")
			}
			return args[l.index0%len(args)]
		}}, true
	case "changed":
		return &function{"loop.changed", func(r *run, args []Value, keys []keyword) Value {
			r.noKeys("loop.changed", keys)
			if l.changed != nil && r.equalItems(l.changed, args) {
				return false
			}
			l.changed = append([]Value{}, args...)
			return true
		}}, true
	}
	return nil, false
}

func (r *run) forLoop(n *forNode, up *scope, seq Value, depth int) control {
	l := &loop{r: r, next: r.iter(seq), index0: -1, depth: depth, known: -1}
	if n.test == nil {
		if k, ok := length(seq); ok {
			l.known = k
		}
	} else {
		all := l.next
		l.next = func() (Value, bool) {
			for v, ok := all(); ok; v, ok = all() {
				in := up.inner()
				in.vars["loop"] = &undefined{what: "the condition of a loop cannot look at the loop"}
				r.assign(n.target, v, in)
				if truth(r.eval(n.test, in)) {
					return v, true
				}
			}
			return nil, false
		}
	}
	if n.recursive {
		l.again = func(seq Value, depth int) string {
			if r.calls++; r.calls > maxCalls {
				r.fail("loops and macros call each other more than %d deep", maxCalls)
			}
			text, _ := r.capture(func() control { return r.forLoop(n, up, seq, depth) })
			r.calls--
			return text
		}
	}
	none := true
	for l.advance() {
		r.step(1)
		in := up.inner()
		in.vars["loop"] = l
		r.assign(n.target, l.current, in)
		c := r.exec(n.body, in)
		if c == broken {
			break
		}
		if c == through {
			none = false
		}
	}
	if none && n.none != nil {
		return r.exec(n.none, up.inner())
	}
	return through
}

// macro is a macro or the body of a call block.
type macro struct {
	name  string
	def   *macroDef
	scope *scope
}

func (m *macro) invoke(r *run, args []Value, keys []keyword) Value {
	if r.calls++; r.calls > maxCalls {
		r.fail("loops and macros call each other more than %d deep", maxCalls)
	}
	line := r.line
	in := m.scope.inner()
	d := m.def
	take := func(name string) (Value, bool) {
		for i, k := range keys {
			if k.name == name {
				keys = append(append([]keyword{}, keys[:i]...), keys[i+1:]...)
				return k.value, true
			}
		}
		return nil, false
	}
	optional := len(d.params) - len(d.defaults)
	for i, name := range d.params {
		var v Value
		ok := i < len(args)
		if ok {
			v = args[i]
		} else if v, ok = take(name); !ok {
			if i >= optional {
				v = r.eval(d.defaults[i-optional], in)
			} else {
				v = &undefined{what: "parameter '" + name + "' was not provided"}
			}
		}
		in.vars[name] = v
	}
	if d.useCaller {
		v, ok := take("caller")
		if !ok || v == None {
			v = &undefined{what: "no caller is defined"}
		}
		in.vars["caller"] = v
	}
	rest := args[min(len(args), len(d.params)):]
	if d.useArgs {
		in.vars["varargs"] = &tuple{items: rest}
	} else if len(rest) > 0 {
		r.fail("macro '%s' takes not more than %d argument(s)", m.name, len(d.params))
	}
	if d.useKeys {
		more := NewDict()
		for _, k := range keys {
			more.Set(k.name, k.value)
		}
		in.vars["kwargs"] = more
	} else if len(keys) > 0 {
		r.fail("macro '%s' takes no keyword argument '%s'", m.name, keys[0].name)
	}
	text, _ := r.capture(func() control { return r.exec(d.body, in) })
	r.calls--
	r.line = line
	return text
}
