package compare

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/internal/build"
)

// TestCellDigestsStay: cells that were run before there was a table of recipe keys still count.
func TestCellDigestsStay(t *testing.T) {
	r := runner(t, t.TempDir(), func(g *Grid) { g.Methods = g.Methods[:7] })
	for i, want := range []string{
		"9f10f2c3e5315e770075154a8ed40bb2f77b12045a66baeb1f495edbbd7dc406", // full-adamw
		"e3dd92be0b036e66ec43afab8fc0827cc97ab6f80327341ea5fd3195541528b1", // full-mix
		"2c2af5a0a54948613b5d7f102e65c2ff33d72031bf0255d8ecb8b0f1733d8821", // replay-bare
		"210258b01f71eb513f11c7b9d3754a19205c85502420cbac0b59673c6e27e899", // replay
		"25f5c3a240ec4623be54d13ec5b386580ed014e7849022a30fba646e357cdfe8", // replay-kl
		"7e3e0681525b45a04dce3fa0bda0807189df50fc2bb50ba6364add763adb1da5", // replay-wide
		"0110b0da00d608421b91c9c513c1f10a8088e67fb796f153c2ec419b61060e06", // replay-refresh
	} {
		m := &r.grid.Methods[i]
		p, err := r.plan(t.Context(), id{m, 1e-3, 1})
		if err != nil {
			t.Fatal(err)
		}
		if p.digest != want {
			t.Errorf("%s: digest %s, want %s", m.Name, p.digest, want)
		}
	}
}

// TestCellsOfAnEarlierProgram: cells without a contract ended their schedules at the last step. They count where the grid asks for
// that, or where the schedule has no end, and otherwise are not mixed with new ones.
func TestCellsOfAnEarlierProgram(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		key, value string
		counts     bool
	}{{"schedule", "cosine", false}, {"schedule_end", "last", true}, {"schedule", "constant", true}} {
		t.Run(c.key+" "+c.value, func(t *testing.T) {
			r := runner(t, dir, func(g *Grid) {
				g.Methods, g.MixingBase, g.Out = g.Methods[:1], "", filepath.Join(dir, c.key+c.value)
				g.Recipe[c.key] = c.value
			})
			cell := id{&r.grid.Methods[0], 3e-3, 1}
			p, err := r.plan(t.Context(), cell)
			if err != nil {
				t.Fatal(err)
			}
			// What such a program would have written: the digest of a recipe without the key.
			old := *p
			old.recipe.ScheduleEnd = "after"
			recipe := old.recipe
			recipe.Model, recipe.Replay, recipe.Mix = "", "", ""
			text, err := json.Marshal(Cell{Method: cell.method.Name, LR: cell.lr, Seed: cell.seed, Digest: r.digest(&old, recipe), Choose: 1})
			if err != nil || strings.Contains(string(text), "contract") {
				t.Fatalf("%v: %s", err, text)
			}
			if err := os.MkdirAll(r.dir(cell), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(r.dir(cell), "result.json"), text, 0o666); err != nil {
				t.Fatal(err)
			}
			got, err := r.finished(cell, p)
			if counts := err == nil && got != nil; counts != c.counts {
				t.Errorf("the cell counts: %v (%v), want %v", counts, err, c.counts)
			}
			if !c.counts && !strings.Contains(err.Error(), "schedule_end: last") {
				t.Errorf("the error has no remedy: %v", err)
			}
		})
	}

	// What is run now says so, and counts.
	r := runner(t, dir, func(g *Grid) { g.Methods, g.MixingBase, g.Out = g.Methods[:1], "", filepath.Join(dir, "new") })
	if _, err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, cell := range r.cells {
		if cell.Contract != build.Contract {
			t.Errorf("%s: contract %d, want %d", path, cell.Contract, build.Contract)
		}
	}
	if _, err := r.Run(t.Context()); err != nil {
		t.Errorf("the same comparison again: %v", err)
	}
}
