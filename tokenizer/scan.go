package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// GPT2Pattern cuts a text into words as GPT-2 does (Radford et al. 2019).
const GPT2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// The patterns of Llama 3 and Qwen 2 differ in the length of a number.
const (
	Llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	Qwen2Pattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// scanners are hand-written equivalents of patterns: each returns the end of the word that begins at i. The patterns match
// everywhere, so there is no text between two words.
var scanners = map[string]func(text string, i int) int{
	GPT2Pattern:   scanGPT2,
	Llama3Pattern: func(text string, i int) int { return scanLlama3(text, i, 3) },
	Qwen2Pattern:  func(text string, i int) int { return scanLlama3(text, i, 1) },
}

// class is the kind of a character, as far as the patterns distinguish them: every character has one class.
type class uint8

const (
	other class = iota
	letter
	number
	space
)

var asciiClass = func() (t [utf8.RuneSelf]class) {
	for r := range rune(utf8.RuneSelf) {
		t[r] = unicodeClass(r)
	}
	return t
}()

func unicodeClass(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// classAt is the class of the character at i and its length in bytes. A byte that is not UTF-8 is one character.
func classAt(text string, i int) (class, int) {
	if c := text[i]; c < utf8.RuneSelf {
		return asciiClass[c], 1
	}
	r, n := utf8.DecodeRuneInString(text[i:])
	return unicodeClass(r), n
}

// run is the end of the run of characters of class c that begins at i.
func run(text string, i int, c class) int {
	for i < len(text) {
		k, n := classAt(text, i)
		if k != c {
			break
		}
		i += n
	}
	return i
}

// blanks is the end of \s+(?!\S)|\s+ from i on: white space leaves its last character to the word after it.
func blanks(text string, i int) int {
	last, end := i, i // end: first byte after the white space; last: its last character
	for end < len(text) {
		k, n := classAt(text, end)
		if k != space {
			if last > i {
				return last
			}
			return end
		}
		last = end
		end += n
	}
	return end
}

// scanGPT2 equals GPT2Pattern.
func scanGPT2(text string, i int) int {
	if text[i] == '\'' && i+1 < len(text) {
		switch text[i+1] {
		case 's', 't', 'm', 'd':
			return i + 2
		case 'r', 'v':
			if i+2 < len(text) && text[i+2] == 'e' {
				return i + 3
			}
		case 'l':
			if i+2 < len(text) && text[i+2] == 'l' {
				return i + 3
			}
		}
	}
	k, n := classAt(text, i)
	if k == space {
		if text[i] != ' ' || i+1 == len(text) {
			return blanks(text, i)
		}
		if k, n = classAt(text, i+1); k == space {
			return blanks(text, i)
		}
		return run(text, i+1+n, k)
	}
	return run(text, i+n, k)
}

// scanLlama3 equals Llama3Pattern with numbers of at most digits characters.
func scanLlama3(text string, i int, digits int) int {
	if text[i] == '\'' {
		if end := contraction(text, i+1); end > 0 {
			return end
		}
	}
	k, n := classAt(text, i)
	switch {
	case k == letter:
		return run(text, i+n, letter)
	case k == number:
		for ; digits > 1 && i+n < len(text); digits-- {
			k, m := classAt(text, i+n)
			if k != number {
				break
			}
			n += m
		}
		return i + n
	}
	// [^\r\n\p{L}\p{N}]?\p{L}+
	if i+n < len(text) && text[i] != '\r' && text[i] != '\n' {
		if k, m := classAt(text, i+n); k == letter {
			return run(text, i+n+m, letter)
		}
	}
	// ?[^\s\p{L}\p{N}]+[\r\n]*
	at := i
	if text[i] == ' ' {
		at++
	}
	if end := run(text, at, other); end > at {
		for end < len(text) && (text[end] == '\r' || text[end] == '\n') {
			end++
		}
		return end
	}
	// \s*[\r\n]+ ends after the last line break of the white space.
	end := run(text, i, space)
	for j := end; j > i; j-- {
		if c := text[j-1]; c == '\r' || c == '\n' {
			return j
		}
	}
	return blanks(text, i)
}

// contraction is the end of the letters of (?i:'s|'t|'re|'ve|'m|'ll|'d) at i, 0 if there are none. In simple case folding
// U+017F, the long s, equals s; no other character outside ASCII equals one of these letters.
func contraction(text string, i int) int {
	if i >= len(text) {
		return 0
	}
	at := func(j int, c byte) bool { return j < len(text) && text[j]|0x20 == c }
	switch text[i] | 0x20 {
	case 's', 't', 'm', 'd':
		return i + 1
	case 'r', 'v':
		if at(i+1, 'e') {
			return i + 2
		}
	case 'l':
		if at(i+1, 'l') {
			return i + 2
		}
	}
	if len(text) >= i+2 && text[i:i+2] == "ſ" {
		return i + 2
	}
	return 0
}
