package replay

import (
	"context"
	"fmt"

	"reprise/data"
	"reprise/internal/keys"
	"reprise/loss"
	"reprise/model"
	"reprise/tensor"
)

// Rule says which ids are recorded for a position (docs/METHOD.md, Stage 0): the shortest prefix of the ids by falling
// probability whose mass reaches Tau, at least KMin and at most KMax of them, united with the gold id and with Always.
// A Tau, KMin or KMax of 0 means that of DefaultRule.
type Rule struct {
	Tau    float64 `yaml:"tau" bound:"(0,1]" old:"tau" help:"Mass that a position's ids must cover."`
	KMin   int     `yaml:"k_min" bound:"[1,1048576]" old:"k-min" help:"At least this many ids."`
	KMax   int     `yaml:"k_max" bound:"[1,1048576]" old:"k-max" help:"At most this many ids, not counting gold and always."`
	Always []int32 `yaml:"always" bound:"[0,)" old:"always" help:"Ids that every position holds."`
}

// Validate returns an error that names the field of a rule that cannot be used. The rule must have no zero fields.
func (r Rule) Validate(vocab int) error {
	if err := keys.Check(r); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	switch {
	case r.KMax < r.KMin:
		return fmt.Errorf("replay: k_max: %d, want k_min (%d) or more", r.KMax, r.KMin)
	case len(r.Always) > maxAlways:
		return fmt.Errorf("replay: always: %d ids, want at most %d", len(r.Always), maxAlways)
	}
	for _, id := range r.Always {
		if int(id) >= vocab {
			return fmt.Errorf("replay: always: id %d is outside the vocabulary of %d", id, vocab)
		}
	}
	return nil
}

// Recorder runs Stage 0: a frozen model over packed sequences. The logits of a block of positions exist one vocabulary
// tile at a time. Its memory, without the model's, is O(positions · KMax), independent of the vocabulary.
type Recorder struct {
	pass  *model.Pass
	tiles loss.Tiles
	pick  *Picker
	batch model.Batch
	rows  []int32 // of the batch's hidden states, one for every position that carries loss
}

// NewRecorder prepares a recorder. The rule must be valid for the model's vocabulary; its zero fields are those of DefaultRule.
func NewRecorder(m *model.Model, pool *tensor.Pool, rule Rule) *Recorder {
	return &Recorder{pass: model.NewPass(m, pool, false), pick: NewPicker(rule, m.Config.VocabSize, pool.Workers(), loss.Block)}
}

// Sequences records a batch of packed sequences and returns one result per sequence. All sequences run through the model
// together. Of their positions only those that carry loss go through the head, also together.
func (r *Recorder) Sequences(ctx context.Context, seqs []data.Sequence) ([]loss.Subsets, error) {
	r.batch.Reset()
	r.pick.begin(0)
	r.rows = r.rows[:0]
	for i := range seqs {
		r.batch.Append(seqs[i].IDs, seqs[i].DocStarts)
		r.rows = r.pick.add(r.rows, &seqs[i])
	}
	out := newSubsets(len(seqs))
	if len(r.rows) == 0 {
		return out, nil
	}
	h := r.pass.Forward(r.batch)
	for lo, hi := range loss.Blocks(len(r.rows)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.pick.block(lo, hi)
		r.tiles.Run(r.pass.Pool, r.pass.Model.Head(), h, r.rows[lo:hi], r.pick)
		if err := r.pick.end(r.pass.Pool, hi-lo, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func newSubsets(n int) []loss.Subsets {
	out := make([]loss.Subsets, n)
	for i := range out {
		out[i].Offsets = append(out[i].Offsets, 0)
	}
	return out
}
