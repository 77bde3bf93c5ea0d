package tokenizer

import (
	"encoding/binary"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// charsMap is SentencePiece's precompiled table of replacements: a double-array trie (Aoe 1989) whose values are places in a
// text of replacements, each of which ends with a byte 0.
type charsMap struct {
	units []uint32
	texts string
}

// newCharsMap reads the number of bytes of the trie (uint32, little-endian as all of it), its units, and the texts.
func newCharsMap(data []byte) (*charsMap, error) {
	if len(data) < 4 {
		return nil, errors.New("is missing or too short")
	}
	size := int64(binary.LittleEndian.Uint32(data))
	data = data[4:]
	if size%4 != 0 || size == 0 || size > int64(len(data)) {
		return nil, errors.New("the trie's size is not that of a trie in it")
	}
	m := &charsMap{units: make([]uint32, size/4), texts: string(data[size:])}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	if !utf8.ValidString(m.texts) {
		return nil, errors.New("the replacements are not UTF-8")
	}
	return m, nil
}

// growth is the factor by which a text can become longer.
func (m *charsMap) growth() float64 {
	longest := 1
	for text := range strings.SplitSeq(m.texts, "\x00") {
		longest = max(longest, len(text))
	}
	return float64(longest)
}

// find returns the replacement of the shortest beginning of s that has one.
func (m *charsMap) find(s string) (to string, ok bool) {
	at := uint32(0)
	move := func(unit uint32) { at ^= unit >> 10 << (unit & (1 << 9) >> 6) }
	move(m.units[0])
	for i := 0; i < len(s) && s[i] != 0; i++ {
		at ^= uint32(s[i])
		if int64(at) >= int64(len(m.units)) {
			return "", false
		}
		unit := m.units[at]
		if unit&(1<<31|0xFF) != uint32(s[i]) {
			return "", false
		}
		move(unit)
		if unit&(1<<8) == 0 { // no beginning ends here
			continue
		}
		if int64(at) >= int64(len(m.units)) {
			return "", false
		}
		place := int64(m.units[at] &^ (1 << 31))
		if place >= int64(len(m.texts)) || place > 0 && !utf8.RuneStart(m.texts[place]) {
			return "", false
		}
		to, _, _ = strings.Cut(m.texts[place:], "\x00")
		return to, true
	}
	return "", false
}

// maxCluster is the size in bytes below which a cluster is looked up as a whole.
const maxCluster = 6

// normalize replaces short clusters of characters as a whole, and the characters of the others one by one. As in the reference,
// all of a short cluster goes, even if the replacement is that of its beginning.
func (m *charsMap) normalize(s string) string {
	var out strings.Builder
	for s != "" {
		n := clusterLen(s)
		if n < maxCluster {
			if to, ok := m.find(s[:n]); ok {
				out.WriteString(to)
				s = s[n:]
				continue
			}
		}
		for i := 0; i < n; {
			_, k := utf8.DecodeRuneInString(s[i:])
			if to, ok := m.find(s[i : i+k]); ok {
				out.WriteString(to)
			} else {
				out.WriteString(s[i : i+k])
			}
			i += k
		}
		s = s[n:]
	}
	return out.String()
}

// clusterLen is the length in bytes of the grapheme cluster with which s begins (UAX #29), as far as clusters below maxCluster
// bytes need it: syllables of Hangul, flags and sequences of emoji are not joined, because they are longer. (So is © with a
// joiner and an emoji after it; here the emoji is left out, which matters only to a table that replaces ©.)
func clusterLen(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if r == '\r' && strings.HasPrefix(s[n:], "\n") {
		return n + 1
	}
	for !breaksAround(r) && n < len(s) {
		next, k := utf8.DecodeRuneInString(s[n:])
		if breaksAround(next) || !extends(next) && !precedes(r) {
			break
		}
		r = next
		n += k
	}
	return n
}

// breaksAround reports whether a cluster ends before and after r: controls, and most of what has no shape.
func breaksAround(r rune) bool {
	if r == 0x200C || r == 0x200D || precedes(r) || unicode.Is(unicode.Variation_Selector, r) || 0xE0020 <= r && r <= 0xE007F {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point) && !unicode.In(r, unicode.L, unicode.M)
}

// extends reports whether r belongs to the character before it.
func extends(r rune) bool {
	switch {
	case r == 0x200C || r == 0x200D || r == 0x0E33 || r == 0x0EB3 || 0x1F3FB <= r && r <= 0x1F3FF || 0xE0020 <= r && r <= 0xE007F:
		return true
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Other_Grapheme_Extend):
		return true
	}
	return unicode.Is(unicode.Mc, r) && !unicode.Is(notSpacing, r)
}

// notSpacing are the marks of class Mc that do not extend a cluster.
var notSpacing = ranges("102B-102C 1038 1062-1064 1067-106D 1083 1087-108C 108F 109A-109C 1A61 1A63-1A64 AA7B AA7D 11720-11721")

// prepended are characters that belong to the one after them, beside those that Go has a table for.
var prepended = ranges("D4E 111C2-111C3 1193F 11941 11A3A 11A84-11A89 11D46 11F02")

// precedes reports whether r belongs to the character after it.
func precedes(r rune) bool { return unicode.In(r, unicode.Prepended_Concatenation_Mark, prepended) }
