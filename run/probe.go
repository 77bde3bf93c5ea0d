package run

import (
	"context"
	"errors"
	"slices"

	"reprise/data"
	"reprise/eval"
	"reprise/replay"
	"reprise/tensor"
)

// A probe measures the model in training on a few recorded packs, which stay in memory: rho on a sample of the domain's, forgetting
// on those that the base model wrote and that are held out. Both work in the memory that the steps leave idle.

// probePositions is the least number of positions that rho is measured on; the sample consists of whole packs.
const probePositions = 512

// newProbe draws the sample that rho is measured on, which replay's losses need: from the record that is in use.
func (r *Run) newProbe() (err error) {
	if r.Recipe.Loss == "replay" {
		r.probe, err = rhoSample(r.domain, r.Recipe.Seed)
	}
	return err
}

// rhoSample reads packs in an order that the seed draws, until they hold enough positions.
func rhoSample(s *source, seed uint64) (packs []data.Sequence, err error) {
	n := 0
	for _, pack := range tensor.NewRNG(seed, "rho", 0).Perm(s.len()) {
		if n >= probePositions {
			break
		}
		var q data.Sequence
		if err := s.read(pack, &q); err != nil {
			return nil, err
		}
		packs = append(packs, q)
		n += len(q.Subsets.Rows)
	}
	return packs, nil
}

// rho is the mean and the 95th percentile of the mass that the model gives to ids outside the recorded subsets.
func (r *Run) rho(ctx context.Context) (mean, p95 float64, err error) {
	all, err := r.eval.Rho(ctx, r.probe)
	if err != nil || len(all) == 0 {
		return 0, 0, err
	}
	for _, x := range all {
		mean += x
	}
	slices.Sort(all)
	return mean / float64(len(all)), all[(len(all)-1)*95/100], nil
}

// heldOut reads the packs that forgetting is measured on: none if the record has none. They are those of the record that the run
// began with, whatever a refresh makes of its other sequences.
func heldOut(record *replay.Reader) ([]data.Sequence, error) {
	if record == nil {
		return nil, nil
	}
	return record.GaugePacks()
}

// gauge measures forgetting, if the record has packs for that. A model that has diverged only gets a warning: the next step says
// more.
func (r *Run) gauge(ctx context.Context, e *Event) error {
	if len(r.held) == 0 {
		return nil
	}
	f, err := r.eval.Forgetting(ctx, r.held)
	switch {
	case errors.Is(err, eval.ErrNotFinite):
		e.warn(err.Error())
	case err != nil:
		return err
	default:
		e.Forgetting = &f
	}
	return nil
}
