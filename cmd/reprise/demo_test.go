package main

import (
	"io"
	"strings"
	"testing"

	"reprise/internal/demo"
	"reprise/tensor"
)

// TestSweepThatFails: of a sweep's errors only a diverged run is a result; an interruption or a missing file ends it.
func TestSweepThatFails(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	a := &app{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard, pool_: pool}
	c := demoCmd{Sweep: []float64{1e-3}}
	if err := c.sweep(a, &demo.Demo{}); err == nil {
		t.Error("no error where there is no base model")
	}
	var stderr strings.Builder
	if code := run(t.Context(), []string{"demo", "--sweep=1e-3,-1"}, io.Discard, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "--sweep -1") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	if code := run(t.Context(), []string{"demo", "--sweep=1e-3", "--rebuild", "x"}, io.Discard, &stderr); code != exitUsage {
		t.Errorf("two tasks at once: exit code %d", code)
	}
}
