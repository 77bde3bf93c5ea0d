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
	if fresh.Fingerprint != b.Fingerprint { // b was made with the same seed
		t.Errorf("fresh model %s, want %s", fresh.Fingerprint, b.Fingerprint)
	}
}

// The last id of a tokenizer that has one id more than the embedding has rows would index beyond the embedding.
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

// What New makes from texts is what Fresh makes from files.
func TestNew(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	tok, err := os.ReadFile(filepath.Join(dir, "base", "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := New([]byte(tiny.Config), tok, 7)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := Fresh(filepath.Join(dir, "base", "config.json"), filepath.Join(dir, "base"), 7)
	if err != nil {
		t.Fatal(err)
	}
	if b.Fingerprint != fresh.Fingerprint || b.Tokenizer.Fingerprint() != fresh.Tokenizer.Fingerprint() {
		t.Error("New and Fresh made different models")
	}
	saved := filepath.Join(dir, "saved")
	b.Model.Head().W.Data[0]++
	if err := b.Save(saved); err != nil {
		t.Fatal(err)
	}
	again, err := Open(saved)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := again.Model.Head().W.Data[0], b.Model.Head().W.Data[0]; got != want || again.Fingerprint == b.Fingerprint {
		t.Errorf("a weight of %g was saved, %g came back", want, got)
	}
	if err := again.Save(saved); err == nil || !strings.Contains(err.Error(), "saved") {
		t.Errorf("saving over a model: error %v", err)
	}
}

// New names what is wrong with which text.
func TestNewRefuses(t *testing.T) {
	small, err := tokenizer.Train(slices.Values([]string{"a b"}), tokenizer.TrainOptions{VocabSize: 300})
	if err != nil {
		t.Fatal(err)
	}
	many := strings.Replace(tiny.Config, `"vocab_size":300`, `"vocab_size":256`, 1)
	huge := strings.Replace(tiny.Config, `"hidden_size":32`, `"hidden_size":1048576`, 1)
	for want, c := range map[string]struct{ config, tokenizer string }{
		"base: tokenizer.json has 257 ids, but config.json says vocab_size 256": {many, string(small)},
		"can be made afresh": {huge, string(small)},
		"config.json":        {"", string(small)},
		"tokenizer.json":     {tiny.Config, ""},
	} {
		if _, err := New([]byte(c.config), []byte(c.tokenizer), 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// A folder of the Hugging Face cache as it lies on disk: files that are links into blobs/, and the commit in refs/main.
func TestOpenCache(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	plain, err := Open(filepath.Join(dir, "base"))
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(dir, "models--me--small")
	commit := strings.Repeat("0a", 20)
	snapshot := filepath.Join(cache, "snapshots", commit)
	for _, d := range []string{"blobs", "refs", "snapshots/" + commit, "snapshots/" + strings.Repeat("1b", 20)} {
		if err := os.MkdirAll(filepath.Join(cache, d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "base"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		blob := "blob-of-" + e.Name()
		if err := os.Rename(filepath.Join(dir, "base", e.Name()), filepath.Join(cache, "blobs", blob)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("..", "..", "blobs", blob), filepath.Join(snapshot, e.Name())); err != nil {
			t.Skip("this system makes no links:", err)
		}
	}
	if err := os.WriteFile(filepath.Join(cache, "refs", "main"), []byte(commit), 0o666); err != nil {
		t.Fatal(err)
	}
	b, err := Open(cache)
	if err != nil {
		t.Fatal(err)
	}
	if b.Dir != snapshot || b.Fingerprint != plain.Fingerprint || b.Tokenizer.Fingerprint() != plain.Tokenizer.Fingerprint() {
		t.Errorf("directory %s, fingerprints %s and %s", b.Dir, b.Fingerprint, b.Tokenizer.Fingerprint())
	}
	fresh, err := Fresh(filepath.Join(snapshot, "config.json"), cache, 1)
	if err != nil || fresh.Fingerprint != b.Fingerprint {
		t.Errorf("fresh model with the cache's tokenizer: %v", err)
	}
	saved := filepath.Join(dir, "saved")
	if err := b.Save(saved); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries { // the files themselves, not the links
		info, err := os.Lstat(filepath.Join(saved, e.Name()))
		if err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: %v %v", e.Name(), info, err)
		}
	}
	// Without refs/main the two snapshots are candidates.
	if err := os.Remove(filepath.Join(cache, "refs", "main")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(cache); err == nil || !strings.Contains(err.Error(), "2 snapshots and no refs/main") || !strings.Contains(err.Error(), snapshot) {
		t.Errorf("two snapshots without refs/main: %v", err)
	}
}
