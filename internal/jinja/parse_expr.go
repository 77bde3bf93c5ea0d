package jinja

import (
	"math/big"
	"slices"
	"strconv"
)

// tuple reads one expression, or several with commas between them as a tuple. A condition with if may stand only in some places.
func (p *parser) tuple(conditional bool, ends ...string) expr {
	return p.tupleOf(conditional, false, ends...)
}

func (p *parser) tupleOf(conditional, parentheses bool, ends ...string) expr {
	var items []expr
	tuple := false
	for {
		if len(items) > 0 {
			p.wantOp(",")
		}
		if k := p.now().kind; k == tokPrintEnd || k == tokBlockEnd || p.isOp(")") || slices.ContainsFunc(ends, p.isName) {
			break
		}
		if conditional {
			items = append(items, p.expression())
		} else {
			items = append(items, p.or())
		}
		if !p.isOp(",") {
			break
		}
		tuple = true
	}
	if !tuple {
		if len(items) > 0 {
			return items[0]
		}
		if !parentheses {
			p.fail("unexpected %v, want an expression", p.now())
		}
	}
	return &tupleExpr{items}
}

func (p *parser) expression() expr {
	p.enter()
	defer p.leave()
	x := p.or()
	for p.skipName("if") {
		c := &condExpr{cond: p.or(), then: x}
		if p.skipName("else") {
			c.other = p.expression()
		}
		x = c
	}
	return x
}

func (p *parser) or() expr {
	x := p.and()
	for p.skipName("or") {
		x = &logicExpr{"or", x, p.and()}
	}
	return x
}

func (p *parser) and() expr {
	x := p.not()
	for p.skipName("and") {
		x = &logicExpr{"and", x, p.not()}
	}
	return x
}

func (p *parser) not() expr {
	if p.isName("not") {
		p.enter()
		defer p.leave()
		p.next()
		return &unaryExpr{"not", p.not()}
	}
	return p.compare()
}

func (p *parser) compare() expr {
	x := p.sum()
	c := &compareExpr{first: x}
	for {
		op := ""
		switch t := p.now(); {
		case t.kind == tokOp && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.text), p.isName("in"):
			op = p.next().text
		case p.isName("not") && p.look().kind == tokName && p.look().text == "in":
			p.next()
			p.next()
			op = "not in"
		default:
			if len(c.ops) == 0 {
				return x
			}
			return c
		}
		c.ops, c.rest = append(c.ops, op), append(c.rest, p.sum())
	}
}

func (p *parser) sum() expr {
	x := p.concat()
	for p.isOp("+") || p.isOp("-") {
		x = &binaryExpr{p.next().text, x, p.concat()}
	}
	return x
}

func (p *parser) concat() expr {
	x := p.product()
	if !p.isOp("~") {
		return x
	}
	c := &concatExpr{[]expr{x}}
	for p.skipOp("~") {
		c.items = append(c.items, p.product())
	}
	return c
}

func (p *parser) product() expr {
	x := p.power()
	for p.isOp("*") || p.isOp("/") || p.isOp("//") || p.isOp("%") {
		x = &binaryExpr{p.next().text, x, p.power()}
	}
	return x
}

func (p *parser) power() expr {
	x := p.unary(true)
	for p.skipOp("**") {
		x = &binaryExpr{"**", x, p.unary(true)}
	}
	return x
}

// unary reads a sign, which binds closer than filters do.
func (p *parser) unary(filters bool) expr {
	var x expr
	if p.isOp("-") || p.isOp("+") {
		p.enter()
		op := p.next().text
		x = &unaryExpr{op, p.unary(false)}
		p.leave()
	} else {
		x = p.primary()
	}
	x = p.postfix(x)
	if filters {
		x = p.filtersAndTests(x)
	}
	return x
}

func (p *parser) primary() expr {
	p.enter()
	defer p.leave()
	t := p.now()
	switch t.kind {
	case tokName:
		p.next()
		switch t.text {
		case "true", "True":
			return constExpr{true}
		case "false", "False":
			return constExpr{false}
		case "none", "None":
			return constExpr{None}
		case "self":
			p.fail("the name self is not supported")
		}
		for _, used := range p.used {
			used[t.text] = true
		}
		return nameExpr{t.text}
	case tokString:
		text := ""
		for p.now().kind == tokString {
			text += p.next().text
		}
		return constExpr{text}
	case tokInt:
		p.next()
		i, ok := new(big.Int).SetString(t.text, 0)
		if !ok {
			i, ok = new(big.Int).SetString(t.text, 10)
		}
		if !ok || i.BitLen() > maxBits {
			p.fail("the number %s is not supported", t.text)
		}
		return constExpr{normal(i)}
	case tokFloat:
		p.next()
		f, _ := strconv.ParseFloat(t.text, 64) // beyond the range it is an infinity, as in Python
		return constExpr{f}
	}
	switch {
	case p.skipOp("("):
		x := p.tupleOf(true, true)
		p.wantOp(")")
		return x
	case p.skipOp("["):
		return &listExpr{p.items("]")}
	case p.skipOp("{"):
		d := &dictExpr{}
		for !p.isOp("}") {
			if len(d.keys) > 0 {
				p.wantOp(",")
				if p.isOp("}") {
					break
				}
			}
			d.keys = append(d.keys, p.expression())
			p.wantOp(":")
			d.values = append(d.values, p.expression())
		}
		p.next()
		return d
	}
	p.fail("unexpected %v, want an expression", t)
	return nil
}

func (p *parser) items(end string) (list []expr) {
	for !p.isOp(end) {
		if len(list) > 0 {
			p.wantOp(",")
			if p.isOp(end) {
				break
			}
		}
		list = append(list, p.expression())
	}
	p.next()
	return list
}

func (p *parser) postfix(x expr) expr {
	for n := 0; ; n++ {
		switch {
		case n > maxDepth:
			p.fail("more than %d fields and calls in a row", maxDepth)
		case p.isOp(".") || p.isOp("["):
			x = p.subscript(x)
		case p.isOp("("):
			x = p.call(x)
		default:
			return x
		}
	}
}

func (p *parser) filtersAndTests(x expr) expr {
	for n := 0; ; n++ {
		switch {
		case n > maxDepth:
			p.fail("more than %d filters in a row", maxDepth)
		case p.isOp("|"):
			x = p.filterChain(x, false)
		case p.isName("is"):
			x = p.test(x)
		case p.isOp("("):
			x = p.call(x)
		default:
			return x
		}
	}
}

func (p *parser) subscript(x expr) expr {
	if p.skipOp(".") {
		switch t := p.next(); t.kind {
		case tokName:
			return &attrExpr{x, t.text}
		case tokInt:
			i, ok := new(big.Int).SetString(t.text, 10)
			if !ok {
				p.fail("the number %s is not supported", t.text)
			}
			return &itemExpr{x, constExpr{normal(i)}}
		default:
			p.fail("unexpected %v, want a name or a number after the dot", t)
		}
	}
	p.next()
	if p.isOp("]") {
		p.fail("unexpected ']', want an expression")
	}
	var parts [3]expr
	n := 0
	for {
		if p.isOp(":") {
			p.next()
			if n++; n > 2 {
				p.fail("unexpected ':', want ']'")
			}
			continue
		}
		if p.isOp("]") {
			break
		}
		if p.isOp(",") {
			p.fail("an index of several parts is not supported")
		}
		if parts[n] != nil {
			p.fail("unexpected %v, want ']'", p.now())
		}
		parts[n] = p.expression()
	}
	p.next()
	if n == 0 {
		return &itemExpr{x, parts[0]}
	}
	return &sliceExpr{x, parts[0], parts[1], parts[2]}
}

func (p *parser) call(f expr) *callExpr {
	return &callExpr{line: p.now().line, f: f, args: p.arguments()}
}

func (p *parser) arguments() (a callArgs) {
	p.wantOp("(")
	for first := true; !p.isOp(")"); first = false {
		if !first {
			p.wantOp(",")
			if p.isOp(")") {
				break
			}
		}
		switch {
		case p.skipOp("*"):
			if a.star != nil || a.starStar != nil {
				p.fail("these arguments are not supported: * twice or after **")
			}
			a.star = p.expression()
		case p.skipOp("**"):
			if a.starStar != nil {
				p.fail("these arguments are not supported: ** twice")
			}
			a.starStar = p.expression()
		case p.now().kind == tokName && p.look().kind == tokOp && p.look().text == "=":
			if a.starStar != nil {
				p.fail("these arguments are not supported: a keyword after **")
			}
			name := p.next().text
			p.next()
			if slices.Contains(a.names, name) {
				p.fail("the keyword %s stands twice", name)
			}
			a.names, a.values = append(a.names, name), append(a.values, p.expression())
		default:
			if len(a.names) > 0 || a.star != nil || a.starStar != nil {
				p.fail("an argument without a name follows one with a name")
			}
			a.args = append(a.args, p.expression())
		}
	}
	p.next()
	return a
}

// filterChain reads one or more filters. inline says that the name of the first comes without a bar.
func (p *parser) filterChain(x expr, inline bool) *filterExpr {
	var f *filterExpr
	for n := 0; inline || p.isOp("|"); n++ {
		if n > maxDepth {
			p.fail("more than %d filters in a row", maxDepth)
		}
		if !inline {
			p.next()
		}
		inline = false
		line := p.now().line
		f = &filterExpr{line: line, x: x, name: p.dotted()}
		if p.isOp("(") {
			f.args = p.arguments()
		}
		p.checkFilter(f.name, &f.args, line)
		x = f
	}
	return f
}

func (p *parser) dotted() string {
	name := p.wantName()
	for p.skipOp(".") {
		name += "." + p.wantName()
	}
	return name
}

func (p *parser) test(x expr) expr {
	line := p.next().line
	negated := p.skipName("not")
	t := &testExpr{line: line, x: x, name: p.dotted()}
	switch now := p.now(); {
	case p.isOp("("):
		t.args = p.arguments()
	case now.kind == tokName && !slices.Contains([]string{"else", "or", "and"}, now.text),
		now.kind == tokString, now.kind == tokInt, now.kind == tokFloat, p.isOp("["), p.isOp("{"):
		if now.text == "is" && now.kind == tokName {
			p.fail("tests with is cannot follow each other")
		}
		t.args.args = []expr{p.postfix(p.primary())}
	}
	p.checkTest(t.name, &t.args, line)
	if negated {
		return &unaryExpr{"not", t}
	}
	return t
}
