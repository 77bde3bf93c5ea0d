package base

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/data"
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

// fitting makes a model with a number of rows, and a tokenizer of the pieces a to e, an end token (or the piece f instead) and added
// tokens.
func fitting(rows int, config, end string, added ...string) (*Base, error) {
	var list []string
	for i, a := range append([]string{end}, added...) {
		if a != "f" {
			list = append(list, fmt.Sprintf(`{"id": %d, "content": %q, "special": true, "normalized": false}`, 5+i, a))
		}
	}
	tok := fmt.Sprintf(`{"added_tokens": [%s], "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null, "model":
		{"type": "BPE", "unk_token": "a", "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, %q: 5}, "merges": []}}`, strings.Join(list, ","), end)
	cfg := strings.Replace(tiny.Config, `"vocab_size":300`, fmt.Sprintf(`"vocab_size":%d%s`, rows, config), 1)
	return New([]byte(cfg), []byte(tok), 1)
}

// A [PAD] that was added to the tokenizer and not to the model harms nothing as long as no text holds it.
func TestTokensBeyondTheRows(t *testing.T) {
	b, err := fitting(6, "", "</s>", "[PAD]", "[CLS]")
	if err != nil {
		t.Fatal(err)
	}
	if n := b.Model.Config.Notices; len(n) != 1 || n[0] != `tokenizer.json has tokens beyond the 6 rows of the embedding: "[PAD]", "[CLS]"; a text that holds one is refused` {
		t.Errorf("notices %q", n)
	}
	if err := b.Tokenizer.CheckRows(b.Tokenizer.Encode("abcde</s>", true)); err != nil {
		t.Error(err)
	}
	err = b.Tokenizer.CheckRows(b.Tokenizer.Encode("ab[CLS]c[PAD]", true))
	if err == nil || !strings.Contains(err.Error(), `the token "[CLS]" (id 7)`) || !strings.Contains(err.Error(), "resize_token_embeddings(8)") {
		t.Errorf("a text with the token: %v", err)
	}
	file := filepath.Join(t.TempDir(), "x.jsonl")
	if err := os.WriteFile(file, []byte("{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"prompt\": \"a\", \"completion\": \"b[PAD]\"}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, _, err = data.LoadDocuments(file, b.Tokenizer, data.Options{MaxSeqLen: 8})
	if row, ok := errors.AsType[*data.RowError](err); !ok || row.Line != 2 || !strings.Contains(err.Error(), `the token "[PAD]" (id 6)`) {
		t.Errorf("data with the token: %v", err)
	}
	// As many rows as ids: nothing is refused.
	if b, err = fitting(8, "", "</s>", "[PAD]", "[CLS]"); err != nil || b.Model.Config.Notices != nil || b.Tokenizer.CheckRows(b.Tokenizer.Encode("[PAD]", false)) != nil {
		t.Errorf("%v, notices %q", err, b.Model.Config.Notices)
	}
	// The tokenizer's own pieces, or a token that ends every text.
	for _, c := range []struct {
		rows int
		end  string
		want string
	}{{4, "f", `and "e" (id 4) is beyond it`}, {5, "</s>", `and "</s>" (id 5), which begins, ends`}} {
		if _, err := fitting(c.rows, "", c.end, "[PAD]"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d rows: %v", c.rows, err)
		}
	}
}

// An end id of the configuration that lies outside the vocabulary only matters if there is no other.
func TestEndOutsideTheVocabulary(t *testing.T) {
	const left = `, "eos_token_id": 50256`
	if b, err := fitting(6, left, "</s>"); err != nil || len(b.Model.Config.Notices) != 1 {
		t.Errorf("the tokenizer names an end: %v", err)
	}
	_, err := fitting(6, left, "f")
	if err == nil || !strings.Contains(err.Error(), "eos_token_id 50256 of config.json is outside the vocabulary of 6, and the tokenizer names no end token") {
		t.Errorf("no other end: %v", err)
	}
	for _, remedy := range []string{`, "eos_token_id": 5`, `, "eos_token_id": null`} { // what the error proposes
		if _, err := fitting(6, remedy, "f"); err != nil {
			t.Errorf("%s: %v", remedy, err)
		}
	}
}

// Far fewer ids than rows are a sign that the tokenizer belongs to another model; some rows for padding are not.
func TestFewerIDsThanRows(t *testing.T) {
	for rows, want := range map[int]int{6: 0, 262: 0, 263: 1, 5000: 1} {
		b, err := fitting(rows, "", "</s>")
		if err != nil || len(b.Model.Config.Notices) != want {
			t.Errorf("%d rows: %v, notices %q", rows, err, b.Model.Config.Notices)
		}
	}
}

// The ids that end a continuation: the turn's only in a conversation, and each of them once.
func TestEnds(t *testing.T) {
	text, err := tokenizer.Train(slices.Values([]string{"they sing"}), tokenizer.TrainOptions{VocabSize: 300, Special: []string{"<|end|>", "<|turn|>", "<|over|>"}})
	if err != nil {
		t.Fatal(err)
	}
	const template = `{% for m in messages %}<|turn|>{{ m.role }} {{ m.content }}`
	for _, c := range []struct {
		config string
		chat   bool
		more   []int32
		want   []int32
	}{
		{`{"eos_token": "<|end|>", "chat_template": "` + template + `<|over|>{% endfor %}"}`, true, nil, []int32{2, 0}},
		{`{"eos_token": "<|end|>", "chat_template": "` + template + `<|over|>{% endfor %}"}`, false, nil, []int32{0}},
		{`{"eos_token": "<|end|>", "chat_template": "` + template + `<|over|>{% endfor %}"}`, true, []int32{7, 0, 2, 7}, []int32{2, 0, 7}},
		{`{"eos_token": "<|end|>", "chat_template": "` + template + `<|over|>{% endfor %}"}`, false, []int32{2, 0}, []int32{0, 2}},
		{`{"eos_token": "<|over|>", "chat_template": "` + template + `<|over|>{% endfor %}"}`, true, nil, []int32{2}},
		{`{"eos_token": null, "chat_template": "` + template + `{% endfor %}"}`, true, []int32{9}, []int32{9}},
	} {
		tok, err := tokenizer.Parse(text, []byte(c.config))
		if err != nil {
			t.Fatal(err)
		}
		if got := Ends(tok, c.chat, c.more...); !slices.Equal(got, c.want) {
			t.Errorf("%s, chat %v, and %v: %v, want %v", c.config, c.chat, c.more, got, c.want)
		}
	}
}
