package jinja_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"reprise/internal/jinja"
)

// render runs a template and returns its error as text.
func render(source string, variables map[string]jinja.Value) (jinja.Output, string) {
	t, err := jinja.Parse(source)
	if err != nil {
		return jinja.Output{}, "parse: " + err.Error()
	}
	out, err := t.Render(variables)
	if err != nil {
		return out, err.Error()
	}
	return out, ""
}

// What is not supported is refused by its name, with its line, and before anything runs where the template shows it.
func TestRefusedByName(t *testing.T) {
	for source, want := range map[string]string{
		"\n{% nosuch %}":                                "parse: line 2: unknown tag 'nosuch'",
		"{% include 'a' %}":                             "parse: line 1: tag 'include' is not supported",
		"{% block a %}":                                 "tag 'block'",
		"{% do x %}":                                    "tag 'do'",
		"{% autoescape true %}":                         "tag 'autoescape'",
		"a\nb\n{{ 1 | nosuch }}":                        "parse: line 3: unknown filter 'nosuch'",
		"{{ 1 | random }}":                              "parse: line 1: filter 'random' is not supported",
		"{{ [] | map('nosuch') }}":                      "parse: line 1: unknown filter 'nosuch'",
		"{{ [] | select('nosuch') | list }}":            "parse: line 1: unknown test 'nosuch'",
		"{{ [] | selectattr('a', 'nosuch') | list }}":   "parse: line 1: unknown test 'nosuch'",
		"{{ 1 is nosuch }}":                             "parse: line 1: unknown test 'nosuch'",
		"{{ 1 is odd(2) }}":                             "parse: line 1: test 'odd' wants 0 argument(s), not 1",
		"{{ 1 is divisibleby }}":                        "parse: line 1: test 'divisibleby' wants 1 argument(s), not 0",
		"{{ 1 is divisibleby(num=2) }}":                 "parse: line 1: test 'divisibleby': the keyword argument 'num'",
		"{{ 'a' | trim(1, 2) }}":                        "parse: line 1: filter 'trim' takes at most 1 argument(s), not 2",
		"{{ 'a' | tojson(nosuch=1) }}":                  "parse: line 1: filter 'tojson' has no keyword argument 'nosuch'",
		"{{ 'a' | indent(2, width=2) }}":                "parse: line 1: filter 'indent' got multiple values for argument 'width'",
		"{{ 'a' | replace('a') }}":                      "parse: line 1: filter 'replace' wants 2 argument(s)",
		"{{ 'a' | trim(**{'nosuch': 1}) }}":             "filter 'trim' has no keyword argument 'nosuch'",
		"{{ [1] | map('trim', 1, 2) | list }}":          "filter 'trim' takes at most 1 argument(s)",
		"{{ self }}":                                    "the name self",
		"{{ lipsum() }}":                                "function 'lipsum' is not supported",
		"{{ cycler('a') }}":                             "function 'cycler' is not supported",
		"{{ nosuch() }}":                                "'nosuch' is undefined",
		"{{ 'a'.nosuch() }}":                            "'str object' has no attribute 'nosuch'",
		"{{ 'a'.encode() }}":                            "str.encode is not supported",
		"{{ 'a'.strip(chars='b') }}":                    "str.strip has no keyword argument 'chars'",
		"{{ [1].append(2) }}":                           "list.append is unsafe",
		"{{ {}.update({}) }}":                           "dict.update is unsafe",
		"{{ 'a'.__class__ }}":                           "access to the attribute '__class__' is unsafe",
		"{{ ''['__class__'] }}":                         "access to the attribute '__class__' is unsafe",
		"{{ '{0.__class__}'.format(1) }}":               "format: the field {0.__class__} is not supported",
		"{{ range.__self__ }}":                          "the field __self__ of a function is not supported",
		"{{ '%#x' % 1 }}":                               "the flag #",
		"{{ '%g' % 1 }}":                                "the format %g is not supported",
		"{{ ('<' | escape) + 'b' }}":                    "the result of | escape or | safe",
		"{{ 2.0 ** 0.5 }}":                              "** with the exponent 0.5",
		"{{ [1] | map('string') }}":                     "a generator cannot be written as text",
		"{{ 'a'.upper }}":                               "a function cannot be written as text",
		"{{ strftime_now('%Y') }}":                      "put a fixed date in its place",
		"{{ '\\N{BULLET}' }}":                           "the escape \\N",
		"{{ '\\ud800' }}":                               "the escape \\ud800 is not a character",
		"{% macro f(caller) %}{% endmacro %}":           "a parameter with the name caller",
		"\xff":                                          "not valid UTF-8",
		"{{ raise_exception('a ' ~ 1) }}":               "line 1: a 1",
		"{% for x in [1] %}\n{{ x + 'a' }}{% endfor %}": "line 2: unsupported operand type(s) for +: 'int' and 'str'",
	} {
		if out, got := render(source, nil); !strings.Contains(got, want) {
			t.Errorf("%q: %q, error %q; want %q", source, out.Text, got, want)
		}
	}
}

// Whatever a template does, it ends, and it takes a bounded amount of memory.
func TestLimits(t *testing.T) {
	deep := strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000)
	for source, want := range map[string]string{
		"{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}": "steps",
		"{% for i in range(90000) %}{{ 'a' * 10000 }}{% endfor %}":                       "writes more than 64 MiB",
		"{{ 'a' * 2000000000 }}": "limit",
		"{{ [0] * 2000000000 }}": "limit",
		"{{ 'a' * 10 ** 30 }}":   "repeated too often",
		"{% set n = namespace(s='ab') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}":       "values of more than",
		"{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}":        "values of more than",
		"{% set n = namespace(s=[1]) %}{% for i in range(9999) %}{% set n.s = [n.s] %}{% endfor %}{{ n.s }}": "nested too deep",
		"{% set n = namespace() %}{% set n.n = n %}{{ n }}":                                                  "nested too deep",
		"{% set n = namespace() %}{% set n.n = [n.n, n] %}{{ [n] == [n] }}{{ n }}":                           "nested too deep",
		"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}":                                                    "call each other more than 100 deep",
		"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}":                                            "call each other more than 100 deep",
		"{{ 2 ** 100000 }}":                                                          "more than 14000 bits",
		"{{ 10 ** 10 ** 1 ** 9 * 10 ** 5000 }}":                                      "more than 14000 bits",
		"{{ range(100001) }}":                                                        "range is too big",
		"{{ '%99999999s' % 'a' }}":                                                   "width",
		"{{ '{:99999999}'.format('a') }}":                                            "not supported",
		"{{ 'a' | indent(2000000000) }}":                                             "limit",
		"{{ [1] | batch(2000000000, 0) | list }}":                                    "limit",
		"{{ [1] | slice(2000000000) | list }}":                                       "limit",
		"{{ ('a' * 100000).replace('', 'b' * 100000) }}":                             "limit",
		"{{ ('a' * 100000) | replace('a', 'b' * 99999) }}":                           "limit",
		"{{ [1] | tojson(indent=2000000000) }}":                                      "limit",
		"{{ " + deep + " }}":                                                         "nested more than 200 deep",
		"{{ " + strings.Repeat("not ", 100_000) + "1 }}":                             "nested more than 200 deep",
		"{{ " + strings.Repeat("-", 100_000) + "1 }}":                                "nested more than 200 deep",
		"{{ a" + strings.Repeat(".b", 100_000) + " }}":                               "in a row",
		"{{ 1" + strings.Repeat(" + 1", 100_000) + " }}":                             "nested too deep",
		strings.Repeat("{% if 1 %}", 100_000):                                        "nested more than 200 deep",
		strings.Repeat("{% if 1 %}{% endif %}", 60_000):                              "at most 1048576 are allowed",
		"{{ range(10 ** 9) }}":                                                       "range is too big",
		"{% for i in range(10 ** 9) %}{% endfor %}":                                  "range is too big",
		"{{ 'x' * 10 ** 9 }}":                                                        "limit",
		"{{ 'x' * 10 ** 12 }}":                                                       "repeated too often",
		"{{ 'x' | indent(10 ** 9) }}":                                                "limit",
		"{% set d = {} %}{% set _ = d.update({'a': d}) %}{{ d }}":                    "limit or refused",
		"{% set l = [] %}{% set _ = l.append(l) %}{{ l }}":                           "limit or refused",
		"{{ " + strings.Repeat("[", 90_000) + " }}":                                  "limit or refused",
		"{{ " + strings.Repeat("{1:", 90_000) + " }}":                                "limit or refused",
		"{% set x = 'ab' %}" + strings.Repeat("{% set x = x + x %}", 40) + "{{ x }}": "values of more than",
	} {
		out, got := render(source, nil)
		ok := strings.Contains(got, want)
		if want == "limit or refused" { // by name
			ok = got != ""
		}
		if want == "limit" {
			ok = strings.Contains(got, "steps") || strings.Contains(got, "values of more than")
		}
		if !ok {
			t.Errorf("%.100q: %.100q, error %q; want %q", source, out.Text, got, want)
		}
	}
}

func TestGenerationSpans(t *testing.T) {
	out, err := render("{% for m in ['é', 'b', ''] %}<{% generation %}{{ m }}{% endgeneration %}>{% endfor %}", nil)
	if err != "" || out.Text != "<é><b><>" || len(out.Generation) != 2 || out.Untracked {
		t.Fatalf("%+v %s", out, err)
	}
	for i, want := range []string{"é", "b"} {
		if s := out.Generation[i]; out.Text[s.From:s.To] != want {
			t.Errorf("span %d is %q, want %q", i, out.Text[s.From:s.To], want)
		}
	}
	if out, err := render("{% set x %}{% generation %}a{% endgeneration %}{% endset %}{{ x }}", nil); err != "" || !out.Untracked || out.Text != "a" || out.Generation != nil {
		t.Errorf("in a set block: %+v %s", out, err)
	}
}

func TestStrftimeNow(t *testing.T) {
	variables := map[string]jinja.Value{"strftime_now": jinja.StrftimeNow(time.Date(2024, 7, 6, 9, 5, 0, 0, time.UTC))}
	if out, err := render("{{ strftime_now('%d %b %Y|%Y-%m-%d|%A %B %-d|%H:%M|%%') }}", variables); err != "" || out.Text != "06 Jul 2024|2024-07-06|Saturday July 6|09:05|%" {
		t.Errorf("%q %s", out.Text, err)
	}
	if _, err := render("{{ strftime_now('%Q') }}", variables); !strings.Contains(err, "the format %Q is not supported") {
		t.Errorf("%%Q: %s", err)
	}
}

func TestDecodeJSON(t *testing.T) {
	v, err := jinja.DecodeJSON([]byte(`{"b": 1, "a": [20.0, 12345678901234567890, 1e2, -0, null, true, "x"], "b": 2}`))
	if err != nil {
		t.Fatal(err)
	}
	d := v.(*jinja.Dict)
	a, _ := d.Get("a")
	big, _ := new(big.Int).SetString("12345678901234567890", 10)
	if items := a.(*jinja.List).Items; items[0] != 20.0 || items[1].(interface{ String() string }).String() != big.String() || items[2] != 100.0 || items[3] != int64(0) || items[4] != jinja.None {
		t.Errorf("%v", items)
	}
	if b, _ := d.Get("b"); b != int64(2) || d.Len() != 2 {
		t.Errorf("b is %v, %d keys", b, d.Len())
	}
	for _, bad := range []string{"", "{", "[1] 2", strings.Repeat("[", 100_000), "1" + strings.Repeat("0", 5000)} {
		if v, err := jinja.DecodeJSON([]byte(bad)); err == nil {
			t.Errorf("%.20q: %v", bad, v)
		}
	}
}

// The flag of the error for want of a date is set by what the template does, and not by what an error says.
func TestNeedsDate(t *testing.T) {
	says := func(source string, variables map[string]jinja.Value) *jinja.Error {
		template, err := jinja.Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		out, err := template.Render(variables)
		fault, ok := errors.AsType[*jinja.Error](err)
		if !ok {
			t.Fatalf("%q: %q, %v", source, out.Text, err)
		}
		return fault
	}
	asked := says("{{ strftime_now('%Y') }}", nil)
	if !asked.NeedsDate {
		t.Errorf("%v: the flag is not set", asked)
	}
	if fault := says("{{ strftime_now.day }}", nil); !fault.NeedsDate {
		t.Errorf("%v: the flag is not set", fault)
	}
	if fault := says("{{ raise_exception(text) }}", map[string]jinja.Value{"text": asked.Problem}); fault.NeedsDate || fault.Problem != asked.Problem {
		t.Errorf("a template that says the same: %v, flag %v", fault, fault.NeedsDate)
	}
	if fault := says("{{ nosuch('%Y') }}", nil); fault.NeedsDate {
		t.Errorf("%v: the flag is set", fault)
	}
}
