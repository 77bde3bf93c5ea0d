package tokenizer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// newRegexp compiles a pattern as the reference reads it: in Oniguruma's Ruby syntax, whose ^ and $ match at every line.
func newRegexp(source string) (*regex, error) {
	translated, err := fromOniguruma(source)
	if err != nil {
		return nil, fmt.Errorf("regex %q: %w", source, err)
	}
	p, err := compileProgram(translated)
	if err != nil {
		return nil, fmt.Errorf("regex %q: %w", source, err)
	}
	return newRegex(source, p), nil
}

// The characters of \w inside a class. Outside a class \w has six more, which are word characters in Oniguruma's table of
// Latin-1.
const (
	wordInClass = `\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\p{Other_Alphabetic}`
	wordChars   = wordInClass + `\u00B2\u00B3\u00B9\u00BC-\u00BE`
)

// interval is a counted repetition, {n}, {n,}, {,m} or {n,m}.
var interval = regexp.MustCompile(`^\{(\d+|(\d*),\d+|\d+,)\}`)

// onigParser rewrites Oniguruma's syntax (doc/RE of Oniguruma 6.9) to that of regexp2, which is .NET's. Only regexp2's parser is used.
type onigParser struct {
	in     string
	out    []byte
	groups []int // where the open groups begin in out
	atom   int   // where the item that a repetition would repeat begins in out; -1: none
}

// fromOniguruma writes a pattern in the syntax of regexp2. The two agree on most of what real patterns use; where they
// differ, the pattern is rewritten, or refused if that is not possible.
func fromOniguruma(pattern string) (string, error) {
	p := onigParser{in: pattern, atom: -1}
	for p.in != "" {
		if err := p.step(); err != nil {
			return "", err
		}
		if len(p.out) > maxRegexBytes {
			return "", fmt.Errorf("longer than %d bytes once rewritten", maxRegexBytes)
		}
	}
	return string(p.out), nil
}

// copy copies n bytes to the output.
func (p *onigParser) copy(n int) {
	p.out = append(p.out, p.in[:n]...)
	p.in = p.in[n:]
}

// copyBraces copies everything up to the next closing brace.
func (p *onigParser) copyBraces() {
	if end := strings.IndexByte(p.in, '}'); end >= 0 {
		p.copy(end + 1)
	} else { // regexp2 reports the error
		p.copy(len(p.in))
	}
}

// replace writes text for n bytes.
func (p *onigParser) replace(n int, text string) {
	p.out = append(p.out, text...)
	p.in = p.in[n:]
}

func (p *onigParser) step() error {
	start := len(p.out)
	switch c := p.in[0]; c {
	case '\\':
		p.atom = start
		return p.escape(false)
	case '[':
		p.atom = start
		return p.class()
	case '(':
		p.groups, p.atom = append(p.groups, start), -1
		return p.group()
	case ')':
		p.copy(1)
		if n := len(p.groups); n > 0 { // otherwise regexp2 reports the error
			p.atom, p.groups = p.groups[n-1], p.groups[:n-1]
		}
	case '|':
		p.atom = -1
		p.copy(1)
	case '*', '+', '?':
		p.copy(1)
	case '{':
		p.interval()
	default:
		p.atom = start
		p.copy(1)
		for p.in != "" && p.in[0]&0xC0 == 0x80 { // the remaining bytes of a character
			p.copy(1)
		}
	}
	return nil
}

// interval reads {n,m}. In Oniguruma a + after it repeats the whole once more, and a ? after {n} makes the whole optional;
// regexp2 would read the + as possessive and the ? as lazy.
func (p *onigParser) interval() {
	m := interval.FindString(p.in)
	if m == "" || p.atom < 0 { // a character like any other
		p.atom = len(p.out)
		p.copy(1)
		return
	}
	if strings.HasPrefix(m, "{,") {
		p.replace(2, "{0,")
		p.copy(len(m) - 2)
	} else {
		p.copy(len(m))
	}
	if p.in != "" && (p.in[0] == '+' || p.in[0] == '?' && !strings.Contains(m, ",")) {
		repeated := string(p.out[p.atom:])
		p.out = append(append(append(p.out[:p.atom], "(?:"...), repeated...), ')')
		p.copy(1)
	}
}

// group reads the options after an opening parenthesis.
func (p *onigParser) group() error {
	p.copy(1)
	if !strings.HasPrefix(p.in, "?") {
		return nil
	}
	p.copy(1)
	for p.in != "" {
		switch c := p.in[0]; c {
		case 'i', '-':
			p.copy(1)
		case 'm': // the dot matches line breaks
			p.replace(1, "s")
		case ':', ')', '<', '=', '!', '>':
			if c != ')' { // the ) of (?i) is left to the next step
				p.copy(1)
			}
			return nil
		default:
			return fmt.Errorf("(?%c is not supported", []rune(p.in)[0])
		}
	}
	return nil
}

// escape reads a backslash and the characters that belong to it.
func (p *onigParser) escape(inClass bool) error {
	if len(p.in) < 2 {
		p.copy(1) // regexp2 reports the error
		return nil
	}
	const boundary = `(?:(?<=[%[1]s])(?![%[1]s])|(?<![%[1]s])(?=[%[1]s]))`
	switch c := p.in[1]; {
	case c == 'w' && inClass:
		p.replace(2, wordInClass)
	case c == 'w':
		p.replace(2, "["+wordChars+"]")
	case c == 'W' && !inClass:
		p.replace(2, "[^"+wordChars+"]")
	case c == 'b' && !inClass:
		p.replace(2, fmt.Sprintf(boundary, wordChars))
	case c == 'B' && !inClass:
		p.replace(2, "(?!"+fmt.Sprintf(boundary, wordChars)+")")
	case c == 'h' && inClass:
		p.replace(2, "0-9a-fA-F")
	case c == 'h':
		p.replace(2, "[0-9a-fA-F]")
	case c == 'H' && !inClass:
		p.replace(2, "[^0-9a-fA-F]")
	case c == 'p' || c == 'P':
		if len(p.in) < 3 || p.in[2] != '{' {
			return fmt.Errorf(`\%c without { is not supported`, c)
		}
		if strings.HasPrefix(p.in[2:], "{^") {
			p.replace(4, map[byte]string{'p': `\P{`, 'P': `\p{`}[c])
		}
		p.copyBraces()
	case c == 'x' && len(p.in) > 2 && strings.IndexByte("89abcdefABCDEF", p.in[2]) >= 0:
		return fmt.Errorf(`\x%c…: bytes of characters are not supported; write the character or \x{…}`, p.in[2])
	case c == 'x' && len(p.in) > 2 && p.in[2] == '{':
		p.copyBraces()
	case c == 'x':
		p.copy(min(len(`\x41`), len(p.in)))
	case c == 'u':
		p.copy(min(len(`\u0041`), len(p.in)))
	case 'a' <= c|0x20 && c|0x20 <= 'z' && !strings.ContainsRune("adDsStnrfveAzZb", rune(c)):
		return fmt.Errorf(`\%c is not supported here`, c)
	default:
		p.copy(2)
	}
	return nil
}

// class reads a class of characters. Classes inside a class and intersections have another meaning in .NET than in
// Oniguruma.
func (p *onigParser) class() error {
	p.copy(1)
	if strings.HasPrefix(p.in, "^") {
		p.copy(1)
	}
	if strings.HasPrefix(p.in, "]") {
		p.copy(1)
	}
	for p.in != "" {
		switch {
		case p.in[0] == ']':
			p.copy(1)
			return nil
		case p.in[0] == '[':
			return errors.New(`[ inside a class is not supported; the character itself is written \[`)
		case strings.HasPrefix(p.in, "&&"):
			return errors.New("&& inside a class is not supported")
		case p.in[0] == '\\':
			if err := p.escape(true); err != nil {
				return err
			}
		default:
			p.copy(1)
		}
	}
	return nil // without an end: regexp2 reports the error
}
