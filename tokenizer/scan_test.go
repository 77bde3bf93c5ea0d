package tokenizer

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// byRegexp and byScan cut a text with the pattern and with its hand-written equivalent.
func byRegexp(m matcher, text string) (words []string) {
	m.segments(text, func(part string, match bool) {
		if !match {
			panic("the pattern left out " + part)
		}
		words = append(words, part)
	})
	return words
}

func byScan(scan func(string, int) int, text string) (words []string) {
	for i := 0; i < len(text); {
		j := scan(text, i)
		words = append(words, text[i:j])
		i = j
	}
	return words
}

func eachScanner(t testing.TB, f func(m matcher, scan func(string, int) int)) {
	for pattern, scan := range scanners {
		re, err := newRegexp(pattern)
		if err != nil {
			t.Fatal(err)
		}
		f(matcher{re: re}, scan)
	}
}

// Every character, in every place where the class of a character matters; of the ideographs, the syllables and the high
// planes only samples.
func TestScanEveryCharacter(t *testing.T) {
	eachScanner(t, func(m matcher, scan func(string, int) int) {
		var text strings.Builder
		for r := rune(0); r <= unicode.MaxRune; r++ {
			if (0x3400 <= r && r < 0xF900 || r >= 0x20000) && r%97 != 0 && r != unicode.MaxRune {
				continue
			}
			if utf8.ValidRune(r) {
				text.WriteRune(r)
				text.WriteString("a ")
				text.WriteRune(r)
				text.WriteString("'")
				text.WriteRune(r)
			}
			if text.Len() > 1<<16 || r == unicode.MaxRune {
				if got, want := byScan(scan, text.String()), byRegexp(m, text.String()); !slices.Equal(got, want) {
					for i := range got {
						if got[i] != want[i] {
							t.Fatalf("before U+%04X: %q, want %q", r, got[max(i-2, 0):i+1], want[max(i-2, 0):i+1])
						}
					}
				}
				text.Reset()
			}
		}
	})
}

func TestScanEqualsPattern(t *testing.T) {
	runes := rapid.RuneFrom([]rune(" \t\n\r\v\u00a0\u2028\u3000''''sStTrReEvVmMlLdDſKaé中1٣½²._😀\u0301\ufffd\u0085\u200d"))
	eachScanner(t, func(m matcher, scan func(string, int) int) {
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.StringOfN(runes, 0, 40, -1).Draw(t, "text")
			if cut := rapid.IntRange(0, 3).Draw(t, "cut"); cut > 0 && len(text) > cut { // may make it invalid UTF-8
				text = text[cut:]
			}
			if got, want := byScan(scan, text), byRegexp(m, text); !slices.Equal(got, want) {
				t.Fatalf("%s: %q\n got %q\nwant %q", m.re, text, got, want)
			}
		})
	})
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{"it's  a\n\n b'LL 12345 \xff'\xe2\x82", "\t\tx ", " \u00a0\u00a0y", "'ſ'S''"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		eachScanner(t, func(m matcher, scan func(string, int) int) {
			if got, want := byScan(scan, text), byRegexp(m, text); !slices.Equal(got, want) {
				t.Fatalf("%s: %q\n got %q\nwant %q", m.re, text, got, want)
			}
		})
	})
}

func TestSplitBehaviors(t *testing.T) {
	const text = "the-final--countdown"
	for _, c := range []struct {
		behavior string
		invert   bool
		want     string
	}{
		{"Isolated", false, "the|-|final|-|-|countdown"},
		{"Isolated", true, "the|-|final|-|-|countdown"},
		{"Removed", false, "the|final|countdown"},
		{"Removed", true, "-|-|-"},
		{"MergedWithPrevious", false, "the-|final-|-|countdown"},
		{"MergedWithNext", false, "the|-final|-|-countdown"},
		{"Contiguous", false, "the|-|final|--|countdown"},
		{"MergedWithPrevious", true, "the|-final|-|-countdown"},
	} {
		step, err := splitStep(matcher{literal: "-"}, c.behavior, c.invert)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		step(text, true, func(part string, first bool) {
			if first != (len(got) == 0 && strings.HasPrefix(text, part)) { // what is removed may begin the text
				t.Errorf("%s: %q: first is %v", c.behavior, part, first)
			}
			got = append(got, part)
		})
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%s, invert %v: %s, want %s", c.behavior, c.invert, s, c.want)
		}
	}
}

// A matcher gives the same segments as a literal, as a pattern and as a class, for any bytes.
func TestMatchersAgree(t *testing.T) {
	re, err := newRegexp("-")
	if err != nil {
		t.Fatal(err)
	}
	all := func(m matcher, s string) (out []string) {
		m.segments(s, func(part string, match bool) {
			out = append(out, part, map[bool]string{true: "match", false: ""}[match])
		})
		return out
	}
	for _, s := range []string{"", "-", "--", "a-é--中", "-\xff-\xe4\xb8-", "\ufffd-a"} {
		a, b, c := all(matcher{literal: "-"}, s), all(matcher{re: re}, s), all(matcher{class: func(r rune) bool { return r == '-' }}, s)
		if !slices.Equal(a, b) || !slices.Equal(a, c) {
			t.Errorf("%q: literal %q, pattern %q, class %q", s, a, b, c)
		}
	}
}
