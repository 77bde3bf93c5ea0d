package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/base"
	"reprise/checkpoint"
	"reprise/data"
	"reprise/loss"
	"reprise/replay"
	"reprise/tensor"
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
		share            float64
		batch, sequences int
		want             int
	}{
		{0.6, 8, 99, 12}, {0, 8, 99, 0}, {0.1, 8, 99, 1}, {0.25, 8, 99, 3}, {0.4, 8, 99, 5}, {0.5, 8, 99, 8}, {0.01, 8, 99, 1},
		{0.25, 6, 99, 2}, {0.25, 1, 99, 1}, {0.5, 1000, 12, 12}, // a batch cannot hold more than there is
	} {
		r := DefaultRecipe()
		r.Rehearse, r.GlobalBatchSize = c.share, c.batch
		if domain, _, got := r.Batch(c.sequences, false, true); got != c.want || domain != c.batch {
			t.Errorf("a share of %g beside %d of %d: %d packs, want %d", c.share, c.batch, c.sequences, got, c.want)
		}
		r.Rehearse, r.ReplayMix, r.MixLoss = 0, c.share, "rehearsal"
		if domain, got, _ := r.Batch(c.sequences, true, false); got != max(c.want, 1) || domain != c.batch {
			t.Errorf("mixed, a share of %g beside %d of %d: %d sequences, want %d", c.share, c.batch, c.sequences, got, c.want)
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
		if run.written != 0 {
			t.Errorf("rehearse %g: %d packs a step from a record without any", share, run.written)
		}
	}
}

// own writes the record of the domain again, with packs of text that the base model writes now, and two to hold out.
func (w *workshop) own(t *testing.T, packs int) string {
	t.Helper()
	in, err := replay.Open(w.path("domain.replay"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	b, err := base.Open(w.path("base"))
	if err != nil {
		t.Fatal(err)
	}
	h := in.Header()
	h.Rehearsal = &replay.Rehearsal{
		Packs: packs, Gauge: 2, Start: replay.Start{ID: 1}, Stop: []int32{0}, Temperature: 1, Rule: replay.Rule{Tau: 0.8, KMin: 2, KMax: 20, Always: []int32{5}},
		Seed: 3, BaseModel: b.Fingerprint,
	}
	path := w.path("own.replay")
	out, err := replay.Create(path, h)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for q, err := range in.All() {
		if err == nil {
			err = out.Append(n, q)
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	author, n := replay.NewAuthor(b.Model, b.Tokenizer, w.pool, *h.Rehearsal, h.MaxSeqLen), 0
	for q, err := range author.Packs(t.Context(), 0, packs+2) {
		if err == nil {
			err = out.Rehearse(n, q)
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// What the base model wrote changes the weights, but neither the number of steps nor what they take of the domain. Micro-batches and
// workers change nothing.
func TestRehearsal(t *testing.T) {
	w := newWorkshop(t)
	record := w.own(t, 5)
	without := w.recipe("")
	without.Out, without.MaxSteps = "", 4
	seen := map[string]string{w.run(t, without, w.pool, false): "nothing"}
	none := without
	none.Replay, none.Rehearse = record, 0
	if sha := w.run(t, none, w.pool, false); seen[sha] == "" {
		t.Error("without rehearsal, the record's own text changes the weights")
	}
	for name, change := range map[string]func(*Recipe){
		"default":                    func(r *Recipe) {},
		"ce":                         func(r *Recipe) { r.RehearseLoss = "ce" },
		"kl":                         func(r *Recipe) { r.RehearseLoss = "kl" },
		"one mean":                   func(r *Recipe) { r.RehearseWeight = 0 },
		"bare, with kl":              func(r *Recipe) { r.Tail, r.KL = "none", 0.2 },
		"full":                       func(r *Recipe) { r.Loss = "full" },
		"full, anchored, beside mix": func(r *Recipe) { r.Loss, r.KL, r.Mix, r.ReplayMix = "full", 0.2, r.Replay, 0.4 },
		"beside a rehearsed mix":     func(r *Recipe) { r.Mix, r.ReplayMix, r.MixLoss = r.Replay, 0.4, "rehearsal" },
	} {
		t.Run(name, func(t *testing.T) {
			want := ""
			for _, workers := range []int{1, 3} {
				for _, micro := range []int{1, 4, 9} {
					pool := tensor.NewPool(workers)
					r := without
					r.Replay, r.MicroBatchSize = record, micro
					change(&r)
					run, err := Open(r, pool, false)
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range run.Events(t.Context()) {
						if e.Step > 0 && (e.LossRehearse == nil || *e.LossRehearse <= 0) {
							t.Errorf("step %d: loss of what is rehearsed: %v", e.Step, e.LossRehearse)
						}
					}
					if err := run.Err(); err != nil {
						t.Fatal(err)
					}
					if run.written != 2 || run.Steps != without.MaxSteps {
						t.Errorf("%d packs a step, %d steps", run.written, run.Steps)
					}
					got := checkpoint.TensorSHA256(run.Model())
					pool.Close()
					if want == "" {
						want = got
					}
					if got != want {
						t.Errorf("%d workers, micro-batches of %d: %s, want %s", workers, micro, got, want)
					}
				}
			}
			if other := seen[want]; other != "" {
				t.Errorf("trains to the weights of %s", other)
			}
			seen[want] = name
		})
	}
}

// A run that rehearses resumes after any step in the bits of one that was not interrupted. A refresh keeps what the base model wrote.
func TestRehearsalResumes(t *testing.T) {
	w := newWorkshop(t)
	record := w.own(t, 5)
	for _, every := range []int{0, 1} {
		whole := w.recipe(fmt.Sprintf("whole-%d", every))
		whole.Replay, whole.Refresh.EveryEpochs = record, every
		want := w.run(t, whole, w.pool, false)
		run, err := Open(whole, w.pool, true)
		if err != nil {
			t.Fatal(err)
		}
		steps := run.Steps
		if refreshed := run.record > 0; refreshed != (every > 0) || run.rehearsal.len() != 5 || run.rehearsal.record != run.domain.record {
			t.Errorf("refreshed %v, %d packs", refreshed, run.rehearsal.len())
		}
		for stop := 1; stop < steps; stop++ {
			r := whole
			r.Out = w.path(fmt.Sprintf("stopped-%d-%d", every, stop))
			run, err := Open(r, w.pool, false)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			for step := range run.Events(ctx) {
				if step == stop {
					cancel()
				}
			}
			cancel()
			if !errors.Is(run.Err(), ErrInterrupted) {
				t.Fatalf("interrupted run ended with %v", run.Err())
			}
			if got := w.run(t, r, w.pool, true); got != want {
				t.Errorf("resumed after step %d: %s, uninterrupted: %s", stop, got, want)
			}
		}
		r := whole
		r.Replay = w.path("domain.replay")
		if _, err := Open(r, w.pool, true); !errors.Is(err, ErrNotThisRun) {
			t.Errorf("resumed with a record without the base model's text: %v", err)
		}
	}
}

// The tail's proposal counts what is rehearsed, and a plan counts its memory.
func TestRehearsalIsCounted(t *testing.T) {
	w := newWorkshop(t)
	r := w.recipe("")
	r.Out, r.Replay, r.Rehearse = "", w.own(t, 5), 0.5
	run, err := Open(r, w.pool, false)
	if err != nil {
		t.Fatal(err)
	}
	vocab := run.Model().Config.VocabSize
	domain, all := run.domain.record.GoldCounts(vocab), run.goldCounts(vocab)
	more := 0
	for id := range all {
		if all[id] > domain[id] {
			more++
		}
	}
	if more == 0 {
		t.Error("the proposal counts the domain alone")
	}
	plan := func(share float64) int {
		r := r
		r.Rehearse, r.MicroBatchSize = share, 100
		p, err := NewPlan(t.Context(), r, w.pool)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := Open(r, w.pool, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := opened.workload().MicroTokens; got != p.Tokens {
			t.Errorf("share %g: the plan has %d tokens in memory, the run %d", share, p.Tokens, got)
		}
		return p.Tokens
	}
	if with, without := plan(0.5), plan(0); with != 2*without {
		t.Errorf("%d tokens in memory with as many packs rehearsed as there are of the domain, %d without", with, without)
	}
	if text := strings.Join(run.Notices, "\n"); !strings.Contains(text, "rehearse: ") || !strings.Contains(text, "the record holds only 5") {
		t.Errorf("notices %q", text)
	}
}

// An id that every position holds belongs to the prefix for the soft loss, whether or not it is gold.
func TestInside(t *testing.T) {
	u := &loss.Subsets{Offsets: []int32{0, 3, 6, 8}, IDs: []int32{2, 5, 9, 4, 5, 9, 5, 7}, Gold: []int32{1, 0, 1}, Outside: []bool{true, true, false}}
	(&source{always: []int32{5, 7}}).inside(&data.Sequence{Subsets: u})
	if want := []bool{false, true, false}; !slices.Equal(u.Outside, want) {
		t.Errorf("outside %v, want %v", u.Outside, want)
	}
}
