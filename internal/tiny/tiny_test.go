package tiny

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var write = flag.Bool("write", false, "write the files of examples/compare/tiny again")

// TestExampleIsFresh: the files of examples/compare/tiny are those that Example makes.
func TestExampleIsFresh(t *testing.T) {
	const kept = "../../examples/compare/tiny"
	if *write {
		if err := os.RemoveAll(kept); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(kept, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := Example(kept); err != nil {
			t.Fatal(err)
		}
	}
	made := t.TempDir()
	if err := Example(made); err != nil {
		t.Fatal(err)
	}
	names := func(dir string) map[string][]byte {
		files := map[string][]byte{}
		err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				files[path], err = os.ReadFile(filepath.Join(dir, path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	got, want := names(kept), names(made)
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
	for name, text := range want {
		if !bytes.Equal(got[name], text) {
			t.Errorf("%s differs; write the files again with: go test ./internal/tiny -write", name)
		}
	}
}
