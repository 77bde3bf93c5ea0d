package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"reprise/data"
	"reprise/internal/tiny"
	"reprise/replay"
	"reprise/run"
	"reprise/tokenizer"
)

// TestInterruptedTraining: the message of an interrupted run says where the state is and how to resume. The other hints are in
// testdata/script/hints.txtar.
func TestInterruptedTraining(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "run")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr strings.Builder
	code := execute(ctx, []string{"train", "--model", filepath.Join(dir, "base"), "--loss", "full", "--max-seq-len", "48",
		"--data", filepath.Join(dir, "domain.jsonl"), "--out", out}, io.Discard, &stderr)
	want := "reprise: run: interrupted; the state is saved in " + filepath.Join(out, "step-000000") + ", and a resumed run continues from there\n" +
		"hint: continue with --resume\n"
	if code != exitInterrupted || !strings.HasSuffix(stderr.String(), want) {
		t.Errorf("exit code %d: %s\nwant %s", code, stderr.String(), want)
	}
}

// A command gives only hints with flags that it has.
func TestHintsByCommand(t *testing.T) {
	for _, c := range []struct {
		command string
		err     error
		want    string
	}{
		{"train", run.ErrBusy, "choose another --out"},
		{"train", run.ErrInterrupted, "continue with --resume"},
		{"demo", run.ErrInterrupted, ""},
		{"compare", run.ErrNotEmpty, ""},
		{"record", replay.ErrExists, "choose another --out"},
		{"train", replay.ErrExists, "choose another --record-out"},
		{"record", tokenizer.ErrNeedsDate, "give the day with --chat-date YYYY-MM-DD"},
		{"inspect", tokenizer.ErrNeedsDate, "give the day with --chat-date YYYY-MM-DD"},
		{"export", tokenizer.ErrNeedsDate, ""},
		{"record", data.ErrNothing, "leave such rows out with --skip-empty"},
		{"inspect", data.ErrNothing, ""},
		{"train", errors.New("something else"), ""},
	} {
		if got := hint(c.command, fmt.Errorf("wrapped: %w", c.err)); got != c.want {
			t.Errorf("%s, %v: hint %q, want %q", c.command, c.err, got, c.want)
		}
	}
}
