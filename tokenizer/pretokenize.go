package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// preStep cuts a part of a text into smaller ones, in order, none of them empty. first is true for the part that begins the
// text, or, in a text that continues another one, for the part that continues it.
type preStep func(text string, first bool, emit func(part string, first bool))

// preTokenizer cuts a text into words: every step cuts the parts that the step before it emitted.
type preTokenizer []preStep

func (p preTokenizer) each(text string, first bool, word func(string)) {
	next := func(part string, _ bool) { word(part) }
	for i := len(p) - 1; i >= 0; i-- {
		step, emit := p[i], next
		next = func(part string, first bool) { step(part, first, emit) }
	}
	if text != "" {
		next(text, first)
	}
}

// matcher finds a literal, a pattern or a class of characters in a text; one of the three is set.
type matcher struct {
	literal string
	re      *regex
	class   func(rune) bool
}

// segments emits the whole text in order, as matches and the parts between them, none of them empty.
func (m matcher) segments(text string, emit func(part string, match bool)) {
	switch {
	case m.literal != "":
		for {
			i := strings.Index(text, m.literal)
			if i < 0 {
				break
			}
			if i > 0 {
				emit(text[:i], false)
			}
			emit(text[i:i+len(m.literal)], true)
			text = text[i+len(m.literal):]
		}
		if text != "" {
			emit(text, false)
		}
	case m.class != nil:
		done := 0
		for i, r := range text {
			if !m.class(r) {
				continue
			}
			if done < i {
				emit(text[done:i], false)
			}
			_, n := utf8.DecodeRuneInString(text[i:])
			emit(text[i:i+n], true)
			done = i + n
		}
		if done < len(text) {
			emit(text[done:], false)
		}
	default:
		m.regexpSegments(text, emit)
	}
}

// begins is the number of characters of the match with which a text begins, 0 if it begins with none.
func (m matcher) begins(text string) (n int) {
	switch {
	case text == "":
	case m.literal != "":
		if strings.HasPrefix(text, m.literal) {
			n = utf8.RuneCountInString(m.literal)
		}
	case m.class != nil:
		if r, _ := utf8.DecodeRuneInString(text); m.class(r) {
			n = 1
		}
	default:
		n = max(0, m.re.begins([]rune(text)))
	}
	return n
}

func (m matcher) regexpSegments(text string, emit func(part string, match bool)) {
	done, at, runes := 0, 0, 0 // bytes emitted; a byte offset and the same place counted in characters
	seek := func(to int) int {
		for ; runes < to; runes++ {
			_, n := utf8.DecodeRuneInString(text[at:])
			at += n
		}
		return at
	}
	m.re.matches([]rune(text), func(first, last int) bool {
		start := seek(first)
		end := seek(last)
		if done < start {
			emit(text[done:start], false)
		}
		if start < end {
			emit(text[start:end], true)
		}
		done = end
		return true
	})
	if done < len(text) {
		emit(text[done:], false)
	}
}

// splitStep cuts at the matches of m; behavior says where a match goes. invert swaps matches and the parts between them.
func splitStep(m matcher, behavior string, invert bool) (preStep, error) {
	var cut func(s string, emit func(string))
	switch behavior {
	case "Isolated":
		cut = func(s string, emit func(string)) {
			m.segments(s, func(part string, _ bool) { emit(part) })
		}
	case "Removed":
		return func(text string, first bool, emit func(string, bool)) {
			m.segments(text, func(part string, match bool) {
				if match == invert {
					emit(part, first)
				}
				first = false // also if what is removed begins the text
			})
		}, nil
	case "Contiguous", "MergedWithPrevious", "MergedWithNext":
		cut = func(s string, emit func(string)) { mergeSegments(m, behavior, invert, s, emit) }
	default:
		return nil, fmt.Errorf("behavior %q is not known", behavior)
	}
	return func(text string, first bool, emit func(string, bool)) {
		start := first
		cut(text, func(part string) {
			emit(part, start)
			start = false
		})
	}, nil
}

// mergeSegments joins segments that belong together. The segments are adjacent in s, so a joined one is a part of s.
func mergeSegments(m matcher, behavior string, invert bool, s string, emit func(string)) {
	start, end := 0, 0 // the part of s that is held back
	was, any := false, false
	m.segments(s, func(part string, match bool) {
		match = match != invert
		var join bool
		switch behavior {
		case "Contiguous":
			join = match == was
		case "MergedWithPrevious": // a match is joined to the part before it, if that is not a match
			join = match && !was
		case "MergedWithNext": // a part that is not a match is joined to a match before it
			join = !match && was
		}
		if any && !join {
			emit(s[start:end])
			start = end
		}
		end += len(part)
		was, any = match, true
	})
	if any {
		emit(s[start:end])
	}
}

// scanStep cuts with hand-written code for a pattern: scan returns the end of the word that begins at i.
func scanStep(scan func(text string, i int) int) preStep {
	return func(text string, first bool, emit func(string, bool)) {
		for i := 0; i < len(text); {
			j := scan(text, i)
			emit(text[i:j], first && i == 0)
			i = j
		}
	}
}

// prefixSpace puts a space before a part that does not begin with one.
func prefixSpace(text string, first bool, emit func(string, bool)) {
	if text[0] != ' ' {
		text = " " + text
	}
	emit(text, first)
}

// unlessFirst is a step that leaves the part alone that continues another text.
func unlessFirst(step preStep) preStep {
	return func(text string, first bool, emit func(string, bool)) {
		if first {
			emit(text, first)
		} else {
			step(text, first, emit)
		}
	}
}

// wordsAndSymbols cuts as the pattern \w+|[^\w\s]+ does: runs of word characters and runs of symbols, without white space.
func wordsAndSymbols(text string, first bool, emit func(string, bool)) {
	const blank, word, symbol = 0, 1, 2
	kind := func(r rune) int {
		switch {
		case isWord(r):
			return word
		case unicode.IsSpace(r):
			return blank
		}
		return symbol
	}
	start, was := 0, blank
	for i, r := range text {
		k := kind(r)
		if k == was {
			continue
		}
		if was != blank {
			emit(text[start:i], first && start == 0)
		}
		start, was = i, k
	}
	if was != blank {
		emit(text[start:], first && start == 0)
	}
}

// spell writes every byte of a part as the character that stands for it, and unspell undoes it: the steps between ByteLevel
// and the model work on this spelling.
func spell(text string, first bool, emit func(part string, first bool)) {
	var b strings.Builder
	for i := range len(text) {
		b.WriteRune(byteRune[text[i]])
	}
	emit(b.String(), first)
}

func unspell(text string, first bool, emit func(part string, first bool)) {
	b, _ := bytesOf(text) // every character is one of spell's
	emit(string(b), first)
}

// metaspace writes spaces as the replacement, puts one in front (scheme: always, first, unless first, never) and cuts before
// each.
func metaspace(replacement, scheme string, split bool) preStep {
	return func(text string, first bool, emit func(string, bool)) {
		text = strings.ReplaceAll(text, " ", replacement)
		if !strings.HasPrefix(text, replacement) && (scheme == "always" || scheme == "first" && first || scheme == "unless first" && !first) {
			text = replacement + text
		}
		if !split {
			emit(text, first)
			return
		}
		for text != "" {
			end := len(text)
			skip := 0
			if strings.HasPrefix(text, replacement) {
				skip = len(replacement)
			}
			if i := strings.Index(text[skip:], replacement); i >= 0 {
				end = skip + i
			}
			emit(text[:end], first)
			text, first = text[end:], false
		}
	}
}

func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return r > ' ' && r != 0x7F && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	return unlike(r, unicode.IsPunct(r), notOldPunctuation)
}
