package data

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/internal/testfiles"
	"reprise/tokenizer"
)

func TestSegments(t *testing.T) {
	text := "the red lamp sings the blue stone"
	raw, err := tokenizer.Train(slices.Values([]string{text, text}), tokenizer.TrainOptions{VocabSize: 280, Special: []string{"<|endoftext|>"}})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Parse(raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s.jsonl")
	load := func(line string) ([]Document, Stats, error) {
		if err := os.WriteFile(path, []byte(line+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		return LoadDocuments(path, tok, Options{MaxSeqLen: 64})
	}
	docs, _, err := load(`{"segments":[{"text":"the red","label":false},{"text":" lamp","label":true},{"text":" sings","label":false},{"text":" the","label":true}]}`)
	if err != nil {
		t.Fatal(err)
	}
	d := docs[0]
	var learnt []int32
	for i, target := range d.Target {
		if target {
			learnt = append(learnt, d.IDs[i])
		}
	}
	end, _ := tok.EOS()
	want := slices.Concat(tok.Encode(" lamp", false), tok.Encode(" the", false), []int32{end})
	if !slices.Equal(learnt, want) || d.Bytes != len(" lamp the") || !d.EndID {
		t.Errorf("targets %v, want %v; %d bytes, end id %v", learnt, want, d.Bytes, d.EndID)
	}
	for line, want := range map[string]string{
		`{"segments":[{"text":"a","label":false}]}`: "nothing to learn",
		`{"segments":[]}`:  "want a list",
		`{"segments":"a"}`: "want a list",
		`{"segments":[{"text":"a","label":true}],"text":"b"}`:   "leave one of them out",
		`{"segments":[{"text":"a","label":"yes"}],"prompt":""}`: "leave one of them out",
	} {
		if _, _, err := load(line); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: error %v, want one with line 1 and %q", line, err, want)
		}
	}
	long := `{"segments":[{"text":"` + strings.Repeat("the red lamp ", 40) + `","label":true}]}`
	docs, stats, err := load(long)
	if err != nil || stats.Truncated != 1 || len(docs[0].IDs) != 64 {
		t.Fatalf("a long sample: %v, %+v", err, stats)
	}
	// Bytes counts the text of the ids with loss: neither the first id, which has nothing before it, nor the part that was cut.
	if scored := tok.Decode(docs[0].IDs[1:], false); docs[0].Bytes != len(scored) {
		t.Errorf("a long sample: %d bytes, want the %d of %q", docs[0].Bytes, len(scored), scored)
	}
}

func TestNoSegments(t *testing.T) {
	if d, cut := Segments(byteTokenizer(t, true), nil, 8); d.IDs != nil || d.Target != nil || cut {
		t.Errorf("%+v, %v", d, cut)
	}
}

// Segments spell their texts end to end, also where the tokenizer puts a space before every text.
func TestSegmentsSpellTheirTexts(t *testing.T) {
	for _, name := range []string{"gpt2", "llama2", "gemma", "metaspace-first", "gpt2-prefix-space"} {
		tok, err := tokenizer.Load(testfiles.Box(t, "tokenizers", name))
		if err != nil {
			t.Fatal(err)
		}
		d, cut := Segments(tok, []Segment{{"The re", false}, {"d lamp\n", true}, {"  sings", false}, {"", true}, {" é", true}}, 64)
		if got := strings.TrimPrefix(tok.Decode(d.IDs, true), " "); cut || got != "The red lamp\n  sings é" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
