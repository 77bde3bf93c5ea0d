package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalizer rewrites a text before it is cut into words: the steps in order.
type normalizer []func(string) string

func (n normalizer) apply(text string) string {
	for _, step := range n {
		text = step(text)
	}
	return text
}

// prepend puts a string before every text that is not empty.
func prepend(prefix string) func(string) string {
	return func(s string) string {
		if s == "" {
			return s
		}
		return prefix + s
	}
}

// replaceAll replaces every match of a pattern by content, taken literally.
func replaceAll(p matcher, content string) func(string) string {
	if p.literal != "" {
		return func(s string) string { return strings.ReplaceAll(s, p.literal, content) }
	}
	return func(s string) string {
		var out strings.Builder
		p.segments(s, func(part string, match bool) {
			if match {
				out.WriteString(content)
			} else {
				out.WriteString(part)
			}
		})
		return out.String()
	}
}

// lower is the full lower case of every character on its own; only that of U+0130 has two characters.
func lower(s string) string {
	return strings.ToLower(strings.ReplaceAll(s, "İ", "i\u0307"))
}

func stripSpace(left, right bool) func(string) string {
	return func(s string) string {
		if left {
			s = strings.TrimLeftFunc(s, unicode.IsSpace)
		}
		if right {
			s = strings.TrimRightFunc(s, unicode.IsSpace)
		}
		return s
	}
}

var unicodeForms = map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}

// formGrowth is the factor by which a text's UTF-8 may grow (UAX #15, section 12: the expansion factors).
var formGrowth = map[string]float64{"NFC": 3, "NFD": 3, "NFKC": 11, "NFKD": 11}

// manyMarks is a number of combining characters in a row that no word of a language exceeds. In runs of more than 30,
// package norm inserts a U+034F (Unicode's Stream-Safe Text Process, UAX #15 section 13), which is not part of the normal
// forms. A character decomposes to at most 4 combining characters, so up to manyMarks package norm is safe.
const manyMarks = 7

// normalForm is a Unicode normal form (UAX #15).
func normalForm(form norm.Form) func(string) string {
	return func(s string) string {
		row := 0
		for i := 0; i < len(s); {
			if s[i] < utf8.RuneSelf {
				row = 0
				i++
				continue
			}
			p := form.PropertiesString(s[i:])
			if row++; p.CCC() == 0 && !unicode.Is(unicode.M, firstRune(s[i:])) {
				row = 0
			}
			if row > manyMarks {
				return definedForm(form, s)
			}
			i += max(1, p.Size())
		}
		return form.String(s)
	}
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// definedForm is a normal form by its definition: decompose, sort combining characters by their class, compose.
func definedForm(form norm.Form, s string) string {
	type char struct {
		r   rune
		ccc uint8
	}
	decomposed := norm.NFD
	if form == norm.NFKC || form == norm.NFKD {
		decomposed = norm.NFKD
	}
	var chars []char
	for i := 0; i < len(s); {
		_, n := utf8.DecodeRuneInString(s[i:])
		for _, r := range decomposed.String(s[i : i+n]) {
			chars = append(chars, char{r, decomposed.PropertiesString(string(r)).CCC()})
		}
		i += n
	}
	for i := 0; i < len(chars); i++ {
		from := i
		for i < len(chars) && chars[i].ccc != 0 {
			i++
		}
		slices.SortStableFunc(chars[from:i], func(a, b char) int { return cmp.Compare(a.ccc, b.ccc) })
	}
	if form == norm.NFC || form == norm.NFKC {
		starter, kept := -1, 0 // the last starter, and the number of characters kept
		for _, c := range chars {
			// A character between the starter and c blocks c unless its class is smaller; the classes ascend.
			if starter >= 0 && (kept == starter+1 || chars[kept-1].ccc != 0 && chars[kept-1].ccc < c.ccc) {
				pair := norm.NFC.String(string([]rune{chars[starter].r, c.r}))
				if r, n := utf8.DecodeRuneInString(pair); n == len(pair) {
					chars[starter].r = r
					continue
				}
			}
			if c.ccc == 0 {
				starter = kept
			}
			chars[kept] = c
			kept++
		}
		chars = chars[:kept]
	}
	var out strings.Builder
	for _, c := range chars {
		out.WriteRune(c.r)
	}
	return out.String()
}
