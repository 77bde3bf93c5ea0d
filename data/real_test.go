package data

import (
	"fmt"
	"testing"

	"reprise/internal/testfiles"
	"reprise/tensor"
	"reprise/tokenizer"
)

// The shared files, with a SentencePiece-style and a byte-level tokenizer: the number of samples is the one in data/README.md,
// and Bytes is the length of the scored text.
func TestSharedData(t *testing.T) {
	for _, c := range []struct {
		path    []string
		samples int
		bytes   int // scored in evaluation with BOS first; 0: not known beforehand
	}{
		{[]string{"tinystories", "valid.txt"}, 1, 94240},
		{[]string{"tinyshakespeare", "valid.txt"}, 1, 111537},
		{[]string{"teleqna", "valid.jsonl.bz2"}, 1019, 0},
		{[]string{"spider", "valid.jsonl"}, 879, 0},
		{[]string{"wikisql", "valid.jsonl.bz2"}, 2000, 0},
		{[]string{"arc-easy", "valid.jsonl"}, 570, 0},
	} {
		path := testfiles.Path(t, append([]string{"data"}, c.path...)...)
		for _, model := range []string{testfiles.Path(t, "models", "stories260K"), testfiles.Path(t, "tokenizers", "gpt2")} {
			tok, err := tokenizer.Load(model)
			if err != nil {
				t.Fatal(err)
			}
			docs, stats, err := LoadDocuments(path, tok, Options{MaxSeqLen: 256, Evaluation: true})
			if err != nil {
				t.Fatal(err)
			}
			if stats.Documents != c.samples {
				t.Errorf("%v: %d samples, want %d", c.path, stats.Documents, c.samples)
			}
			want := c.bytes
			if !tok.AddsBOS() && want > 0 { // the first id of every window is not scored
				for _, d := range docs {
					want -= len(tok.Decode(d.IDs[:1], false))
				}
			}
			if c.bytes > 0 && stats.Bytes != want {
				t.Errorf("%v: %d bytes, want %d", c.path, stats.Bytes, want)
			}
			packs := Pack(docs, 256, 1)
			n := 0
			for _, p := range packs {
				n += p.Targets()
			}
			if n != stats.Targets {
				t.Errorf("%v: %d targets packed, want %d", c.path, n, stats.Targets)
			}
			t.Logf("%v: %+v; %d packs, %.1f %% full", c.path, stats, len(packs), 100*float64(stats.Tokens)/float64(256*len(packs)))
		}
	}
}

// Randomly altered lines give an error or a row that can be used, never a panic.
func TestHostileRows(t *testing.T) {
	lines := []string{
		`{"text":"a\u00e9\ud83d\ude00"}`, `{"prompt":"a","completion":"b"}`,
		`{"question":"q","choices":["x","y"],"answer":1}`, `{"prompt":"q","choices":[],"answer":-1e3,"text":null}`,
		`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"text","text":"b"}]}],"tools":[{"a":1}]}`,
		`{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}],"system":"c"}`, `{"instruction":"a","input":null,"output":"b"}`,
	}
	rng := tensor.NewRNG(1, "hostile", 0)
	const alphabet = "\"\\{}[]:,0123456789eE.+- \x00\xff\xc3null"
	for range 50000 {
		b := []byte(lines[rng.Intn(len(lines))])
		for range 1 + rng.Intn(3) {
			b[rng.Intn(len(b))] = alphabet[rng.Intn(len(alphabet))]
		}
		row, err := parseRow(b)
		if err != nil {
			continue
		}
		if row.Text == "" && row.Completion == "" && row.Chat.Messages == nil && (row.Answer < 0 || row.Answer >= len(row.Choices)) {
			t.Fatalf("%s: accepted as %+v", b, row)
		}
	}
}

// The packs that records of three public sets were made from. Text without white space at the joint of prompt and completion, and
// without special tokens in it, becomes the same ids as before there was a choice of seam.
func TestSharedDigests(t *testing.T) {
	for _, c := range []struct {
		name, sentence, bytes string
		files                 []string
	}{
		{"teleqna", "e02a88d43679764b", "e5afad4454c2c720", []string{"train.jsonl.bz2", "valid.jsonl.bz2", "test.jsonl.bz2"}},
		{"spider", "5e0644bc73572421", "fd98e2cd9b772e11", []string{"train.jsonl", "valid.jsonl"}},
		{"systemsapproach", "35a48b869adcf068", "0cc70941ebe2bc63", []string{"train.txt", "valid.txt"}},
	} {
		for _, m := range []struct{ dir, want string }{
			{testfiles.Path(t, "models", "stories260K"), c.sentence}, {testfiles.Path(t, "tokenizers", "gpt2"), c.bytes},
		} {
			tok, err := tokenizer.Load(m.dir)
			if err != nil {
				t.Fatal(err)
			}
			digests := NewDigester()
			for _, file := range c.files {
				docs, _, err := LoadDocuments(testfiles.Path(t, "data", c.name, file), tok, Options{MaxSeqLen: 256})
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range Pack(docs, 256, 1) {
					digests.Add(&p)
				}
			}
			if sum := digests.Sum(); fmt.Sprintf("%x", sum[:8]) != m.want {
				t.Errorf("%s with %s: digest %x, want %s", c.name, m.dir, sum[:8], m.want)
			}
		}
	}
}
