package jinja

import (
	"fmt"
	"slices"
)

// maxDepth bounds how deep blocks and expressions may be nested, in a template and in a value.
const maxDepth = 200

type parser struct {
	tokens  []token
	pos     int
	depth   int
	loops   int                // how many loops break and continue may leave
	marks   bool               // a generation block was met
	used    []map[string]bool  // names that the bodies of the macros around read
	filters map[string]*filter // a copy here breaks the initialization cycle of the tables
}

func (p *parser) now() token  { return p.tokens[p.pos] }
func (p *parser) look() token { return p.tokens[min(p.pos+1, len(p.tokens)-1)] }
func (p *parser) next() token {
	t := p.tokens[p.pos]
	if p.pos < len(p.tokens)-1 {
		p.pos++
	}
	return t
}

func (p *parser) fail(format string, args ...any) {
	panic(&Error{Line: p.now().line, Problem: fmt.Sprintf(format, args...)})
}

func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.fail("nested more than %d deep", maxDepth)
	}
}
func (p *parser) leave() { p.depth-- }

func (p *parser) isOp(op string) bool     { return p.now().kind == tokOp && p.now().text == op }
func (p *parser) isName(name string) bool { return p.now().kind == tokName && p.now().text == name }

func (p *parser) skipOp(op string) bool {
	if p.isOp(op) {
		p.next()
		return true
	}
	return false
}

func (p *parser) skipName(name string) bool {
	if p.isName(name) {
		p.next()
		return true
	}
	return false
}

func (p *parser) wantOp(op string) {
	if !p.skipOp(op) {
		p.fail("unexpected %v, want '%s'", p.now(), op)
	}
}

func (p *parser) wantName() string {
	if p.now().kind != tokName {
		p.fail("unexpected %v, want a name", p.now())
	}
	return p.next().text
}

func (p *parser) wantBlockEnd() {
	if p.now().kind != tokBlockEnd {
		p.fail("unexpected %v, want %%}", p.now())
	}
	p.next()
}

// body reads statements up to a block whose name is one of ends, and leaves the position after that name. Without ends it
// reads the whole template.
func (p *parser) body(opening string, line int, ends ...string) (list []node) {
	p.enter()
	defer p.leave()
	for {
		t := p.now()
		switch t.kind {
		case tokData:
			p.next()
			list = append(list, textNode{t.text})
		case tokPrintBegin:
			p.next()
			x := p.tuple(true)
			if p.now().kind != tokPrintEnd {
				p.fail("unexpected %v, want }}", p.now())
			}
			p.next()
			list = append(list, printNode{t.line, x})
		case tokBlockBegin:
			p.next()
			if p.now().kind != tokName {
				p.fail("unexpected %v, want the name of a tag", p.now())
			}
			if slices.Contains(ends, p.now().text) {
				return list
			}
			list = append(list, p.statement())
		default:
			if len(ends) > 0 {
				panic(&Error{Line: line, Problem: fmt.Sprintf("unclosed block: {%% %s %%} has no {%% %s %%}", opening, ends[len(ends)-1])})
			}
			return list
		}
	}
}

// refusedTags are tags of Jinja2 and of its extensions that a chat template does not need or may not have.
var refusedTags = []string{"block", "extends", "include", "import", "from", "autoescape", "do", "trans", "pluralize", "debug"}

func (p *parser) statement() node {
	t := p.next()
	switch t.text {
	case "if":
		return p.ifBlock(t.line)
	case "for":
		return p.forBlock(t.line)
	case "set":
		return p.set(t.line)
	case "with":
		return p.with(t.line)
	case "macro":
		return p.macro(t.line)
	case "call":
		return p.callBlock(t.line)
	case "filter":
		f := p.filterChain(captured{}, true)
		p.wantBlockEnd()
		n := filterNode{line: t.line, filters: f, body: p.body("filter", t.line, "endfilter")}
		p.endBlock()
		return n
	case "generation":
		p.wantBlockEnd()
		loops := p.loops
		p.loops, p.marks = 0, true
		n := generationNode{line: t.line, body: p.body("generation", t.line, "endgeneration")}
		p.loops = loops
		p.endBlock()
		return n
	case "print":
		n := printNode{t.line, p.expression()}
		if p.isOp(",") {
			p.fail("print of several values is not supported")
		}
		p.wantBlockEnd()
		return n
	case "break", "continue":
		if p.loops == 0 {
			p.fail("{%% %s %%} stands outside a loop", t.text)
		}
		p.wantBlockEnd()
		if t.text == "break" {
			return breakNode{}
		}
		return continueNode{}
	}
	if slices.Contains(refusedTags, t.text) {
		panic(&Error{Line: t.line, Problem: "tag '" + t.text + "' is not supported in chat templates"})
	}
	panic(&Error{Line: t.line, Problem: "unknown tag '" + t.text + "'"})
}

// endBlock reads the name of a closing tag and its end.
func (p *parser) endBlock() {
	p.next()
	p.wantBlockEnd()
}

func (p *parser) ifBlock(line int) node {
	n := &ifNode{line: line, cond: p.tuple(false)}
	first := n
	p.wantBlockEnd()
	for {
		n.then = p.body("if", line, "elif", "else", "endif")
		switch t := p.next(); t.text {
		case "elif":
			inner := &ifNode{line: t.line, cond: p.tuple(false)}
			p.wantBlockEnd()
			n.other = []node{inner}
			n = inner
			continue
		case "else":
			p.wantBlockEnd()
			n.other = p.body("if", line, "endif")
			p.next()
		}
		p.wantBlockEnd()
		return first
	}
}

func (p *parser) forBlock(line int) node {
	n := &forNode{line: line, target: p.target(false, "in")}
	n.target.each(func(name string) {
		if name == "loop" {
			p.fail("a loop cannot assign to the name loop")
		}
	})
	if !p.skipName("in") {
		p.fail("unexpected %v, want 'in'", p.now())
	}
	n.seq = p.tuple(false, "recursive")
	if p.skipName("if") {
		n.test = p.expression()
	}
	n.recursive = p.skipName("recursive")
	p.wantBlockEnd()
	p.loops++
	n.body = p.body("for", line, "else", "endfor")
	p.loops--
	if p.next().text == "else" {
		p.wantBlockEnd()
		n.none = p.body("for", line, "endfor")
		p.next()
	}
	p.wantBlockEnd()
	return n
}

func (t *target) each(use func(name string)) {
	if t.tuple == nil {
		use(t.name)
	}
	for i := range t.tuple {
		t.tuple[i].each(use)
	}
}

// target reads what is assigned to. In a set, it may be a field of a namespace.
func (p *parser) target(fields bool, ends ...string) target {
	if fields && p.now().kind == tokName && p.look().kind == tokOp && p.look().text == "." {
		name := p.next().text
		p.next()
		return target{name: name, field: p.wantName()}
	}
	var list []target
	tuple := false
	for {
		if len(list) > 0 {
			p.wantOp(",")
		}
		if k := p.now().kind; k == tokBlockEnd || p.isOp(")") || slices.ContainsFunc(ends, p.isName) {
			break
		}
		list = append(list, p.oneTarget(ends))
		if !p.isOp(",") {
			break
		}
		tuple = true
	}
	if len(list) == 0 {
		p.fail("unexpected %v, want a name", p.now())
	}
	if tuple {
		return target{tuple: list}
	}
	return list[0]
}

func (p *parser) oneTarget(ends []string) target {
	p.enter()
	defer p.leave()
	if p.skipOp("(") {
		t := p.target(false, ends...)
		p.wantOp(")")
		return t
	}
	name := p.wantName()
	switch name {
	case "true", "false", "none", "True", "False", "None":
		p.fail("cannot assign to %s", name)
	}
	return target{name: name}
}

func (p *parser) set(line int) node {
	t := p.target(true)
	t.each(func(name string) {
		if name == "loop" {
			p.fail("cannot assign to the name loop")
		}
	})
	if p.skipOp("=") {
		n := setNode{line, t, p.tuple(true)}
		p.wantBlockEnd()
		return n
	}
	n := setBlockNode{line: line, target: t}
	if p.isOp("|") {
		n.filters = p.filterChain(captured{}, false)
	}
	p.wantBlockEnd()
	n.body = p.body("set", line, "endset")
	p.endBlock()
	return n
}

func (p *parser) with(line int) node {
	n := withNode{line: line}
	for p.now().kind != tokBlockEnd {
		if len(n.targets) > 0 {
			p.wantOp(",")
		}
		n.targets = append(n.targets, p.target(false))
		p.wantOp("=")
		n.values = append(n.values, p.expression())
	}
	p.wantBlockEnd()
	n.body = p.body("with", line, "endwith")
	p.endBlock()
	return n
}

// signature reads the parameters of a macro or a call block.
func (p *parser) signature(def *macroDef) {
	p.wantOp("(")
	for !p.isOp(")") {
		if len(def.params) > 0 {
			p.wantOp(",")
			if p.isOp(")") {
				p.fail("unexpected ')', want a name")
			}
		}
		name := p.wantName()
		switch {
		case name == "caller" || name == "varargs" || name == "kwargs":
			p.fail("a parameter with the name %s is not supported", name)
		case slices.Contains(def.params, name):
			p.fail("two parameters have the name %s", name)
		}
		def.params = append(def.params, name)
		if p.skipOp("=") {
			def.defaults = append(def.defaults, p.expression())
		} else if len(def.defaults) > 0 {
			p.fail("parameter %s without a default follows one with a default", name)
		}
	}
	p.next()
}

// macroBody reads the body of a macro or a call block and notes which of the special names it reads.
func (p *parser) macroBody(def *macroDef, opening string, line int) {
	loops := p.loops
	p.loops = 0
	used := map[string]bool{}
	p.used = append(p.used, used)
	def.body = p.body(opening, line, "end"+opening)
	p.used = p.used[:len(p.used)-1]
	p.loops = loops
	p.endBlock()
	def.useCaller, def.useArgs, def.useKeys = used["caller"], used["varargs"], used["kwargs"]
}

func (p *parser) macro(line int) node {
	n := macroNode{line: line, name: p.wantName(), def: &macroDef{}}
	p.signature(n.def)
	p.wantBlockEnd()
	p.macroBody(n.def, "macro", line)
	return n
}

func (p *parser) callBlock(line int) node {
	n := callNode{line: line, def: &macroDef{}}
	if p.isOp("(") {
		p.signature(n.def)
	}
	call, ok := p.expression().(*callExpr)
	if !ok {
		p.fail("{%% call %%} wants the call of a macro")
	}
	n.call = call
	p.wantBlockEnd()
	p.macroBody(n.def, "call", line)
	return n
}
