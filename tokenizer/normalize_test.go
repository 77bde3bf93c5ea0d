package tokenizer

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// The normal forms do not limit runs of combining characters.
func TestNormalFormOfManyMarks(t *testing.T) {
	nfc, nfd := normalForm(norm.NFC), normalForm(norm.NFD)
	marks := strings.Repeat("\u0301", 100)
	if got := nfc("e" + marks); got != "\u00e9"+marks[2:] {
		t.Errorf("NFC: %+q", got)
	}
	if got := nfd("\u00e9" + marks); got != "e\u0301"+marks {
		t.Errorf("NFD: %+q", got)
	}
	// U+0323 has the class 220, which is sorted before 230.
	if got := nfc("a" + marks + "\u0323"); got != "\u1ea1"+marks {
		t.Errorf("NFC, sorted: %+q", got)
	}
}

// The definition and package norm agree wherever norm does not cut.
func TestDefinedFormEqualsNorm(t *testing.T) {
	runes := rapid.RuneFrom([]rune("aAeo가각ąéΩ\u0301\u0302\u0323\u0327\u0345\u0344\u212b\u0958\u09c7\u09be\u0f73\u1d15e\ufdfaﬁ²\u3099か中\ufffd"))
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(runes, 0, 14, -1).Draw(t, "text")
		for name, form := range unicodeForms {
			if got, want := definedForm(form, text), form.String(text); got != want {
				t.Fatalf("%s of %+q: %+q, want %+q", name, text, got, want)
			}
		}
	})
}

func TestNormalFormEveryCharacter(t *testing.T) {
	for r := rune(0); r < 0x30000; r++ {
		if 0xD800 <= r && r < 0xE000 {
			continue
		}
		for name, form := range unicodeForms {
			if got, want := definedForm(form, "a"+string(r)+"\u0301"), form.String("a"+string(r)+"\u0301"); got != want {
				t.Fatalf("%s of a U+%04X U+0301: %+q, want %+q", name, r, got, want)
			}
		}
	}
}

// What begins a text is decided by where its first character was before the normalizer. The ids are those of tokenizers 0.22.2.
func TestNormalizerMayTakeTheBeginning(t *testing.T) {
	replace := func(kind, pattern, content string) object {
		return object{"type": "Replace", "pattern": object{kind: pattern}, "content": content}
	}
	for _, c := range []struct {
		normalizer object
		text       string
		want       []int32
	}{
		{object{"type": "Strip", "strip_left": true, "strip_right": true}, "a", []int32{5}},
		{object{"type": "Strip", "strip_left": true, "strip_right": true}, "  a", []int32{1}},
		{replace("Regex", " {2,}", "▁"), "  a", []int32{5}},
		{replace("Regex", " {2,}", "▁"), "   b", []int32{0, 2}},
		{replace("Regex", " {2,}", "b"), "  a", []int32{2, 1}},
		{replace("String", "x", ""), "a", []int32{5}},
		{replace("String", "x", ""), "xa", []int32{1}},
		{replace("String", "x", ""), "xxb", []int32{2}},
	} {
		tok := parse(t, marshal(t, object{"normalizer": c.normalizer, "pre_tokenizer": object{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"},
			"model": object{"type": "BPE", "vocab": object{"▁": 0, "a": 1, "b": 2, "ab": 3, "▁▁": 4, "▁a": 5}, "merges": []string{"▁ ▁", "a b", "▁ a"}}}), nil)
		if got := tok.Encode(c.text, false); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q: %v, want %v", c.normalizer, c.text, got, c.want)
		}
	}
}
