package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/cmd/reprise/internal/demo"
	"reprise/tensor"
)

// TestSweepThatFails: in a sweep a diverged run is a result; any other error, such as a missing file, ends the sweep.
func TestSweepThatFails(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	a := &app{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard, pool_: pool}
	c := demoCmd{Sweep: []float64{1e-3}}
	if err := c.sweep(a, &demo.Demo{}); err == nil {
		t.Error("no error where there is no base model")
	}
	var stderr strings.Builder
	if code := execute(t.Context(), []string{"demo", "--sweep=1e-3,-1"}, io.Discard, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "--sweep -1") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	if code := execute(t.Context(), []string{"demo", "--sweep=1e-3", "--rebuild", "x"}, io.Discard, &stderr); code != exitUsage {
		t.Errorf("two tasks at once: exit code %d", code)
	}
}

// TestDemoKeepsOffOthersFiles: --keep never overwrites files that the demo did not write.
func TestDemoKeepsOffOthersFiles(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "base", "config.json")
	if err := os.MkdirAll(filepath.Dir(own), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, []byte("own"), 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // files are written before the context is looked at
	var stderr strings.Builder
	code := execute(ctx, []string{"demo", "--keep", dir}, io.Discard, &stderr)
	if text, err := os.ReadFile(own); err != nil || string(text) != "own" || code != exitFailed {
		t.Errorf("exit code %d, the file is %.20q now: %s", code, text, stderr.String())
	}
	// A rebuild would replace the directory base at its end.
	if code := execute(t.Context(), []string{"demo", "--rebuild", dir}, io.Discard, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "was not made by a rebuild") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

// TestDemoKeepsTexts: who keeps the demo's files can train on its texts, whatever becomes of the demo itself.
func TestDemoKeepsTexts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr strings.Builder
	if code := execute(ctx, []string{"demo", "--keep", dir}, io.Discard, &stderr); code == exitDone {
		t.Error("nothing was interrupted")
	}
	for file, lines := range map[string]int{"domain/train.jsonl": 4800, "domain/valid.jsonl": 300, "general-train.txt": 0, "general-valid.txt": 0} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if n := strings.Count(string(text), "\n"); err != nil || n == 0 || lines > 0 && n != lines {
			t.Errorf("%s: %d lines, %v: %s", file, n, err, stderr.String())
		}
	}
}
