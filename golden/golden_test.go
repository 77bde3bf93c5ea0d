package golden_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/asm"
	"reprise/golden"
)

// models is the folder of the reference outputs that scripts/make_testdata.py wrote.
var models = filepath.Join("..", "testdata", "models")

// leastCompared is the number of reference tensors in testdata/models. It may rise but never fall: otherwise nobody would
// notice that a golden is no longer read.
const leastCompared = 1027

// TestModels compares every family, loss and optimizer with PyTorch's float64 and with the stored hashes, on every tier of this
// processor with one and with two workers.
func TestModels(t *testing.T) {
	compared := 0
	for _, name := range listed(t) {
		t.Run(name, func(t *testing.T) {
			r := golden.CheckWith(t, filepath.Join(models, name), golden.Options{Tiers: asm.Available(), Workers: []int{1, 2}})
			if r.Compared == 0 || r.Hashed != r.Compared {
				t.Errorf("%d reference tensors and %d hashes compared, want equal numbers", r.Compared, r.Hashed)
			}
			compared += r.Compared
		})
	}
	t.Logf("reference tensors compared: %d (at least %d)", compared, leastCompared)
	if compared < leastCompared {
		t.Errorf("%d reference tensors compared, want at least %d", compared, leastCompared)
	}
}

// manifest is the manifest.json of testdata/models.
type manifest struct {
	Models map[string]struct {
		Files map[string]string `json:"files"`
	} `json:"models"`
}

// listed are the directories that the manifest names, in order. A missing one is an error, never a reason to skip it.
func listed(t *testing.T) []string {
	return slices.Sorted(maps.Keys(readManifest(t).Models))
}

func readManifest(t *testing.T) (m manifest) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(models, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestManifest: testdata/models holds exactly the files that scripts/make_testdata.py wrote, unchanged.
// hashes.json is not in it: those are the engine's own.
func TestManifest(t *testing.T) {
	got := map[string]string{}
	err := fs.WalkDir(os.DirFS(models), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == "manifest.json" || d.Name() == "hashes.json" {
			return err
		}
		text, err := os.ReadFile(filepath.Join(models, path))
		got[path] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for name, x := range readManifest(t).Models {
		for file, sum := range x.Files {
			want[name+"/"+file] = sum
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("SHA-256 of the files, want (-) and got (+):\n%s", diff)
	}
}

// TestContract: hashes carry the version of the contract in docs/NUMERICS.md.
func TestContract(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "NUMERICS.md"))
	if err != nil {
		t.Fatal(err)
	}
	if title, _, _ := strings.Cut(string(text), "\n"); title != fmt.Sprintf("# Arithmetic contract, version %d", golden.Contract) {
		t.Errorf("golden.Contract is %d, but docs/NUMERICS.md begins: %s", golden.Contract, title)
	}
}
