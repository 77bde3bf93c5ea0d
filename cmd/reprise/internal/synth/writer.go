package synth

import (
	"strings"

	"reprise/tensor"
)

// Segment is a piece of a document. Target marks text that carries loss (Domain) or that is a copy (CopyProbe). A segment
// that does not begin the document begins with its own space or line break.
type Segment struct {
	Text   string
	Target bool
}

// gen draws everything that one document needs.
type gen struct {
	*tensor.RNG
	lex  *lexicon
	cast map[string]string // names chosen for a whole story; only looked up
}

// newGen returns the stream of document i.
func newGen(seed uint64, purpose string, i uint64) *gen {
	return &gen{RNG: tensor.NewRNG(seed, purpose, i), lex: words(), cast: map[string]string{}}
}

// between returns an integer in [lo, hi].
func (g *gen) between(lo, hi int) int { return lo + g.Intn(hi-lo+1) }

// chance is true in percent of 100 cases.
func (g *gen) chance(percent int) bool { return g.Intn(100) < percent }

// rank draws from [0, n) with a density that falls like 1/√rank: a mild Zipf law.
func (g *gen) rank(n int) int {
	u := g.Float64()
	return int(float64(n) * u * u)
}

// often draws an element, the first ones more often.
func often[T any](g *gen, list []T) T { return list[g.rank(len(list))] }

// pick draws an element uniformly.
func pick[T any](g *gen, list []T) T { return list[g.Intn(len(list))] }

// distinct draws n different strings.
func distinct(n int, draw func() string) []string {
	seen := map[string]bool{}
	var out []string
	for len(out) < n {
		if s := draw(); !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// The random words of the copy tasks, drawn uniformly; one in twelve is fresh and not in the lexicon.

func (g *gen) thing() string {
	if g.Intn(12) == 0 {
		return g.lex.fresh(g.RNG)
	}
	return pick(g, g.lex.things)
}

func (g *gen) person() string {
	if g.Intn(12) == 0 {
		return capital(g.lex.fresh(g.RNG))
	}
	return pick(g, g.lex.people)
}

func (g *gen) place() string { return pick(g, g.lex.places) }

// number is written with two digits, so that it stays in one or two tokens.
func (g *gen) number() string {
	n := g.between(10, 99)
	return string([]byte{byte('0' + n/10), byte('0' + n%10)})
}

// object is a word for a thing, real or invented.
func (g *gen) object() string {
	switch g.Intn(5) {
	case 0:
		return singular(pick(g, objects))
	case 1:
		return singular(pick(g, foods))
	}
	return g.thing()
}

// value is the value of a key in a look-up: one to three random words.
func (g *gen) value() string {
	switch g.Intn(8) {
	case 0, 1:
		return pick(g, adjectives) + " " + g.object()
	case 2:
		return g.number() + " " + g.thing()
	case 3:
		return pick(g, adjectives) + " " + pick(g, adjectives) + " " + g.object()
	case 4:
		return g.thing() + " " + g.thing()
	}
	return g.thing()
}

// copied marks words that repeat earlier ones. The mark includes the space before them, as their token does.
func copied(s string) string { return "[ " + s + "]" }

// segments splits marked text.
func segments(s string) []Segment {
	var out []Segment
	for s != "" {
		open := strings.IndexByte(s, '[')
		if open < 0 {
			return append(out, Segment{Text: s})
		}
		if open > 0 {
			out = append(out, Segment{Text: s[:open]})
		}
		end := strings.IndexByte(s, ']')
		out = append(out, Segment{Text: s[open+1 : end], Target: true})
		s = s[end+1:]
	}
	return out
}

// plain drops the marks.
func plain(s string) string { return strings.NewReplacer("[", "", "]", "").Replace(s) }

// enumerate writes a list in English; mark is applied to each element with its leading space.
func enumerate(list []string, and string, mark func(string) string) string {
	var b strings.Builder
	for i, w := range list {
		if i > 0 {
			if i == len(list)-1 && and != "" {
				b.WriteString(and)
			} else {
				b.WriteString(",")
			}
		}
		b.WriteString(mark(w))
	}
	return b.String()
}

// articles writes "an" for "a" before a vowel, in plain or marked text.
func articles(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] != 'a' && s[i] != 'A' || i > 0 && s[i-1] != ' ' && s[i-1] != '"' && s[i-1] != '\n' {
			continue
		}
		next, ok := strings.CutPrefix(strings.TrimPrefix(s[i+1:], "["), " ")
		if ok && next != "" && (strings.IndexByte(vowels, next[0]) >= 0 && !strings.HasPrefix(next, "use") || strings.HasPrefix(next, "honest")) {
			b.WriteByte('n')
		}
	}
	return b.String()
}

// given writes a word that is not a copy, with its leading space.
func given(s string) string { return " " + s }

// size estimates the number of tokens of a text: words, numbers and punctuation marks, with one more for every four letters
// of a word beyond eight.
func size(s string) int {
	n, run := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ':
			run = 0
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			if run++; run == 1 || run > 8 && run%4 == 1 {
				n++
			}
		default:
			run = 0
			n++
		}
	}
	return n
}
