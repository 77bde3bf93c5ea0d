package checkpoint

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"reprise/model"
)

// A file that is cut short while it is mapped has pages without contents, and touching one is a fault. It must be an error that
// names the file.
func TestMappedFileIsTruncated(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows truncates no mapped file")
	}
	const n = 1 << 18 // 1 MiB: many pages
	for _, c := range []struct {
		name string
		size int64
	}{{"after the header", 4096}, {"in the middle", 4 * n / 2}, {"within the last page", 4*n + 32}, {"to nothing", 0}} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.safetensors")
			if err := WriteFile(path, []Tensor{{Name: "w", DType: F32, Shape: []int{n}, Data: make([]float32, n)}}); err != nil {
				t.Fatal(err)
			}
			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := os.Truncate(path, c.size); err != nil {
				t.Fatal(err)
			}
			_, raw := f.ReadRaw("w")
			for _, err := range []error{f.ReadFloat32("w", make([]float32, n)), raw} {
				if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "cut short") {
					t.Errorf("error %v, want one that names the file and says that it was cut short", err)
				}
			}
		})
	}
}

// The same through what reads a base model and a checkpoint.
func TestTruncatedWhileItIsRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows truncates no mapped file")
	}
	wide := strings.Replace(tinyConfig, `"vocab_size": 7`, `"vocab_size": 7000`, 1)
	dir := filepath.Join(t.TempDir(), "base")
	if err := SaveModel(dir, tiny(t, wide), SaveOptions{Files: map[string][]byte{"config.json": []byte(wide)}}); err != nil {
		t.Fatal(err)
	}
	src, outline, _, err := openDir(dir, Open)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	cut := func(path string) {
		if err := os.Truncate(path, 4096); err != nil {
			t.Fatal(err)
		}
	}
	weights := filepath.Join(dir, weightsFile)
	cut(weights)
	if err := src.fill(model.New(outline.Config)); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), weights) {
		t.Errorf("a base model: %v", err)
	}

	large := func() []NamedTensor {
		return []NamedTensor{{Name: "a", Shape: []int{1 << 14}, Data: make([]float32, 1<<14)}}
	}
	step := mustSave(t, t.TempDir(), &State{Step: 1, Weights: large(), Optimizer: large()})
	state := filepath.Join(step, stateWeights)
	f, err := openLike(state, large())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cut(state)
	if err := f.ReadFloat32("a", make([]float32, 1<<14)); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), state) {
		t.Errorf("a checkpoint: %v", err)
	}
}

// A page that the disk does not give, of a file that is as long as before.
func TestMappedFileCannotBeRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows truncates no mapped file")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "x.safetensors")
	const n = 1 << 14
	tensors := []Tensor{{Name: "w", DType: F32, Shape: []int{n}, Data: make([]float32, n)}}
	for _, p := range []string{path, filepath.Join(dir, "whole")} {
		if err := WriteFile(p, tensors); err != nil {
			t.Fatal(err)
		}
	}
	m, err := openMapped(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.file.Close()
	if m.file, err = os.Open(filepath.Join(dir, "whole")); err != nil { // what asks for the size sees nothing
		t.Fatal(err)
	}
	f, err := NewFile(path, m, m.size())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 4096); err != nil {
		t.Fatal(err)
	}
	if err := f.ReadFloat32("w", make([]float32, n)); !errors.Is(err, errFault) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want %v and the file", err, errFault)
	}
}
