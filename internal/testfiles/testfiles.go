// Package testfiles finds the files that tests compare with. [Box] finds a file of the repository's own testdata: reference
// outputs of other programs, which are always present. [Path] finds one of the larger shared data, which may be absent.
package testfiles

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Box returns the path of a file or folder of the repository's top-level testdata, parts joined below it. Testdata is part
// of the repository, so the test fails if the file is missing.
func Box(t testing.TB, parts ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{projectRoot(t), "testdata"}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("testdata/%s is missing, although it is part of the repository: %v", filepath.ToSlash(filepath.Join(parts...)), err)
	}
	return path
}

// ReadBox reads a file of the repository's testdata. One whose name ends in .gz is decompressed.
func ReadBox(t testing.TB, parts ...string) []byte {
	t.Helper()
	path := Box(t, parts...)
	b, err := os.ReadFile(path)
	if err == nil && filepath.Ext(path) == ".gz" {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(b)); err == nil {
			b, err = io.ReadAll(z)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ReadBoxJSON decodes a JSON file of the repository's testdata into v.
func ReadBoxJSON(t testing.TB, v any, parts ...string) {
	t.Helper()
	if err := json.Unmarshal(ReadBox(t, parts...), v); err != nil {
		t.Fatalf("testdata/%s: %v", filepath.ToSlash(filepath.Join(parts...)), err)
	}
}

// SHA256 is the SHA-256 of a file in hexadecimal digits.
func SHA256(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Path returns the path of a file or folder of the shared data, parts joined below its root: the folder that REPRISE_DATA
// names, else ../shared beside the project's root. If it is absent the test is skipped with a message that says what to set;
// if REPRISE_DATA names a folder that does not exist, the test fails.
func Path(t testing.TB, parts ...string) string {
	t.Helper()
	root := os.Getenv("REPRISE_DATA")
	if root == "" {
		root = filepath.Join(projectRoot(t), "..", "shared")
	} else if _, err := os.Stat(root); err != nil {
		t.Fatalf("REPRISE_DATA: %v", err)
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED, NOTHING WAS CHECKED: shared data %s is absent; put it at ../shared beside the project's root or set REPRISE_DATA to its folder", filepath.Join(parts...))
	}
	return path
}

// projectRoot is the folder of go.mod, searched upwards from the folder of the package under test.
func projectRoot(t testing.TB) string {
	t.Helper()
	start, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("no go.mod in %s or above it", start)
		}
	}
}
