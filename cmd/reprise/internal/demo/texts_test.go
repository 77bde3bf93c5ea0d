package demo

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"reprise/cmd/reprise/internal/synth"
	"reprise/data"
	"reprise/tokenizer"
)

// written is a directory with the embedded model and the texts.
func written(t *testing.T) (dir string, tok *tokenizer.Tokenizer) {
	t.Helper()
	dir = t.TempDir()
	if err := unpack(filepath.Join(dir, "base")); err != nil {
		t.Fatal(err)
	}
	if err := WriteTexts(dir); err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Load(filepath.Join(dir, "base"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, tok
}

func load(t *testing.T, path string, tok *tokenizer.Tokenizer, evaluation bool) []data.Document {
	t.Helper()
	docs, stats, err := data.LoadDocuments(path, tok, data.Options{MaxSeqLen: seqLen, Evaluation: evaluation})
	if err != nil || stats.Truncated > 0 {
		t.Fatal(stats, err)
	}
	return docs
}

// rowsOf divides a document of the demonstration into what its three rows should be: the ids of the schema, of a question and
// of its query, and the end id.
func rowsOf(tok *tokenizer.Tokenizer, d data.Document, schema string) (rows []data.Document) {
	head := len(tok.Encode(schema, false))
	end, _ := tok.EOS()
	question := head
	for at := head + 1; at < len(d.IDs); at++ {
		if last := at+1 == len(d.IDs) || !d.Target[at+1]; !d.Target[at] || !last {
			continue
		}
		ids := slices.Concat(d.IDs[:head], d.IDs[question:at+1])
		target := slices.Concat(d.Target[:head], d.Target[question:at+1])
		if at+1 < len(d.IDs) { // the document's own end id is after its last query
			ids, target = append(ids, end), append(target, true)
		}
		rows = append(rows, data.Document{IDs: ids, Target: target})
		question = at + 1
	}
	return rows
}

// TestRowsAreTheDemosDocuments: what the program reads from the files has the ids of the documents that the demonstration
// trains and measures on.
func TestRowsAreTheDemosDocuments(t *testing.T) {
	dir, tok := written(t)
	for _, c := range []struct {
		split synth.Split
		n     int
	}{{synth.Train, trainDocs}, {synth.Valid, validDocs}} {
		got := load(t, filepath.Join(dir, "domain"), tok, c.split == synth.Valid)
		if len(got) != synth.Pairs*c.n {
			t.Fatalf("%v: %d rows, want %d", c.split, len(got), synth.Pairs*c.n)
		}
		for i, d := range domain(tok, c.split, c.n) {
			schema, _, _ := strings.Cut(synth.Domain(domainSeed, uint64(i), c.split)[0].Text, "\n")
			want := rowsOf(tok, d, schema)
			if len(want) != synth.Pairs {
				t.Fatalf("%v, document %d has %d questions", c.split, i, len(want))
			}
			for k, w := range want {
				if g := got[synth.Pairs*i+k]; !slices.Equal(g.IDs, w.IDs) || !slices.Equal(g.Target, w.Target) {
					t.Fatalf("%v, row %d:\n%q, want\n%q", c.split, synth.Pairs*i+k, tok.Decode(g.IDs, false), tok.Decode(w.IDs, false))
				}
			}
		}
	}
	ids := func(docs []data.Document) (list [][]int32) {
		for _, d := range docs {
			list = append(list, d.IDs)
		}
		return list
	}
	for file, want := range map[string][]data.Document{
		"general-valid.txt": general(tok, generalTexts("valid", generalDocs)),
		"general-train.txt": general(tok, mixTexts(keptDocs)),
	} {
		if !reflect.DeepEqual(ids(load(t, filepath.Join(dir, file), tok, false)), ids(want)) {
			t.Errorf("%s has other documents than the demonstration", file)
		}
	}
}

// TestHeldOutTextsAreHeldOut: no sample that is measured on is in a file to train on.
func TestHeldOutTextsAreHeldOut(t *testing.T) {
	dir, tok := written(t)
	seen := map[string]string{}
	for _, c := range []struct {
		file  string
		valid bool
	}{{"domain", false}, {"general-train.txt", false}, {"domain", true}, {"general-valid.txt", true}} {
		docs := load(t, filepath.Join(dir, c.file), tok, c.valid)
		if len(docs) < generalDocs {
			t.Errorf("%s: %d documents", c.file, len(docs))
		}
		for _, d := range docs {
			text := tok.Decode(d.IDs, true)
			if file := seen[text]; c.valid && file != "" {
				t.Errorf("%s holds %q, which is in %s too", c.file, text, file)
			} else if !c.valid {
				seen[text] = c.file
			}
		}
	}
	mixed := map[string]bool{} // what arm d itself mixes in
	for text := range mixTexts(mixDocs) {
		mixed[text] = true
	}
	if len(mixed) < mixDocs*9/10 {
		t.Errorf("%d different texts to mix in, of %d", len(mixed), mixDocs)
	}
	reported := map[string]bool{}
	for text := range generalTexts("valid", generalDocs) {
		reported[text] = true
		if mixed[text] {
			t.Errorf("arm d trains on %q, which it is measured on", text)
		}
	}
	chosen := 0 // texts that decide the learning rates
	for text := range choosingTexts(generalDocs) {
		chosen++
		if mixed[text] || reported[text] {
			t.Errorf("%q decides a learning rate, and is trained on or reported too", text)
		}
	}
	if chosen != generalDocs {
		t.Errorf("%d texts decide the learning rates, want %d", chosen, generalDocs)
	}
}
