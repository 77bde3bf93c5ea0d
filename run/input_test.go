package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/internal/yamlfile"
)

// TestRecipesWithoutEnd: a device, a link to one and a file of absurd size are refused before they are read.
func TestRecipesWithoutEnd(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte("lr: 1 #"+strings.Repeat("x", yamlfile.MaxBytes)), 0o666); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{large: "131079 bytes, at most 131072 are allowed"}
	if _, err := os.Stat("/dev/zero"); err == nil {
		link := filepath.Join(dir, "link.yaml")
		if err := os.Symlink("/dev/zero", link); err != nil {
			t.Fatal(err)
		}
		cases[link] = link + ": not a file"
	}
	for path, want := range cases {
		if _, err := ReadRecipe(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", path, err, want)
		}
	}
}
