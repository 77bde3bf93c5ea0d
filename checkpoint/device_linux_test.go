package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"reprise/internal/hub"
)

// A pipe or a device in the place of a file of a model is refused at once: opening a pipe would wait for ever, and /dev/zero never ends.
func TestModelOfPipesAndDevices(t *testing.T) {
	for _, name := range []string{"config.json", "generation_config.json", "tokenizer.json", "vocab.json", weightsFile, indexFile, sumsFile} {
		for _, zero := range []bool{false, true} {
			dir, m := saveTiny(t, SaveOptions{})
			path := filepath.Join(dir, name)
			if name == indexFile {
				_ = os.Remove(filepath.Join(dir, weightsFile))
			}
			_ = os.Remove(path)
			err := syscall.Mkfifo(path, 0o666)
			if zero {
				_ = os.Remove(path)
				err = os.Symlink("/dev/zero", path)
			}
			if err != nil {
				t.Skip(err)
			}
			_, err = Load(dir)
			if name == "tokenizer.json" || name == "vocab.json" { // these are read when the model is saved, links looked at before
				err = errors.Join(err, SaveModel(filepath.Join(t.TempDir(), "out"), m, SaveOptions{SourceDir: dir}))
			}
			if err == nil || !strings.Contains(err.Error(), path) || zero != errors.Is(err, hub.ErrLeaves) || !zero && !strings.Contains(err.Error(), "not a file") {
				t.Errorf("%s, zero %v: %v", name, zero, err)
			}
		}
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{pipe, "/dev/zero"} { // as the model itself
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path+" is a file; give the directory of a model") {
			t.Errorf("%s: %v", path, err)
		}
	}
	dir, _ := saveTiny(t, SaveOptions{})
	if err := os.Rename(filepath.Join(dir, "config.json"), filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "adapter_config.json"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "adapter") {
		t.Errorf("a pipe as an adapter: %v", err)
	}
	// A checkpoint.
	step := mustSave(t, t.TempDir(), testState(3))
	for _, name := range []string{stateWeights, stateFile} {
		path := filepath.Join(step, name)
		if err := os.Rename(path, path+".x"); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadState(step); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("a checkpoint with a pipe: %v", err)
		}
	}
}
