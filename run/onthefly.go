package run

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/replay"
)

// RecordPlan asks for a record made on the fly: the first epoch of full cross-entropy computes all logits anyway, so picking
// the subsets costs next to nothing. The result differs from a record of Stage 0, because the model changes while it is made;
// the record's header says so (replay.Header.MovedTo). A zero field of the rule means the field's value in replay.DefaultRule.
type RecordPlan struct {
	Out         string `yaml:"out" bound:"any" holder:"FILE" help:"With loss full on data: also record the first epoch. The model changes meanwhile, and the record says so."`
	replay.Rule `yaml:",inline" zero:"the default" when:"record.out; an existing record keeps the rule that it was made with"`
}

// rule is the plan's rule, with defaults in place of zero fields.
func (p RecordPlan) rule() replay.Rule {
	r, standard := p.Rule, replay.DefaultRule()
	r.Tau, r.KMin, r.KMax = cmp.Or(r.Tau, standard.Tau), cmp.Or(r.KMin, standard.KMin), cmp.Or(r.KMax, standard.KMax)
	return r
}

// unsortedFile is the file in the run directory that collects the subsets recorded so far, in the order of the steps.
const unsortedFile = "record.unsorted"

// onTheFly is a recording of the first epoch.
type onTheFly struct {
	gather *replay.Gatherer
	order  []int // packs of the first epoch
}

// planRecording checks what the plan asks for, before anything is written, and returns the record's header.
func (r *Run) planRecording() (h replay.Header, err error) {
	plan := r.Recipe.Record
	if plan.Out == "" {
		return h, nil
	}
	cfg, rule, per := r.Base.Model.Config, plan.rule(), r.stepsPerEpoch()
	if err := rule.Validate(cfg.VocabSize); err != nil {
		return h, err
	}
	if saved := cmp.Or(r.Recipe.DType, string(r.Base.DType)); !isF32(saved) {
		return h, fmt.Errorf("run: record.out: final/ would be rounded to %s and differ from the weights that the record names; give dtype: f32", saved)
	}
	if r.Steps < per {
		return h, fmt.Errorf("run: record.out: %d steps do not reach the end of the first epoch (%d); leave max_steps out", r.Steps, per)
	}
	h = replay.Header{
		BaseModel: r.Base.Fingerprint, Tokenizer: r.Base.Tokenizer.Fingerprint(), Seam: data.SeamWords(r.Base.Tokenizer, r.Recipe.Seam),
		Config: cfg.Fingerprint(), Rule: rule, VocabSize: cfg.VocabSize,
		MaxSeqLen: r.Recipe.seqLen(cfg), Seed: r.Recipe.Seed, DataDigest: data.Digest(r.domain.packed), Sequences: len(r.domain.packed),
	}
	if dir := filepath.Dir(plan.Out); dir != filepath.Clean(r.Recipe.Out) { // the run directory is created later
		if _, err := os.Stat(dir); err != nil { // report it now rather than after an epoch
			return h, fmt.Errorf("run: record.out: %w", err)
		}
	}
	if _, err := os.Stat(plan.Out); !errors.Is(err, fs.ErrNotExist) {
		r.recorded = true
		return h, r.checkFinished(plan.Out, h)
	}
	return h, nil
}

// openRecording begins or continues what the plan asks for. A finished record of this run is left as it is.
func (r *Run) openRecording(h replay.Header) error {
	if r.Recipe.Record.Out == "" || r.recorded {
		return nil
	}
	if r.done >= r.stepsPerEpoch() {
		return fmt.Errorf("run: record.out: the first epoch is over, and %s is not there", r.Recipe.Record.Out)
	}
	gather, err := replay.Gather(r.path(unsortedFile), h, min(r.done*r.perBatch, h.Sequences))
	if err != nil {
		return err
	}
	r.recording = &onTheFly{gather: gather, order: data.Order(r.Recipe.Seed, 0, h.Sequences)}
	r.stepper.Watch = replay.NewWatcher(r.pool, r.Recipe.Record.rule(), h.VocabSize)
	return nil
}

func isF32(dtype string) bool {
	d, err := checkpoint.ParseDType(dtype)
	return err == nil && d == checkpoint.F32
}

// checkFinished accepts an existing record only if the run is resumed and its own first epoch made that record.
func (r *Run) checkFinished(path string, want replay.Header) error {
	have, err := replay.Open(path)
	if err != nil {
		return fmt.Errorf("%w; %w: choose another record.out, or move it away", err, replay.ErrExists)
	}
	defer have.Close()
	h := have.Header()
	want.MovedTo, want.Shards = h.MovedTo, h.Shards
	if d := h.Difference(&want); d != "" || !h.Moving() || !r.resumed {
		return fmt.Errorf("run: record.out: %s exists and is not this run's; %w: choose another record.out, or delete it", path, replay.ErrExists)
	}
	return nil
}

// recordStep keeps the subsets of a step's batch, and writes the record after the first epoch's last step.
func (r *Run) recordStep() error {
	if r.recording == nil {
		return nil
	}
	subsets, err := r.stepper.Watch.Subsets()
	if err != nil {
		return err
	}
	first := (r.done - 1) * r.perBatch
	packs := r.recording.order[first:min(first+r.perBatch, len(r.recording.order))]
	for i, pack := range packs { // sequences of mix come after them and are not recorded
		if err := r.recording.gather.Put(pack, r.domain.packed[pack].With(&subsets[i])); err != nil {
			return err
		}
	}
	if r.done < r.stepsPerEpoch() {
		return nil
	}
	if _, err := r.recording.gather.Finish(r.Recipe.Record.Out, checkpoint.TensorSHA256(r.Base.Model)); err != nil {
		return err
	}
	r.recording, r.stepper.Watch = nil, nil
	return nil
}

// syncRecording flushes the recording to the disk before a checkpoint is written, because the checkpoint relies on it.
func (r *Run) syncRecording() error {
	if r.recording == nil {
		return nil
	}
	return r.recording.gather.Sync()
}

// closeRecording leaves an unfinished recording for a resumed run.
func (r *Run) closeRecording() {
	if r.recording != nil {
		r.recording.gather.Close()
	}
}
