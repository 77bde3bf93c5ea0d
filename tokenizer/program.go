package tokenizer

import (
	"errors"
	"fmt"
	"math"

	"github.com/dlclark/regexp2/v2/syntax"
)

// Limits on a compiled pattern. Those of known tokenizers have some 100 instructions and some 30 choices.
const (
	maxInstructions = 1 << 12
	maxChoices      = 1 << 8 // the memory of a search grows with them
)

// op is the kind of an instruction.
type op uint8

const (
	opOne     op = iota // one character in a set, or one character, or all but one character
	opText              // several characters
	opChoice            // go on at x; if that fails, at y
	opJump              // go on at x
	opRun               // as many characters of a set as there are, at least min and at most max; never fewer afterwards
	opLook              // the instructions from x on match here, or do not if negated; the place stays
	opAtomic            // the first match of the instructions from x on; no other is tried afterwards
	opBegin             // the beginning of the text
	opEnd               // the end of the text
	opLastEnd           // the end of the text, or before a line break that ends it
	opLineBegin
	opLineEnd
	opFail
	opMatch
)

// instruction is a step of a program. Where two are named, the first is tried first.
type instruction struct {
	op       op
	back     bool // characters are read towards the beginning of the text
	negated  bool
	x, y     int
	min, max int
	choice   int // the number of an opChoice
	char     rune
	set      *syntax.CharSet // nil: char, or all but char if negated
	text     []rune
}

// takes says whether an opOne or opRun reads a character.
func (in *instruction) takes(r rune) bool {
	if in.set != nil {
		return in.set.CharIn(r)
	}
	return (r == in.char) != in.negated
}

// program is a compiled pattern.
type program struct {
	code    []instruction
	choices int
}

var errLarge = fmt.Errorf("it repeats too much: more than %d instructions or %d choices", maxInstructions, maxChoices)

// compileProgram compiles a pattern in .NET's syntax.
func compileProgram(pattern string) (*program, error) {
	tree, err := syntax.Parse(pattern, syntax.ParseOptions{RegexOptions: syntax.Multiline})
	if err != nil {
		return nil, err
	}
	p := &program{}
	if err := p.compile(tree.Root); err != nil {
		return nil, err
	}
	_, err = p.emit(instruction{op: opMatch})
	return p, err
}

// emit appends an instruction and returns its place.
func (p *program) emit(in instruction) (int, error) {
	if in.op == opChoice {
		in.choice = p.choices
		p.choices++
	}
	p.code = append(p.code, in)
	if len(p.code) > maxInstructions || p.choices > maxChoices {
		return 0, errLarge
	}
	return len(p.code) - 1, nil
}

// single are the nodes of one character, and of its repetitions.
var single = map[syntax.NodeType]struct{ negated, lazy, atomic, loop bool }{
	syntax.NtOne: {}, syntax.NtNotone: {negated: true}, syntax.NtSet: {},
	syntax.NtOneloop: {loop: true}, syntax.NtNotoneloop: {loop: true, negated: true}, syntax.NtSetloop: {loop: true},
	syntax.NtOnelazy: {loop: true, lazy: true}, syntax.NtNotonelazy: {loop: true, lazy: true, negated: true},
	syntax.NtSetlazy:       {loop: true, lazy: true},
	syntax.NtOneloopatomic: {loop: true, atomic: true}, syntax.NtNotoneloopatomic: {loop: true, atomic: true, negated: true},
	syntax.NtSetloopatomic: {loop: true, atomic: true},
}

// assertions are the nodes that read no character.
var assertions = map[syntax.NodeType]op{
	syntax.NtBol: opLineBegin, syntax.NtEol: opLineEnd, syntax.NtBeginning: opBegin, syntax.NtEndZ: opLastEnd, syntax.NtEnd: opEnd,
	syntax.NtNothing: opFail,
}

// compile appends the instructions of a node.
func (p *program) compile(n *syntax.RegexNode) error {
	back := n.Options&syntax.RightToLeft != 0
	if kind, ok := single[n.T]; ok {
		one := instruction{op: opOne, back: back, negated: kind.negated, char: n.Ch, set: n.Set}
		if kind.atomic {
			one.op, one.min, one.max = opRun, n.M, n.N
		}
		if !kind.loop || kind.atomic {
			_, err := p.emit(one)
			return err
		}
		return p.repeat(n.M, n.N, kind.lazy, false, func() error {
			_, err := p.emit(one)
			return err
		})
	}
	if op, ok := assertions[n.T]; ok {
		_, err := p.emit(instruction{op: op})
		return err
	}
	switch n.T {
	case syntax.NtMulti:
		_, err := p.emit(instruction{op: opText, back: back, text: n.Str})
		return err
	case syntax.NtEmpty, syntax.NtUpdateBumpalong:
		return nil
	case syntax.NtConcatenate, syntax.NtGroup:
		for _, c := range n.Children {
			if err := p.compile(c); err != nil {
				return err
			}
		}
		return nil
	case syntax.NtCapture:
		if n.N != -1 {
			return errors.New("groups that balance others are not supported")
		}
		return p.compile(n.Children[0])
	case syntax.NtAlternate:
		return p.alternate(n.Children)
	case syntax.NtLoop, syntax.NtLazyloop:
		body := n.Children[0]
		return p.repeat(n.M, n.N, n.T == syntax.NtLazyloop, body.ComputeMinLength() == 0, func() error { return p.compile(body) })
	case syntax.NtPosLook:
		return p.sub(instruction{op: opLook}, n.Children[0])
	case syntax.NtNegLook:
		return p.sub(instruction{op: opLook, negated: true}, n.Children[0])
	case syntax.NtAtomic:
		return p.sub(instruction{op: opAtomic}, n.Children[0])
	case syntax.NtRef, syntax.NtBackRefCond:
		return errors.New("references to groups are not supported")
	}
	return errors.New("a construct in it is not supported")
}

// alternate tries one node after the other.
func (p *program) alternate(nodes []*syntax.RegexNode) error {
	var ends []int
	for i, c := range nodes {
		choice := -1
		if i+1 < len(nodes) {
			var err error
			if choice, err = p.emit(instruction{op: opChoice}); err != nil {
				return err
			}
			p.code[choice].x = choice + 1
		}
		if err := p.compile(c); err != nil {
			return err
		}
		if choice >= 0 {
			end, err := p.emit(instruction{op: opJump})
			if err != nil {
				return err
			}
			ends = append(ends, end)
			p.code[choice].y = len(p.code)
		}
	}
	for _, end := range ends {
		p.code[end].x = len(p.code)
	}
	return nil
}

// sub appends an instruction that has instructions of its own.
func (p *program) sub(in instruction, body *syntax.RegexNode) error {
	at, err := p.emit(in)
	if err != nil {
		return err
	}
	p.code[at].x = at + 1
	if err := p.compile(body); err != nil {
		return err
	}
	end, err := p.emit(instruction{op: opMatch})
	p.code[at].y = end + 1 // where it goes on
	return err
}

// repeat writes body min to max times. nullable says that the body can match nothing: it ends the loop then.
func (p *program) repeat(min, max int, lazy, nullable bool, body func() error) error {
	choice := func() (int, error) { return p.emit(instruction{op: opChoice}) }
	// set fills in a choice between the body and what follows the loop.
	set := func(at, body, after int) {
		if p.code[at].x, p.code[at].y = body, after; lazy {
			p.code[at].x, p.code[at].y = after, body
		}
	}
	endless := max == math.MaxInt32
	for i := 0; i < min; i++ {
		begin := len(p.code)
		if err := body(); err != nil {
			return err
		}
		if endless && nullable && i == min-1 { // the last time is the first of the loop, which asks after the body
			at, err := choice()
			if err != nil {
				return err
			}
			set(at, begin, at+1)
			return nil
		}
	}
	if endless {
		at, err := choice()
		if err != nil {
			return err
		}
		begin := len(p.code)
		if err := body(); err != nil {
			return err
		}
		if nullable {
			again, err := choice()
			if err != nil {
				return err
			}
			set(again, begin, again+1)
		} else if _, err := p.emit(instruction{op: opJump, x: at}); err != nil {
			return err
		}
		set(at, begin, len(p.code))
		return nil
	}
	var choices []int
	for range max - min {
		at, err := choice()
		if err != nil {
			return err
		}
		choices = append(choices, at)
		if err := body(); err != nil {
			return err
		}
	}
	for _, at := range choices {
		set(at, at+1, len(p.code))
	}
	return nil
}
