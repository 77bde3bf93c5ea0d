package run

import (
	"context"
	"fmt"
	"time"

	"reprise/checkpoint"
	"reprise/replay"
)

// A refresh makes the record again with the model in training: the same packs, new subsets. It happens before a step, so
// that it depends only on the steps taken. A resumed run uses the finished record, completes a partial one, or makes it from
// the same weights with the same bits.

// stepsPerEpoch is the number of steps that take every sequence of the domain once.
func (r *Run) stepsPerEpoch() int { return (r.domain.len() + r.perBatch - 1) / r.perBatch }

// sequences is the number of sequences that all steps take, including those of mix and those that are rehearsed.
func (r *Run) sequences() int {
	per := r.stepsPerEpoch()
	domain := r.Steps/per*r.domain.len() + min(r.Steps%per*r.perBatch, r.domain.len())
	return domain + r.Steps*(r.mixed+r.written)
}

// due says whether the plan asks for a new record before the next step.
func (r *Run) due(ctx context.Context) (bool, error) {
	plan := r.Recipe.Refresh
	if r.done == 0 || r.done == r.record {
		return false, nil
	}
	per := r.stepsPerEpoch()
	if every := plan.EveryEpochs * per; every > 0 && r.done%every == 0 {
		return true, nil
	}
	if plan.RhoAbove == 0 {
		return false, nil
	}
	check := plan.CheckEvery
	if check == 0 {
		check = max(1, per/8)
	}
	if r.done%check != 0 {
		return false, nil
	}
	rho, _, err := r.rho(ctx)
	return rho > plan.RhoAbove, err
}

// refresh makes the records again if that is due, and returns the domain's new file.
func (r *Run) refresh(ctx context.Context) (string, error) {
	if !r.Recipe.Refresh.on() {
		return "", nil
	}
	start := time.Now()
	defer func() { r.refreshing += time.Since(start).Seconds() }()
	if due, err := r.due(ctx); !due || err != nil {
		return "", err
	}
	print := checkpoint.TensorSHA256(r.Base.Model)
	for kind, s := range r.sources() {
		_, err := replay.Again(ctx, replay.Job{
			Model: r.Base.Model, ModelFingerprint: print, Tokenizer: r.Base.Tokenizer, Pool: r.pool, Out: r.recordPath(kind, r.done),
		}, s.record)
		if err != nil {
			return "", err
		}
	}
	return r.recordPath("domain", r.done), r.useRecords(r.done)
}

// sources are the records that a refresh replaces.
func (r *Run) sources() map[string]*source {
	list := map[string]*source{"domain": r.domain}
	if r.mix != nil {
		list["mix"] = r.mix
	}
	return list
}

func (r *Run) recordPath(kind string, step int) string {
	return r.path(fmt.Sprintf("%s-%06d.replay", kind, step))
}

// useRecords switches to the records that were made before step+1.
func (r *Run) useRecords(step int) error {
	for kind, s := range r.sources() {
		fresh, err := replay.Open(r.recordPath(kind, step))
		if err != nil {
			return fmt.Errorf("%w; the run made this record before step %d and needs it: put it back, or train from the start", err, step+1)
		}
		if kind == "domain" && r.rehearsal != nil {
			if fresh.Rehearsed() != r.rehearsal.len() {
				return fmt.Errorf("run: %s %w: it lacks the text that the base model wrote; choose another out", r.recordPath(kind, step), ErrNotThisRun)
			}
			r.rehearsal.record = fresh
		}
		if fresh.Header().DataDigest != s.record.Header().DataDigest {
			return fmt.Errorf("run: %s %w: it holds other sequences than the run's record; choose another out", r.recordPath(kind, step), ErrNotThisRun)
		}
		s.record.Close()
		s.record = fresh
	}
	r.record = step
	return r.newProbe()
}
