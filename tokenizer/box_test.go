package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"reprise/internal/testfiles"
)

// boxCases is a cases.json: the results of Hugging Face's tokenizers for texts and for ids (testdata/tokenizers/make.mjs).
type boxCases struct {
	Prefix, Suffix []int32 // put around every text that gets special tokens
	Encode         []boxText
	Decode         []boxIDs
}

// boxText is a text, its ids without special tokens, and the text that they decode to if it is another.
type boxText struct {
	text, decoded string
	ids           []int32
}

// boxIDs is a list of ids and the texts that they decode to, with special tokens and without.
type boxIDs struct {
	ids           []int32
	text, skipped string
}

func (c *boxText) UnmarshalJSON(b []byte) error {
	given, err := unmarshalRow(b, &c.text, &c.ids, &c.decoded)
	if given < 3 {
		c.decoded = c.text
	}
	return err
}

func (c *boxIDs) UnmarshalJSON(b []byte) error {
	given, err := unmarshalRow(b, &c.ids, &c.text, &c.skipped)
	if given < 3 {
		c.skipped = c.text
	}
	return err
}

// unmarshalRow reads a list of two or three values of different kinds.
func unmarshalRow(b []byte, into ...any) (given int, err error) {
	var row []json.RawMessage
	if err := json.Unmarshal(b, &row); err != nil {
		return 0, err
	}
	if len(row) < 2 || len(row) > len(into) {
		return 0, fmt.Errorf("%d values in a case", len(row))
	}
	for i, raw := range row {
		if err := json.Unmarshal(raw, into[i]); err != nil {
			return 0, err
		}
	}
	return len(row), nil
}

// TestAgainstHuggingFace: every kind of tokenizer.json that is read gives the ids and the texts of Hugging Face's library. The
// numbers of cases are those of the manifest.
func TestAgainstHuggingFace(t *testing.T) {
	var manifest struct {
		Cases map[string]struct{ Encode, Decode int }
	}
	testfiles.ReadBoxJSON(t, &manifest, "tokenizers", "manifest.json")
	if len(manifest.Cases) < 38 {
		t.Errorf("%d kinds of tokenizers, want 38 or more", len(manifest.Cases))
	}
	encoded, decoded := 0, 0
	for name, count := range manifest.Cases {
		t.Run(name, func(t *testing.T) {
			tok, err := Load(testfiles.Box(t, "tokenizers", name))
			if err != nil {
				t.Fatal(err)
			}
			var cases boxCases
			testfiles.ReadBoxJSON(t, &cases, "tokenizers", name, "cases.json")
			if len(cases.Encode) != count.Encode || len(cases.Decode) != count.Decode || count.Encode < 150 {
				t.Errorf("%d texts and %d rows of ids, want %d and %d", len(cases.Encode), len(cases.Decode), count.Encode, count.Decode)
			}
			for _, c := range cases.Encode {
				if got := tok.Encode(c.text, false); !slices.Equal(got, c.ids) {
					t.Errorf("%q:\n got %v %q\nwant %v %q", c.text, got, pieces(tok, got), c.ids, pieces(tok, c.ids))
				}
				if got, want := tok.Encode(c.text, true), slices.Concat(cases.Prefix, c.ids, cases.Suffix); !slices.Equal(got, want) {
					t.Errorf("%q with special tokens:\n got %v\nwant %v", c.text, got, want)
				}
				if got := tok.Decode(c.ids, false); got != c.decoded {
					t.Errorf("ids of %q decode to\n     %q\nwant %q", c.text, got, c.decoded)
				}
			}
			for _, c := range cases.Decode {
				if got := tok.Decode(c.ids, false); got != c.text {
					t.Errorf("%v %q decode to\n     %q\nwant %q", c.ids, pieces(tok, c.ids), got, c.text)
				}
				if got := tok.Decode(c.ids, true); got != c.skipped {
					t.Errorf("%v %q decode without special tokens to\n     %q\nwant %q", c.ids, pieces(tok, c.ids), got, c.skipped)
				}
			}
			encoded, decoded = encoded+len(cases.Encode), decoded+len(cases.Decode)
		})
	}
	t.Logf("%d kinds of tokenizers: %d texts, each encoded with and without special tokens and decoded, and %d rows of ids", len(manifest.Cases), encoded, decoded)
}

// boxFile is a file of testdata/tokenizers.
func boxFile(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(testfiles.Box(t, append([]string{"tokenizers"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// pieces returns the pieces of ids.
func pieces(tok *Tokenizer, ids []int32) []string {
	var out []string
	for _, id := range ids {
		out = append(out, tok.Piece(id))
	}
	return out
}
