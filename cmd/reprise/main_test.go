package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"reprise/internal/tiny"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"reprise": main,
	})
}

// TestScripts runs testdata/script: every command and every documented error, as a user sees them, in a directory that
// holds package tiny's model and text.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			for name, folder := range map[string]string{"EXAMPLES": "examples", "TESTDATA": "testdata"} {
				path, err := filepath.Abs(filepath.Join("..", "..", folder))
				if err != nil {
					return err
				}
				e.Setenv(name, path)
			}
			example := filepath.Join("examples", "compare", "tiny") // as examples/compare/tiny.yaml names it
			if err := os.CopyFS(filepath.Join(e.WorkDir, example), os.DirFS(filepath.Join("..", "..", example))); err != nil {
				return err
			}
			return tiny.Write(e.WorkDir)
		},
	})
}

// noSpace is a standard output on a full disk.
type noSpace struct{}

func (noSpace) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestOutputThatCannotBeWritten: if the result cannot be printed, as lines or as JSON, the command fails.
func TestOutputThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(dir, "base")
	for _, args := range [][]string{
		{"--version"},
		{"version"},
		{"version", "--json"},
		{"train", "--help"},
		{"tokenize", "--model", base, "--text", "the red lamp"},
		{"eval", "--model", base, "--data", "a=" + filepath.Join(dir, "general.txt")},
		{"eval", "--model", base, "--data", "a=" + filepath.Join(dir, "general.txt"), "--json"},
		{"generate", "--model", base, "--prompt", "the red", "--max-tokens", "2"},
	} {
		var stderr strings.Builder
		if code := execute(t.Context(), args, noSpace{}, &stderr); code != exitFailed || strings.Count(stderr.String(), "no space left") != 1 {
			t.Errorf("%v: exit code %d: %s", args, code, stderr.String())
		}
	}
}

// TestTimeLeft: the estimate counts only units that were done since the job was resumed.
func TestTimeLeft(t *testing.T) {
	var out strings.Builder
	p := newProgress(&out, "training", false)
	p.show(26, 62, 100, "")
	p.since, p.last = p.since.Add(-10*time.Second), p.last.Add(-time.Minute)
	p.show(36, 62, 1000, "") // ten steps in ten seconds
	if lines := strings.Split(out.String(), "\n"); strings.Contains(lines[0], "left") || !strings.HasSuffix(lines[1], ", 26s left") {
		t.Errorf("%q", lines)
	}
}
