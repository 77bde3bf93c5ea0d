package run

import (
	"strings"
	"testing"
)

// In one mean and with cross-entropy, sequences of mix that are rehearsed train to the bits of those that are mixed in. Anything else
// about them changes the weights.
func TestRehearsedMixInOneMeanIsMix(t *testing.T) {
	w := newWorkshop(t)
	for _, loss := range []string{"replay", "full"} {
		mixed := w.recipe("")
		mixed.Out, mixed.Loss, mixed.Mix, mixed.ReplayMix, mixed.MaxSteps = "", loss, mixed.Replay, 1./3, 4
		want := w.run(t, mixed, w.pool, false)
		seen := map[string]string{want: "mixed"}
		r := mixed
		r.GlobalBatchSize -= 2 // the two sequences of mix come on top
		r.MixLoss, r.RehearseLoss, r.RehearseWeight = "rehearsal", "ce", 0
		if got := w.run(t, r, w.pool, false); got != want {
			t.Errorf("loss %s: weights %s rehearsed, %s mixed", loss, got, want)
		}
		for name, change := range map[string]func(*Recipe){
			"weight 1": func(r *Recipe) { r.RehearseWeight = 1 }, "soft": func(r *Recipe) { r.RehearseLoss = "soft" }, "kl": func(r *Recipe) { r.RehearseLoss = "kl" },
		} {
			r := r
			change(&r)
			got := w.run(t, r, w.pool, false)
			if other, there := seen[got]; there {
				t.Errorf("loss %s: %s trains to the weights of %s", loss, name, other)
			}
			seen[got] = name
		}
	}
}

// The losses of a step are apart: the domain's mean is as without what is rehearsed, at the first step.
func TestLossesOfAStepAreApart(t *testing.T) {
	w := newWorkshop(t)
	first := func(change func(*Recipe)) Event {
		t.Helper()
		r := w.recipe("")
		r.Out, r.MaxSteps, r.Loss = "", 1, "full"
		change(&r)
		run, err := Open(r, w.pool, false)
		if err != nil {
			t.Fatal(err)
		}
		var last Event
		for _, e := range run.Events(t.Context()) {
			last = e
		}
		if err := run.Err(); err != nil {
			t.Fatal(err)
		}
		return last
	}
	alone := first(func(*Recipe) {})
	apart := first(func(r *Recipe) { r.Mix, r.ReplayMix, r.MixLoss = r.Replay, 0.33, "rehearsal" })
	if *alone.LossFull != *apart.LossFull || alone.LossRehearse != nil || apart.LossRehearse == nil || *apart.LossRehearse <= 0 || *apart.LossRehearse == *apart.LossFull {
		t.Errorf("losses %v %v alone, %v %v with rehearsal", *alone.LossFull, alone.LossRehearse, *apart.LossFull, apart.LossRehearse)
	}
}

// Text without a record has no base probabilities: cross-entropy is its only loss. Recorded probabilities are the base model's only
// until the first refresh.
func TestRehearsedMixRefuses(t *testing.T) {
	w := newWorkshop(t)
	for want, change := range map[string]func(*Recipe){
		"":                                func(r *Recipe) { r.RehearseLoss = "ce" },
		"rehearse_loss soft and kl need":  func(r *Recipe) { r.RehearseLoss = "soft" },
		"rehearse_loss soft and kl need ": func(r *Recipe) { r.RehearseLoss = "kl" },
		"run: mix_loss: rehearsal with rehearse_loss soft: after a refresh": func(r *Recipe) {
			r.Loss, r.Mix, r.Refresh.EveryEpochs = "replay", r.Replay, 1
		},
	} {
		r := w.recipe("")
		r.Out, r.Loss, r.Mix, r.MixLoss = w.path("out"), "full", w.path("general.txt"), "rehearsal"
		change(&r)
		_, err := Open(r, w.pool, false)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want))) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// The number of packs that are rehearsed in a step, and what is said of it.
func TestRehearsedPacks(t *testing.T) {
	for _, c := range []struct {
		share float64
		batch int
		want  int
	}{{0.6, 8, 12}, {0, 8, 0}, {0.1, 8, 1}, {0.25, 8, 3}, {0.4, 8, 5}, {0.5, 8, 8}, {0.01, 8, 1}, {0.25, 6, 2}, {0.25, 1, 1}} {
		r := DefaultRecipe()
		r.Rehearse, r.GlobalBatchSize = c.share, c.batch
		if got := r.rehearsed(); got != c.want {
			t.Errorf("a share of %g beside %d: %d packs, want %d", c.share, c.batch, got, c.want)
		}
	}
	w := newWorkshop(t)
	for share, want := range map[float64]bool{0: false, 0.25: false, 0.3: true} {
		r := w.recipe("")
		r.Out, r.Rehearse = "", share
		run, err := Open(r, w.pool, false)
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.Contains(strings.Join(run.Notices, "\n"), "holds no text that the base model wrote"); said != want {
			t.Errorf("rehearse %g: %q", share, run.Notices)
		}
		if run.rehearses() != 0 {
			t.Errorf("rehearse %g: %d packs a step from a record without any", share, run.rehearses())
		}
	}
}
