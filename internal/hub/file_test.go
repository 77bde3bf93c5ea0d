package hub

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestInside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("password"), 0o666); err != nil {
		t.Fatal(err)
	}
	snapshot := "snapshots/" + first
	for _, c := range []struct {
		name   string
		files  map[string]string
		dir    string // below the directory that is made
		file   string
		leaves bool
	}{
		{"a file", map[string]string{"vocab.json": "x"}, ".", "vocab.json", false},
		{"a link to a neighbour", map[string]string{"a": "x", "vocab.json": "->a"}, ".", "vocab.json", false},
		{"a link to a file in a folder", map[string]string{"d/a": "x", "vocab.json": "->d/a"}, ".", "vocab.json", false},
		{"a file that is not there", nil, ".", "vocab.json", false},
		{"a link to nothing", map[string]string{"vocab.json": "->nothing"}, ".", "vocab.json", false},
		{"an absolute link", map[string]string{"vocab.json": "->" + outside}, ".", "vocab.json", true},
		{"a relative link", map[string]string{"a": "x", "m/vocab.json": "->../a"}, "m", "vocab.json", true},
		{"a link by way of a link", map[string]string{"a": "->" + outside, "vocab.json": "->a"}, ".", "vocab.json", true},
		{"a folder that is a link", map[string]string{"e/x.jinja": "x", "m/t": "->../e"}, "m", "t/x.jinja", true},
		{"a directory whose name begins alike", map[string]string{"mm/a": "x", "m/vocab.json": "->../mm/a"}, "m", "vocab.json", true},
		{"a name that leaves", map[string]string{"a": "x", "m/": ""}, "m", "../a", true},
		{"the directory is a link", map[string]string{"m/vocab.json": "x", "l": "->m"}, "l", "vocab.json", false},
		{"a blob of the cache", map[string]string{"blobs/b": "x", snapshot + "/vocab.json": "->../../blobs/b"}, snapshot, "vocab.json", false},
		{"a ref of the cache", map[string]string{"refs/main": "x", snapshot + "/vocab.json": "->../../refs/main"}, snapshot, "vocab.json", true},
		{"blobs that are a link", map[string]string{"blobs": "->" + filepath.Dir(outside), snapshot + "/vocab.json": "->../../blobs/secret"},
			snapshot, "vocab.json", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(cache(t, "model", c.files), c.dir)
			path, err := Inside(dir, c.file)
			_, errRead := ReadFile(dir, c.file, 100)
			if c.leaves {
				for _, err := range []error{err, errRead} {
					if !errors.Is(err, ErrLeaves) || !strings.Contains(err.Error(), filepath.Join(dir, c.file)) {
						t.Errorf("error %v, want %v and the path", err, ErrLeaves)
					}
				}
				return
			}
			if err != nil || path != filepath.Join(dir, c.file) {
				t.Errorf("%q, %v", path, err)
			}
			if errRead != nil && !errors.Is(errRead, fs.ErrNotExist) {
				t.Error(errRead)
			}
		})
	}
}

func TestRead(t *testing.T) {
	dir := cache(t, "model", map[string]string{"five": "12345", "none": "", "folder/": ""})
	for name, c := range map[string]struct {
		limit int64
		want  string
	}{"five": {5, "12345"}, "none": {0, ""}} {
		if text, err := Read(filepath.Join(dir, name), c.limit); err != nil || string(text) != c.want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := Read(filepath.Join(dir, "five"), 4); err == nil || !strings.Contains(err.Error(), "five: 5 bytes, at most 4 are allowed") {
		t.Error(err)
	}
	if _, err := Read(filepath.Join(dir, "folder"), 4); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Error(err)
	}
	if _, err := Read(filepath.Join(dir, "gone"), 4); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A device without an end, a pipe that nothing writes into, and a file that does not tell its size.
func TestReadOfWhatIsNotAFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/dev/zero and /proc")
	}
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := mkfifo(pipe); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{"/dev/zero", "/dev/urandom", pipe} {
		if _, err := Read(path, 1<<40); err == nil || !strings.Contains(err.Error(), path+": not a file") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Read("/proc/self/maps", 10); err == nil || !strings.Contains(err.Error(), "at most 10 are allowed") {
		t.Errorf("a file that does not tell its size: %v", err)
	}
}
