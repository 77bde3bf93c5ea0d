package synth

import (
	"strings"
	"sync"

	"reprise/tensor"
)

// Sizes of the three classes of invented words in the lexicon, disjoint from each other.
const (
	peopleCount = 1500
	placeCount  = 700
	thingCount  = 2900
	lexiconSeed = 20250101 // the tokenizer depends on it: another value means another base model
)

// The parts of a syllable. A name of the lexicon has two syllables, a fresh one three.
var (
	onsets = fields(`b d f g h j k l m n p r s t v w z br dr gr kr pl st tr`)
	nuclei = fields(`a e i o u`)
	codas  = []string{"", "", "n", "r", "l", "s", "m", "k"}
)

// unwanted are real words that the syllables could spell.
var unwanted = fields(`nazi negro nigra pani penis puta raper sadist tampon wanker human demon lemon melon woman pilot sister
	master mister winter summer river silver paper poster robin salmon satan seven satin`)

// lexicon holds the invented words.
type lexicon struct {
	people, places []string         // capitalised
	things         []string         // lower case
	bySplit        [splits][]string // things, by split
	known          map[string]bool  // lower case; looked up only
	first, second  []string         // syllables at the beginning and at the end
}

// words returns the lexicon, made once.
var words = sync.OnceValue(func() *lexicon {
	r := tensor.NewRNG(lexiconSeed, "synth lexicon", 0)
	lex := &lexicon{known: map[string]bool{}}
	for _, list := range [][]string{unwanted, adjectives, adverbs, objects, foods, animals, roles, sites, matters, materials,
		numbers, units} {
		for _, w := range list {
			lex.known[singular(w)] = true
		}
	}
	lex.first = syllables(r, 90)
	lex.second = syllables(r, 90)
	draw := func(n int) []string {
		var out []string
		for len(out) < n {
			w := lex.first[r.Intn(len(lex.first))] + lex.second[r.Intn(len(lex.second))]
			if !lex.known[w] {
				lex.known[w] = true
				out = append(out, w)
			}
		}
		return out
	}
	lex.people, lex.places, lex.things = draw(peopleCount), draw(placeCount), draw(thingCount)
	for _, list := range [][]string{lex.people, lex.places} {
		for i, w := range list {
			list[i] = capital(w)
		}
	}
	for _, w := range lex.things {
		s := splitOf(w)
		lex.bySplit[s] = append(lex.bySplit[s], w)
	}
	return lex
})

// syllables draws n different syllables.
func syllables(r *tensor.RNG, n int) []string {
	seen := map[string]bool{}
	var out []string
	for len(out) < n {
		s := onsets[r.Intn(len(onsets))] + nuclei[r.Intn(len(nuclei))] + codas[r.Intn(len(codas))]
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// fresh makes a word of three syllables that the lexicon does not hold.
func (lex *lexicon) fresh(r *tensor.RNG) string {
	for {
		w := lex.first[r.Intn(len(lex.first))] + lex.second[r.Intn(len(lex.second))] + lex.second[r.Intn(len(lex.second))]
		if !lex.known[w] {
			return w
		}
	}
}

// Split names a part of the domain's data. Every invented word belongs to one split only.
type Split int

// The splits, with about 7/10, 2/10 and 1/10 of the words.
const (
	Train Split = iota
	Valid
	Test
	splits
)

// String returns "train", "valid" or "test".
func (s Split) String() string { return [splits]string{"train", "valid", "test"}[s] }

// splitOf assigns a lower-case word to its split by its FNV-1a hash.
func splitOf(w string) Split {
	h := uint64(14695981039346656037)
	for i := range len(w) {
		h = (h ^ uint64(w[i])) * 1099511628211
	}
	switch h ^= h >> 32; h % 10 {
	case 0, 1:
		return Valid
	case 2:
		return Test
	}
	return Train
}

// capital makes the first letter upper case.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
