package export_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"reprise/base"
	"reprise/export"
	"reprise/internal/tiny"
	"reprise/tokenizer"
)

// A fresh model, which has no directory, is exported with its own tokenizer and chat template, and not with what lies in the
// working directory: it gives the bytes of the saved one.
func TestFreshModel(t *testing.T) {
	vocabulary, err := tokenizer.Train(slices.Values([]string{"red lamp and red stone"}), tokenizer.TrainOptions{VocabSize: 300})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config.json": tiny.Config, "tokenizer.json": string(vocabulary),
		"tokenizer_config.json": `{"eos_token": "<|endoftext|>", "chat_template": "{{ messages[0].content }}"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fresh, err := base.Fresh(filepath.Join(dir, "config.json"), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(t.TempDir(), "model") // the default of Options.Name
	if err := fresh.Save(saved); err != nil {
		t.Fatal(err)
	}
	opened, err := base.Open(saved)
	if err != nil {
		t.Fatal(err)
	}
	var files [2][]byte
	for i, b := range []*base.Base{fresh, opened} {
		path := filepath.Join(t.TempDir(), "a.gguf")
		if _, err := export.GGUF(path, b, export.Options{}); err != nil {
			t.Fatal(err)
		}
		if files[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) || !bytes.Contains(files[0], []byte("messages[0].content")) {
		t.Error("a fresh model gives another file than the saved one")
	}
}
