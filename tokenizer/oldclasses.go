package tokenizer

import (
	"strconv"
	"strings"
	"unicode"
)

// The reference reads some classes of characters from tables that are older than Go's: a mark of Unicode 12 is not a mark there.
// These are the characters at which the two differ, for every use. They were found by asking the reference (tokenizers 0.22.2)
// about every character that Unicode 15 has. See also texts.mjs in ../testdata/tokenizers, for characters that Go does not
// know yet.

// notOldPunctuation: for Punctuation and BertPreTokenizer. U+166D is the other way round: it was punctuation.
var notOldPunctuation = ranges(`
	61D 9FD A76 C77 C84 166D 1B7D-1B7E 2E43-2E4F 2E52-2E5D 10EAD 10F55-10F59 10F86-10F89 111C9 1144B-1144F 1145A-1145B
	1145D 11660-1166C 116B9 1183B 11944-11946 119E2 11A3F-11A46 11A9A-11A9C 11A9E-11AA2 11B00-11B09 11C41-11C45
	11C70-11C71 11EF7-11EF8 11F43-11F4F 11FFF 12FF1-12FF2 16E97-16E9A 16FE2 1E95E-1E95F`)

// notOldMarks: for StripAccents. U+1CF2 and U+1CF3 were marks.
var notOldMarks = ranges(`
	7FD 898-89F 8CA-8D3 9FE AFA-AFF B55 C04 C3C CF3 D00 D3B-D3C D81 EBA ECE 1715 180F 1ABF-1ACE 1CF2-1CF3 1CF7 1DF6-1DFA
	A82C A8FF 10D24-10D27 10EAB-10EAC 10EFD-10EFF 10F46-10F50 10F82-10F85 11070 11073-11074 110C2 11145-11146 111C9
	111CE-111CF 11241 1133B 1145E 1182C-1183A 11930-11935 11937-11938 1193B-1193E 11940 11942-11943 119D1-119D7
	119DA-119E0 119E4 11A01-11A0A 11A33-11A39 11A3B-11A3E 11A47 11A51-11A5B 11A8A-11A99 11D31-11D36 11D3A 11D3C-11D3D
	11D3F-11D45 11D47 11D8A-11D8E 11D90-11D91 11D93-11D97 11EF3-11EF6 11F00-11F01 11F03 11F34-11F3A 11F3E-11F42 13440
	13447-13455 16F4F 16F7F-16F87 16FE4 16FF0-16FF1 1CF00-1CF2D 1CF30-1CF46 1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF
	1E4EC-1E4EF`)

// notOldNonspacing: for BertNormalizer. U+1734 and others were marks without a width.
var notOldNonspacing = ranges(`
	7FD 898-89F 8CA-8E1 9FE AFA-AFF B55 C04 C3C D00 D3B-D3C D81 EBA ECE 1734 180F 1885-1886 1ABF-1ACE 1DF6-1DFB A82C
	A8C5 A8FF A9BD 10D24-10D27 10EAB-10EAC 10EFD-10EFF 10F46-10F50 10F82-10F85 11070 11073-11074 110C2 111C9 111CF 1123E
	11241 1133B 11438-1143F 11442-11444 11446 1145E 1182F-11837 11839-1183A 1193B-1193C 1193E 11943 119D4-119D7
	119DA-119DB 119E0 11A01-11A0A 11A33-11A38 11A3B-11A3E 11A47 11A51-11A56 11A59-11A5B 11A8A-11A96 11A98-11A99
	11C30-11C36 11C38-11C3D 11C3F 11C92-11CA7 11CAA-11CB0 11CB2-11CB3 11CB5-11CB6 11D31-11D36 11D3A 11D3C-11D3D
	11D3F-11D45 11D47 11D90-11D91 11D95 11D97 11EF3-11EF4 11F00-11F01 11F36-11F3A 11F40 11F42 13440 13447-13455 16F4F
	16FE4 1CF00-1CF2D 1CF30-1CF46 1E000-1E006 1E008-1E018 1E01B-1E021 1E023-1E024 1E026-1E02A 1E08F 1E130-1E136 1E2AE
	1E2EC-1E2EF 1E4EC-1E4EF 1E944-1E94A`)

// notOldControls: for BertNormalizer.
var notOldControls = ranges(`
	890-891 8E2 110CD 13430-1343F`)

// notOldForms are characters that normal forms leave as they are, as they leave notOldMarks: no other mark passes those.
var notOldForms = ranges(`
	32FF A7F2-A7F4 AB69 10781-10785 10787-107B0 107B2-107BA 11938 1E030-1E06D 1F16C 1FBF0-1FBF9`)

// keptByForms reports whether normal forms leave r as it is. Most characters are outside the tables' ends.
func keptByForms(r rune) bool {
	return r >= 0x7FD && (r < 0x3300 || r >= 0xA7F2) && unicode.In(r, notOldForms, notOldMarks)
}

// ranges reads hexadecimal characters and ranges of them, in ascending order.
func ranges(list string) *unicode.RangeTable {
	t := &unicode.RangeTable{}
	for word := range strings.FieldsSeq(list) {
		low, high, ok := strings.Cut(word, "-")
		if !ok {
			high = low
		}
		t.R32 = append(t.R32, unicode.Range32{Lo: codePoint(low), Hi: codePoint(high), Stride: 1})
	}
	return t
}

func codePoint(hex string) uint32 {
	r, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		panic(err)
	}
	return uint32(r)
}

// unlike reports whether r is in a class of Go's, or for a character of the table whether it is not.
func unlike(r rune, class bool, table *unicode.RangeTable) bool { return class != unicode.Is(table, r) }
