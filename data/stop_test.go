//go:build unix

package data

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReadingStops: a pipe into which nobody writes, one that stays open, and a file of many rows are left when the context is
// cancelled.
func TestReadingStops(t *testing.T) {
	tok := byteTokenizer(t, false)
	pipe := filepath.Join(t.TempDir(), "a.jsonl")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Skip(err)
	}
	for _, held := range []bool{false, true} {
		if held {
			w, err := os.OpenFile(pipe, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if _, err := w.WriteString(`{"text": "abc"}` + "\n"); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, _, err := LoadDocuments(pipe, tok, Options{MaxSeqLen: 16, Context: ctx})
			ended <- err
		}()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("a pipe (written: %v): %v, want the context's error", held, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range []string{"rows.jsonl", "text.txt"} {
		path := write(t, name, strings.Repeat(`{"text": "abc"}`+"\n", 10))
		if _, _, err := LoadDocuments(path, tok, Options{MaxSeqLen: 16, Context: ctx}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the context's error", name, err)
		}
	}
}
