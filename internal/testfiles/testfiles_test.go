package testfiles_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/internal/testfiles"
)

// folders of testdata whose manifest.json lists every file with its SHA-256.
var folders = []string{"chat", "data", "gguf", "parquet", "replay", "sampling", "tokenizers"}

// maxBytes bounds the size of the whole testdata: the repository should stay quick to clone.
const maxBytes = 6 << 20

// TestManifests: every folder holds exactly the files of its manifest, with their checksums.
func TestManifests(t *testing.T) {
	for _, folder := range folders {
		root := testfiles.Box(t, folder)
		var m struct {
			MadeBy  string `json:"made_by"`
			Command string
			Oracle  json.RawMessage
			Files   map[string]string
		}
		testfiles.ReadBoxJSON(t, &m, folder, "manifest.json")
		if m.MadeBy == "" || m.Command == "" || len(m.Oracle) == 0 {
			t.Errorf("%s: manifest.json: made_by, command or oracle is missing", folder)
		}
		found := map[string]bool{}
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			if rel = filepath.ToSlash(rel); rel == "manifest.json" {
				return nil
			}
			found[rel] = true
			switch want, got := m.Files[rel], testfiles.SHA256(t, path); {
			case want == "":
				t.Errorf("%s/%s is not in manifest.json", folder, rel)
			case want != got:
				t.Errorf("%s/%s has the SHA-256 %s, but %s in manifest.json: make the folder again with %q", folder, rel, got, want, m.Command)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for name := range m.Files {
			if !found[name] {
				t.Errorf("%s/%s is in manifest.json but not in the folder", folder, name)
			}
		}
		t.Logf("%s: %d files", folder, len(found))
	}
}

func TestSizeOfTheBox(t *testing.T) {
	type file struct {
		path string
		size int64
	}
	var files []file
	total := int64(0)
	err := filepath.WalkDir(testfiles.Box(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
			files = append(files, file{path, info.Size()})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files, %d bytes", len(files), total)
	if total > maxBytes {
		slices.SortFunc(files, func(a, b file) int { return int(b.size - a.size) })
		t.Errorf("testdata has %d bytes, want at most %d; the largest is %s with %d", total, maxBytes, files[0].path, files[0].size)
	}
}

// recorder is a testing.TB that records how a helper ended, and ends it by a panic.
type recorder struct {
	testing.TB
	failed, skipped string
}

func (r *recorder) Helper() {}
func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = format
	panic(r)
}
func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = format
	panic(r)
}

// TestMissing: a file of the box that is missing fails a test; shared data that is absent skips it, and says so.
func TestMissing(t *testing.T) {
	ended := func(f func(r *recorder)) (r recorder) {
		defer func() { _ = recover() }()
		f(&r)
		return r
	}
	r := ended(func(r *recorder) { testfiles.Box(r, "no such folder") })
	if !strings.Contains(r.failed, "is missing") {
		t.Errorf("Box: %q", r.failed)
	}
	t.Setenv("REPRISE_DATA", t.TempDir())
	r = ended(func(r *recorder) { testfiles.Path(r, "no such folder") })
	if !strings.Contains(r.skipped, "SKIPPED") || r.failed != "" {
		t.Errorf("Path: skipped %q, failed %q", r.skipped, r.failed)
	}
	if err := os.WriteFile(filepath.Join(os.Getenv("REPRISE_DATA"), "here"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if path := testfiles.Path(t, "here"); filepath.Base(path) != "here" {
		t.Errorf("Path: %q", path)
	}
}
