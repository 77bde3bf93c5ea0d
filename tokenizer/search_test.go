package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dlclark/regexp2/v2"
	"pgregory.net/rapid"
)

// TestHostilePatternsEnd: patterns for which a backtracking engine takes for ever, on texts that drive it there. The steps are
// counted by what a search remembers: no choice is tried twice at a place.
func TestHostilePatternsEnd(t *testing.T) {
	for _, source := range []string{
		`(a+)+$`, `(a|aa)+$`, `(.*)*x`, `(x+x+)+y`, `(?:a|b|ab)*c`, `(a*)*b`, `(a?){60}a{60}b`, `(?=(a+)+b)`, `(?!(a+)+$)b`, `(?>(a|aa)+)b`,
		`(?<=b(a+)+)c`, `a*a*a*a*a*a*a*b`, `(a+?)+?b`, `((a*)*)*b`, `(?:(?=a)a|a)+b`, `\s+(?!\S)b|(a+)+c`, `.*?.*?.*?.*?b`,
	} {
		re, err := newRegexp(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{strings.Repeat("a", 4000) + "!", strings.Repeat("x", 4000) + "!", strings.Repeat("ab", 2000) + "!"} {
			s := &search{program: re.program, runs: make([]lastRun, len(re.code))}
			s.begin([]rune(text))
			steps := 0
			for at := 0; at <= len(text); at++ {
				pc, here := 0, at
				for ok := true; ok; {
					next, end, good := s.step(pc, here)
					if steps++; !good {
						pc, here, ok = s.retreat(0)
					} else if next < 0 {
						s.succeed(0, 0, end)
						break
					} else {
						pc, here = next, end
					}
				}
			}
			if most := 8 * len(re.code) * len(text); steps > most {
				t.Errorf("%s on %.4s…: %d steps, want at most %d", source, text, steps, most)
			}
		}
	}
}

// TestMatchesAreThoseOfABacktrackingEngine: regexp2 itself tries every way in order. Patterns are built at random from what both read.
func TestMatchesAreThoseOfABacktrackingEngine(t *testing.T) {
	leaf := rapid.SampledFrom([]string{"a", "b", "ab", "ba", ".", `\s`, `\S`, "[ab]", "[^a]", `\w`, `\d`, "^", "$", `\A`, `\z`, `\Z`, "é", `\p{L}`, "(?i:A)", "\n"})
	var pattern func(depth int) *rapid.Generator[string]
	pattern = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			if depth == 0 {
				return leaf.Draw(t, "leaf")
			}
			sub := func() string { return pattern(depth-1).Draw(t, "sub") }
			switch rapid.IntRange(0, 9).Draw(t, "form") {
			case 0, 1:
				return sub() + sub()
			case 2, 3:
				return "(?:" + sub() + "|" + sub() + ")"
			case 4:
				return "(" + sub() + ")" + rapid.SampledFrom([]string{"*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,3}?", "{2,}"}).Draw(t, "times")
			case 5:
				return leaf.Draw(t, "leaf") + sub()
			case 6:
				return "(?=" + sub() + ")"
			case 7:
				return "(?!" + sub() + ")"
			case 8:
				return "(?<" + rapid.SampledFrom([]string{"=", "!"}).Draw(t, "sign") + sub() + ")"
			}
			return "(?>" + sub() + ")"
		})
	}
	seen := 0
	rapid.Check(t, func(t *rapid.T) {
		source := pattern(rapid.IntRange(1, 4).Draw(t, "depth")).Draw(t, "pattern")
		text := []rune(strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "a", " ", "\n", "é", "1", "A"}), 0, 9).Draw(t, "text"), ""))
		reference, err := regexp2.Compile(source, regexp2.Multiline, regexp2.OptionMaxBacktrackingStackSize(-1))
		if err != nil {
			t.Skip(err)
		}
		reference.MatchTimeout = time.Second
		p, err := compileProgram(source)
		if err != nil {
			if err == errLarge {
				t.Skip()
			}
			t.Fatal(source, err)
		}
		var want, got []string
		if err := reference.FindRunesMatches(text, 0, func(v regexp2.MatchView) bool {
			index, length, _ := v.GroupRange(0)
			want = append(want, fmt.Sprint(index, index+length))
			return true
		}); err != nil {
			t.Skip(err)
		}
		newRegex(source, p).matches(text, func(start, end int) bool {
			got = append(got, fmt.Sprint(start, end))
			return true
		})
		if !slices.Equal(got, want) {
			t.Fatalf("%q in %q: %v, want %v", source, string(text), got, want)
		}
		seen++
	})
	t.Log(seen, "patterns compared")
	if seen < 20 {
		t.Errorf("only %d patterns were compared", seen)
	}
}

// FuzzPattern: any pattern is compiled or refused, and its matches lie in the text in order.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{GPT2Pattern, Llama3Pattern, `(a+)+$`, `(?=(\d{3})+(?!\d))`, `(?<=a|bc)x*?`, `(?>a*)b`, `(a)\1`, `[^]]`, `a{0,3}{2}`, `(|a)*b`, `(?i:ß)`} {
		f.Add(seed, "aaab 123456 it's\n")
	}
	f.Fuzz(func(t *testing.T, source, text string) {
		if len(text) > 256 || len(source) > 256 {
			t.Skip()
		}
		re, err := newRegexp(source)
		if err != nil {
			return
		}
		runes := []rune(text)
		last := 0
		re.matches(runes, func(start, end int) bool {
			if start < last || end < start || end > len(runes) {
				t.Errorf("%q in %q: %d to %d after %d", source, text, start, end, last)
				return false
			}
			last = end
			return true
		})
	})
}
