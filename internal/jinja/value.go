package jinja

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Value is a value of a template, one of: None, bool, int64, *big.Int (what int64 cannot hold), float64, string, *List, *Dict, and
// what only templates make: tuples, ranges, views of dictionaries, generators, namespaces, macros, functions, undefined values.
type Value = any

type none struct{}

// None is Python's None and JSON's null.
var None Value = none{}

// undefined is a name or a field that is not there. It prints nothing; most other uses are errors, which say what is missing.
type undefined struct {
	what string
	date bool // it is strftime_now: an error for want of a date
}

// markup is a text that | escape or | safe has made. Few things may be done with it: see plain.
type markup string

// List is a list.
type List struct{ Items []Value }

type tuple struct {
	items  []Value
	fields []string // of a named tuple: what groupby makes
}

// Dict is a dictionary. Its keys keep the order in which they were set.
type Dict struct {
	keys, values []Value
	at           map[string]int // by hash
}

type span struct{ start, stop, step, n int64 } // range(); n is its length

// view is what keys(), values() and items() of a dictionary return.
type view struct {
	kind string
	d    *Dict
}

// generator gives its items once.
type generator struct{ next iterator }

type iterator func() (Value, bool)

type namespace struct{ d *Dict }

// function is a function of the template's environment, a filter's result or a method bound to its value.
type function struct {
	name string
	call func(r *run, args []Value, keys []keyword) Value
}

type keyword struct {
	name  string
	value Value
}

// NewDict makes an empty dictionary.
func NewDict() *Dict { return &Dict{at: map[string]int{}} }

// Get returns the value of a key that is a text.
func (d *Dict) Get(key string) (Value, bool) {
	if i, ok := d.at["s"+key]; ok {
		return d.values[i], true
	}
	return nil, false
}

// Set sets the value of a key that is a text. A new key comes last.
func (d *Dict) Set(key string, v Value) { d.put("s"+key, key, v) }

// Len is the number of keys.
func (d *Dict) Len() int { return len(d.keys) }

// Names are the keys that are texts, in their order.
func (d *Dict) Names() []string {
	names := make([]string, 0, len(d.keys))
	for _, k := range d.keys {
		if name, ok := k.(string); ok {
			names = append(names, name)
		}
	}
	return names
}

// DropNone takes keys whose value is None out of the dictionary and of all dictionaries in it. Items of lists stay.
func (d *Dict) DropNone() {
	from := *d
	*d = *NewDict()
	hashes := make([]string, len(from.keys))
	for hash, i := range from.at {
		hashes[i] = hash
	}
	for i, v := range from.values {
		if v != None {
			dropNone(v)
			d.put(hashes[i], from.keys[i], v)
		}
	}
}

// DropNone does so for all dictionaries in the list.
func (l *List) DropNone() {
	for _, v := range l.Items {
		dropNone(v)
	}
}

func dropNone(v Value) {
	switch v := v.(type) {
	case *Dict:
		v.DropNone()
	case *List:
		v.DropNone()
	}
}

func (d *Dict) put(hash string, key, v Value) {
	if i, ok := d.at[hash]; ok {
		d.values[i] = v
		return
	}
	d.at[hash] = len(d.keys)
	d.keys, d.values = append(d.keys, key), append(d.values, v)
}

// typeName is Python's name of a value's type.
func typeName(v Value) string {
	switch v := v.(type) {
	case none:
		return "NoneType"
	case *undefined:
		return "Undefined"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case markup:
		return "Markup"
	case *List:
		return "list"
	case *tuple:
		return "tuple"
	case *Dict:
		return "dict"
	case *span:
		return "range"
	case *view:
		return "dict_" + v.kind
	case *generator:
		return "generator"
	case *namespace:
		return "Namespace"
	case *macro:
		return "Macro"
	case *loop:
		return "LoopContext"
	}
	return "function"
}

// truth is Python's bool(v).
func truth(v Value) bool {
	switch v := v.(type) {
	case none, *undefined:
		return false
	case bool:
		return v
	case float64:
		return v != 0
	}
	if n, ok := intOf(v); ok {
		return n.Sign() != 0
	}
	if n, ok := length(v); ok {
		return n > 0
	}
	return true
}

// length is Python's len; ok is false for values without one.
func length(v Value) (n int, ok bool) {
	switch v := v.(type) {
	case *undefined:
		return 0, true
	case string:
		return utf8.RuneCountInString(v), true
	case markup:
		return utf8.RuneCountInString(string(v)), true
	case *List:
		return len(v.Items), true
	case *tuple:
		return len(v.items), true
	case *Dict:
		return len(v.keys), true
	case *span:
		return int(v.n), true
	case *view:
		return len(v.d.keys), true
	case *loop:
		return v.length(), true
	}
	return 0, false
}

func (r *run) length(v Value) int {
	n, ok := length(v)
	if !ok {
		r.fail("object of type '%s' has no len()", typeName(v))
	}
	return n
}

// of makes an iterator of a slice.
func of(items []Value) iterator {
	i := 0
	return func() (Value, bool) {
		if i >= len(items) {
			return nil, false
		}
		i++
		return items[i-1], true
	}
}

func (v *view) item(i int) Value {
	switch v.kind {
	case "keys":
		return v.d.keys[i]
	case "values":
		return v.d.values[i]
	}
	return &tuple{items: []Value{v.d.keys[i], v.d.values[i]}}
}

// iterable returns nil for a value that Python's iter refuses.
func (r *run) iterable(v Value) iterator {
	switch v := v.(type) {
	case *undefined:
		return of(nil)
	case markup:
		return r.iterable(string(v))
	case string:
		return func() (Value, bool) {
			if v == "" {
				return nil, false
			}
			_, n := utf8.DecodeRuneInString(v)
			c := v[:n]
			v = v[n:]
			return c, true
		}
	case *List:
		return of(v.Items)
	case *tuple:
		return of(v.items)
	case *Dict:
		return of(v.keys)
	case *span:
		i := int64(0)
		return func() (Value, bool) {
			if i >= v.n {
				return nil, false
			}
			i++
			return v.start + (i-1)*v.step, true
		}
	case *view:
		i := 0
		return func() (Value, bool) {
			if i >= len(v.d.keys) {
				return nil, false
			}
			i++
			return v.item(i - 1), true
		}
	case *generator:
		return v.next
	case *loop:
		r.fail("the loop itself cannot be iterated")
	}
	return nil
}

// iter iterates over a value and counts the steps.
func (r *run) iter(v Value) iterator {
	it := r.iterable(v)
	if it == nil {
		r.fail("'%s' object is not iterable", typeName(v))
	}
	return func() (Value, bool) {
		r.step(1)
		return it()
	}
}

func (r *run) list(v Value) []Value {
	items := []Value{}
	it := r.iter(v)
	for x, ok := it(); ok; x, ok = it() {
		items = append(items, x)
		r.made(16)
	}
	return items
}

// hash writes a value so that equal keys, and only those, have the same text.
func (r *run) hash(v Value) string {
	switch v := v.(type) {
	case string:
		return "s" + v
	case markup:
		return "s" + string(v)
	case none:
		return "n"
	case *undefined:
		return "u"
	case float64:
		if v == math.Trunc(v) && !math.IsInf(v, 0) {
			i, _ := big.NewFloat(v).Int(nil)
			return "i" + i.String()
		}
		return "f" + strconv.FormatFloat(v, 'g', -1, 64)
	case *span:
		x := *v // equal ranges have equal numbers
		if x.stop = 0; x.n < 2 {
			x.step = 0
		}
		if x.n == 0 {
			x.start = 0
		}
		return fmt.Sprint("r", x)
	case *tuple:
		var s strings.Builder
		s.WriteByte('t')
		r.deeper()
		for _, x := range v.items {
			h := r.hash(x)
			s.WriteString(strconv.Itoa(len(h)) + ":" + h)
		}
		r.depth--
		return s.String()
	}
	if i, ok := intOf(v); ok {
		return "i" + i.String()
	}
	r.fail("unhashable type: '%s'", typeName(v))
	return ""
}

func (r *run) put(d *Dict, key, v Value) {
	h := r.hash(key)
	r.made(len(h) + 64)
	d.put(h, key, v)
}

// equal is Python's ==.
func (r *run) equal(a, b Value) bool {
	r.step(1)
	r.deeper()
	defer func() { r.depth-- }()
	if isNumber(a) && isNumber(b) {
		c, ordered := compareNumbers(a, b)
		return ordered && c == 0
	}
	if s, ok := anyText(a); ok {
		t, ok := anyText(b)
		r.step(len(s) / 64)
		return ok && s == t
	}
	switch x := a.(type) {
	case none:
		_, ok := b.(none)
		return ok
	case *undefined:
		_, ok := b.(*undefined)
		return ok
	case *List:
		y, ok := b.(*List)
		return ok && r.equalItems(x.Items, y.Items)
	case *tuple:
		y, ok := b.(*tuple)
		return ok && r.equalItems(x.items, y.items)
	case *Dict:
		y, ok := b.(*Dict)
		if !ok || len(x.keys) != len(y.keys) {
			return false
		}
		for i, k := range x.keys {
			at, ok := y.at[r.hash(k)]
			if !ok || !r.equal(x.values[i], y.values[at]) {
				return false
			}
		}
		return true
	case *span:
		y, ok := b.(*span)
		return ok && x.n == y.n && (x.n == 0 || x.start == y.start && (x.n == 1 || x.step == y.step))
	case *view:
		if _, ok := b.(*view); ok {
			r.fail("comparing dict_%s is not supported: use | list", x.kind)
		}
		return false
	case *function:
		if _, ok := b.(*function); ok {
			r.fail("comparing functions is not supported")
		}
		return false
	}
	return a == b
}

func (r *run) equalItems(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !r.equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// less is Python's <, <=, > and >=.
func (r *run) less(op string, a, b Value) bool {
	r.step(1)
	r.deeper()
	defer func() { r.depth-- }()
	decide := func(c int) bool {
		switch op {
		case "<":
			return c < 0
		case "<=":
			return c <= 0
		case ">":
			return c > 0
		}
		return c >= 0
	}
	r.defined(a)
	r.defined(b)
	if isNumber(a) && isNumber(b) {
		c, ordered := compareNumbers(a, b)
		return ordered && decide(c)
	}
	if s, ok := anyText(a); ok {
		if t, ok := anyText(b); ok {
			return decide(strings.Compare(s, t))
		}
	}
	var x, y []Value
	switch v := a.(type) {
	case *List:
		if w, ok := b.(*List); ok {
			x, y = v.Items, w.Items
		}
	case *tuple:
		if w, ok := b.(*tuple); ok {
			x, y = v.items, w.items
		}
	}
	_, isList := a.(*List)
	_, isTuple := a.(*tuple)
	if isList || isTuple {
		if typeName(a) == typeName(b) {
			for i := range min(len(x), len(y)) {
				if !r.equal(x[i], y[i]) {
					return r.less(op, x[i], y[i])
				}
			}
			return decide(len(x) - len(y))
		}
	}
	r.fail("'%s' not supported between instances of '%s' and '%s'", op, typeName(a), typeName(b))
	return false
}

// contains is Python's in.
func (r *run) contains(item, in Value) bool {
	if s, ok := anyText(in); ok {
		t, ok := anyText(item)
		if !ok {
			r.fail("'in <string>' requires string as left operand, not %s", typeName(item))
		}
		r.step(len(s) / 64)
		return strings.Contains(s, t)
	}
	switch in := in.(type) {
	case *Dict:
		_, ok := in.at[r.hash(item)]
		return ok
	case *view:
		if in.kind == "keys" {
			_, ok := in.d.at[r.hash(item)]
			return ok
		}
	case *namespace, *loop, *macro, *function:
		r.fail("argument of type '%s' is not iterable", typeName(in))
	}
	it := r.iterable(in)
	if it == nil {
		r.fail("argument of type '%s' is not iterable", typeName(in))
	}
	for x, ok := it(); ok; x, ok = it() {
		if r.equal(x, item) {
			return true
		}
	}
	return false
}

// anyText returns the text of a string, marked as safe or not.
func anyText(v Value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case markup:
		return string(v), true
	}
	return "", false
}

// defined refuses undefined values.
func (r *run) defined(v Value) {
	if u, ok := v.(*undefined); ok {
		e := r.err("%s", u.what)
		e.NeedsDate = u.date
		panic(e)
	}
}

// clip shortens a text for an error.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
