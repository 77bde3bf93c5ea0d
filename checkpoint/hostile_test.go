package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/internal/hub"
)

// link replaces dir/name by a link to a file outside of dir.
func link(t *testing.T, dir, name, target string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Skip("this system makes no links:", err)
	}
}

// A model directory from a stranger, with links to what whoever trains it would publish with the result.
func TestLinksThatLeaveAModelDirectory(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.jinja")
	if err := os.WriteFile(secret, []byte("password"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.json", "generation_config.json", "tokenizer.json", "vocab.json", "tokenizer.model",
		"chat_template.jinja", "chat_template.json", "additional_chat_templates/a.jinja", "model.safetensors"} {
		t.Run(name, func(t *testing.T) {
			dir, m := saveTiny(t, SaveOptions{})
			target := secret
			if name == "config.json" || name == weightsFile { // these would be accepted if they were followed
				target = filepath.Join(t.TempDir(), name)
				text, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(target, text, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			link(t, dir, name, target)
			_, errLoad := Load(dir)
			_, errInspect := Inspect(dir)
			out := filepath.Join(t.TempDir(), "out")
			errSave := SaveModel(out, m, SaveOptions{SourceDir: dir})
			for _, err := range []error{errLoad, errInspect, errSave} {
				if !errors.Is(err, hub.ErrLeaves) || !strings.Contains(err.Error(), filepath.Join(dir, name)) || !strings.Contains(err.Error(), target) {
					t.Errorf("error %v, want one that names the link and where it points", err)
				}
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("a model was saved")
			}
		})
	}
	t.Run("shard", func(t *testing.T) {
		dir, _ := saveTiny(t, SaveOptions{MaxShardBytes: 400})
		const shard = "model-00001-of-00004.safetensors"
		outside := filepath.Join(t.TempDir(), shard)
		if err := os.Rename(filepath.Join(dir, shard), outside); err != nil {
			t.Fatal(err)
		}
		link(t, dir, shard, outside)
		if _, err := Load(dir); !errors.Is(err, hub.ErrLeaves) || !strings.Contains(err.Error(), shard) {
			t.Errorf("error %v, want %v", err, hub.ErrLeaves)
		}
	})
}

// Only names that are listed are copied, whatever begins like them.
func TestOnlyListedNamesAreCopied(t *testing.T) {
	dir, m := saveTiny(t, SaveOptions{})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("password"), 0o666); err != nil {
		t.Fatal(err)
	}
	link(t, dir, "chat_template.evil", secret)
	for _, name := range []string{"chat_template.py", "modeling.py", "tokenizer.json.bak", ".env", "additional_chat_templates.jinja"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	mustLoad(t, dir)
	out := filepath.Join(t.TempDir(), "out")
	if err := SaveModel(out, m, SaveOptions{SourceDir: dir}); err != nil {
		t.Fatal(err)
	}
	for name := range contents(t, out) {
		switch name {
		case "config.json", "tokenizer.json", "chat_template.jinja", weightsFile:
		default:
			t.Errorf("%s was copied", name)
		}
	}
}
