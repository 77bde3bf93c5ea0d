package tokenizer

import (
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
