package jinja

import (
	"slices"
	"strconv"
	"strings"
)

// getter reads the field that an attribute argument names: "a.b.0".
func (r *run) getter(attribute Value) func(Value) Value {
	var parts []Value
	switch a := attribute.(type) {
	case nil, none:
	case string:
		for _, part := range strings.Split(a, ".") {
			if n, err := strconv.ParseInt(part, 10, 64); err == nil && part[0] != '-' && part[0] != '+' {
				parts = append(parts, n)
			} else {
				parts = append(parts, part)
			}
		}
	default:
		parts = []Value{a}
	}
	return func(v Value) Value {
		for _, part := range parts {
			v = r.item(v, part)
		}
		return v
	}
}

// sortKey is a getter that makes texts small unless the case counts.
func (r *run) sortKey(attribute, caseSensitive Value) func(Value) Value {
	get := r.getter(attribute)
	if flag(caseSensitive) {
		return get
	}
	return func(v Value) Value { return r.ignoreCase(get(v)) }
}

func (r *run) ignoreCase(v Value) Value {
	if s, ok := anyText(v); ok {
		return r.text(lowerText(s))
	}
	return v
}

func filterFirst(r *run, v Value, _ []Value) Value {
	if x, ok := r.iter(v)(); ok {
		return x
	}
	return &undefined{what: "no first item, sequence was empty"}
}

func filterLast(r *run, v Value, _ []Value) Value {
	items, ok := r.backwards(v)
	if !ok {
		r.fail("'%s' object is not reversible", typeName(v))
	}
	if len(items) == 0 {
		return &undefined{what: "no last item, sequence was empty"}
	}
	return items[0]
}

// backwards returns the items of what Python's reversed takes.
func (r *run) backwards(v Value) ([]Value, bool) {
	switch v.(type) {
	case *generator, *namespace, *loop, *macro, *function:
		return nil, false
	}
	items := slices.Clone(r.list(v))
	slices.Reverse(items)
	return items, true
}

func filterReverse(r *run, v Value, _ []Value) Value {
	if s, ok := v.(string); ok {
		runes := []rune(s)
		slices.Reverse(runes)
		return r.text(string(runes))
	}
	r.plain(v)
	if items, ok := r.backwards(v); ok {
		return &generator{of(items)}
	}
	items := r.list(v)
	slices.Reverse(items)
	return &List{items}
}

func filterItems(r *run, v Value, _ []Value) Value {
	var pairs *view
	at := 0
	switch v := v.(type) {
	case *undefined:
		return &generator{of(nil)}
	case *Dict:
		pairs = &view{kind: "items", d: v}
	}
	return &generator{func() (Value, bool) {
		if pairs == nil {
			r.fail("can only get item pairs from a mapping")
		}
		r.step(1)
		if next := at; next < len(pairs.d.keys) {
			at++
			return pairs.item(next), true
		}
		return nil, false
	}}
}

func filterJoin(r *run, v Value, a []Value) Value {
	between := ""
	if a[0] != nil {
		between = r.str(a[0])
	}
	get := r.getter(a[1])
	var parts []string
	it := r.iter(v)
	for x, ok := it(); ok; x, ok = it() {
		s := r.str(get(x))
		r.made(len(s) + len(between) + 16)
		parts = append(parts, s)
	}
	return strings.Join(parts, between)
}

func filterSum(r *run, v Value, a []Value) Value {
	var sum Value = int64(0)
	if a[1] != nil {
		sum = a[1]
	}
	if _, ok := anyText(sum); ok {
		r.fail("filter 'sum' cannot sum texts: use join")
	}
	get := r.getter(a[0])
	it := r.iter(v)
	for x, ok := it(); ok; x, ok = it() {
		sum = r.binary("+", sum, get(x))
	}
	return sum
}

func (r *run) extreme(v Value, a []Value, op string) Value {
	key := r.sortKey(a[1], a[0])
	it := r.iter(v)
	best, ok := it()
	if !ok {
		return &undefined{what: "no aggregated item, sequence was empty"}
	}
	bestKey := key(best)
	for x, ok := it(); ok; x, ok = it() {
		if k := key(x); r.less(op, k, bestKey) {
			best, bestKey = x, k
		}
	}
	return best
}

// sorted sorts stably by keys; backwards keeps the order of equal items too, as Python does.
func (r *run) sorted(items, keys []Value, backwards bool) []Value {
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		if backwards {
			i, j = j, i
		}
		switch {
		case r.less("<", keys[i], keys[j]):
			return -1
		case r.less("<", keys[j], keys[i]):
			return 1
		}
		return 0
	})
	out := make([]Value, len(items))
	r.made(16 * len(items))
	for i, at := range order {
		out[i] = items[at]
	}
	return out
}

func filterSort(r *run, v Value, a []Value) Value {
	items := r.list(v)
	var keys []Value
	attributes := []Value{a[2]}
	if s, ok := a[2].(string); ok {
		attributes = nil
		for _, part := range strings.Split(s, ",") {
			attributes = append(attributes, part)
		}
	}
	for range items { // keys are lists even for one attribute: so undefined ones are equal and are not compared
		keys = append(keys, &List{})
	}
	for _, part := range attributes {
		key := r.sortKey(part, a[1])
		for i, x := range items {
			l := keys[i].(*List)
			l.Items = append(l.Items, key(x))
		}
	}
	return &List{r.sorted(items, keys, flag(a[0]))}
}

func filterUnique(r *run, v Value, a []Value) Value {
	key := r.sortKey(a[1], a[0])
	it := r.iter(v)
	seen := map[string]bool{}
	return &generator{func() (Value, bool) {
		for x, ok := it(); ok; x, ok = it() {
			if h := r.hash(key(x)); !seen[h] {
				r.made(len(h))
				seen[h] = true
				return x, true
			}
		}
		return nil, false
	}}
}

func filterGroupby(r *run, v Value, a []Value) Value {
	plain := r.getter(a[0])
	get := func(v Value) Value {
		out := plain(v)
		if _, missing := out.(*undefined); missing && a[1] != nil && a[1] != None {
			return a[1]
		}
		return out
	}
	key := get
	if !flag(a[2]) {
		key = func(v Value) Value { return r.ignoreCase(get(v)) }
	}
	items := r.list(v)
	var keys []Value
	for _, x := range items {
		keys = append(keys, key(x))
	}
	groups := []Value{}
	var last Value
	for _, x := range r.sorted(items, keys, false) {
		k := key(x)
		if len(groups) == 0 || !r.equal(k, last) {
			groups = append(groups, &tuple{items: []Value{get(x), &List{}}, fields: []string{"grouper", "list"}})
			last = k
		}
		l := groups[len(groups)-1].(*tuple).items[1].(*List)
		l.Items = append(l.Items, x)
	}
	return &List{groups}
}

func filterDictsort(r *run, v Value, a []Value) Value {
	d, ok := v.(*Dict)
	if !ok {
		r.fail("filter 'dictsort': want a dictionary, not %s", typeName(v))
	}
	at := 0
	if a[1] != nil {
		switch by, _ := a[1].(string); by {
		case "key":
		case "value":
			at = 1
		default:
			r.fail("filter 'dictsort': by must be key or value")
		}
	}
	items := r.list(&view{kind: "items", d: d})
	var keys []Value
	for _, x := range items {
		k := x.(*tuple).items[at]
		if !flag(a[0]) {
			k = r.ignoreCase(k)
		}
		keys = append(keys, k)
	}
	return &List{r.sorted(items, keys, flag(a[2]))}
}

func filterBatch(r *run, v Value, a []Value) Value {
	n := r.whole("filter 'batch': linecount", a[0], 0)
	it := r.iter(v)
	over := false
	var ahead []Value
	return &generator{func() (Value, bool) {
		if over {
			return nil, false
		}
		row := ahead
		ahead = nil
		for x, ok := it(); ok; x, ok = it() {
			if len(row) == n { // only now is it known that another row follows
				ahead = []Value{x}
				return &List{row}, true
			}
			row = append(row, x)
		}
		over = true
		if len(row) == 0 {
			return nil, false
		}
		for a[1] != nil && a[1] != None && len(row) < n {
			r.step(1)
			r.made(16)
			row = append(row, a[1])
		}
		return &List{row}, true
	}}
}

func filterSlice(r *run, v Value, a []Value) Value {
	n := r.whole("filter 'slice': slices", a[0], 0)
	var items []Value
	started := false
	row, offset := 0, 0
	return &generator{func() (Value, bool) {
		if !started {
			started = true
			items = r.list(v)
			if n == 0 {
				r.fail("integer division or modulo by zero")
			}
		}
		if row >= n {
			return nil, false
		}
		r.step(1)
		size, longer := len(items)/n, len(items)%n
		start := offset + row*size
		if row < longer {
			offset++
		}
		out := slices.Clone(items[start : offset+(row+1)*size])
		if a[1] != nil && a[1] != None && row >= longer {
			out = append(out, a[1])
		}
		r.made(16 * len(out))
		row++
		if out == nil {
			out = []Value{}
		}
		return &List{out}, true
	}}
}

func filterMap(r *run, v Value, args []Value, keys []keyword) Value {
	var convert func(Value) Value
	if len(args) == 0 && len(keys) > 0 && slices.ContainsFunc(keys, func(k keyword) bool { return k.name == "attribute" }) {
		var attribute, otherwise Value
		for _, k := range keys {
			switch k.name {
			case "attribute":
				attribute = k.value
			case "default":
				otherwise = k.value
			default:
				r.fail("filter 'map' has no keyword argument '%s'", clip(k.name))
			}
		}
		convert = r.getterWith(attribute, otherwise)
	} else {
		if len(args) == 0 {
			r.fail("filter 'map' wants the name of a filter, or attribute=…")
		}
		name, ok := args[0].(string)
		if !ok {
			r.fail("filter 'map' wants the name of a filter, not %s", typeName(args[0]))
		}
		if _, ok := filters[name]; !ok {
			r.fail("unknown filter '%s'", clip(name))
		}
		convert = func(x Value) Value { return r.applyFilter(name, x, args[1:], keys) }
	}
	if !truth(v) {
		return &generator{of(nil)}
	}
	it := r.iter(v)
	return &generator{func() (Value, bool) {
		x, ok := it()
		if !ok {
			return nil, false
		}
		return convert(x), true
	}}
}

// getterWith is a getter with a default for what is not there, at every part of the path.
func (r *run) getterWith(attribute, otherwise Value) func(Value) Value {
	if otherwise == nil || otherwise == None {
		return r.getter(attribute)
	}
	s, ok := attribute.(string)
	if !ok {
		s = ""
	}
	var steps []func(Value) Value
	for _, part := range strings.Split(s, ".") {
		if ok {
			steps = append(steps, r.getter(part))
		}
	}
	if !ok {
		steps = append(steps, r.getter(attribute))
	}
	return func(v Value) Value {
		for _, get := range steps {
			v = get(v)
			if _, missing := v.(*undefined); missing {
				v = otherwise
			}
		}
		return v
	}
}

// choose is select, reject, selectattr and rejectattr.
func (r *run) choose(v Value, args []Value, keys []keyword, want, byAttribute bool) Value {
	get := func(v Value) Value { return v }
	if byAttribute {
		if len(args) == 0 {
			r.fail("filters 'selectattr' and 'rejectattr' want the name of an attribute")
		}
		get = r.getter(args[0])
		args = args[1:]
	}
	test := truth
	if len(args) > 0 {
		name, ok := args[0].(string)
		if !ok {
			r.fail("the name of a test must be a text, not %s", typeName(args[0]))
		}
		test = func(x Value) bool { return truth(r.applyTest(name, x, args[1:], keys)) }
	}
	if !truth(v) {
		return &generator{of(nil)}
	}
	it := r.iter(v)
	return &generator{func() (Value, bool) {
		for x, ok := it(); ok; x, ok = it() {
			if test(get(x)) == want {
				return x, true
			}
		}
		return nil, false
	}}
}
