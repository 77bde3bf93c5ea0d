package export_test

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"reprise/base"
	"reprise/export"
	"reprise/internal/testfiles"
)

// boxCase is a case of testdata/gguf/reference.json: a model of that folder, and what llama.cpp computed from its export.
type boxCase struct {
	Model, DType, Prompt string
	SHA256               string `json:"gguf_sha256"`
	IDs, Greedy          []int32
	Top                  []boxTop  // for every position of IDs and Greedy
	Texts                []boxText // texts with the ids that llama.cpp gave
}

// boxTop are the most probable next ids, and their probabilities.
type boxTop struct {
	ids []int32
	p   []float64
}

func (r *boxTop) UnmarshalJSON(b []byte) error { return unmarshalPair(b, &r.ids, &r.p) }

type boxText struct {
	text string
	ids  []int32
}

func (r *boxText) UnmarshalJSON(b []byte) error { return unmarshalPair(b, &r.text, &r.ids) }

// unmarshalPair reads a list of two values of different kinds.
func unmarshalPair(b []byte, first, second any) error {
	var row []json.RawMessage
	if err := json.Unmarshal(b, &row); err != nil {
		return err
	}
	if len(row) != 2 {
		return fmt.Errorf("%d values, want 2", len(row))
	}
	if err := json.Unmarshal(row[0], first); err != nil {
		return err
	}
	return json.Unmarshal(row[1], second)
}

// boxBounds are the largest allowed differences of a probability between llama.cpp and our model, whose weights are not
// rounded. float32: llama.cpp sums in another order, 2e-6 seen. f16: llama.cpp also rounds the values that it multiplies by
// the weights, 9e-4 seen; q8_0: the same with 8 bits, 0.045 seen. gpt2: llama.cpp's GELU is a table in float16, 3e-4 seen.
var boxBounds = map[string]float64{
	"llama f32": 1e-5, "llama f16": 4e-3, "llama q8_0": 0.1, "llama3 f32": 1e-5, "qwen2 f32": 1e-5, "qwen2 q8_0": 0.1,
	"gpt2 f32": 1e-3, "gpt2 f16": 2e-3,
}

// TestAgainstRecordedLlamaCpp: the export still gives the files that llama.cpp read, byte for byte, and our model gives the
// probabilities, the greedy continuation and the ids of texts that llama.cpp gave.
func TestAgainstRecordedLlamaCpp(t *testing.T) {
	var cases []boxCase
	testfiles.ReadBoxJSON(t, &cases, "gguf", "reference.json")
	seen, positions, probabilities, texts := map[string]bool{}, 0, 0, 0
	for _, c := range cases {
		name := c.Model + " " + c.DType
		seen[name] = true
		b, err := base.Open(testfiles.Box(t, "gguf", c.Model))
		if err != nil {
			t.Fatal(err)
		}
		tok := b.Tokenizer
		out := filepath.Join(t.TempDir(), "model.gguf")
		if _, err := export.GGUF(out, b, export.Options{Type: export.Type(c.DType)}); err != nil {
			t.Fatal(err)
		}
		if got := testfiles.SHA256(t, out); got != c.SHA256 {
			t.Errorf("%s: the exported file has the SHA-256 %s; llama.cpp read %s", name, got, c.SHA256)
		}
		if got := tok.Encode(c.Prompt, true); !slices.Equal(got, c.IDs) {
			t.Errorf("%s: the prompt has the ids %v, want %v", name, got, c.IDs)
		}
		greedy, ours := ours(t, b.Model, asked{IDs: c.IDs, Greedy: len(c.Greedy)})
		if !slices.Equal(greedy, c.Greedy) {
			t.Errorf("%s: greedy %v, want %v", name, greedy, c.Greedy)
		}
		if len(c.Top) != len(c.IDs)+len(c.Greedy) || len(ours) != len(c.Top) {
			t.Errorf("%s: %d positions, ours %d, want %d", name, len(c.Top), len(ours), len(c.IDs)+len(c.Greedy))
			continue
		}
		largest := 0.0
		for i, top := range c.Top {
			for k, id := range top.ids {
				largest = max(largest, math.Abs(ours[i][id]-top.p[k]))
			}
			positions, probabilities = positions+1, probabilities+len(top.ids)
		}
		t.Logf("%s: largest difference of a probability %.2g, bound %.2g", name, largest, boxBounds[name])
		if !(largest <= boxBounds[name]) {
			t.Errorf("%s: a probability differs by %.3g, want at most %g", name, largest, boxBounds[name])
		}
		for _, text := range c.Texts {
			texts++
			if got := tok.Encode(text.text, false); !slices.Equal(got, text.ids) {
				t.Errorf("%s: %q:\nours      %v\nllama.cpp %v", name, text.text, got, text.ids)
			}
		}
	}
	t.Logf("%d exported files, %d positions, %d probabilities, %d texts", len(cases), positions, probabilities, texts)
	for name := range boxBounds {
		if !seen[name] {
			t.Errorf("%s is not in reference.json", name)
		}
	}
}
