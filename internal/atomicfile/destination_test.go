package atomicfile

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// symlink makes a link, or skips the test.
func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Skip("this system makes no links:", err)
	}
}

// isLink says whether a path still is a link.
func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

func TestWriteFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	far := filepath.Join(t.TempDir(), "far")
	if err := os.WriteFile(far, []byte("before"), 0o666); err != nil {
		t.Fatal(err)
	}
	symlink(t, far, filepath.Join(dir, "one"))
	symlink(t, "one", filepath.Join(dir, "two"))
	for _, name := range []string{"one", "two"} {
		if err := WriteFile(filepath.Join(dir, name), []byte(name)); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(far); err != nil || string(text) != name || !isLink(filepath.Join(dir, name)) {
			t.Errorf("%s: the file holds %q, %v; it is a link: %v", name, text, err, isLink(filepath.Join(dir, name)))
		}
	}
	wantTree(t, filepath.Dir(far), "far=two") // no temporary name is left beside it

	half := func(w io.Writer) error { return errMidway }
	if err := Write(filepath.Join(dir, "one"), half); err == nil {
		t.Error("no error")
	}
	wantTree(t, filepath.Dir(far), "far=two")

	nothing := filepath.Join(dir, "nothing")
	symlink(t, filepath.Join(dir, "absent"), nothing)
	if err := WriteFile(nothing, nil); err == nil || !strings.Contains(err.Error(), "a link to "+filepath.Join(dir, "absent")+", which does not exist") {
		t.Errorf("a link to nothing: %v", err)
	}
	if !isLink(nothing) {
		t.Error("the link to nothing was replaced")
	}
	folder := filepath.Join(dir, "folder")
	symlink(t, t.TempDir(), folder)
	if err := WriteFile(folder, nil); err == nil || !strings.Contains(err.Error(), "is a directory") || !isLink(folder) {
		t.Errorf("a link to a directory: %v", err)
	}
}

func TestCreateDirFollowsALinkToAnEmptyDirectory(t *testing.T) {
	dir, far := t.TempDir(), filepath.Join(t.TempDir(), "far")
	if err := os.Mkdir(far, 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	symlink(t, far, link)
	if err := CreateDir(link, fill("1", nil)); err != nil {
		t.Fatal(err)
	}
	if !isLink(link) {
		t.Error("the link was replaced")
	}
	wantTree(t, far, "sub/", "sub/y=1", "x=1")
	nothing := filepath.Join(dir, "nothing")
	symlink(t, filepath.Join(dir, "absent"), nothing)
	if err := CreateDir(nothing, fill("1", nil)); err == nil || !strings.Contains(err.Error(), "which does not exist") || !isLink(nothing) {
		t.Errorf("a link to nothing: %v", err)
	}
	// What is replaced is the link, so that nobody loses a directory that a link happens to point to.
	if err := ReplaceDir(link, fill("2", nil)); err != nil {
		t.Fatal(err)
	}
	wantTree(t, far, "sub/", "sub/y=1", "x=1")
	wantTree(t, link, "sub/", "sub/y=2", "x=2")
}

// The longest name that file systems allow has no room for what is added to it for the time of the writing.
func TestLongNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{strings.Repeat("a", maxName), strings.Repeat("é", maxName/2), strings.Repeat("a", maxName-len(".")-len(mark)-letters-len(lockEnd))} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Skip("this file system has shorter names:", err)
		}
		if err := WriteFile(filepath.Join(dir, name), []byte("whole")); err != nil {
			t.Error(err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != "whole" {
			t.Errorf("%q, %v", text, err)
		}
		if err := ReplaceDir(filepath.Join(dir, name), fill("1", nil)); err != nil {
			t.Error(err)
		}
		if err := RemoveDir(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	wantTree(t, dir)
	long := filepath.Join(dir, strings.Repeat("a", maxName+1))
	ran := false
	for _, err := range []error{
		Write(long, func(io.Writer) error { ran = true; return nil }),
		CreateDir(long, func(string) error { ran = true; return nil }),
		ReplaceDir(long, func(string) error { ran = true; return nil }),
	} {
		if err == nil || ran {
			t.Errorf("a name that is too long: %v, found out before the work: %v", err, !ran)
		}
	}
	wantTree(t, dir)
}
