package jinja

import (
	"math/big"
	"strings"
	"unicode/utf8"
)

func (r *run) eval(x expr, s *scope) Value {
	r.step(1)
	r.deeper()
	defer func() { r.depth-- }()
	switch x := x.(type) {
	case constExpr:
		return x.v
	case nameExpr:
		return s.get(x.name)
	case captured:
		return s.get(capturedName)
	case *listExpr:
		return &List{r.evalAll(x.items, s)}
	case *tupleExpr:
		return &tuple{items: r.evalAll(x.items, s)}
	case *dictExpr:
		d := NewDict()
		for i := range x.keys {
			k := r.eval(x.keys[i], s)
			r.put(d, k, r.eval(x.values[i], s))
		}
		return d
	case *unaryExpr:
		return r.unary(x.op, r.eval(x.x, s))
	case *binaryExpr:
		a := r.eval(x.a, s)
		return r.binary(x.op, a, r.eval(x.b, s))
	case *logicExpr:
		a := r.eval(x.a, s)
		if truth(a) == (x.op == "or") {
			return a
		}
		return r.eval(x.b, s)
	case *concatExpr:
		parts := make([]string, len(x.items))
		for i, item := range x.items {
			parts[i] = r.str(r.eval(item, s))
			r.made(len(parts[i]))
		}
		return strings.Join(parts, "")
	case *compareExpr:
		a := r.eval(x.first, s)
		for i, op := range x.ops {
			b := r.eval(x.rest[i], s)
			if !r.compare(op, a, b) {
				return false
			}
			a = b
		}
		return true
	case *condExpr:
		if truth(r.eval(x.cond, s)) {
			return r.eval(x.then, s)
		}
		if x.other != nil {
			return r.eval(x.other, s)
		}
		return &undefined{what: "the inline if-expression evaluated to false and no else section was defined"}
	case *attrExpr:
		return r.attr(r.eval(x.x, s), x.name)
	case *itemExpr:
		v := r.eval(x.x, s)
		return r.item(v, r.eval(x.key, s))
	case *sliceExpr:
		return r.slice(x, s)
	case *callExpr:
		return r.call(x, s, nil)
	case *filterExpr:
		v := r.eval(x.x, s)
		args, keys := r.arguments(&x.args, s)
		r.line = x.line
		return r.applyFilter(x.name, v, args, keys)
	case *testExpr:
		v := r.eval(x.x, s)
		args, keys := r.arguments(&x.args, s)
		r.line = x.line
		return r.applyTest(x.name, v, args, keys)
	}
	panic("unknown expression")
}

func (r *run) evalAll(items []expr, s *scope) []Value {
	out := make([]Value, len(items))
	r.made(16 * len(items))
	for i, x := range items {
		out[i] = r.eval(x, s)
	}
	return out
}

func (r *run) unary(op string, v Value) Value {
	if op == "not" {
		return !truth(v)
	}
	r.defined(v)
	if f, ok := v.(float64); ok {
		if op == "-" {
			return -f
		}
		return f
	}
	i, ok := intOf(v)
	if !ok {
		r.fail("bad operand type for unary %s: '%s'", op, typeName(v))
	}
	if op == "-" {
		return normal(new(big.Int).Neg(i))
	}
	return normal(i)
}

func (r *run) compare(op string, a, b Value) bool {
	switch op {
	case "==":
		return r.equal(a, b)
	case "!=":
		return !r.equal(a, b)
	case "in":
		return r.contains(a, b)
	case "not in":
		return !r.contains(a, b)
	}
	return r.less(op, a, b)
}

// attr is x.name: what the type has under that name, else the item with that key.
func (r *run) attr(v Value, name string) Value {
	if f, ok := r.own(v, name); ok {
		return f
	}
	if d, ok := v.(*Dict); ok {
		if item, ok := d.Get(name); ok {
			return item
		}
	}
	return r.missing(v, name)
}

func (r *run) missing(v Value, name string) Value {
	kind := typeName(v)
	if v == None {
		kind = "None"
	} else {
		kind += " object"
	}
	return &undefined{what: "'" + kind + "' has no attribute '" + clip(name) + "'"}
}

// own finds what Python's getattr finds.
func (r *run) own(v Value, name string) (Value, bool) {
	r.defined(v)
	switch v := v.(type) {
	case *namespace:
		item, ok := v.d.Get(name)
		return item, ok
	case *loop:
		if f, ok := v.field(name); ok {
			return f, true
		}
	case *macro:
		if name == "name" && v.name != "" {
			return v.name, true
		}
		if name == "name" || name == "arguments" || name == "catch_kwargs" || name == "catch_varargs" || name == "caller" {
			r.fail("the field %s of a macro is not supported", name)
		}
		return nil, false
	case *function, *generator:
		if strings.HasPrefix(name, "_") || name == "send" || name == "throw" || name == "close" {
			r.fail("the field %s of a %s is not supported", clip(name), typeName(v))
		}
		return nil, false
	case *tuple:
		for i, f := range v.fields {
			if f == name {
				return v.items[i], true
			}
		}
	}
	if strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") && len(name) > 4 {
		r.fail("access to the attribute '%s' is unsafe", clip(name))
	}
	return r.method(v, name)
}

// item is x[key].
func (r *run) item(v, key Value) Value {
	r.defined(v)
	index := func(n int) (int, bool) {
		i, ok := intOf(key)
		if !ok || !i.IsInt64() {
			return 0, false
		}
		at := i.Int64()
		if at < 0 {
			at += int64(n)
		}
		return int(at), at >= 0 && at < int64(n)
	}
	switch x := v.(type) {
	case markup:
		return r.item(string(x), key)
	case string:
		if i, ok := index(utf8.RuneCountInString(x)); ok {
			r.step(len(x) / 64)
			for n, c := range x {
				if i == 0 {
					return x[n : n+utf8.RuneLen(c)]
				}
				i--
			}
		}
	case *List:
		if i, ok := index(len(x.Items)); ok {
			return x.Items[i]
		}
	case *tuple:
		if i, ok := index(len(x.items)); ok {
			return x.items[i]
		}
	case *span:
		if i, ok := index(int(x.n)); ok {
			return x.start + int64(i)*x.step
		}
	case *Dict:
		switch key.(type) {
		case *List, *Dict, *namespace, *loop, *macro, *function, *generator, *view: // no keys: not found
		default:
			if i, ok := x.at[r.hash(key)]; ok {
				return x.values[i]
			}
		}
	}
	if name, ok := key.(string); ok {
		if f, ok := r.own(v, name); ok {
			return f
		}
		return r.missing(v, name)
	}
	what := "element"
	if isNumber(key) {
		what += " " + r.str(key)
	}
	return &undefined{what: "'" + typeName(v) + " object' has no " + what}
}

// slice is x[from:to:step].
func (r *run) slice(x *sliceExpr, s *scope) Value {
	v := r.eval(x.x, s)
	part := func(e expr) (int, bool) {
		if e == nil {
			return 0, false
		}
		p := r.eval(e, s)
		if p == None {
			return 0, false
		}
		i, ok := intOf(p)
		if !ok {
			r.defined(v)
			r.fail("slice indices must be integers or None, not %s", typeName(p))
		}
		if !i.IsInt64() || i.Int64() > 1<<40 || i.Int64() < -1<<40 {
			return i.Sign() << 40, true
		}
		return int(i.Int64()), true
	}
	from, hasFrom := part(x.from)
	to, hasTo := part(x.to)
	step, hasStep := part(x.step)
	r.defined(v)
	if !hasStep {
		step = 1
	}
	pick := func(n int) (start, count, stop int) {
		if step == 0 {
			r.fail("slice step cannot be zero")
		}
		low, high := 0, n
		if step < 0 {
			low, high = -1, n-1
		}
		place := func(i int, has bool, otherwise int) int {
			if !has {
				return otherwise
			}
			if i < 0 {
				i += n
			}
			return min(max(i, low), high)
		}
		if step > 0 {
			start, stop = place(from, hasFrom, low), place(to, hasTo, high)
			return start, max(0, (stop-start+step-1)/step), stop
		}
		start, stop = place(from, hasFrom, high), place(to, hasTo, low)
		return start, max(0, (start-stop-step-1)/-step), stop
	}
	items := func(list []Value) []Value {
		start, n, _ := pick(len(list))
		r.made(16 * n)
		out := make([]Value, n)
		for i := range out {
			out[i] = list[start+i*step]
		}
		return out
	}
	switch v := v.(type) {
	case string:
		runes := []rune(v)
		start, n, _ := pick(len(runes))
		r.step(len(v) / 64)
		out := make([]rune, n)
		for i := range out {
			out[i] = runes[start+i*step]
		}
		return r.text(string(out))
	case *List:
		return &List{items(v.Items)}
	case *tuple:
		return &tuple{items: items(v.items)}
	case *span:
		start, n, stop := pick(int(v.n))
		return &span{start: v.start + int64(start)*v.step, stop: v.start + int64(stop)*v.step, step: v.step * int64(step), n: int64(n)}
	}
	r.plain(v)
	r.fail("'%s' object cannot be sliced", typeName(v))
	return nil
}

// arguments evaluates the arguments of a call.
func (r *run) arguments(a *callArgs, s *scope) (args []Value, keys []keyword) {
	args = r.evalAll(a.args, s)
	for i, name := range a.names {
		keys = append(keys, keyword{name, r.eval(a.values[i], s)})
	}
	if a.star != nil {
		args = append(args, r.list(r.eval(a.star, s))...)
	}
	if a.starStar != nil {
		d, ok := r.eval(a.starStar, s).(*Dict)
		if !ok {
			r.fail("what follows ** must be a dictionary")
		}
		for i, k := range d.keys {
			name, ok := k.(string)
			if !ok {
				r.fail("the keys of what follows ** must be texts")
			}
			for _, have := range keys {
				if have.name == name {
					r.fail("got multiple values for keyword argument '%s'", clip(name))
				}
			}
			keys = append(keys, keyword{name, d.values[i]})
		}
	}
	return args, keys
}

func (r *run) call(x *callExpr, s *scope, caller *macro) Value {
	f := r.eval(x.f, s)
	args, keys := r.arguments(&x.args, s)
	if caller != nil {
		keys = append(keys, keyword{"caller", caller})
	}
	r.line = x.line
	switch f := f.(type) {
	case *macro:
		return f.invoke(r, args, keys)
	case *function:
		return f.call(r, args, keys)
	case *loop:
		if f.again == nil {
			r.fail("loop() needs {%% for … recursive %%}")
		}
		r.noKeys("loop", keys)
		if len(args) != 1 {
			r.fail("loop() takes one argument, not %d", len(args))
		}
		return f.again(args[0], f.depth+1)
	}
	r.defined(f)
	r.fail("'%s' object is not callable", typeName(f))
	return nil
}

func (r *run) noKeys(what string, keys []keyword) {
	if len(keys) > 0 {
		r.fail("%s takes no keyword argument '%s'", what, clip(keys[0].name))
	}
}
