package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"sync"
	"testing"

	"reprise/internal/testfiles"
)

// goldenCase is a line of cases.jsonl: ids of Hugging Face's tokenizers, with and without special tokens, and the text to
// which the ids without special tokens decode, if it differs from the original.
type goldenCase struct {
	Text         string
	IDs          []int32 `json:"ids"`
	IDsNoSpecial []int32 `json:"ids_no_special"`
	Decoded      *string
}

func goldenCases(t testing.TB, name string) []goldenCase {
	f, err := os.Open(testfiles.Path(t, "tokenizers", name, "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []goldenCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var c goldenCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	return cases
}

func loadShared(t testing.TB, parts ...string) *Tokenizer {
	tok, err := Load(testfiles.Path(t, parts...))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestGolden(t *testing.T) {
	for name, path := range map[string][]string{
		"gpt2":        {"tokenizers", "gpt2", "tokenizer.json"},
		"stories260K": {"models", "stories260K"},
	} {
		t.Run(name, func(t *testing.T) {
			tok := loadShared(t, path...)
			cases := goldenCases(t, name)
			for _, c := range cases {
				plain := c.IDsNoSpecial
				if plain == nil {
					plain = c.IDs
				}
				if got := tok.Encode(c.Text, true); !slices.Equal(got, c.IDs) {
					t.Errorf("%q with special tokens:\n got %v\nwant %v", c.Text, got, c.IDs)
				}
				if got := tok.Encode(c.Text, false); !slices.Equal(got, plain) {
					t.Errorf("%q:\n got %v\nwant %v", c.Text, got, plain)
				}
				want := c.Text
				if c.Decoded != nil {
					want = *c.Decoded
				}
				if got := tok.Decode(plain, false); got != want {
					t.Errorf("ids of %q decode to\n     %q\nwant %q", c.Text, got, want)
				}
			}
			t.Logf("%d cases", len(cases))
		})
	}
}

// English prose with real vocabularies and an empty cache of words. The aim is 5 MB/s on one core.
func BenchmarkEnglish(b *testing.B) {
	text, err := os.ReadFile(testfiles.Path(b, "data", "systemsapproach", "train.txt"))
	if err != nil {
		b.Fatal(err)
	}
	for name, path := range map[string][]string{
		"gpt2":        {"tokenizers", "gpt2", "tokenizer.json"},
		"stories260K": {"models", "stories260K"},
	} {
		tok := loadShared(b, path...)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.encoders = sync.Pool{New: func() any { return newEncoder(tok.model) }}
				tok.Encode(string(text), false)
			}
		})
	}
}
