package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/checkpoint"
	"reprise/tensor"
	"reprise/tokenizer"
)

// The embedded model is the one that Rebuild makes, and it can copy: a model that repeats fewer than 95 % of the random
// words that the text before them determines would never write the name of a column that it has not seen.
func TestBaseCopiesRandomWords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "base")
	if err := unpack(dir); err != nil {
		t.Fatal(err)
	}
	base, err := checkpoint.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if base.Fingerprint != BaseSHA256 {
		t.Errorf("the embedded weights are %s, BaseSHA256 is %s", base.Fingerprint, BaseSHA256)
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	pool := tensor.NewPool(0)
	defer pool.Close()
	s, err := CopyAccuracy(t.Context(), base.Model, tok, pool, 40)
	if err != nil {
		t.Fatal(err)
	}
	if s.Total < 300 || float64(s.Right) < 0.95*float64(s.Total) {
		t.Errorf("%d of %d random words are copied, want 95 %%", s.Right, s.Total)
	}
	t.Logf("%d of %d words, %d of %d tokens", s.Right, s.Total, s.RightTokens, s.TotalTokens)
}

// TestBasesKeepTheirSchedule: the two base models whose SHA-256 is committed were made with schedules that ended at the last step, so
// their commands have to say that.
func TestBasesKeepTheirSchedule(t *testing.T) {
	for _, r := range lessons("dir") {
		if r.Schedule != "constant" && r.ScheduleEnd != "last" {
			t.Errorf("%s: schedule %s ends %s the last step", r.Out, r.Schedule, r.ScheduleEnd)
		}
	}
	text, err := os.ReadFile("../../../../examples/compare/larger/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, command, _ := strings.Cut(string(text), "reprise train --init")
	command, _, _ = strings.Cut(command, "\n    ./reprise")
	if !strings.Contains(command, " --schedule-end last ") {
		t.Errorf("the larger base's command has another schedule:%s", command)
	}
}
