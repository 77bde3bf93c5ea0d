package data

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"reprise/internal/testfiles"
	"reprise/tokenizer"
)

// boxRun is a file, a tokenizer and options of testdata/data/expected.json, with the expected documents: testdata/data/expected.mjs
// makes them by the rules of the package's documentation, with the ids of Hugging Face's tokenizers.
type boxRun struct {
	File, Tokenizer, Split string
	Max                    int
	Evaluation             bool
	Seam                   tokenizer.Seam
	Stats                  struct {
		Documents, Tokens, Targets, Truncated int
		Bytes                                 *int // absent if samples were cut
	}
	Docs []boxDocument
}

// boxDocument is a document's ids and, as half-open ranges, those that carry loss.
type boxDocument struct {
	ids    []int32
	ranges [][2]int
}

func (d *boxDocument) UnmarshalJSON(b []byte) error {
	var row []json.RawMessage
	if err := json.Unmarshal(b, &row); err != nil {
		return err
	}
	if len(row) != 2 {
		return fmt.Errorf("%d parts of a document", len(row))
	}
	if err := json.Unmarshal(row[0], &d.ids); err != nil {
		return err
	}
	return json.Unmarshal(row[1], &d.ranges)
}

func (d *boxDocument) target() []bool {
	target := make([]bool, len(d.ids))
	for _, r := range d.ranges {
		for i := r[0]; i < r[1]; i++ {
			target[i] = true
		}
	}
	return target
}

func TestBoxDocuments(t *testing.T) {
	var runs []boxRun
	testfiles.ReadBoxJSON(t, &runs, "data", "expected.json")
	files, documents, ids := map[string]bool{}, 0, 0
	for _, run := range runs {
		files[run.File] = true
		name := fmt.Sprintf("%s, %s, %d ids, evaluation %v, seam %s", run.File, run.Tokenizer, run.Max, run.Evaluation, run.Seam)
		tok, err := tokenizer.Load(testfiles.Box(t, "tokenizers", run.Tokenizer))
		if err != nil {
			t.Fatal(err)
		}
		docs, stats, err := LoadDocuments(testfiles.Box(t, "data", run.File), tok, Options{MaxSeqLen: run.Max, Evaluation: run.Evaluation, Split: run.Split, Reading: Reading{Seam: run.Seam}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := run.Stats
		if stats.Documents != want.Documents || stats.Tokens != want.Tokens || stats.Targets != want.Targets || stats.Truncated != want.Truncated {
			t.Errorf("%s: %+v, want %+v", name, stats, want)
		}
		if want.Bytes != nil && stats.Bytes != *want.Bytes {
			t.Errorf("%s: %d bytes of text with loss, want %d", name, stats.Bytes, *want.Bytes)
		}
		if len(docs) != len(run.Docs) {
			t.Errorf("%s: %d documents, want %d", name, len(docs), len(run.Docs))
			continue
		}
		for i, d := range run.Docs {
			if !slices.Equal(docs[i].IDs, d.ids) {
				t.Errorf("%s: document %d (line %d):\n got %v\nwant %v", name, i, docs[i].Line, docs[i].IDs, d.ids)
			} else if target := d.target(); !slices.Equal(docs[i].Target, target) {
				t.Errorf("%s: document %d (line %d): loss on\n     %v\nwant %v", name, i, docs[i].Line, docs[i].Target, target)
			}
			documents, ids = documents+1, ids+len(d.ids)
		}
		packed := 0
		for _, p := range Pack(docs, run.Max, 1) {
			packed += p.Targets()
		}
		if packed != want.Targets {
			t.Errorf("%s: %d ids with loss after packing, want %d", name, packed, want.Targets)
		}
	}
	t.Logf("%d runs over %d files: %d documents, %d ids", len(runs), len(files), documents, ids)
	if len(files) < 12 || len(runs) < 38 {
		t.Errorf("%d runs over %d files, want 38 over 12 or more", len(runs), len(files))
	}
}
