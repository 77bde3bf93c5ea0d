package hub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	first  = "0123456789abcdef0123456789abcdef01234567"
	second = "89abcdef0123456789abcdef0123456789abcdef"
)

// cache writes a folder of the cache: a path that ends in / is a directory, a text that begins with -> a link.
func cache(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for path, text := range files {
		full := filepath.Join(dir, filepath.FromSlash(path))
		if strings.HasSuffix(path, "/") {
			if err := os.MkdirAll(full, 0o777); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
			t.Fatal(err)
		}
		err := os.WriteFile(full, []byte(text), 0o666)
		if target, link := strings.CutPrefix(text, "->"); link {
			_ = os.Remove(full)
			err = os.Symlink(target, full)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSnapshot(t *testing.T) {
	for _, c := range []struct {
		name, folder string
		files        map[string]string
		want, fails  string // want: below the folder, "" for the folder itself
	}{
		{name: "main decides", folder: "models--me--small", want: "snapshots/" + second, files: map[string]string{
			"refs/main": second, "refs/pr/1": first, "snapshots/" + first + "/": "", "snapshots/" + second + "/": "", "blobs/": ""}},
		{name: "line end after the commit", folder: "models--me--small", want: "snapshots/" + first, files: map[string]string{
			"refs/main": first + "\n", "snapshots/" + first + "/": "", "snapshots/" + second + "/": ""}},
		{name: "one snapshot without main", folder: "datasets--me--texts", want: "snapshots/" + first, files: map[string]string{
			"snapshots/" + first + "/": ""}},
		{name: "one snapshot of a pull request", folder: "datasets--me--texts", want: "snapshots/" + first, files: map[string]string{
			"refs/pr/1": first, "snapshots/" + first + "/": ""}},
		{name: "another name", folder: "copy", want: "snapshots/" + first, files: map[string]string{
			"refs/main": first, "snapshots/" + first + "/": ""}},
		{name: "files beside snapshots are passed over", folder: "models--a--b", want: "snapshots/" + first, files: map[string]string{
			"snapshots/.DS_Store": "x", "snapshots/" + first + "/": ""}},
		{name: "an ordinary directory", folder: "model", files: map[string]string{"config.json": "{}"}},
		{name: "a directory that only has snapshots", folder: "camera", files: map[string]string{"snapshots/monday/": ""}},
		{name: "a snapshot itself", folder: "models--me--small/snapshots/" + first, files: map[string]string{"config.json": "{}"}},
		{name: "several without main", folder: "models--me--small", fails: "with 2 snapshots and no refs/main; give one of them:\n  ", files: map[string]string{
			"snapshots/" + first + "/": "", "snapshots/" + second + "/": ""}},
		{name: "main is not there", folder: "models--me--small", fails: "refs/main names the snapshot " + second + ", which is not there", files: map[string]string{
			"refs/main": second, "snapshots/" + first + "/": ""}},
		{name: "no snapshot", folder: "models--me--small", fails: "without a snapshot", files: map[string]string{
			"refs/main": second, "blobs/": ""}},
		{name: "main leaves the folder", folder: "models--me--small", fails: "is not a commit", files: map[string]string{
			"refs/main": "../..", "snapshots/" + first + "/": ""}},
		{name: "main is empty", folder: "models--me--small", fails: "is not a commit", files: map[string]string{
			"refs/main": "\n", "snapshots/" + first + "/": ""}},
		{name: "main is a directory", folder: "models--me--small", fails: "want a file with one commit", files: map[string]string{
			"refs/main/": "", "snapshots/" + first + "/": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := cache(t, c.folder, c.files)
			got, err := Snapshot(dir)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) || !strings.Contains(err.Error(), dir) {
					t.Fatalf("%q, %v; want an error with %q and the folder", got, err, c.fails)
				}
				return
			}
			if err != nil || got != filepath.Join(dir, filepath.FromSlash(c.want)) {
				t.Errorf("%q, %v; want %q below the folder", got, err, c.want)
			}
		})
	}
	if got, err := Snapshot("no/such/path"); got != "no/such/path" || err != nil {
		t.Errorf("a path that does not exist: %q, %v", got, err)
	}
}

// TestSnapshotRelative: the name of the working directory counts, too.
func TestSnapshotRelative(t *testing.T) {
	t.Chdir(cache(t, "models--me--small", map[string]string{"snapshots/" + first + "/": ""}))
	if got, err := Snapshot("."); got != filepath.Join("snapshots", first) || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDangling(t *testing.T) {
	dir := cache(t, "x", map[string]string{"blobs/a": "text", "snapshots/c/here": "->../../blobs/a", "snapshots/c/gone": "->../../blobs/b"})
	for name, want := range map[string]bool{"here": false, "gone": true, "never": false} {
		target, got := Dangling(filepath.Join(dir, "snapshots", "c", name))
		if got != want || want && target != "../../blobs/b" {
			t.Errorf("%s: %q, %v; want %v", name, target, got, want)
		}
	}
}
