package run

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/checkpoint"
	"reprise/tensor"
)

// TestResumesARunOfAnEarlierProgram resumes run directories that commit 98e6bac wrote, and ends with the weights and metrics
// of that program's uninterrupted runs (testdata/98e6bac/README.md).
func TestResumesARunOfAnEarlierProgram(t *testing.T) {
	const fixture = "testdata/98e6bac"
	for name, want := range map[string]string{
		"replay-moclip": "1fb3d8e4244234904a2a3a45b5289b792bc667785066242a6ee1543dee478b3e",
		"full-adatam":   "b51b0c004c6cf8649947bc14ed21ca8d14f2ed083ea89218c87bcb0c5b3281d1",
	} {
		t.Run(name, func(t *testing.T) {
			whole := untimed(t, filepath.Join(fixture, name+".whole.jsonl"))
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(fixture)); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir) // the recipes give paths relative to their directory
			r, err := ReadRecipe(filepath.Join(name, recipeFile))
			if err != nil {
				t.Fatal(err)
			}
			pool := tensor.NewPool(3)
			defer pool.Close()
			job, err := Open(r, pool, true)
			if err != nil {
				t.Fatal(err)
			}
			first := 0
			for step := range job.Events(t.Context()) {
				if first == 0 {
					first = step
				}
			}
			if err := job.Err(); err != nil {
				t.Fatal(err)
			}
			if first == 0 || first > 6 {
				t.Errorf("resumed at step %d, want 5 or 6", first)
			}
			if got := checkpoint.TensorSHA256(job.Model()); got != want {
				t.Errorf("the weights have SHA-256 %s, want %s", got, want)
			}
			if got := untimed(t, filepath.Join(name, metricsFile)); !slices.Equal(got, whole) {
				t.Errorf("metrics:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(whole, "\n"))
			}
		})
	}
}
