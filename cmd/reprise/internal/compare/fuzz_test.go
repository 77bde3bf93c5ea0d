package compare

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzGrid: any text is a grid or refused, with the file's name and an error that one can read.
func FuzzGrid(f *testing.F) {
	tiny, err := os.ReadFile("../../../../examples/compare/tiny.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(tiny), "base: m\nlrs: [1e-3]\nseeds: [1, 18446744073709551616]\n", "methods:\n- {name: a, recipe: {loss: full}}\n", "methods: [{recipe: {lrr: 1}}]\n", "recipe: {lr: 1}\n", "domain: {train: x}\n", ""} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "grid.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 8192 {
			t.Skip()
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := ReadGrid(path)
		if err != nil && (!strings.HasPrefix(err.Error(), "compare: "+path) || len(err.Error()) > 2*len(text)+2000) {
			t.Errorf("%q: %.300s", text, err)
		}
	})
}
