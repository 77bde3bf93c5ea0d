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
type normalizer []normStep

// normStep is a step of a normalizer.
type normStep struct {
	rewrite func(string) string
	// cuts says whether the text's beginning is taken away, so that what follows does not begin the text; nil: never.
	cuts func(text string) bool
}

// apply rewrites a text. whole is false if a step has taken the text's beginning away.
func (n normalizer) apply(text string) (out string, whole bool) {
	whole = true
	for _, step := range n {
		if whole && step.cuts != nil && step.cuts(text) {
			whole = false
		}
		text = step.rewrite(text)
	}
	return text, whole
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

// replaceCuts is normStep.cuts for replaceAll: a first match of several characters, or one that nothing replaces, takes the
// beginning away.
func replaceCuts(p matcher, content string) func(string) bool {
	return func(s string) bool {
		n := p.begins(s)
		return n > 0 && (content == "" || n > 1)
	}
}

// lower is the full lower case of every character on its own; only that of U+0130 has two characters.
func lower(s string) string {
	return strings.ToLower(strings.ReplaceAll(s, "İ", "i\u0307"))
}

// keep returns the step that leaves out the characters that drop names.
func keep(drop func(rune) bool) normStep {
	return normStep{
		func(s string) string {
			return strings.Map(func(r rune) rune {
				if drop(r) {
					return -1
				}
				return r
			}, s)
		},
		func(s string) bool { return s != "" && drop(firstRune(s)) },
	}
}

// isMark is for StripAccents, which takes every kind of combining mark away; BertNormalizer takes only those without a width.
func isMark(r rune) bool { return unlike(r, unicode.Is(unicode.M, r), notOldMarks) }

// nmt is the step Nmt: controls are left out, and more characters than usual are spaces.
func nmt() []normStep {
	steps := []normStep{keep(func(r rune) bool {
		return 0x01 <= r && r <= 0x08 || r == 0x0B || 0x0E <= r && r <= 0x1F || r == 0x7F || r == 0x8F || r == 0x9F
	})}
	space := func(r rune) rune {
		switch r {
		case '\t', '\n', '\f', '\r', 0x1680, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
			return ' '
		}
		if 0x200B <= r && r <= 0x200F {
			return ' '
		}
		return r
	}
	return append(steps, normStep{rewrite: func(s string) string { return strings.Map(space, s) }})
}

// bertFields are the fields of BertNormalizer.
type bertFields struct {
	Type         string
	CleanText    bool  `json:"clean_text"`
	Chinese      bool  `json:"handle_chinese_chars"`
	StripAccents *bool `json:"strip_accents"` // null: as lowercase
	Lowercase    bool
}

// bert is the steps of BertNormalizer.
func bert(c bertFields) (steps []normStep) {
	if c.CleanText {
		blank := func(r rune) bool { return r == '\t' || r == '\n' || r == '\r' }
		steps = append(steps, keep(func(r rune) bool {
			return r == 0 || r == utf8.RuneError || !blank(r) && unlike(r, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co), notOldControls)
		}), normStep{rewrite: func(s string) string {
			return strings.Map(func(r rune) rune {
				if blank(r) || unicode.IsSpace(r) {
					return ' '
				}
				return r
			}, s)
		}})
	}
	if c.Chinese {
		steps = append(steps, normStep{rewrite: func(s string) string {
			var out strings.Builder
			for _, r := range s {
				if isChinese(r) {
					out.WriteString(" " + string(r) + " ")
				} else {
					out.WriteRune(r)
				}
			}
			return out.String()
		}})
	}
	if c.StripAccents != nil && *c.StripAccents || c.StripAccents == nil && c.Lowercase {
		steps = append(steps, normStep{rewrite: normalForm(norm.NFD)}, keep(func(r rune) bool {
			return unlike(r, unicode.Is(unicode.Mn, r), notOldNonspacing)
		}))
	}
	if c.Lowercase {
		steps = append(steps, normStep{rewrite: lower})
	}
	return steps
}

// isChinese is BERT's definition of a Chinese character: the blocks of unified and compatible ideographs.
func isChinese(r rune) bool {
	for _, block := range [][2]rune{{0x4E00, 0x9FFF}, {0x3400, 0x4DBF}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
		{0x2B920, 0x2CEAF}, {0xF900, 0xFAFF}, {0x2F800, 0x2FA1F}} {
		if block[0] <= r && r <= block[1] {
			return true
		}
	}
	return false
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
	plain := plainForm(form)
	return func(s string) string {
		i := strings.IndexFunc(s, keptByForms)
		if i < 0 {
			return plain(s)
		}
		var out strings.Builder
		for ; i >= 0; i = strings.IndexFunc(s, keptByForms) {
			n := i + utf8.RuneLen(firstRune(s[i:]))
			out.WriteString(plain(s[:i]) + s[i:n])
			s = s[n:]
		}
		return out.String() + plain(s)
	}
}

// plainForm is a normal form of Go's Unicode.
func plainForm(form norm.Form) func(string) string {
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
