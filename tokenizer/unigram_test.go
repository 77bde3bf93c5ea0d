package tokenizer

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// Bits of numbers as tokenizers 0.22.2 reads them from a file. The notes are the nearest float64 where that is another.
func TestParseScore(t *testing.T) {
	for text, want := range map[string]uint64{
		"-1.6651045942734521":              0xbffaa444b70d2e63, // …64
		"-15.385084697255365":              0xc02ec529d249cdbf, // …c0
		"-12.441170467663301":              0xc028e1e118752659, // …5a
		"-14.587552180833313":              0xc02d2cd3a3b2bebf, // …c0
		"-3.25":                            0xc00a000000000000,
		"0":                                0x0000000000000000,
		"-0.0":                             0x8000000000000000,
		"7":                                0x401c000000000000,
		"12345678901234567890":             0x43e56a95319d63e1,
		"123456789012345678901":            0x441ac53a7e04bcd9, // …da
		"1.23456789012345678901234":        0x3ff3c0ca428c59fb,
		"0.1":                              0x3fb999999999999a,
		"1e-5":                             0x3ee4f8b588e368f1,
		"-2.5E3":                           0xc0a3880000000000,
		"1e22":                             0x4480f0cf064dd592,
		"1e23":                             0x44b52d02c7e14af6,
		"123456789012345678e-30":           0x3d415fffe541dec4,
		"9.007199254740993e15":             0x4340000000000000,
		"0.000000000000000000000123456789": 0x3b62a800d15b2fe8,
		"4.35":                             0x4011666666666666,
		"-8.9884656743115795e+307":         0xffdfffffffffffff, // ffe0…
		"5e-324":                           0x0000000000000001,
		"1e-400":                           0x0000000000000000,
		"2.2250738585072014e-308":          0x0010000000000000,
	} {
		if got := math.Float64bits(parseScore(text)); got != want {
			t.Errorf("%s: %#x, want %#x", text, got, want)
		}
	}
}

// unigramOf makes a tokenizer with the Unigram model and nothing around it. The first piece is for unknown characters.
func unigramOf(t testing.TB, vocab [][]any, fallback bool, change func(object)) *Tokenizer {
	spec := object{"model": object{"type": "Unigram", "unk_id": 0, "byte_fallback": fallback, "vocab": vocab}}
	if change != nil {
		change(spec)
	}
	return parse(t, marshal(t, spec), nil)
}

// The pieces are those of the way with the largest sum, found by trying every way.
func TestUnigramEqualsDefinition(t *testing.T) {
	letters := []rune("abé▁")
	rapid.Check(t, func(rt *rapid.T) {
		vocab, scores, lowest := [][]any{{"<unk>", -1}}, map[string]float64{}, -1.0
		for i, piece := range rapid.SliceOfNDistinct(rapid.StringOfN(rapid.RuneFrom(letters), 1, 4, -1), 0, 12, rapid.ID[string]).Draw(rt, "pieces") {
			score := -math.Ldexp(1, 4*i-24) // exact sums, and few ways that have the same one
			vocab, scores[piece], lowest = append(vocab, []any{piece, score}), score, min(lowest, score)
		}
		word := rapid.StringOfN(rapid.RuneFrom(letters), 0, 9, -1).Draw(rt, "word")
		tie := false
		var best func(s string) (score float64, ways []string)
		best = func(s string) (float64, []string) {
			if s == "" {
				return 0, nil
			}
			top, way := math.Inf(-1), []string(nil)
			for n := 1; n <= len(s); n++ {
				score, ok := scores[s[:n]]
				if _, first := utf8.DecodeRuneInString(s); !ok && n == first {
					score, ok = lowest-unkPenalty, true
				}
				if !ok {
					continue
				}
				rest, pieces := best(s[n:])
				tie = tie || score+rest == top && top > math.Inf(-1)
				if score+rest > top {
					top, way = score+rest, append([]string{s[:n]}, pieces...)
				}
			}
			return top, way
		}
		_, want := best(word)
		if tie { // golden files hold the reference's choice
			return
		}
		tok := unigramOf(t, vocab, false, nil)
		var ids []int32
		for _, piece := range want {
			id, ok := tok.ID(piece)
			if ok || len(ids) == 0 || ids[len(ids)-1] != 0 { // unknown characters in a row are one token
				ids = append(ids, id)
			}
		}
		if got := tok.Encode(word, false); !slices.Equal(got, ids) {
			rt.Fatalf("%q with %v: %v, want %v", word, vocab, got, ids)
		}
	})
}

// A text of one long word takes time in proportion to its length, or nearly: with the square of it, this test would not end.
func TestLongWords(t *testing.T) {
	const n = 1 << 20
	text := strings.Repeat("a", n)
	spaces := strings.Repeat(" ", n)
	metaspace := func(s object) { s["pre_tokenizer"] = object{"type": "Metaspace", "replacement": "▁"} }
	stripped := func(s object) {
		s["added_tokens"] = []object{{"id": 9, "content": " ", "lstrip": true}, {"id": 10, "content": "  ", "rstrip": true}}
	}
	for name, c := range map[string]struct {
		tok  *Tokenizer
		text string
		ids  int
	}{
		"BPE":             {sentencePiece(t, nil), text, n},
		"BPE of bytes":    {byteLevel(t), text, n},
		"dropped":         {sentencePiece(t, func(s object) { m := s["model"].(object); m["byte_fallback"], m["unk_token"] = false, nil }), strings.Repeat("x", n), 1},
		"Unigram":         {unigramOf(t, [][]any{{"<unk>", 0}, {"a", -1}, {"aa", -1.5}, {strings.Repeat("a", 64), -9}}, false, nil), text, n / 64},
		"unknown":         {unigramOf(t, [][]any{{"<unk>", 0}, {"b", -1}}, false, nil), text, 1},
		"unknown bytes":   {unigramOf(t, [][]any{{"<unk>", 0}, {"<0x61>", -1}}, true, nil), text, n},
		"Metaspace":       {unigramOf(t, [][]any{{"<unk>", 0}, {"▁", -1}, {"a", -1}}, false, metaspace), spaces, n},
		"stripped spaces": {unigramOf(t, [][]any{{"<unk>", 0}, {"a", -1}}, false, stripped), spaces, n},
		"WordLevel": {parse(t, marshal(t, object{"pre_tokenizer": object{"type": "Whitespace"},
			"model": object{"type": "WordLevel", "unk_token": "?", "vocab": object{"?": 0}}}), nil), text, 1},
	} {
		if got := c.tok.Encode(c.text, false); len(got) != c.ids && name != "BPE" && name != "BPE of bytes" && name != "stripped spaces" || len(got) == 0 {
			t.Errorf("%s: %d ids, want %d", name, len(got), c.ids)
		}
	}
}

// A part that continues a word gets no space of its own; one that begins with white space is a new word.
func TestPartsOfWords(t *testing.T) {
	vocab := [][]any{{"<unk>", 0}, {"▁", -2}, {"a", -1}, {"b", -1}, {"▁a", -2}, {"▁b", -2}}
	tok := unigramOf(t, vocab, false, func(s object) {
		s["pre_tokenizer"] = object{"type": "Sequence", "pretokenizers": []object{{"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁"}}}
	})
	for _, c := range []struct {
		parts []string
		want  [][]int32
	}{
		{[]string{"ab", "ba"}, [][]int32{{4, 3}, {3, 2}}},
		{[]string{"ab", " b a"}, [][]int32{{4, 3}, {5, 4}}},
		{[]string{"ab ", "b"}, [][]int32{{4, 3}, {3}}},
		{[]string{"", "ab"}, [][]int32{{}, {4, 3}}},
	} {
		got := tok.EncodeParts(c.parts)
		for i := range got {
			if !slices.Equal(got[i], c.want[i]) {
				t.Errorf("%q: %v, want %v", c.parts, got, c.want)
				break
			}
		}
	}
}

// A table of replacements that is not one cannot make the reader leave it.
func FuzzCharsMap(f *testing.F) {
	var spec struct {
		Normalizer struct{ Normalizers []json.RawMessage }
	}
	if err := json.Unmarshal(boxFile(f, "unigram", "tokenizer.json"), &spec); err != nil {
		f.Fatal(err)
	}
	var c struct {
		Map []byte `json:"precompiled_charsmap"`
	}
	if err := json.Unmarshal(spec.Normalizer.Normalizers[0], &c); err != nil {
		f.Fatal(err)
	}
	f.Add(c.Map, "A e\u0301 \u200b…")
	f.Add(c.Map[:len(c.Map)-9], "ﷺ 1\u20e3")
	f.Add([]byte{8, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255}, "a\x00b")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		m, err := newCharsMap(data)
		if err != nil {
			return
		}
		out := m.normalize(text)
		if float64(len(out)) > m.growth()*float64(len(text)) {
			t.Fatalf("%q becomes %d bytes, more than %v times as many", text, len(out), m.growth())
		}
	})
}
