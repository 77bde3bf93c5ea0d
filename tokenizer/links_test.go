package tokenizer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/internal/hub"
)

// A tokenizer's directory from a stranger may hold links to other files of whoever reads it.
func TestLinksThatLeaveTheDirectory(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	text, err := Train(func(yield func(string) bool) { yield("a b") }, TrainOptions{VocabSize: 300})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", toolTemplate} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), text, 0o666); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(path)
		if err := os.Symlink(secret, path); err != nil {
			t.Skip("this system makes no links:", err)
		}
		if _, err := Load(dir); !errors.Is(err, hub.ErrLeaves) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want %v", name, err, hub.ErrLeaves)
		}
	}
	// A file that the user names is read, wherever the link leads.
	whole, own := filepath.Join(t.TempDir(), "whole.json"), filepath.Join(t.TempDir(), "own.json")
	if err := os.WriteFile(whole, text, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(whole, own); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(own); err != nil {
		t.Error(err)
	}
}
