package checkpoint

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A bit that flips in a file of a saved model is found when it is loaded, wherever it is. Without the hashes most flips of a weight
// would give other output without a word.
func TestDamagedModel(t *testing.T) {
	m := tiny(t, tinyConfig)
	files := map[string][]byte{"config.json": []byte(tinyConfig), "generation_config.json": []byte("{ }"), "tokenizer.json": []byte("{ }"),
		"additional_chat_templates/tool_use.jinja": []byte("x"), "vocab.json": []byte("{}")}
	for _, shard := range []int64{0, 400} {
		dir := filepath.Join(t.TempDir(), "final")
		if err := SaveModel(dir, m, SaveOptions{Files: files, MaxShardBytes: shard}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, sumsFile))
		if err != nil {
			t.Fatal(err)
		}
		flipped := 0
		err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || d.Name() == sumsFile {
				return err
			}
			name, _ := filepath.Rel(dir, path)
			if !strings.Contains(string(text), "  "+filepath.ToSlash(name)+"\n") {
				t.Errorf("%s is not in %s", name, sumsFile)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for at := 0; at < len(before); at += max(1, len(before)/5) {
				damaged := []byte(string(before))
				damaged[at] ^= 1 << (at % 8)
				if err := os.WriteFile(path, damaged, 0o666); err != nil {
					return err
				}
				if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("%s: bit %d of byte %d: error %v, want one that names the file", name, at%8, at, err)
				} else if errors.Is(err, ErrDamaged) {
					flipped++
					if s, err := OpenStored(dir); !errors.Is(err, ErrDamaged) {
						s.Close()
						t.Errorf("%s: bit %d of byte %d: OpenStored: %v", name, at%8, at, err)
					}
				}
			}
			return os.WriteFile(path, before, 0o666)
		})
		if err != nil {
			t.Fatal(err)
		}
		if flipped < 10 {
			t.Errorf("only %d flips were found by the hashes", flipped)
		}
		if loaded := mustLoad(t, dir); loaded.Fingerprint != TensorSHA256(m) {
			t.Error("other weights")
		}
		// Who means a change takes the line out; files that are not there are nobody's business.
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(tinyConfig+" "), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Inspect(dir); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "config.json") {
			t.Errorf("error %v, want %v", err, ErrDamaged)
		}
		var kept []string
		for line := range strings.Lines(string(text)) {
			if !strings.HasSuffix(line, "  config.json\n") {
				kept = append(kept, line)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, sumsFile), []byte(strings.Join(kept, "")), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, "vocab.json")); err != nil {
			t.Fatal(err)
		}
		mustLoad(t, dir)
		// A model that is saved from this one has hashes of its own.
		again := filepath.Join(t.TempDir(), "again")
		if err := SaveModel(again, m, SaveOptions{SourceDir: dir, DType: BF16}); err != nil {
			t.Fatal(err)
		}
		mustLoad(t, again)
	}
}

// A file of this name from elsewhere may have another form, and list other files.
func TestSumsFromElsewhere(t *testing.T) {
	dir, _ := saveTiny(t, SaveOptions{})
	sum, err := fileSum(filepath.Join(dir, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "\n", "# sums\n", "SHA256 (model.safetensors) = 00\n", sum + " *" + weightsFile + "\n", strings.ToUpper(sum) + "  " + weightsFile,
		strings.Repeat("0", 64) + "  model.Q8_0.gguf\n", strings.Repeat("0", 64) + "  ../secret.safetensors\n", strings.Repeat("x", 1<<17) + "\n" + sum + "  " + weightsFile} {
		if err := os.WriteFile(filepath.Join(dir, sumsFile), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err != nil {
			t.Errorf("%.80q: %v", text, err)
		}
	}
	for _, text := range []string{strings.Repeat("x", 1<<17) + "\n" + strings.Repeat("0", 64) + " *" + weightsFile + "\n", "\r\n" + strings.Repeat("0", 64) + "  " + weightsFile + "\r\n"} {
		if err := os.WriteFile(filepath.Join(dir, sumsFile), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("%.80q: %v", text, err)
		}
	}
}

// The file is in the form of sha256sum.
func TestSumsAsSha256sumReadsThem(t *testing.T) {
	program, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(t.TempDir(), "final")
	if err := SaveModel(dir, tiny(t, tinyConfig), SaveOptions{Files: map[string][]byte{"config.json": []byte(tinyConfig)}, MaxShardBytes: 400}); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "--check", "--strict", sumsFile)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil || strings.Count(string(out), ": OK\n") != 6 {
		t.Errorf("%v\n%s", err, out)
	}
}
