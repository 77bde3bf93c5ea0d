// Package testdata finds the shared models, reference outputs and texts that tests read, and skips a test loudly where they
// are absent.
package testdata

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the path of a file or folder of the shared data, parts joined below its root: the folder that REPRISE_DATA
// names, else ../shared beside the project's root. Where it is absent the test is skipped with a message that says what to
// set; REPRISE_DATA naming a folder that is not there fails the test.
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

// projectRoot is the folder of go.mod, looked for upwards from the folder of the package under test.
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
