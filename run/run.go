package run

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"time"

	"reprise/base"
	"reprise/checkpoint"
	"reprise/data"
	"reprise/eval"
	"reprise/loss"
	"reprise/model"
	"reprise/optim"
	"reprise/replay"
	"reprise/tensor"
	"reprise/train"
)

// Event is what a run reports after every step, before the first one (step 0) and whenever it evaluates.
type Event struct {
	Step         int           `json:"step"`
	Steps        int           `json:"steps"`
	LossReplay   *float64      `json:"loss_replay,omitempty"`   // mean over the batch's targets; not a full cross-entropy
	LossFull     *float64      `json:"loss_full,omitempty"`     // mean over the batch's targets, for loss: full
	LossRehearse *float64      `json:"loss_rehearse,omitempty"` // mean over the targets that are rehearsed, as rehearse_loss defines it; the other means are then without them
	LR           float64       `json:"lr,omitempty"`
	GradNorm     float64       `json:"grad_norm,omitempty"` // before clipping
	Clip         float64       `json:"clip,omitempty"`      // factor of global-norm clipping
	Phi          *float64      `json:"phi_median,omitempty"`
	Capped       *float64      `json:"capped,omitempty"` // share of tensors whose angle was capped
	Tokens       int           `json:"tokens,omitempty"` // of this step
	Seconds      float64       `json:"seconds"`          // since the run began, without evaluations
	KL           *float64      `json:"kl,omitempty"`     // mean KL(base ‖ model) over the batch's targets, as the kl term estimates it
	Rho          *float64      `json:"rho,omitempty"`    // mean mass outside the subsets, measured exactly on a sample
	RhoP95       *float64      `json:"rho_p95,omitempty"`
	Groups       []Group       `json:"groups,omitempty"`          // at evaluations: angles since the last evaluation, update and weights of this step
	Refreshed    string        `json:"refreshed,omitempty"`       // record that was made again before this step
	Refreshing   float64       `json:"refresh_seconds,omitempty"` // spent on making records again, since the run began
	Eval         []eval.Result `json:"eval,omitempty"`
	Checkpoint   string        `json:"checkpoint,omitempty"`
	Warning      string        `json:"warning,omitempty"`

	Forgetting *eval.Forgetting `json:"forgetting,omitempty"` // at evaluations, on text that the base model wrote, if the record holds some out

	Reset    *float64 `json:"reset,omitempty"`    // share of all weights that the reset after this step changed
	Averaged int      `json:"averaged,omitempty"` // at evaluations: states in the average that was measured; absent: the weights themselves
}

// Run is a training run: a recipe with its model, data and records opened.
type Run struct {
	Recipe Recipe
	Base   *base.Base
	Steps  int // of the whole run

	// Notices are sentences for the user that are known before the first step.
	Notices []string

	pool      *tensor.Pool
	digest    string // of everything that decides the result
	domain    *source
	mix       *source // nil without mixing
	rehearsal *source // packs that the base model wrote; nil: none
	perBatch  int     // sequences of a step from domain,
	mixed     int     // from mix
	written   int     // and from rehearsal
	stepper   *train.Stepper
	schedule  optim.Schedule
	eval      *eval.Evaluator
	sets      []eval.Set
	probe     []data.Sequence // rho is measured on them
	held      []data.Sequence // forgetting is measured on them: text that the base model wrote
	space     space           // averages, pulls towards the base model

	angles angleLog
	record int // step before which the record was last made again; 0: never

	recording *onTheFly // nil unless the first epoch is recorded
	recorded  bool      // the record of the first epoch is finished
	resumed   bool      // the run continues from what is in its directory
	earlier   bool      // it was begun by a program without schedule_end

	generation []byte // generation_config.json of the trained model; nil: the base model's
	from       string // checkpoint that it continues from

	told   bool            // a measurement was reported, with what reading its files changed or left out
	logged map[string]bool // such notices that metrics.jsonl holds, after the names of their sets

	done       int // steps taken
	last       Event
	untold     bool   // last was not reported before the run was interrupted
	notice     string // about resuming, for the next event
	seconds    float64
	refreshing float64 // seconds spent on making records again
	best       float64 // lowest loss of the first evaluation set
	err        error
}

// Open checks a recipe and opens the model and the data. With resume, a run directory that exists is continued from its
// newest checkpoint; without, it must not exist or be empty.
func Open(r Recipe, pool *tensor.Pool, resume bool) (*Run, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	b, err := openBase(r)
	if err != nil {
		return nil, err
	}
	return open(r, b, pool, resume)
}

// openBase reads the base model, or makes a fresh one.
func openBase(r Recipe) (*base.Base, error) {
	if r.Init != "" {
		return base.Fresh(r.Init, r.Tokenizer, r.Seed)
	}
	return base.Open(r.Model)
}

// open is Open for a base model that is in memory.
func open(r Recipe, b *base.Base, pool *tensor.Pool, resume bool) (*Run, error) {
	run := &Run{Recipe: r, Base: b, pool: pool, best: math.Inf(1), logged: map[string]bool{}}
	var err error
	if run.domain, err = openSource(r.Replay, r.Data, r, r.KL > 0, b); err != nil {
		return nil, err
	}
	if r, err = run.follow(r); err != nil {
		return nil, err
	}
	run.Recipe = r // its directory keeps the seam that counted
	run.perBatch, run.mixed, run.written = r.Batch(run.domain.len(), r.Mix != "", run.domain.record != nil && run.domain.record.Rehearsed() > 0)
	if r.Mix != "" {
		record, text := r.Mix, ""
		if r.Loss == "full" && !r.mixProbabilities() && data.KnownName(r.Mix) {
			record, text = "", r.Mix
		}
		if record != "" && data.KnownName(r.Mix) {
			return nil, fmt.Errorf("run: mix: %s is data, and %w, which loss replay, kl, and rehearse_loss soft and kl need", r.Mix, replay.ErrNotRecord)
		}
		if run.mix, err = openSource(record, text, r, r.mixProbabilities(), b); err != nil {
			return nil, err
		}
		run.mix.ring = make([]data.Sequence, run.mixed)
		if run.perBatch < 1 {
			return nil, fmt.Errorf("run: global_batch_size: 1 leaves no room for mix; want 2 or more")
		}
	}
	run.openRehearsal()
	run.Notices = append(run.Notices, run.domain.notices...)
	if run.mix != nil {
		run.Notices = append(run.Notices, run.mix.notices...)
		run.Notices = append(run.Notices, run.otherSeam(r)...)
	}
	run.Steps = run.stepsPerEpoch() * r.Epochs
	if r.MaxSteps > 0 {
		run.Steps = min(run.Steps, r.MaxSteps)
	}
	run.resumed = resume && run.begun()
	run.keepSchedule()
	run.schedule = run.Recipe.schedule(run.Steps)
	for _, s := range r.Eval.Data {
		set, err := eval.ParseSet(s)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(set.Path); err != nil {
			return nil, fmt.Errorf("run: eval.data: %w", err)
		}
		run.sets = append(run.sets, set)
	}
	run.eval = &eval.Evaluator{Model: b.Model, Pool: pool, Tokenizer: b.Tokenizer, MaxSeqLen: r.MaxSeqLen, Reading: r.Reading}
	if err := run.newProbe(); err != nil {
		return nil, err
	}
	if run.held, err = heldOut(run.domain.record); err != nil {
		return nil, err
	}
	if run.stepper, err = train.NewStepper(b.Model, pool, run.objective(), r.Config, run.workload()); err != nil {
		return nil, err
	}
	if err := run.openSpace(); err != nil {
		return nil, err
	}
	run.eval.Idle = run.stepper.Pass()
	header, err := run.planRecording()
	if err != nil {
		return nil, err
	}
	if err := run.nameEnds(); err != nil {
		return nil, err
	}
	run.Notices = append(run.Notices, run.idle()...)
	run.digest = run.newDigest()
	if err := run.prepareDir(resume); err != nil {
		return nil, err
	}
	return run, run.openRecording(header)
}

// objective is the loss that the recipe asks for.
func (r *Run) objective() train.Objective {
	o := train.Objective{KL: r.Recipe.KL, Masked: r.Recipe.KLForm == "masked", Weights: weights[r.Recipe.TokenWeights]}
	if r.rehearsal != nil || r.Recipe.mixRehearsed() {
		o.Rehearse, o.RehearseWeight = kinds[r.Recipe.RehearseLoss], r.Recipe.RehearseWeight
	}
	if r.Recipe.Loss != "replay" {
		return o
	}
	vocab := r.Base.Model.Config.VocabSize
	o.Replay, o.Bare, o.TailN, o.Seed = true, r.Recipe.Tail == "none", r.Recipe.TailDraws(vocab), r.Recipe.Seed
	if o.Bare {
		return o
	}
	o.Proposal = loss.Uniform(vocab)
	if r.Recipe.Proposal == "frequency" {
		o.Proposal = loss.Frequency(r.goldCounts(vocab))
	}
	return o
}

// workload says how much the steps compute, to plan memory.
func (r *Run) workload() train.Workload {
	seqLen, ids := r.domain.size()
	for _, s := range []*source{r.mix, r.rehearsal} {
		if s != nil {
			n, k := s.size()
			seqLen, ids = max(seqLen, n), max(ids, k)
		}
	}
	return r.Recipe.workload(r.Base.Model.Config, r.domain.len(), r.rehearsal != nil, seqLen, ids, r.pool.Workers())
}

// Events runs the steps and yields an event for each. It ends early when ctx is cancelled (after saving) or on an error; see
// Err.
func (r *Run) Events(ctx context.Context) iter.Seq2[int, Event] {
	return func(yield func(int, Event) bool) {
		defer r.closeRecording()
		r.err = r.loop(ctx, func(e Event) bool { return yield(e.Step, e) })
	}
}

// Err is the error that ended Events; nil after a complete run.
func (r *Run) Err() error { return r.err }

var errStopped = errors.New("run: the consumer of the events stopped")

func (r *Run) loop(ctx context.Context, yield func(Event) bool) error {
	release, err := r.takeDir()
	if err != nil {
		return err
	}
	defer release()
	if r.done == 0 {
		e := Event{Steps: r.Steps}
		for _, text := range r.warnings() {
			e.warn(text)
		}
		if err := r.measure(ctx, &e); err != nil {
			return err
		}
		if !r.report(e, yield) {
			return errStopped
		}
	}
	if r.untold {
		if err := r.conclude(ctx, yield); err != nil {
			return err
		}
	}
	batch := make([]*data.Sequence, 0, r.Recipe.GlobalBatchSize+r.written)
	for r.done < r.Steps {
		if ctx.Err() != nil {
			return r.interrupted()
		}
		refreshed, err := r.refresh(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return r.interrupted()
			}
			return err
		}
		e, err := r.step(&batch)
		if err != nil {
			return fmt.Errorf("%w; the run stopped before changing the weights; the last checkpoint is %s", err, r.lastCheckpoint())
		}
		if err := r.act(&e); err != nil {
			return fmt.Errorf("%w; the weights of this step are lost, and a resumed run continues from the last checkpoint: %s", err, r.lastCheckpoint())
		}
		if err := r.recordStep(); err != nil {
			return err
		}
		e.Refreshed, e.Refreshing = refreshed, r.refreshing
		last := r.done == r.Steps
		if r.measures(r.done) {
			e.Groups = r.angles.groups(r.stepper, e.LR) // before saving: this resets the angles, and the checkpoint holds them
		}
		r.last = e
		if every := r.Recipe.Save.Every; last || every > 0 && r.done%every == 0 {
			if r.last.Checkpoint, err = r.save(); err != nil {
				return err
			}
		}
		if err := r.conclude(ctx, yield); err != nil {
			return err
		}
	}
	return r.finish()
}

// conclude evaluates if that is due after the last step, and reports the step.
func (r *Run) conclude(ctx context.Context, yield func(Event) bool) error {
	e := r.last
	if r.measures(r.done) {
		if err := r.measure(ctx, &e); err != nil {
			if ctx.Err() != nil {
				return r.interrupted()
			}
			return err
		}
	}
	if text := r.unchanged(); text != "" {
		e.warn(text)
	}
	if !r.report(e, yield) {
		_, err := r.save()
		return errors.Join(errStopped, err)
	}
	return nil
}

// unchanged says after the last step that the model has not learnt anything, if its weights are the base model's, or will be once they
// are written in final/'s type.
func (r *Run) unchanged() string {
	defer r.showAverage()()
	switch {
	case r.done < r.Steps:
		return ""
	case checkpoint.TensorSHA256(r.Base.Model) == r.Base.Fingerprint:
		return "the weights did not change: after the last step they are the base model's, to the bit; look at lr, schedule_end and the loss of the steps"
	}
	stored := r.Base.DType
	if r.Recipe.DType != "" {
		stored, _ = checkpoint.ParseDType(r.Recipe.DType) // Validate has read it
	}
	if stored != checkpoint.F32 && checkpoint.StoredSHA256(r.Base.Model, stored) == r.Base.Fingerprint {
		return fmt.Sprintf("the weights that are written did not change: every change is lost when it is rounded to %s; train with a greater lr, or write dtype: f32", stored)
	}
	return ""
}

// interrupted saves the state of a cancelled run and says so.
func (r *Run) interrupted() error {
	switch dir, err := r.save(); {
	case err != nil:
		return fmt.Errorf("run: interrupted, and the state was not saved: %w", err)
	case dir == "":
		return ErrInterrupted
	default:
		return fmt.Errorf("%w; the state is saved in %s, and a resumed run continues from there", ErrInterrupted, dir)
	}
}

// measures says whether the run evaluates after a step.
func (r *Run) measures(step int) bool {
	every := r.Recipe.Eval.Every
	return step == r.Steps || every > 0 && step%every == 0
}

// step takes one optimizer step on the next batch.
func (r *Run) step(batch *[]*data.Sequence) (Event, error) {
	start := time.Now()
	domain, err := r.gather(batch)
	if err != nil {
		return Event{}, err
	}
	lr := r.rate(r.done + 1)
	r.stepper.Optimizer.Measure = r.measures(r.done + 1)
	mean, err := r.stepper.StepRehearsing((*batch)[:domain], (*batch)[domain:], r.Recipe.MicroBatchSize, r.done+1, lr)
	if err != nil {
		return Event{}, err
	}
	r.done++
	r.seconds += time.Since(start).Seconds()
	e := Event{Step: r.done, Steps: r.Steps, LR: lr, GradNorm: r.stepper.Stats.GradNorm, Clip: r.stepper.Stats.Clip, Seconds: r.seconds}
	for _, q := range *batch {
		e.Tokens += len(q.IDs)
	}
	if r.Recipe.Loss == "replay" {
		e.LossReplay = &mean
	} else {
		e.LossFull = &mean
	}
	if domain < len(*batch) {
		again := r.stepper.Rehearsed
		e.LossRehearse = &again
	}
	if r.Recipe.KL > 0 {
		kl := r.stepper.KL
		e.KL = &kl
	}
	if r.Recipe.Config.Angles() {
		e.Phi, e.Capped = angles(r.stepper.Stats.Tensors)
		r.angles.add(r.stepper)
	}
	return e, nil
}

// gather reads the sequences of the next batch: those of the domain, domain many, and after them those that are rehearsed. They
// depend only on the number of steps taken.
func (r *Run) gather(batch *[]*data.Sequence) (domain int, err error) {
	*batch = (*batch)[:0]
	take := func(s *source, first, n int) error {
		for i := first; i < first+n; i++ {
			q, err := s.at(r.Recipe.Seed, i)
			if err != nil {
				return err
			}
			*batch = append(*batch, q)
		}
		return nil
	}
	per := r.stepsPerEpoch()
	epoch, within := r.done/per, r.done%per
	n := min(r.perBatch, r.domain.len()-within*r.perBatch) // the last batch of an epoch may be short
	if err := take(r.domain, epoch*r.domain.len()+within*r.perBatch, n); err != nil {
		return 0, err
	}
	domain = n
	if r.mix != nil {
		k := r.mixed
		if err := take(r.mix, r.done*k, k); err != nil {
			return 0, err
		}
		if !r.Recipe.mixRehearsed() {
			domain += k
		}
	}
	if k := r.written; k > 0 {
		err = take(r.rehearsal, r.done*k, k)
	}
	return domain, err
}

// measure evaluates the sets, measures rho and forgetting, and saves the weights as best/ if the loss is the lowest so far.
func (r *Run) measure(ctx context.Context, e *Event) error {
	defer r.showAverage()()
	e.Averaged = r.averaged(r.done)
	for _, s := range r.sets {
		result, err := r.eval.Run(ctx, s)
		if err != nil {
			return err
		}
		if r.told {
			result.Notices = nil
		}
		e.Eval = append(e.Eval, result)
	}
	if r.probe != nil {
		rho, p95, err := r.rho(ctx)
		if err != nil {
			return err
		}
		e.Rho, e.RhoP95 = &rho, &p95
		if rho > 0.2 && r.Recipe.Tail == "none" {
			e.warn(fmt.Sprintf("rho is %.2f: the model now gives this much probability to ids that the record does not hold, so "+
				"the record is stale. Train with tail: sampled, or let refresh.rho_above make the record again", rho))
		}
	}
	if err := r.gauge(ctx, e); err != nil {
		return err
	}
	if loss, ok := r.deciding(e); ok && loss < r.best && r.Recipe.Out != "" && r.done > 0 {
		r.best = loss
		return r.saveModel("best")
	}
	return nil
}

// warn appends a warning to the event.
func (e *Event) warn(text string) {
	if e.Warning != "" {
		text = e.Warning + "; " + text
	}
	e.Warning = text
}

// deciding is the loss that best/ follows, if the event has one.
func (r *Run) deciding(e *Event) (loss float64, ok bool) {
	if len(e.Eval) == 0 || e.Eval[0].Name != r.bestOf() || e.Eval[0].Loss == nil {
		return 0, false
	}
	return *e.Eval[0].Loss, true
}

// bestOf names the evaluation set that best/ follows.
func (r *Run) bestOf() string {
	if len(r.sets) == 0 {
		return ""
	}
	return r.sets[0].Name
}

// finish writes the trained model, and leaves it in Model.
func (r *Run) finish() error {
	r.showAverage()
	if r.Recipe.Out == "" {
		return nil
	}
	return r.saveModel("final")
}

func (r *Run) path(name string) string { return filepath.Join(r.Recipe.Out, name) }

// Model is the model in training. After the last step it holds the weights of final/, which may be an average.
func (r *Run) Model() *model.Model { return r.Base.Model }

// From is the checkpoint that a resumed run continues from, as a path; "" for a run that starts at its first step.
func (r *Run) From() string { return r.from }

// Seconds is the time spent in training steps: data, forward, backward, optimizer.
func (r *Run) Seconds() float64 { return r.seconds }

// RefreshSeconds is the time spent on making records again, including measurements of rho for that purpose.
func (r *Run) RefreshSeconds() float64 { return r.refreshing }
