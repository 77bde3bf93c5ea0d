package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestSafe(t *testing.T) {
	for text, want := range map[string]string{
		"plain text\n\twith tabs, ü, 漢 and 😀": "plain text\n\twith tabs, ü, 漢 and 😀",
		"\x1b[31mred\x1b]0;title\x07":         `\x1b[31mred\x1b]0;title\x07`,
		"a\rb\x00\x08\x7f":                    `a\rb\x00\x08\u007f`,
		"\u009b31m\u0085":                     `\u009b31m\u0085`,
		"\x9b31m\xff":                         `\x9b31m` + "\xff",
		"\xc2":                                "\xc2",
	} {
		if got := safe(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		var out bytes.Buffer
		w := &safeWriter{Writer: &out}
		for i := range len(text) { // byte by byte
			if n, err := w.Write([]byte(text[i : i+1])); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := w.flush(); err != nil || out.String() != want {
			t.Errorf("%q byte by byte: %q %v, want %q", text, out.String(), err, want)
		}
	}
	value := "\x1b[31m \u009b \x7f \r\n ü"
	var out bytes.Buffer
	if err := json.NewEncoder(&safeWriter{Writer: &out}).Encode(value); err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != value {
		t.Errorf("JSON: %q %v, want %q", back, err, value)
	}
}

// TestNamesReachTheTerminalSafely: names of files, keys of a recipe and what a template says are printed by every command through
// one writer.
func TestNamesReachTheTerminalSafely(t *testing.T) {
	dir := t.TempDir()
	evil := "\x1b]0;title\x07\u009b31m"
	recipe := dir + "/r.yaml"
	if err := os.WriteFile(recipe, []byte("\"\\e]0;title\\a\\x9b31m\": 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"train", recipe}, {"train", dir + "/" + evil}, {"eval", "--model", dir + "/" + evil, "--data", "x=" + evil}, {"inspect", "model", evil},
		{"generate", "--model", evil, "--prompt", "x"}, {"tokenize", "encode", "--model", evil, "--text", "x"}, {"compare", dir + "/" + evil}, {"train", "--" + evil},
	} {
		var stdout, stderr bytes.Buffer
		if code := execute(t.Context(), args, &stdout, &stderr); code == exitDone {
			t.Errorf("%q succeeded", args)
		}
		if all := stdout.String() + stderr.String(); strings.ContainsAny(all, "\x1b\x07\u009b") || !strings.Contains(all, `\x1b]0;title`) && !strings.Contains(all, `\u001b]0;title`) && !strings.Contains(all, `\e]0;title`) {
			t.Errorf("%q: %q", args, all)
		}
	}
}

// TestALineWithoutEnd: a device that never ends a line is left after the limit.
func TestALineWithoutEnd(t *testing.T) {
	in := bufio.NewReaderSize(lineWithoutEnd{}, 1<<20)
	if line, err := readLine(in); err != bufio.ErrTooLong || line != nil {
		t.Errorf("%d bytes, %v", len(line), err)
	}
	if line, err := readLine(bufio.NewReaderSize(strings.NewReader(strings.Repeat("a", 40)+"\nb"), 16)); err != nil || len(line) != 41 {
		t.Errorf("%q, %v", line, err)
	}
}

type lineWithoutEnd struct{}

func (lineWithoutEnd) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	return len(b), nil
}
