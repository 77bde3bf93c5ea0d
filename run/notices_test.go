package run

import (
	"strings"
	"testing"

	"reprise/optim"
)

// TestWhatTheRunWillNotDoIsSaid: one notice for each thing that a recipe asks for and its run is too short for; a step more, or data
// enough, and there is none.
func TestWhatTheRunWillNotDoIsSaid(t *testing.T) {
	w := newWorkshop(t)
	r := w.recipe("")
	r.Out, r.Eval.Data = "", []string{"general=" + w.path("general.txt")}
	r.Loss, r.Config = "full", optim.DefaultConfig(optim.AdamW)
	base, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	steps, per, have := base.Steps, base.stepsPerEpoch(), base.domain.len()
	if steps != 3*per || per < 2 {
		t.Fatalf("%d steps, %d an epoch", steps, per)
	}
	replay := func(r *Recipe) { r.Loss, r.Config, r.Out = "replay", optim.DefaultConfig(optim.AdamW), t.TempDir() }
	for _, c := range []struct {
		change func(*Recipe)
		want   string // beginning of the notice; "": none
	}{
		{func(r *Recipe) {}, ""},
		{func(r *Recipe) { r.MaxSteps = steps }, ""},
		{func(r *Recipe) { r.MaxSteps = steps + 1 }, "max_steps: "},
		{func(r *Recipe) { r.GlobalBatchSize = have }, ""},
		{func(r *Recipe) { r.GlobalBatchSize = have + 1 }, "global_batch_size: "},
		{func(r *Recipe) { r.Eval.Every = steps }, ""},
		{func(r *Recipe) { r.Eval.Every = steps + 1 }, "eval.every: "},
		{func(r *Recipe) { r.Save.Every = steps }, ""},
		{func(r *Recipe) { r.Save.Every = steps + 1 }, "save.every: "},
		{func(r *Recipe) { replay(r); r.Refresh.EveryEpochs = 2 }, ""},
		{func(r *Recipe) { replay(r); r.Refresh.EveryEpochs = 3 }, "refresh.every_epochs: "},
		{func(r *Recipe) { replay(r); r.Refresh.RhoAbove, r.Refresh.CheckEvery = 0.1, steps-1 }, ""},
		{func(r *Recipe) { replay(r); r.Refresh.RhoAbove, r.Refresh.CheckEvery = 0.1, steps }, "refresh.check_every: "},
		{func(r *Recipe) { r.Config = optim.DefaultConfig(optim.MoClip); r.CapStart = steps }, ""},
		{func(r *Recipe) { r.Config = optim.DefaultConfig(optim.MoClip); r.CapStart = steps + 1 }, "moclip caps angles from step "},
		{func(r *Recipe) { r.Config = optim.DefaultConfig(optim.MoClip); r.MaxSteps = 2 }, "moclip caps angles from step 11 "},
		{func(r *Recipe) { r.Mix, r.ReplayMix = r.Replay, 0.3 }, ""},
		{func(r *Recipe) { r.Mix, r.ReplayMix = r.Replay, 0.8 }, "mix: "},
	} {
		r := r
		c.change(&r)
		job, err := Open(r, w.pool, false)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range job.Notices {
			if !strings.Contains(n, "teaches the model to end") {
				got = append(got, n)
			}
		}
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.want)) {
			t.Errorf("notices %q, want %q", got, c.want)
		}
	}
}
