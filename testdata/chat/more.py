"""Templates and conversations for jinja.json.gz: what package internal/jinja must write as Jinja2 does.

The tables below are crossed: a filter, a test or a method is applied to every value that Jinja2 takes for it, in one template. All
were written for this test.
"""

# ---- What the templates are given.


def say(role, content, **more):
    return {"role": role, "content": content, **more}


def call(name, arguments, **more):
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def tool(name, **properties):
    return {"type": "function", "function": {"name": name, "description": "Does <%s> & \"more\"." % name, "parameters": {
        "type": "object", "properties": properties, "required": list(properties)[:1]}}}


def context(*messages, tools=None, header=False, **more):
    return {"messages": list(messages), "tools": tools, "documents": None, "add_generation_prompt": header, "bos_token": "<s>", "eos_token": "</s>", **more}


WEATHER = tool("weather", place={"type": "string", "enum": ["Ulm", "Köln"]}, days={"type": "integer", "default": 2.0})
CONTEXTS = [
    context(say("user", "Hi")),
    context(say("user", "Hi"), say("assistant", "Hello!"), header=True),
    context(say("system", ""), say("user", " What's 2+2? \n"), say("assistant", "\n4 "), say("user", "And <3&\"'?"), say("assistant", "x\r\ny")),
    context(say("system", "Sei knapp."), say("user", "数を書く é🙂"), say("assistant", "ΑΣ ß ŉ"), header=True),
    context(say("user", "q"), say("assistant", None, tool_calls=[call("weather", {"days": 20.0, "place": "Ulm"}, id="c1")]), say("tool", "{\"t\": 3.50}", name="weather"),
            say("assistant", "3.5"), tools=[WEATHER]),
    context(say("user", "q"), say("assistant", "", tool_calls=[call("a", {"z": [1, {"y": None, "b": [True, 1e16, 1e-7, -0.0]}]}), call("b", {})]), tools=[WEATHER, tool("a", z={"type": "array"}), tool("b")]),
    context(say("user", "q"), say("assistant", "", tool_calls=[call("n", {"i": 12345678901234567890123, "f": 1234567.5, "e": 1e22, "t": "\u2028\x7f\t"})]), header=True, tools=[]),
    context(say("user", "q"), say("assistant", "", tool_calls=[call("n", "{\"a\": 1}")]), say("tool", [1, 2.0], tool_call_id="c1")),
    context(say("user", [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]), say("assistant", "ok")),
    context(say("user", "q"), say("assistant", "<think>\nhm\n</think>\n\nyes", reasoning_content="well"), say("user", "r"), say("assistant", "no", weight=0, ok=True, items=[1], keys="k")),
    context(say("assistant", "first"), say("user", ""), say("developer", "d", name="Ann"), header=True, tools=[tool("only")]),
    context(say("system", "S\n\n"), say("user", "a"), say("assistant", "b"), say("user", "c"), say("assistant", "d  \n e"), tools=[WEATHER], extra={"b": [1, 2.5], "a": {"x": None}}),
]

# ---- Tables.
VALUES = [
    "0", "7", "-3", "10000000000000000000000", "2.5", "-0.0", "20.0", "1e16", "1234567.5", "true", "none", "nothing", "''", "'abc'", "' pAd\n'", "'a-b_c d'", "'Hello World'", "'12'", "'2.50'", "\"it's\"",
    "'<&>'", "'éß ΑΣ'", "'one\n two\r\nthree\n'", "[]", "[1, 2, 3]", "['b', 'A', 'c', 'a']", "[3, 1.0, true]", "(1, 'x')", "(5,)", "range(4)", "range(5, 0, -2)", "[[1, 2], [3]]",
    "[{'a': 2, 'b': 'X'}, {'a': 1, 'b': 'y'}, {'a': 2, 'b': 'x'}]", "{}", "{'b': 1, 'A': [2.0, none], 'c': 'q'}", "{1: 'x', (1, 2): none}",
]
FILTERS = [
    "abs", "batch(2) | list", "batch(2, 'x') | list", "capitalize", "default('d')", "default('d', true)", "d('e')", "dictsort", "dictsort(true)", "dictsort(by='value')", "dictsort(reverse=true)", "escape", "e", "first", "float",
    "float(1.5)", "forceescape", "groupby('a')", "groupby('b')", "groupby('b', case_sensitive=true)", "groupby('q', default='-')", "indent", "indent(2, true)", "indent(width=3, blank=true)", "indent('> ')", "int", "int(5)", "int(base=16)",
    "items | list", "join", "join('-')", "join(', ', attribute='b')", "last", "length", "count", "list", "lower", "map('string') | list", "map('upper') | join('|')", "map('default', 'q') | list", "map(attribute='a') | list",
    "map(attribute='b.c', default=0) | list", "max", "min", "max(attribute='a')", "min(case_sensitive=true)", "reject('none') | list", "reject | list", "select('string') | list", "select | list", "select('>', 1) | list", "select('in', [1, 'a', 'b']) | list",
    "selectattr('a', 'eq', 2) | list", "selectattr('a') | map(attribute='b') | list", "rejectattr('b', 'in', ['x']) | list", "rejectattr('a', 'odd') | list", "selectattr('q', 'undefined') | list", "replace('a', 'bb')", "replace('a', 'bb', 1)",
    "replace(1, 2)", "reverse | list", "round", "round(1)", "round(2, 'floor')", "round(method='ceil')", "safe", "slice(2) | list", "slice(3, '-') | list", "sort", "sort(true)", "sort(case_sensitive=true)", "sort(attribute='b')",
    "sort(reverse=true, attribute='a,b')", "string", "sum", "sum(start=10)", "sum(attribute='a')", "title", "tojson", "tojson(indent=2)", "tojson(ensure_ascii=true)", "tojson(indent=1, sort_keys=true)", "tojson(separators=(',', ':'))", "tojson(indent='\t')",
    "trim", "trim('a ')", "truncate(6, true, '!', 0)", "truncate(7, leeway=0)", "unique | list", "unique(true) | list", "unique(attribute='a') | list", "upper", "wordcount", "string | length", "list | tojson",
]
TESTS = [
    "defined", "undefined", "none", "string", "mapping", "sequence", "iterable", "number", "integer", "float", "boolean", "true", "false", "odd", "even", "divisibleby(3)", "divisibleby 7", "lower", "upper", "in [1, 7, 'abc']", "eq 7", "==('abc')",
    "equalto 2.5", "ne 2", "!= 1", "gt 1", "> 0", "greaterthan(2)", "lt 3", "< 'b'", "lessthan 10", "ge 7", ">= 1", "le 7", "<= 2.5", "sameas none", "sameas(true)", "callable", "escaped", "filter", "test", "not none", "not in('abc')",
]
TEXTS = ["''", "'abc'", "'Hello World'", "'  a  b '", "'a,b,,c'", "'éß ŉ ΑΣ'", "'x1'", "'12'", "'one\n\ntwo\r\nthree'", "'%s|%d'", "'{}{1}'", "'<a>-<b>-'"]
METHODS = [
    "upper()", "lower()", "title()", "capitalize()", "strip()", "lstrip(' a')", "rstrip('c\n')", "split()", "split(',')", "split('a', 1)", "split(sep='-', maxsplit=1)", "rsplit(' ', 1)", "rsplit(none, 1)", "split(none, 1)", "splitlines()",
    "splitlines(true)", "startswith('a')", "startswith(('x', 'H'))", "startswith('b', 1)", "endswith('c')", "endswith(('c', 'd'))", "replace('a', 'bb')", "replace('', '-')", "replace('a', '', 1)", "find('b')", "find('l', 4)", "rfind('-')", "index('')",
    "rindex('')", "count('a')", "count('')", "join(['x', 'y'])", "isdigit()", "isalpha()", "isalnum()", "isspace()", "islower()", "isupper()", "isdecimal()", "partition('-')", "rpartition('-')", "removeprefix('a')", "removesuffix('c')",
]
OTHERS = [
    "{'a': 1}.get('a')", "{'a': 1}.get('b')", "{'a': 1}.get('b', 2.0)", "{'a': 1}.items()", "{'a': 1}.keys()", "{'a': 1}.values()", "{'a': 1}.copy()", "{'items': 1}.items is callable", "{'items': 1}['items']", "[1, 2, 1].count(1)", "[1, 2].index(2)",
    "(1, 2, 1).count(1)", "[1].append(2)", "{'a': 1}.update({'b': 2})", "['a'].first", "['a'].0", "'abc'.1", "'abc'[5] is defined", "[1, 2][true]", "[1]['x'] is defined", "{'a': {'b': 1}}.a.b", "{1: 2}[1.0]", "[1, 2, 3][::-1]", "(1, 2, 3)[1:]",
    "range(10)[2:8:2]", "range(10)[-1]", "'abcdef'[4:1:-1]", "'数é🙂'[1:]", "[1, 2][5:]", "[1, 2][-1:0:-1]", "[1, 2][::0]", "1 + 1.0", "7 // 2", "-7 // 2", "7 % -3", "-7 % 3", "7.5 // 2", "-7.5 % 2", "2 ** 10", "2 ** -1", "2 ** 3 ** 2", "-2 ** 2",
    "2 ** 100", "10 / 4", "10 / 5", "1 / 0", "1 % 0", "1e308 * 10", "true + 1", "'a' * 3", "3 * [0]", "(1,) * 2", "[1] + [2]", "(1,) + (2,)", "'a' + 1", "[1] + (2,)", "none + 1", "1 ~ 2", "none ~ true ~ 1.0", "1 < 2 < 3", "1 < 3 < 2", "1 == 1.0 == true",
    "[1, [2]] == [1, [2.0]]", "{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "(1,) == [1]", "[1, 2] < [1, 3]", "(1, 'a') < (1, 'b')", "'a' < 1", "none < 1", "1 in [1.0]", "'a' in {'a': 1}", "1 not in (2, 3)", "'x' in nothing", "1 in 'a'", "'' in 'abc'", "not 1 in [1]",
    "1 and 0 or 'x'", "[] or {} or ''", "'a' and 'b'", "not nothing", "1 if false", "(1 if false) is undefined", "1 if nothing else 2", "nothing.x", "nothing['x']", "nothing + 1", "nothing()", "'%05.1f|%-4d|%+d|%x|%s' % (3.14159, 42, 7, 255, [1])",
    "'%(a)s' % {'a': 1}", "'%s' % none", "'%d' % 'x'", "'%s' % (1, 2)", "'%%'  % ()", "'%e' % 12345.678", "'%5s|%-5s|%.2s' % ('ab', 'cd', 'efg')", "'{:>5}|{:<5}|{:^5}'.format(1, 'a', 'b')", "'{:,}'.format(1234567)", "'{:.2f} {:05d} {:x}'.format(2.345, 42, 255)",
    "'{0}{1}{0}'.format('a', 'b')", "'{a!r}'.format(a='x')", "'{{}}'.format()", "dict(a=1, **{'b': 2})", "dict([('a', 1)], c=3)", "range(3)", "range(3, 0, -1) | list", "range(100001) | length", "namespace(a=1).a", "namespace(a=1).b is defined", "[[1, 'a'], {'k': (1,)}]",
    "['it\\'s', '\"', '\\'\"', '\\\\', '\n\t\x7f']", "1_000 + 0x1f + 0b11 + 0o17", "1e3", "2.5e-3", "1.0e+20", "0.1 + 0.2", "1 / 3", "123456789012345678", "1e15", "1e16", "0.0001", "0.00001", "5e-324", "1.7976931348623157e308", "'\\x41\\u00e9\\t\\101\\q'",
    "'a' 'b'", "(1, 2, 3) | sum", "'a' is in('abc')", "'x' if 'a' is defined and 'b' is string else 'y'", "1 is not string and 2 is number", "raise_exception('no')", "(none).x is defined", "loop is defined", "messages is sequence and messages is not mapping",
]
STATEMENTS = {
    # ---- white space
    "trim": "a\n{% if true %}\n b\n{% endif %}\n c\n", "no trim": "a\n{% if true +%}\n b\n{% endif +%}\n c", "strip": "a \n {%- if true -%} \n b \n {%- endif -%} \n c", "left": "x {% if true %} y {% endif %}\n\t {% if true %}z{% endif %}\n  {{ 1 }}\n  {# c #}\n.",
    "plus": " {%+ if true %}a{% endif %}\n {%+ if true +%}\n{%+ endif %}", "comment": "a\n{# b #}\nc {#- d -#} e\n  {#+ f +#}\ng", "raw": "a {% raw %}{{ b }}{# c #}{% endraw %}\nd{%- raw -%} \n e {% if %} {%- endraw -%} \n f", "raw lines": "{% raw %}\n  x\n  {% endraw %}\ny",
    "two ends": "{{ {'a': {'b': 1}} }}{{ [[1]] }}\n{{ 1 }}\n\n", "carriage": "a\r\n{% if true %}\r\nb\rc\r\n{% endif %}\r\n", "end lines": "a\n\n", "only line": "\n", "minus number": "{{-1}} {{ -1 }} {{- 2 -}} {{ 3 }}", "nested comment": "{# a {{ b }} {% c %} #}d", "print": "{% print (1, 2) %}{% print 'a' %}\nb",
    # ---- statements
    "if": "{% for m in messages %}{% if m.role == 'user' %}U{% elif m.role == 'assistant' and m.content %}A{% elif m.role %}?{% else %}-{% endif %}{% endfor %}", "if tuple": "{% if 0, %}a{% endif %}{% if () %}b{% endif %}", "set": "{% set a = 1 %}{% set b, c = a, 2 %}{% set d = 1, 2 %}{{ a }}{{ b }}{{ c }}{{ d }}",
    "set block": "{% set a %} {% for m in messages %}{{ m.role }},{% endfor %} {% endset %}[{{ a }}]{{ a | trim | length }}", "set filter": "{% set a | upper | trim %} x {% set b = 1 %}{% endset %}{{ a }}{{ b is defined }}", "scope if": "{% if true %}{% set a = 1 %}{% endif %}{{ a }}", "scope for": "{% set a = 0 %}{% for m in messages %}{{ a }}{% set a = a + 1 %}{{ a }}{% endfor %}{{ a }}",
    "scope for 2": "{% for i in range(3) %}{% if i == 0 %}{% set q = 'a' %}{% endif %}[{{ q }}]{% endfor %}{{ i is defined }}", "scope with": "{% set a = 1 %}{% with a = a + 1, b = a %}{{ a }}{{ b }}{% set c = 3 %}{% endwith %}{{ a }}{{ c is defined }}", "namespace": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% set ns.last = m.role %}{% endfor %}{{ ns.n }}{{ ns.last }}{{ ns }}",
    "namespace wrong": "{% set a = {} %}{% set a.b = 1 %}", "unpack": "{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "unpack few": "{% set a, b = [1] %}", "unpack many": "{% set a, b = [1, 2, 3] %}", "for": "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "for neighbours": "{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined else '^' }}<{{ m.role }}>{{ loop.nextitem.role if loop.nextitem is defined else '$' }};{% endfor %}", "for changed": "{% for m in messages %}{{ loop.changed(m.role in ['user', 'tool']) }}{{ loop.cycle('a', 'b', 'c') }};{% endfor %}", "for if": "{% for m in messages if m.role != 'system' %}{{ loop.index }}/{{ loop.length }}{{ m.role }}{{ loop.last }};{% else %}none{% endfor %}",
    "for else": "{% for x in [] %}x{% else %}none{% endfor %}{% for x in nothing %}x{% else %}none{% endfor %}{% for x in [1] %}x{% else %}none{% endfor %}", "for else break": "{% for x in [1, 2] %}{% break %}{% else %}none{% endfor %}{% for x in [1, 2] %}{% continue %}{% else %}none{% endfor %}{% for x in [1, 2] %}{% if x == 2 %}{% break %}{% endif %}{% else %}none{% endfor %}",
    "break": "{% for m in messages %}{% if m.role == 'assistant' %}{% continue %}{% endif %}{{ m.role }}{% if loop.index > 2 %}{% break %}{% endif %};{% endfor %}", "for in for": "{% for m in messages %}{% for c in m.role[:2] %}{{ loop.index }}{{ c }}{% endfor %}{{ loop.index }};{% endfor %}", "recursive": "{% for x in [1, [2, [3]], 4] recursive %}{% if x is iterable %}({{ loop(x) }}){{ loop.depth }}{% else %}{{ x }}@{{ loop.depth0 }}{% endif %}{% endfor %}",
    "recursive schema": "{% for k, v in {'a': {'b': {}}, 'c': {}}.items() recursive %}<{{ k }}>{{ loop(v.items()) }}</{{ k }}>{% endfor %}", "for text": "{% for c in 'aé🙂' %}{{ c }}-{% endfor %}", "for dict": "{% for k in {'b': 1, 'a': 2} %}{{ k }}{% endfor %}", "for number": "{% for k in 5 %}{% endfor %}", "for none": "{% for k in none %}{% endfor %}", "for generator": "{% for x in [1, 2, 3] | select('odd') %}{{ x }}{{ loop.length }}{{ loop.last }};{% endfor %}",
    "generator twice": "{% set g = [1, 2] | map('string') %}{{ g | join }}|{{ g | join }}|{{ g is iterable }}{{ g is sequence }}{{ not g }}", "lazy condition": "{% set ns = namespace(go=true) %}{% for m in messages if ns.go %}{{ m.role }}{% set ns.go = m.role != 'user' %};{% endfor %}", "macro": "{% macro f(a, b=2, c=b) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(c=1, a=0) }}{{ f() }}{{ f(1) | length }}{{ f.name }}{{ f }}",
    "macro extra": "{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, x=4) }}", "macro too many": "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "macro unknown": "{% macro f(a) %}{% endmacro %}{{ f(q=2) }}", "macro closure": "{% macro f() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ f() }}{% set x = 2 %}{{ f() }}", "macro recursion": "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}",
    "macro scope": "{% macro f() %}{% set z = 1 %}{{ z }}{{ messages | length }}{% endmacro %}{{ f() }}{{ z is defined }}", "macro star": "{% macro f(a, b) %}{{ a }}-{{ b }}{% endmacro %}{{ f(*[1, 2]) }}{{ f(**{'a': 3, 'b': 4}) }}", "call": "{% macro f(t) %}[{{ t }}:{{ caller() }}]{% endmacro %}{% call f('x') %}in {{ messages[0].role }}{% endcall %}", "call args": "{% macro f() %}{{ caller(1, b=2) }}{% endmacro %}{% call(a, b=0) f() %}{{ a }}{{ b }}{% endcall %}",
    "caller absent": "{% macro f() %}{{ caller is defined }}{{ caller() }}{% endmacro %}{{ f() }}", "filter block": "{% filter upper | replace('A', '<a>') %}a{{ 'b' }}{% endfilter %}", "filter block number": "{% filter length %}abc{% endfilter %}", "generation": "{% for m in messages %}{{ m.role }}:{% if m.role == 'assistant' %}{% generation %}{{ m.content }}\n{% endgeneration %}{% else %}{{ m.content }}{% endif %}\n{% endfor %}", "generation scope": "{% set a = 1 %}{% generation %}{% set a = 2 %}{{ a }}{% endgeneration %}{{ a }}",
    # ---- conversations
    "chat": "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ '\n' }}{{ (m.content or '') | trim }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}", "tools": "{% if tools %}{% for t in tools %}{{ t | tojson }}\n{% endfor %}{% else %}no tools{% endif %}", "tools indent": "{{ tools | tojson(indent=4) }}", "tools none": "{{ tools is none }}{{ tools is not none and tools | length > 1 }}{{ not tools }}{{ tools }}",
    "tool fields": "{% for t in tools or [] %}{% set f = t.function %}{{ f.name }}({% for k, v in f.parameters.properties.items() %}{{ k }}: {{ v.type }}{% if v.enum %}{{ v.enum | join('|') }}{% endif %}{% if v.default is defined %}={{ v.default }}{% endif %}{% if k in f.parameters.required %}!{% endif %}{% if not loop.last %}, {% endif %}{% endfor %})\n{% endfor %}", "schema macro": "{% macro kind(s) %}{% if s.enum %}{{ s.enum | map('tojson') | join(' | ') }}{% elif s.type == 'object' %}{ {% for k, v in s.properties | dictsort %}{{ k }}: {{ kind(v) }}; {% endfor %}}{% else %}{{ s.type }}{% endif %}{% endmacro %}{% for t in tools or [] %}{{ kind(t.function.parameters) }}{% endfor %}",
    "calls": "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.name }}{{ c.function.arguments | tojson }}{{ c.id if c.id is defined else '' }};{% endfor %}{% endfor %}", "calls text": "{% for m in messages if m.tool_calls %}{% for c in m.tool_calls %}{% if c.function.arguments is string %}{{ c.function.arguments }}{% elif c.function.arguments is mapping %}{% for k, v in c.function.arguments | items %}{{ k }}={{ v if v is string else v | tojson }},{% endfor %}{% endif %}{% endfor %}{% endfor %}", "calls str": "{% for m in messages if m.tool_calls is defined %}{{ m.tool_calls }}{% endfor %}", "calls indent": "{% for m in messages if m.tool_calls %}{{ m.tool_calls[0] | tojson(indent=2) }}{% endfor %}",
    "content kinds": "{% for m in messages %}{% if m.content is string %}S{{ m.content | length }}{% elif m.content is none %}N{% elif m.content is mapping %}M{% elif m.content is iterable %}I{% for p in m.content %}{{ p.text if p.type is defined else p }}{% endfor %}{% endif %};{% endfor %}", "content": "{% for m in messages %}[{{ m.content }}]{% endfor %}", "content strip": "{% for m in messages if m.content is string %}[{{ m.content.strip() }}|{{ m.content.split('\n')[-1] }}|{{ m.content[:3] }}|{{ m.content | upper }}]{% endfor %}", "roles": "{{ messages | map(attribute='role') | join('/') }}{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ (messages | rejectattr('role', 'in', ['user', 'system']) | list | first).role }}",
    "alternate": "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate, not ' ~ m.role) }}{% endif %}{{ m.role[0] }}{% endfor %}", "system": "{% if messages[0].role == 'system' %}{% set s = messages[0].content %}{% set messages = messages[1:] %}{% endif %}{{ s if s is defined else 'default' }}|{{ messages | length }}", "reverse": "{% for m in messages[::-1] %}{{ m.role }}{% endfor %}{% for m in messages | reverse %}{{ loop.revindex }}{% endfor %}", "last user": "{% set ns = namespace(i=-1) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.i = loop.index0 %}{% endif %}{% endfor %}{{ ns.i }}{{ messages[ns.i].content }}",
    "think": "{% for m in messages if m.role == 'assistant' and m.content is string %}{% if '</think>' in m.content %}{{ m.content.split('</think>')[-1].lstrip('\n') }}|{{ m.content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') }}{% else %}{{ m.reasoning_content | default('-', true) }}{% endif %};{% endfor %}", "fields": "{% for m in messages %}{% for k, v in m.items() %}{{ k }}={{ v is string }},{% endfor %};{% endfor %}", "items key": "{% for m in messages %}{{ m['items'] is defined }}{{ m.keys is callable }}{{ m.weight }}{{ m.get('ok') }};{% endfor %}", "numbers": "{% for m in messages %}{% if m.weight is defined %}{{ m.weight / 2 }}{{ m.weight | float }}{% endif %}{{ loop.index / 2 }}{{ loop.index // 2 }}{{ (loop.index * 1.5) | round }}{{ loop.index * 1.5 | int }};{% endfor %}",
    "messages": "{{ messages }}", "messages json": "{{ messages | tojson }}", "group": "{% for g in messages | groupby('role') %}{{ g.grouper }}{{ g.list | length }}{{ g[0] }};{% endfor %}", "extra": "{{ extra }}{{ extra.b[1] if extra is defined }}{{ extra | default({}) | tojson(sort_keys=true) }}", "header": "{%- if add_generation_prompt is defined and add_generation_prompt -%}go{%- endif -%}", "date": "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}26 Jul 2024{% endif %}", "docs": "{{ documents }}{{ documents is defined }}",
    # ---- faults
    "unclosed for": "{% for x in y %}", "unclosed print": "{{ x", "unclosed comment": "a {# b", "unclosed raw": "{% raw %}x", "unclosed text": "{{ 'a }}", "bad end": "{% if x %}{% endfor %}", "bad tag": "{% nosuch %}", "bad bracket": "{{ (1] }}", "bad operator": "{{ 1 ! 2 }}", "bad filter": "{{ 1 | nosuch }}", "bad test": "{{ 1 is nosuch }}",
    "bad assign": "{% set true = 1 %}", "bad break": "{% break %}", "empty print": "{{ }}", "two expressions": "{{ a b }}", "bad argument": "{{ 'a' | trim(1, 2, 3) }}", "bad keyword": "{{ 'a' | trim(nosuch=1) }}", "bad default": "{% macro f(a=1, b) %}{% endmacro %}", "bad call": "{% call 1 %}{% endcall %}",
}


def templates(outcome):
    """All templates by name. outcome(template) says what Jinja2 makes of it in the first context, to leave out what it refuses."""
    def takes(expression):
        o = outcome("{{ " + expression + " }}")
        return "text" in o and " at 0x" not in o["text"]

    out = dict(STATEMENTS)
    for kind, joint, names, values in (("filter", " | ", FILTERS, VALUES), ("test", " is ", TESTS, VALUES), ("method", ".", METHODS, TEXTS)):
        for name in names:
            if "truncate" in name or joint == ".":
                fits = [v for v in values if takes(v + joint + name) and v[0] in "'\""]
            else:
                fits = [v for v in values if takes("(" + v + ")" + joint + name)]
            out[kind + " " + name] = "".join("{{ (%s)%s%s }}\n" % (v, joint, name) for v in fits)
            wrong = [v for v in values if not takes("(" + v + ")" + joint + name) and v != "range(4)"]
            if wrong:
                out[kind + " " + name + ", refused"] = "{{ (%s)%s%s }}" % (wrong[len(wrong) // 2], joint, name)
    for i, x in enumerate(OTHERS):
        out["expression " + x] = "{{ " + x + " }}"
    return out
