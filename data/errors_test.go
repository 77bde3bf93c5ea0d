package data

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A program can read the file, the line and the field from an error of any reader.
func TestRowError(t *testing.T) {
	readers := map[string]func(path string) error{
		"LoadDocuments": func(path string) error {
			_, _, err := LoadDocuments(path, byteTokenizer(t, false), Options{MaxSeqLen: 8})
			return err
		},
		"Rows":     func(path string) error { _, _, err := Rows(path, Reading{}); return err },
		"EachText": func(path string) error { return EachText(path, Reading{}, func(string) error { return nil }) },
	}
	for _, c := range []struct {
		name, content string
		line          int
		field         string
		only          string // the one reader that returns the error; "": all
	}{
		{"a.jsonl", "{\"text\":\"a b\"}\n\n{\"text\":", 3, "", ""},
		{"a.jsonl", "{\"text\":\"a b\"}\n{\"txt\":\"a\"}", 2, "", ""},
		{"a.jsonl", "{\"text\":\"a b\"}\n{\"text\":3}", 2, "text", ""},
		{"a.jsonl", "{\"prompt\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":2}", 1, "answer", ""},
		{"a.jsonl", "{\"completion\":\"a\"}", 1, "prompt", ""},
		{"a.jsonl", "{\"messages\":[],\"text\":\"a\"}", 1, "text", ""},
		{"a.jsonl", "{\"messages\":[]}", 1, "messages", ""},
		{"a.jsonl", "{\"segments\":3}", 1, "segments", ""},
		{"a.jsonl", "{\"instruction\":\"a\",\"output\":3}", 1, "output", ""},
		{"a.jsonl", "{\"conversations\":[{\"from\":\"nobody\",\"value\":\"a\"}]}", 1, "conversations", ""},
		{"a.jsonl", "\n{\"text\":\"a\xff\"}", 2, "", ""},
		{"a.json", "[\n{\"text\":\"a b\"},\n{\"text\":3}]", 3, "text", ""},
		{"a.json", "[\n{\"text\":\"a b\"},\n}", 3, "", ""},
		{"a.json", "[\n{\"text\":\"a b\"}\n", 3, "", ""},
		{"a.jsonl", "{\"text\":\"a b\"}\n{\"text\":\"\"}", 2, "text", "LoadDocuments"}, // nothing to learn, but a text
		{"a.txt", "ab\nc\xff", 2, "", "LoadDocuments"},
	} {
		path := write(t, c.name, c.content)
		for reader, read := range readers {
			if c.only != "" && c.only != reader {
				continue
			}
			err := read(path)
			row, ok := errors.AsType[*RowError](err)
			if !ok || row.File != path || row.Line != c.line || row.Field != c.field {
				t.Errorf("%s of %q: %#v (%v), want line %d and field %q", reader, c.content, row, err, c.line, c.field)
				continue
			}
			if want := "data: reading " + row.Error(); err.Error() != want || strings.Count(want, path) != 1 {
				t.Errorf("%s of %q: text %q, want %q, which names the file once", reader, c.content, err, want)
			}
		}
	}
}

// If a directory was read, the error names the file in it.
func TestRowErrorInDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"train-0.jsonl": `{"text":"a b"}`, "train-1.jsonl": "{\"text\":\"a b\"}\n[]"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := LoadDocuments(dir, byteTokenizer(t, false), Options{MaxSeqLen: 8})
	row, ok := errors.AsType[*RowError](err)
	if !ok || row.File != filepath.Join(dir, "train-1.jsonl") || row.Line != 2 {
		t.Errorf("%#v (%v), want line 2 of train-1.jsonl", row, err)
	}
}

// An error about the whole file is not a RowError.
func TestFileErrorHasNoRow(t *testing.T) {
	for name, content := range map[string]string{"a.jsonl": "", "a.csv": "x", "a.jsonl.gz": "x", "a.json": `{"text":"a"}`} {
		_, _, err := LoadDocuments(write(t, name, content), byteTokenizer(t, false), Options{MaxSeqLen: 8})
		if row, ok := errors.AsType[*RowError](err); err == nil || ok {
			t.Errorf("%s: %v, row %v", name, err, row)
		}
	}
}
