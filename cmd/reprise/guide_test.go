package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"reprise/asm"
)

// guideBlocks are the indented blocks of docs/GUIDE.md, without the indent.
func guideBlocks(t *testing.T) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/GUIDE.md")
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		code, ok := strings.CutPrefix(line, "    ")
		switch {
		case ok && inside:
			blocks[len(blocks)-1] += code
		case ok:
			blocks = append(blocks, code)
		}
		inside = ok
	}
	return blocks
}

// shows says whether a printed text holds the pieces of a shortened line, in order.
func shows(printed, line string) bool {
	for piece := range strings.SplitSeq(line, "…") {
		_, after, found := strings.Cut(printed, strings.TrimSpace(piece))
		if !found {
			return false
		}
		printed = after
	}
	return true
}

// TestGuide follows docs/GUIDE.md: its commands run in their order, and every line that it shows is printed.
func TestGuide(t *testing.T) {
	if testing.Short() || asm.Active() == asm.Generic {
		t.Skip("needs half a minute with vector instructions, and much more without them")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "reprise")); err != nil { // under this name it is the program: TestMain
		t.Fatal(err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	execute(stopped, []string{"demo", "--keep", filepath.Join(dir, "demo")}, io.Discard, io.Discard) // its files are there at once

	printed, commands, lines := "", 0, 0
	for _, block := range guideBlocks(t) {
		first, _, _ := strings.Cut(block, "\n")
		switch {
		case strings.HasPrefix(first, "go build"): // and the demonstration
		case strings.HasPrefix(first, "model:"):
			if err := os.WriteFile(filepath.Join(dir, "recipe.yaml"), []byte(block), 0o666); err != nil {
				t.Fatal(err)
			}
		case strings.HasPrefix(first, "./reprise"), strings.HasPrefix(first, "mkdir"):
			c := exec.CommandContext(t.Context(), "sh", "-e", "-c", block)
			c.Dir = dir
			out, err := c.CombinedOutput()
			if err != nil {
				t.Fatalf("%s%v: %s", block, err, out)
			}
			printed = string(out)
			commands++
		case strings.Contains(block, "interrupted"), strings.Contains(block, "\nmemory, with"): // depend on the moment and the processor
		default:
			for line := range strings.Lines(block) {
				if line = strings.TrimSpace(line); !shows(printed, line) {
					t.Errorf("GUIDE.md has\n%s\nwhich is not in\n%s", line, printed)
				}
				lines++
			}
		}
	}
	if commands < 10 || lines < 30 {
		t.Errorf("only %d blocks of commands and %d lines of output were found", commands, lines)
	}
}
