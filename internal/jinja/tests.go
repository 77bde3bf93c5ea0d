package jinja

import (
	"fmt"
	"math/big"
)

// test is what follows is. args is how many arguments it takes.
type test struct {
	args int
	call func(r *run, v Value, a []Value) bool
}

func compareTest(op string) test {
	return test{1, func(r *run, v Value, a []Value) bool { return r.compare(op, v, a[0]) }}
}

func typeTest(is func(v Value) bool) test {
	return test{0, func(_ *run, v Value, _ []Value) bool { return is(v) }}
}

var tests map[string]test

func init() {
	eq, ne, lt, le, gt, ge := compareTest("=="), compareTest("!="), compareTest("<"), compareTest("<="), compareTest(">"), compareTest(">=")
	tests = map[string]test{
		"==": eq, "eq": eq, "equalto": eq, "!=": ne, "ne": ne, "<": lt, "lt": lt, "lessthan": lt, "<=": le, "le": le,
		">": gt, "gt": gt, "greaterthan": gt, ">=": ge, "ge": ge, "in": compareTest("in"),
		"boolean":  typeTest(func(v Value) bool { _, ok := v.(bool); return ok }),
		"callable": typeTest(isCallable),
		"defined":  typeTest(func(v Value) bool { _, ok := v.(*undefined); return !ok }),
		"divisibleby": {1, func(r *run, v Value, a []Value) bool {
			return r.equal(r.binary("%", v, a[0]), int64(0))
		}},
		"escaped": typeTest(func(v Value) bool { _, ok := v.(markup); return ok }),
		"even":    {0, func(r *run, v Value, _ []Value) bool { return r.equal(r.binary("%", v, int64(2)), int64(0)) }},
		"odd":     {0, func(r *run, v Value, _ []Value) bool { return r.equal(r.binary("%", v, int64(2)), int64(1)) }},
		"false":   typeTest(func(v Value) bool { return v == false }),
		"true":    typeTest(func(v Value) bool { return v == true }),
		"filter":  {0, func(r *run, v Value, _ []Value) bool { return r.isKnown(v, "filter") }},
		"test":    {0, func(r *run, v Value, _ []Value) bool { return r.isKnown(v, "test") }},
		"float":   typeTest(func(v Value) bool { _, ok := v.(float64); return ok }),
		"integer": typeTest(func(v Value) bool { return typeName(v) == "int" }),
		"iterable": typeTest(func(v Value) bool {
			switch v.(type) {
			case *loop:
				return true
			}
			return (&run{}).iterable(v) != nil
		}),
		"lower":     {0, func(r *run, v Value, _ []Value) bool { return isLower(r.soft(v)) }},
		"upper":     {0, func(r *run, v Value, _ []Value) bool { return isUpper(r.soft(v)) }},
		"mapping":   typeTest(func(v Value) bool { _, ok := v.(*Dict); return ok }),
		"none":      typeTest(func(v Value) bool { return v == None }),
		"number":    typeTest(isNumber),
		"sameas":    {1, func(r *run, v Value, a []Value) bool { return r.same(v, a[0]) }},
		"sequence":  typeTest(isSequence),
		"string":    typeTest(func(v Value) bool { _, ok := anyText(v); return ok }),
		"undefined": typeTest(func(v Value) bool { _, ok := v.(*undefined); return ok }),
	}
}

func isCallable(v Value) bool {
	switch v := v.(type) {
	case *undefined, *macro, *function:
		return true
	case *loop:
		return v != nil
	}
	return false
}

func isSequence(v Value) bool {
	switch v.(type) {
	case *undefined, string, markup, *List, *tuple, *Dict, *span:
		return true
	}
	return false
}

// isKnown says whether Jinja2 has a filter or a test of that name. What it has and this package refuses is an error.
func (r *run) isKnown(v Value, kind string) bool {
	s, ok := v.(string)
	if !ok {
		r.hash(v)
		return false
	}
	if kind == "test" {
		_, ok = tests[s]
		return ok
	}
	for _, name := range refusedFilters {
		if name == s {
			r.fail("filter '%s' is not supported", s)
		}
	}
	_, ok = filters[s]
	return ok
}

// same is Python's is. For numbers and texts it depends on how they came about.
func (r *run) same(a, b Value) bool {
	switch a.(type) {
	case none, bool:
		return a == b
	case string, markup, int64, *big.Int, float64, *tuple:
		if typeName(a) == typeName(b) && r.equal(a, b) {
			r.fail("test 'sameas' of two equal values of type %s is not supported: use ==", typeName(a))
		}
		return false
	case *function:
		r.fail("test 'sameas' of functions is not supported")
	}
	return a == b
}

// checkTest refuses a test, and arguments of it, that are not known.
func (p *parser) checkTest(name string, a *callArgs, line int) {
	t, ok := tests[name]
	problem := ""
	if !ok {
		problem = "unknown test '" + clip(name) + "'"
	} else if a.star == nil && a.starStar == nil {
		problem = t.misfit(name, len(a.args), a.names)
	}
	if problem != "" {
		panic(&Error{Line: line, Problem: problem})
	}
}

func (t test) misfit(name string, n int, keys []string) string {
	switch {
	case len(keys) > 0:
		return fmt.Sprintf("test '%s': the keyword argument '%s' is not supported", name, clip(keys[0]))
	case n != t.args:
		return fmt.Sprintf("test '%s' wants %d argument(s), not %d", name, t.args, n)
	}
	return ""
}

func (r *run) applyTest(name string, v Value, args []Value, keys []keyword) Value {
	r.step(1)
	t, ok := tests[name]
	if !ok {
		r.fail("unknown test '%s'", clip(name))
	}
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	if problem := t.misfit(name, len(args), names); problem != "" {
		r.fail("%s", problem)
	}
	return t.call(r, v, args)
}
