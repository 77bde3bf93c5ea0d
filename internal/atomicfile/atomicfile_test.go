package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var errMidway = errors.New("midway")

// tree lists everything below dir with its contents.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			list = append(list, rel+"/")
			return nil
		}
		data, err := os.ReadFile(path)
		list = append(list, rel+"="+string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func wantTree(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := tree(t, dir); !slices.Equal(got, want) {
		t.Errorf("directory holds %q, want %q", got, want)
	}
}

func TestWriteReplacesInOneStep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		wantTree(t, dir, "a="+text)
	}
	plain := filepath.Join(dir, "b")
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	a, _ := os.Stat(path)
	b, _ := os.Stat(plain)
	if a.Mode() != b.Mode() {
		t.Errorf("mode %v, want %v as of any new file", a.Mode(), b.Mode())
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	half := func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		return errMidway
	}
	if err := Write(path, half); !errors.Is(err, errMidway) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that wraps %v and names the file", err, errMidway)
	}
	wantTree(t, dir)

	if err := WriteFile(path, []byte("before")); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, half); !errors.Is(err, errMidway) {
		t.Errorf("error %v, want %v", err, errMidway)
	}
	wantTree(t, dir, "a=before")

	func() {
		defer func() { recover() }()
		Write(path, func(w io.Writer) error { panic("midway") })
	}()
	wantTree(t, dir, "a=before")

	if err := os.Mkdir(filepath.Join(dir, "d"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "d"), []byte("x")); err == nil {
		t.Error("a directory was replaced by a file")
	}
	if err := WriteFile(filepath.Join(dir, "no", "a"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want %v", err, fs.ErrNotExist)
	}
	wantTree(t, dir, "a=before", "d/")
}

// fill writes two files, one in a directory of its own, and fails afterwards if it should.
func fill(text string, err error) func(string) error {
	return func(dir string) error {
		if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
			return err
		}
		return errors.Join(os.WriteFile(filepath.Join(dir, "x"), []byte(text), 0o666),
			os.WriteFile(filepath.Join(dir, "sub", "y"), []byte(text), 0o666), err)
	}
}

func TestCreateDir(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "runs", "a", "final")
	if err := CreateDir(path, fill("1", errMidway)); !errors.Is(err, errMidway) {
		t.Errorf("error %v, want %v", err, errMidway)
	}
	wantTree(t, root) // the parents that were made are gone too
	func() {
		defer func() { recover() }()
		CreateDir(path, func(string) error { panic("midway") })
	}()
	wantTree(t, root)
	if err := CreateDir(path, fill("1", nil)); err != nil {
		t.Fatal(err)
	}
	want := []string{"runs/", "runs/a/", "runs/a/final/", "runs/a/final/sub/", "runs/a/final/sub/y=1", "runs/a/final/x=1"}
	wantTree(t, root, want...)
	err := CreateDir(path, func(string) error { t.Error("fill was called"); return nil })
	if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("error %v, want one that says that the directory is not empty", err)
	}
	wantTree(t, root, want...)

	empty := filepath.Join(root, "empty")
	if err := os.Mkdir(empty, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := CreateDir(empty, fill("2", nil)); err != nil {
		t.Error(err)
	}
	if err := CreateDir(filepath.Join(empty, "x"), fill("3", nil)); err == nil {
		t.Error("a file was replaced by a directory")
	}
	if err := CreateDir(filepath.Join(empty, "x", "y"), fill("3", nil)); err == nil {
		t.Error("a directory was made inside a file")
	}
	wantTree(t, empty, "sub/", "sub/y=2", "x=2")
}

func TestReplaceDir(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "best")
	for _, text := range []string{"1", "2"} {
		if err := ReplaceDir(path, fill(text, nil)); err != nil {
			t.Fatal(err)
		}
		wantTree(t, root, "best/", "best/sub/", "best/sub/y="+text, "best/x="+text)
		if err := ReplaceDir(path, fill("3", errMidway)); !errors.Is(err, errMidway) {
			t.Errorf("error %v, want %v", err, errMidway)
		}
		wantTree(t, root, "best/", "best/sub/", "best/sub/y="+text, "best/x="+text)
	}
	if err := RemoveDir(path); err != nil {
		t.Error(err)
	}
	wantTree(t, root)
}

func TestSweepRemovesOnlyTemporaryNames(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{".step-000001.tmp-abc", ".other.tmp-abc", "step-000001", ".step-keep"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(root, "step-"); err != nil {
		t.Error(err)
	}
	wantTree(t, root, ".other.tmp-abc/", ".step-keep/", "step-000001/")
}
