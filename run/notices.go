package run

import "fmt"

// idle lists what the recipe asks for and this run will not do, because it is too short or its data too small for it. Such a run ends
// well, so nothing else would tell.
func (r *Run) idle() (list []string) {
	c := &r.Recipe
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if all := r.stepsPerEpoch() * c.Epochs; c.MaxSteps > all {
		say("max_steps: %d, but the data gives %d in all (epochs: %d); more epochs give more steps", c.MaxSteps, all, c.Epochs)
	}
	if n := r.domain.len(); n < r.perBatch {
		say("global_batch_size: %d takes %d sequences of the data a step, but there are only %d; a smaller one gives more steps", c.GlobalBatchSize, r.perBatch, n)
	}
	if every := c.Eval.Every; every > r.Steps && len(c.Eval.Data) > 0 {
		say("eval.every: %d is never reached in %d steps; the run is measured before the first and after the last", every, r.Steps)
	}
	if every := c.Save.Every; every > r.Steps {
		say("save.every: %d is never reached in %d steps; only the end is saved, or an interruption", every, r.Steps)
	}
	if every := c.Refresh.EveryEpochs * r.stepsPerEpoch(); every >= r.Steps && every > 0 {
		say("refresh.every_epochs: %d comes to nothing: a record is made again before a step, and the run ends after %d", c.Refresh.EveryEpochs, r.Steps)
	}
	if every := c.Refresh.CheckEvery; c.Refresh.RhoAbove > 0 && every >= r.Steps {
		say("refresh.check_every: %d comes to nothing: rho is measured before a step, and the run ends after %d", every, r.Steps)
	}
	if first := c.Config.FirstCap(); c.Config.Angles() && first > r.Steps {
		say("moclip caps angles from step %d (cap_start), and the run ends after %d: no angle is capped", first, r.Steps)
	}
	if r.mix != nil {
		taken, have := r.Steps*r.mixed, r.mix.len()
		if times := (taken + have - 1) / have; times > max(c.Epochs, 1) {
			say("mix: %d sequences are taken and only %d are there, so that each is read up to %d times; more general text would be better", taken, have, times)
		}
	}
	if r.rehearsal != nil {
		taken, have := r.Steps*r.written, r.rehearsal.len()
		if times := (taken + have - 1) / have; times > 2*max(c.Epochs, 1) {
			say("rehearse: %d packs are taken and the record holds only %d, so that each is read up to %d times; record with more of them", taken, have, times)
		}
	}
	return list
}
