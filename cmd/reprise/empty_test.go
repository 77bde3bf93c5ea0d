package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/internal/tiny"
)

// TestNothingToLearn: a file of empty rows makes no record and is not scored, with --skip-empty too; inspect data reports it.
func TestNothingToLearn(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	rows := `{"prompt": "the red", "completion": ""}` + "\n" + `{"prompt": "the red", "completion": " "}` + "\n"
	if err := os.WriteFile(at("rows.jsonl"), []byte(rows), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"record", "--model", at("base"), "--data", at("rows.jsonl"), "--out", at("rows.rpls"), "--skip-empty"},
		{"eval", "--model", at("base"), "--data", "d=" + at("rows.jsonl"), "--skip-empty"},
		{"eval", "--model", at("base"), "--data", "d=" + at("rows.jsonl") + ":match", "--skip-empty"},
	} {
		var out, notes bytes.Buffer
		if code := execute(t.Context(), args, &out, &notes); code != exitFailed || !strings.Contains(notes.String(), "rows.jsonl: all 2 rows are empty") || strings.Contains(notes.String(), "hint") {
			t.Errorf("%q: exit %d, %q", args, code, notes.String())
		}
	}
	if _, err := os.Stat(at("rows.rpls")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a record of nothing: %v", err)
	}
	var out, notes bytes.Buffer
	if code := execute(t.Context(), []string{"inspect", "data", "--model", at("base"), "--data", at("rows.jsonl"), "--json", "--allow-no-end"}, &out, &notes); code != exitDone ||
		!strings.Contains(out.String(), `"samples":2`) || !strings.Contains(out.String(), `"empty":2`) {
		t.Errorf("inspect data: exit %d, %q, %s", code, notes.String(), out.String())
	}
}
