package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoticesAreCurrent compares the file in the tree with what this program writes.
func TestNoticesAreCurrent(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("SKIPPED: nobody looks whether the notices are current: there is no go command in PATH")
	}
	root := filepath.Join("..", "..")
	want, err := notices(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	// Git may have given the file the line ends of the system.
	if strings.ReplaceAll(string(got), "\r\n", "\n") != string(want) {
		t.Errorf("%s is out of date; write it with: go run ./scripts/notices", file)
	}
	if !strings.Contains(string(want), "github.com/klauspost/cpuid/v2 v") {
		t.Error("cpuid is not listed, though package asm asks it for the processor's features")
	}
	if strings.Contains(string(want), "pgregory.net/rapid") {
		t.Error("rapid is listed, though only tests use it")
	}
}

// TestFoldersThatAreLinked: licences count down to the folders that are linked, and in no other.
func TestFoldersThatAreLinked(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"LICENSE": "  the module's  \r\n\r\n", "go.mod": "module m", "license.go": "package m",
		"a/COPYING": "of a", "a/b/NOTICE.txt": "of b", "c/LICENSE": "of c", "a/d/LICENSE": "of d", "a/b/LICENSE.d/x": "no file",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := newPart("m v1.0.0", root, []string{filepath.Join(root, "a", "b"), root})
	if err != nil {
		t.Fatal(err)
	}
	dashes := strings.Repeat("-", 20)
	want := "  the module's\n\n" + dashes + ", a/COPYING:\n\nof a\n\n" + dashes + ", a/b/NOTICE.txt:\n\nof b\n"
	if p.text != want {
		t.Errorf("got %q, want %q", p.text, want)
	}
}

func TestAModuleWithoutALicenceIsRefused(t *testing.T) {
	_, err := newPart("m v1.0.0", t.TempDir(), nil)
	if err == nil || !strings.Contains(err.Error(), "m v1.0.0: no licence") {
		t.Errorf("error %v", err)
	}
}

func TestSameTextsStandTogether(t *testing.T) {
	groups := sameText([]part{{name: "a", text: "1"}, {name: "b", text: "2"}, {name: "c", text: "1"}})
	if len(groups) != 2 || len(groups[0]) != 2 || groups[0][1].name != "c" || groups[1][0].name != "b" {
		t.Errorf("%v", groups)
	}
}
