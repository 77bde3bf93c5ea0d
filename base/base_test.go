package base

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/internal/tiny"
	"reprise/tokenizer"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	b, err := Open(filepath.Join(dir, "base"))
	if err != nil {
		t.Fatal(err)
	}
	if rows, ids := b.Model.Config.VocabSize, b.Tokenizer.VocabSize(); ids > rows || ids < 256 {
		t.Errorf("%d ids for %d rows", ids, rows)
	}
	if b.Fingerprint == "" || b.Dir != filepath.Join(dir, "base") {
		t.Errorf("fingerprint %q, directory %q", b.Fingerprint, b.Dir)
	}
	fresh, err := Fresh(filepath.Join(dir, "base", "config.json"), filepath.Join(dir, "base"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if fresh.Fingerprint != b.Fingerprint { // which was made with the same seed
		t.Errorf("fresh model %s, want %s", fresh.Fingerprint, b.Fingerprint)
	}
}

// A tokenizer with one id more than the embedding has rows would index beyond it.
func TestOneIDTooMany(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "domain.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Train(slices.Values([]string{string(text)}), tokenizer.TrainOptions{VocabSize: 301})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "base", "tokenizer.json"), tok, 0o666); err != nil {
		t.Fatal(err)
	}
	loaded, err := tokenizer.Load(filepath.Join(dir, "base"))
	if err != nil || loaded.VocabSize() != 301 {
		t.Fatal("the test wants a tokenizer with 301 ids", err)
	}
	config := filepath.Join(dir, "base", "config.json")
	for _, open := range []func() (*Base, error){
		func() (*Base, error) { return Open(filepath.Join(dir, "base")) },
		func() (*Base, error) { return Fresh(config, filepath.Join(dir, "base"), 1) },
	} {
		_, err := open()
		for _, part := range []string{"301 ids", "vocab_size 300", filepath.Join(dir, "base")} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v, want one with %q", err, part)
			}
		}
	}
}
