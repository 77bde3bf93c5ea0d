package main

import (
	"bytes"
	"strings"
	"testing"
)

// A live line never takes a second row: on a narrow terminal that would leave a row behind at every step.
func TestLiveLineFitsTheTerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, "training", false)
	p.live = true // of a terminal that does not tell its width: 80 columns
	p.show(1, 1, 5, strings.Repeat("loss ", 40))
	p.show(1, 1, 5, "x")
	p.clear()
	p.show(1, 1, 5, "end")
	p.finish()
	screen, rows := "", strings.Split(out.String(), "\r")
	for _, row := range rows {
		row = strings.TrimSuffix(row, "\n")
		if n := len([]rune(row)); n > 79 {
			t.Errorf("%d characters: %q", n, row)
		}
		if len(row) > 0 {
			screen = row + screen[min(len(row), len(screen)):]
		}
	}
	if !strings.HasPrefix(screen, "training 1/1 end") || strings.Contains(screen, "loss") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("screen %q, output %q", screen, out.String())
	}
}
