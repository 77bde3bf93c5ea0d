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

const fixture = "testdata/98e6bac"

// TestResumesARunOfAnEarlierProgram resumes run directories that commit 98e6bac wrote, and ends with the weights and metrics
// of that program's uninterrupted runs (testdata/98e6bac/README.md).
func TestResumesARunOfAnEarlierProgram(t *testing.T) {
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
			if !keepsLast(job) {
				t.Errorf("notices: %q, want one about schedule_end", job.Notices)
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

// keepsLast says whether a run tells that it keeps the schedule of an earlier program.
func keepsLast(r *Run) bool {
	return strings.Contains(strings.Join(r.Notices, "\n"), "goes on with schedule_end: last")
}

// TestScheduleOfAnEarlierRun: only a directory that an earlier program began keeps the schedule that ends at the last step, with or
// without its run.json and whatever the recipe says.
func TestScheduleOfAnEarlierRun(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(fixture)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	const name = "full-adatam"
	r, err := ReadRecipe(filepath.Join(name, recipeFile))
	if err != nil {
		t.Fatal(err)
	}
	rates := func(r Recipe, resume bool) (last float64, job *Run) {
		t.Helper()
		job, err := Open(r, pool, resume)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range job.Events(t.Context()) {
			last = e.LR
		}
		if err := job.Err(); err != nil {
			t.Fatal(err)
		}
		return last, job
	}

	// The same recipe, run afresh: the default, which the new directory keeps.
	fresh := r
	fresh.Out = "fresh"
	lr, job := rates(fresh, false)
	if lr == 0 || keepsLast(job) {
		t.Errorf("a fresh run: rate %g in the last step, notices %q", lr, job.Notices)
	}
	text, err := os.ReadFile(filepath.Join("fresh", recipeFile))
	if err != nil || !strings.Contains(string(text), "\nschedule_end: after\n") {
		t.Errorf("schedule_end is not in the new recipe (%v):\n%s", err, text)
	}
	fresh.ScheduleEnd = "last"
	if _, err := Open(fresh, pool, true); err == nil || !strings.Contains(err.Error(), `schedule_end is "after" in fresh/recipe.yaml and "last" here`) {
		t.Errorf("another schedule_end in a new directory: %v", err)
	}

	// A mistake beside it is named alone, and the missing key is not.
	other := r
	other.LR = 0.02
	_, err = Open(other, pool, true)
	if err == nil || !strings.Contains(err.Error(), "lr is 0.01 in") || strings.Contains(err.Error(), "schedule_end") {
		t.Errorf("another rate in an earlier directory: %v", err)
	}

	// Without run.json, and with the key in the recipe.
	if err := os.Remove(filepath.Join(name, runFile)); err != nil {
		t.Fatal(err)
	}
	r.ScheduleEnd = "last"
	if lr, job := rates(r, true); lr != 0 || !keepsLast(job) {
		t.Errorf("the earlier run: rate %g in the last step, notices %q", lr, job.Notices)
	}
}
