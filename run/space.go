package run

import (
	"fmt"
	"time"

	"reprise/checkpoint"
	"reprise/optim"
	"reprise/tensor"
)

// AveragePlan says whether a run also keeps a mean of its weights. Evaluations and the trained model are then the mean's, from the
// step on that it begins after.
type AveragePlan struct {
	Kind  string  `yaml:"kind" bound:"none|swa|ema" help:"Mean of the weights along the run that evaluations, best/ and final/ take in their place: swa weighs all states alike, ema the later ones more."`
	Start float64 `yaml:"start" bound:"[0,1)" when:"average.kind=swa|ema" help:"Share of the steps after which the mean begins, with the weights of that moment."`
	Every int     `yaml:"every" bound:"[0,)" zero:"10 with swa, 1 with ema" when:"average.kind=swa|ema" help:"Steps between the states that enter the mean."`
	Decay float64 `yaml:"decay" bound:"[0,1)" when:"average.kind=ema" help:"What every new state leaves of the mean."`
	LR    float64 `yaml:"lr" bound:"[0,1]" zero:"the schedule goes on" when:"average.kind=swa|ema" help:"Rate from that step on, as a constant share of lr: under a rate that falls to 0 all states are nearly the same."`
}

// ResetPlan says when a run pulls weights back to the base model, once (weight space consolidation, arXiv 2502.07274).
type ResetPlan struct {
	At    float64 `yaml:"at" bound:"[0,1]" zero:"never" help:"Share of the steps after which the weights of low score are pulled back to the base model, once."`
	Keep  float64 `yaml:"keep" bound:"[0,1]" when:"reset.at" help:"Share of every tensor's weights, those of highest score, that stay."`
	Alpha float64 `yaml:"alpha" bound:"[0,1]" when:"reset.at" help:"Share of their way from the base model that the others keep."`
	Score string  `yaml:"score" bound:"moments|abs" when:"reset.at" help:"The score is |m|·v of the optimizer's moments, or with abs the running mean of |gradient| times v, which takes 4 bytes a weight."`
}

// space is what acts on the weights as a whole while a run trains: L2-SP, the reset, the average.
type space struct {
	base    *checkpoint.Stored   // the weights that are pulled to; nil: none are
	readers []*checkpoint.Reader // of every worker
	params  []*tensor.Param
	average *optim.Average // nil: none
	shown   bool           // the model holds the average, and the average the weights in training
}

// pulls says whether the run needs the base model's weights while it trains.
func (r Recipe) pulls() bool { return r.L2SP > 0 || r.Reset.At > 0 }

// kept is the number of values for every weight that the run keeps beside the usual ones.
func (r Recipe) kept() (n int) {
	if r.Average.Kind != "none" {
		n++
	}
	if r.Reset.At > 0 && r.Reset.Score == "abs" {
		n++
	}
	return n
}

// openSpace prepares what the recipe asks for, once the stepper is there. The base model's weights are read from its files, so that
// they take no memory.
func (r *Run) openSpace() (err error) {
	s, c := &r.space, r.Recipe
	if c.pulls() {
		if r.Base.Dir == "" {
			return fmt.Errorf("run: l2_sp and reset read the base model's weights from its directory, and this model has none")
		}
		if s.base, err = checkpoint.OpenStored(r.Base.Dir); err != nil {
			return err
		}
		for range r.pool.Workers() {
			s.readers = append(s.readers, s.base.Reader())
		}
		for p := range r.Base.Model.Params() {
			s.params = append(s.params, p)
		}
	}
	if c.Reset.At > 0 && c.Reset.Score == "abs" {
		r.stepper.Optimizer.TrackMagnitudes()
	}
	if c.Average.Kind != "none" {
		s.average = r.stepper.Optimizer.NewAverage()
		if r.averageFrom() == 0 {
			s.average.Add(r.pool, 1)
		}
		if r.averaged(r.Steps) == 1 {
			r.Notices = append(r.Notices, fmt.Sprintf("average: of the %d steps none enters it after step %d, where it begins, so that final/ will hold the weights of that step; "+
				"lower average.every or average.start", r.Steps, r.averageFrom()))
		}
	}
	return nil
}

// reference reads the base model's weights.
func (r *Run) reference(worker, i, first int, dst []float32) error {
	return r.space.readers[worker].Read(r.space.params[i], first, dst)
}

// averageFrom is the step after which the average begins; 0 is before the first.
func (r *Run) averageFrom() int { return int(r.Recipe.Average.Start * float64(r.Steps)) }

// resetAt is the step after which weights are reset; 0: none.
func (r *Run) resetAt() int {
	if r.Recipe.Reset.At == 0 {
		return 0
	}
	return max(1, int(r.Recipe.Reset.At*float64(r.Steps)))
}

// rate is the learning rate of a step, counted from 1.
func (r *Run) rate(step int) float64 {
	a := r.Recipe.Average
	if a.Kind == "none" || a.LR == 0 || step <= max(r.averageFrom(), r.schedule.Warmup) {
		return r.schedule.At(step)
	}
	return r.Recipe.LR * a.LR
}

// averaged is the number of states in the average after a step; 0: it has not begun.
func (r *Run) averaged(step int) int {
	every := r.Recipe.Average.Every
	if every == 0 {
		if every = 10; r.Recipe.Average.Kind == "ema" {
			every = 1
		}
	}
	if r.Recipe.Average.Kind == "none" || step < r.averageFrom() {
		return 0
	}
	return 1 + (step-r.averageFrom())/every
}

// act does after a step, in this order, what acts on the weights as a whole: L2-SP, the reset, the average.
func (r *Run) act(e *Event) error {
	start := time.Now()
	o, c := r.stepper.Optimizer, r.Recipe
	if c.L2SP > 0 {
		if err := o.PullTo(r.pool, r.reference, min(1, e.LR*c.L2SP)); err != nil {
			return err
		}
	}
	if e.Step == r.resetAt() {
		n, err := o.Reset(r.pool, r.reference, optim.Reset{Keep: c.Reset.Keep, Alpha: c.Reset.Alpha, Abs: c.Reset.Score == "abs"})
		if err != nil {
			return err
		}
		share := float64(n) / float64(r.Base.Model.Count())
		e.Reset = &share
	}
	if n := r.averaged(e.Step); n > r.averaged(e.Step-1) {
		share := 1 / float64(n)
		if c.Average.Kind == "ema" && n > 1 {
			share = 1 - c.Average.Decay
		}
		r.space.average.Add(r.pool, share)
	}
	r.seconds += time.Since(start).Seconds()
	e.Seconds = r.seconds
	return nil
}

// showAverage puts the average in the place of the model's weights, if it has begun, and returns what undoes that.
func (r *Run) showAverage() (undo func()) {
	s := &r.space
	if s.average == nil || s.shown || r.averaged(r.done) == 0 {
		return func() {}
	}
	s.average.Swap(r.pool)
	s.shown = true
	return func() {
		s.average.Swap(r.pool)
		s.shown = false
	}
}

// spaceState lists what a checkpoint holds of this. The number of states in the average follows from the steps.
func (r *Run) spaceState() (list []checkpoint.NamedTensor) {
	i := 0
	for p := range r.Base.Model.Params() {
		if a := r.space.average; a != nil {
			list = append(list, checkpoint.NamedTensor{Name: p.Name + ".average", Shape: p.Shape, Data: a.W[i].Data})
		}
		if a := r.stepper.Optimizer.Magnitude(i); a != nil {
			list = append(list, checkpoint.NamedTensor{Name: p.Name + ".abs", Shape: p.Shape, Data: a.Data})
		}
		i++
	}
	return list
}

// checkSpace says what in the recipe's keys of this contradicts others.
func (r Recipe) checkSpace() error {
	if r.pulls() && r.Init != "" {
		key := "l2_sp"
		if r.L2SP == 0 {
			key = "reset.at"
		}
		return fmt.Errorf("run: %s: fresh weights have no base model to be pulled to; leave it out, or give model", key)
	}
	return nil
}
