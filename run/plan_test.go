package run

import (
	"testing"

	"reprise/data"
)

// The last batch of an epoch may be short. If a sequence takes a millisecond, a run takes as many milliseconds as it has
// sequences, whichever of its steps were measured.
func TestPlannedTimeCountsShortBatches(t *testing.T) {
	run := &Run{domain: &source{packed: make([]data.Sequence, 9)}, perBatch: 8, Steps: 5}
	run.Recipe.GlobalBatchSize = 8
	if n := run.sequences(); n != 9+9+8 {
		t.Errorf("5 steps on 9 sequences, 8 at a time: %d in all, want 26", n)
	}
	run.mixed = 2 // in every step
	if n := run.sequences(); n != 26+10 {
		t.Errorf("with two more in every step: %d, want 36", n)
	}
	full, short := probedStep{ms: 8, tokens: 800, sequences: 8}, probedStep{ms: 1, tokens: 100, sequences: 1}
	p := probed([]probedStep{short, full, short}, 5, 26)
	if p.Seconds != 0.026 || p.PerSecond != 100_000 || p.StepMS != 1 || p.Measured != 3 {
		t.Errorf("%+v, want 0.026 seconds and 100000 tokens a second", p)
	}
}
