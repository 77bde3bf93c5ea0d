package jinja

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	tokData kind = iota
	tokBlockBegin
	tokBlockEnd
	tokPrintBegin
	tokPrintEnd
	tokName
	tokString
	tokInt
	tokFloat
	tokOp
	tokEOF
)

type token struct {
	kind kind
	text string
	line int
}

// String names the token for an error.
func (t token) String() string {
	switch t.kind {
	case tokData:
		return "text"
	case tokBlockBegin:
		return "{%"
	case tokBlockEnd:
		return "%}"
	case tokPrintBegin:
		return "{{"
	case tokPrintEnd:
		return "}}"
	case tokString:
		return strconv.Quote(t.text)
	case tokEOF:
		return "the end of the template"
	}
	return "'" + t.text + "'"
}

type lexer struct {
	src         string
	pos         int
	line        int
	counted     int  // lines are counted up to here
	lineStarted bool // the text at pos begins a line: what precedes it was a line break that a tag took
	tokens      []token
}

// lex cuts a template into tokens. White space at the edges of tags is removed here: trim_blocks takes the first line break after
// a block or a comment, lstrip_blocks the blanks before one that stands first on its line.
func lex(source string) []token {
	if !utf8.ValidString(source) {
		panic(&Error{Line: 1, Problem: "the template is not valid UTF-8"})
	}
	source = strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")
	source = strings.TrimSuffix(source, "\n")
	l := &lexer{src: source, line: 1, lineStarted: true}
	for l.pos < len(l.src) {
		l.root()
	}
	l.emit(tokEOF, "")
	return l.tokens
}

func (l *lexer) fail(problem string) { panic(&Error{Line: l.lineAt(), Problem: problem}) }

func (l *lexer) lineAt() int {
	end := min(l.pos, len(l.src))
	l.line += strings.Count(l.src[l.counted:end], "\n")
	l.counted = end
	return l.line
}

func (l *lexer) emit(k kind, text string) { l.tokens = append(l.tokens, token{k, text, l.lineAt()}) }

// end finishes a tag: what it ate decides whether the next text begins a line.
func (l *lexer) end() { l.lineStarted = l.pos > 0 && l.src[l.pos-1] == '\n' }

// root reads text up to a tag, and the tag.
func (l *lexer) root() {
	rest := l.src[l.pos:]
	at := -1
	for i := 0; i+1 < len(rest); i++ {
		if rest[i] == '{' && (rest[i+1] == '{' || rest[i+1] == '%' || rest[i+1] == '#') {
			at = i
			break
		}
	}
	if at < 0 {
		l.emit(tokData, rest)
		l.pos = len(l.src)
		return
	}
	text, tag := rest[:at], rest[at+1]
	after := l.pos + at + 2
	sign := byte(0)
	if after < len(l.src) && (l.src[after] == '-' || l.src[after] == '+') {
		sign = l.src[after]
		after++
	}
	if text = l.leftStrip(text, sign, tag == '{'); text != "" {
		l.emit(tokData, text)
	}
	if tag == '%' {
		if end := rawBegin(l.src, after); end > 0 {
			l.pos = end
			l.end()
			l.raw()
			return
		}
	}
	l.pos = after
	switch tag {
	case '#':
		l.comment()
	case '%':
		l.emit(tokBlockBegin, "")
		l.code(tokBlockEnd, "%}", true)
	default:
		l.emit(tokPrintBegin, "")
		l.code(tokPrintEnd, "}}", false)
	}
}

// leftStrip removes blanks at the end of the text before a tag.
func (l *lexer) leftStrip(text string, sign byte, print bool) string {
	switch {
	case sign == '-':
		return strings.TrimRightFunc(text, isSpace)
	case sign == '+' || print:
		return text
	}
	start := strings.LastIndexByte(text, '\n') + 1
	if (start > 0 || l.lineStarted) && strings.TrimLeftFunc(text[start:], isSpace) == "" {
		return text[:start]
	}
	return text
}

func skipSpace(s string, pos int) int {
	return len(s) - len(strings.TrimLeftFunc(s[pos:], isSpace))
}

// rawBegin returns the position after a {% raw %} whose sign ends at pos, or 0.
func rawBegin(s string, pos int) int {
	pos = skipSpace(s, pos)
	if !strings.HasPrefix(s[pos:], "raw") {
		return 0
	}
	pos = skipSpace(s, pos+3)
	switch {
	case strings.HasPrefix(s[pos:], "-%}"):
		return skipSpace(s, pos+3)
	case strings.HasPrefix(s[pos:], "%}"):
		return pos + 2
	}
	return 0
}

// raw reads text up to {% endraw %}.
func (l *lexer) raw() {
	for at := l.pos; ; {
		next := strings.Index(l.src[at:], "{%")
		if next < 0 {
			l.fail("{% raw %} has no {% endraw %}")
		}
		at += next
		after := at + 2
		sign := byte(0)
		if after < len(l.src) && (l.src[after] == '-' || l.src[after] == '+') {
			sign = l.src[after]
			after++
		}
		after = skipSpace(l.src, after)
		if strings.HasPrefix(l.src[after:], "endraw") {
			after = skipSpace(l.src, after+len("endraw"))
			if end, ok := closing(l.src, after, "%}", true); ok {
				if text := l.leftStrip(l.src[l.pos:at], sign, false); text != "" {
					l.emit(tokData, text)
				}
				l.pos = end
				l.end()
				return
			}
		}
		at += 2
	}
}

func (l *lexer) comment() {
	for at := l.pos; ; at++ {
		next := strings.Index(l.src[at:], "#}")
		if next < 0 {
			l.fail("a comment {# has no #}")
		}
		at += next
		start := at
		if start > l.pos && (l.src[start-1] == '-' || l.src[start-1] == '+') {
			start--
		}
		if end, ok := closing(l.src, start, "#}", true); ok {
			l.pos = end
			l.end()
			return
		}
	}
}

// closing tests for the end of a tag at pos and returns the position after it and the white space that it takes.
func closing(s string, pos int, mark string, block bool) (int, bool) {
	rest := s[pos:]
	switch {
	case strings.HasPrefix(rest, "-"+mark):
		return skipSpace(s, pos+1+len(mark)), true
	case block && strings.HasPrefix(rest, "+"+mark):
		return pos + 1 + len(mark), true
	case strings.HasPrefix(rest, mark):
		pos += len(mark)
		if block && pos < len(s) && s[pos] == '\n' {
			pos++
		}
		return pos, true
	}
	return 0, false
}

var operators = []string{"//", "**", "==", "!=", ">=", "<="}

// code reads the tokens of a block or an expression up to its closing mark.
func (l *lexer) code(end kind, mark string, block bool) {
	var open []byte
	for l.pos < len(l.src) {
		if len(open) == 0 {
			if next, ok := closing(l.src, l.pos, mark, block); ok {
				l.emit(end, "")
				l.pos = next
				l.end()
				return
			}
		}
		rest := l.src[l.pos:]
		c, size := utf8.DecodeRuneInString(rest)
		switch {
		case isSpace(c):
			l.pos += size
		case c >= '0' && c <= '9':
			l.number(rest)
		case c == '\'' || c == '"':
			l.text(rest, byte(c))
		case isWord(c):
			n := 0
			for n < len(rest) {
				c, size := utf8.DecodeRuneInString(rest[n:])
				if !isWord(c) && !unicode.Is(unicode.Mn, c) && !unicode.Is(unicode.Mc, c) {
					break
				}
				n += size
			}
			l.emit(tokName, rest[:n])
			l.pos += n
		default:
			l.operator(rest, &open)
		}
	}
	if block {
		l.fail("unclosed block: %} is missing")
	}
	l.fail("unclosed expression: }} is missing")
}

func (l *lexer) operator(rest string, open *[]byte) {
	op := rest[:1]
	for _, two := range operators {
		if strings.HasPrefix(rest, two) {
			op = two
		}
	}
	if len(op) == 1 && !strings.Contains("+-/*%~[](){}><=.:|,;", op) {
		c, _ := utf8.DecodeRuneInString(rest)
		l.fail("unexpected character " + strconv.QuoteRune(c))
	}
	switch op {
	case "(", "[", "{":
		*open = append(*open, map[string]byte{"(": ')', "[": ']', "{": '}'}[op])
	case ")", "]", "}":
		n := len(*open)
		if n == 0 {
			l.fail("unexpected '" + op + "'")
		}
		if (*open)[n-1] != op[0] {
			l.fail("unexpected '" + op + "', want '" + string((*open)[n-1]) + "'")
		}
		*open = (*open)[:n-1]
	}
	l.emit(tokOp, op)
	l.pos += len(op)
}

// digits returns the length of a run of digits with single underscores between them.
func digits(s string, allowed string) int {
	n := 0
	for n < len(s) {
		if strings.IndexByte(allowed, lower(s[n])) >= 0 {
			n++
		} else if s[n] == '_' && n > 0 && n+1 < len(s) && strings.IndexByte(allowed, lower(s[n+1])) >= 0 {
			n++
		} else {
			break
		}
	}
	return n
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

const decimal = "0123456789"

func (l *lexer) number(rest string) {
	afterDot := l.pos > 0 && l.src[l.pos-1] == '.'
	if n := floatLength(rest); n > 0 && !afterDot {
		l.emit(tokFloat, strings.ReplaceAll(rest[:n], "_", ""))
		l.pos += n
		return
	}
	n := 0
	if rest[0] == '0' {
		if len(rest) > 1 {
			set := map[byte]string{'b': "01", 'o': "01234567", 'x': "0123456789abcdef"}[rest[1]|0x20]
			if set != "" {
				skip := 2
				if len(rest) > 2 && rest[2] == '_' {
					skip = 3
				}
				if d := digits(rest[skip:], set); d > 0 {
					n = skip + d
				}
			}
		}
		if n == 0 {
			n = digits(rest, "0")
		}
	} else {
		n = digits(rest, decimal)
	}
	l.emit(tokInt, strings.ReplaceAll(rest[:n], "_", ""))
	l.pos += n
}

// floatLength is the length of a float at the start of s, 0 if there is none: digits, and a fraction or an exponent or both.
func floatLength(s string) int {
	n := digits(s, decimal)
	float := false
	if n < len(s) && s[n] == '.' {
		if d := digits(s[n+1:], decimal); d > 0 {
			n += 1 + d
			float = true
		}
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		m := n + 1
		if m < len(s) && (s[m] == '+' || s[m] == '-') {
			m++
		}
		if d := digits(s[m:], decimal); d > 0 {
			return m + d
		}
	}
	if float {
		return n
	}
	return 0
}

// text reads a quoted text with Python's escapes.
func (l *lexer) text(rest string, quote byte) {
	var out strings.Builder
	for i := 1; i < len(rest); {
		c := rest[i]
		switch {
		case c == quote:
			l.emit(tokString, out.String())
			l.pos += i + 1
			return
		case c != '\\':
			out.WriteByte(c)
			i++
		case i+1 < len(rest):
			i += l.escape(rest[i:], &out)
		default:
			i++
		}
	}
	l.fail("a text has no closing " + string(quote))
}

var simpleEscapes = map[byte]string{
	'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// escape writes what a backslash and the characters after it stand for, and returns how many bytes they take.
func (l *lexer) escape(s string, out *strings.Builder) int {
	c := s[1]
	if text, ok := simpleEscapes[c]; ok {
		out.WriteString(text)
		return 2
	}
	hex := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	switch {
	case hex > 0:
		if len(s) < 2+hex {
			l.fail("the escape \\" + string(c) + " is cut off")
		}
		n, err := strconv.ParseUint(s[2:2+hex], 16, 32)
		if err != nil {
			l.fail("the escape \\" + string(c) + " wants hexadecimal digits")
		}
		if !utf8.ValidRune(rune(n)) {
			l.fail("the escape " + s[:2+hex] + " is not a character")
		}
		out.WriteRune(rune(n))
		return 2 + hex
	case c >= '0' && c <= '7':
		n, value := 1, 0
		for n < len(s) && n < 4 && s[n] >= '0' && s[n] <= '7' {
			value = value*8 + int(s[n]-'0')
			n++
		}
		out.WriteRune(rune(value))
		return n
	case c == 'N':
		l.fail("the escape \\N{…} is not supported")
	case c >= utf8.RuneSelf: // Python has made this character an escape of its own by now, whose backslash is taken
		r, size := utf8.DecodeRuneInString(s[1:])
		switch {
		case r < 0x100:
			out.WriteString("\\x" + pad(strconv.FormatInt(int64(r), 16), 2))
		case r < 0x10000:
			out.WriteString("\\u" + pad(strconv.FormatInt(int64(r), 16), 4))
		default:
			out.WriteString("\\U" + pad(strconv.FormatInt(int64(r), 16), 8))
		}
		return 1 + size
	}
	out.WriteByte('\\')
	out.WriteByte(c)
	return 2
}

// pad writes zeros before a number.
func pad(s string, width int) string {
	for len(s) < width {
		s = "0" + s
	}
	return s
}
