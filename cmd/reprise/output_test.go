package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/internal/tiny"
)

// A file of another kind is not replaced by what a command writes, least of all one that it reads.
func TestOutputOntoAnotherFile(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	run := func(args ...string) (int, string) {
		var stderr strings.Builder
		return execute(t.Context(), args, io.Discard, &stderr), stderr.String()
	}
	for i := range 2 {
		part := []string{"record", "--model", at("base"), "--data", at("domain.jsonl"), "--out", at("{shard}.replay"), "--shard", []string{"0/2", "1/2"}[i], "--quiet"}
		if code, text := run(part...); code != exitDone {
			t.Fatal(text)
		}
	}
	if code, text := run("train", "--model", at("base"), "--loss", "full", "--data", at("domain.jsonl"), "--max-seq-len", "48", "--max-steps", "1", "--out", at("run")); code != exitDone {
		t.Fatal(text)
	}
	weights, metrics := at("base/model.safetensors"), at("run/metrics.jsonl")
	for _, c := range []struct {
		onto string
		args []string
	}{
		{weights, []string{"export", "--model", at("base"), "--out"}},
		{metrics, []string{"report", at("run"), "--out"}},
		{weights, []string{"record", "merge", at("0-of-2.replay"), at("1-of-2.replay"), "--out"}},
	} {
		before, err := os.ReadFile(c.onto)
		if err != nil {
			t.Fatal(err)
		}
		code, text := run(append(c.args, c.onto)...)
		if code != exitFailed || !strings.Contains(text, c.onto+" exists and is not ") {
			t.Errorf("%s onto %s: exit code %d, %s", c.args[0], c.onto, code, text)
		}
		if after, err := os.ReadFile(c.onto); err != nil || string(after) != string(before) {
			t.Errorf("%s: %s was changed", c.args[0], c.onto)
		}
		// Into a new file, twice, and through a link to it.
		out, link := at("out-"+c.args[0]), at("link-"+c.args[0])
		if err := os.Symlink(out, link); err != nil {
			t.Skip("this system makes no links:", err)
		}
		for _, out := range []string{out, out, link} {
			if code, text := run(append(c.args, out)...); code != exitDone {
				t.Errorf("%s to %s: exit code %d, %s", c.args[0], out, code, text)
			}
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s: the link was replaced", c.args[0])
		}
	}
}

// A record is written to where a link points.
func TestRecordThroughALink(t *testing.T) {
	dir, far := t.TempDir(), filepath.Join(t.TempDir(), "far.replay")
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	record := func(out string) (int, string) {
		var stderr strings.Builder
		args := []string{"record", "--model", filepath.Join(dir, "base"), "--data", filepath.Join(dir, "domain.jsonl"), "--out", out, "--quiet"}
		return execute(t.Context(), args, io.Discard, &stderr), stderr.String()
	}
	link := filepath.Join(dir, "link.replay")
	if err := os.Symlink(far, link); err != nil {
		t.Skip("this system makes no links:", err)
	}
	if code, text := record(link); code != exitFailed || !strings.Contains(text, "a link to "+far+", which does not exist") {
		t.Errorf("a link to nothing: exit code %d, %s", code, text)
	}
	if err := os.WriteFile(far, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if code, text := record(link); code != exitFailed || !strings.Contains(text, "not overwritten") {
		t.Errorf("a link to a file that is not a record: exit code %d, %s", code, text)
	}
	if err := os.Remove(far); err != nil {
		t.Fatal(err)
	}
	if code, text := record(far); code != exitDone {
		t.Fatal(text)
	}
	if code, text := record(link); code != exitDone { // it is the record already
		t.Error(text)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
}

// Names that the parser or the file system cannot hold are refused for what they are.
func TestOutputNames(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(dir, strings.Repeat("a", 255))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"export", "--model", filepath.Join(dir, "base"), "--out", filepath.Join(dir, "x\xff.gguf")}, exitUsage, `x\xff.gguf" is not text in UTF-8; rename the file`},
		{[]string{"eval", "--model", filepath.Join(dir, "base"), "--data=a=" + dir + "/\xc3.txt"}, exitUsage, `is not text in UTF-8`},
		{[]string{"record", "--model", filepath.Join(dir, "base"), "--data", filepath.Join(dir, "domain.jsonl"), "--out", long}, exitFailed, "the name is too long: until the record is whole, .partial is added"},
		{[]string{"export", "--model", filepath.Join(dir, "base"), "--out", long}, exitDone, ""},
	} {
		var stderr strings.Builder
		code := execute(t.Context(), c.args, io.Discard, &stderr)
		if code != c.code || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%q: exit code %d, want %d: %s", c.args, code, c.code, stderr.String())
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.ContainsRune(e.Name(), '\uFFFD') || strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%q was made", e.Name())
		}
	}
}
