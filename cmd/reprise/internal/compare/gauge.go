package compare

import (
	"context"
	"fmt"
	"path/filepath"

	"reprise/data"
	"reprise/replay"
)

// gaugeSeed is the seed of the packs on which every cell's gauge is measured. No cell has it, so none trains on them.
const gaugeSeed = 1 << 40

// ownPacks are packs that the base model wrote, the same for all cells, on which the gauge of forgetting is measured; none if the
// grid asks for none.
func (r *Runner) ownPacks(ctx context.Context) ([]data.Sequence, error) {
	if r.grid.Gauge == 0 || r.own != nil {
		return r.own, nil
	}
	out := filepath.Join(r.grid.Out, "records", fmt.Sprintf("gauge-%d-len%d.replay", r.grid.Gauge, r.grid.Record.MaxSeqLen))
	_, err := replay.Record(ctx, replay.Job{
		Model: r.base.Model, ModelFingerprint: r.base.Fingerprint, Tokenizer: r.base.Tokenizer, Pool: r.pool, Rule: r.grid.Record.Rule,
		MaxSeqLen: r.grid.Record.MaxSeqLen, Seed: gaugeSeed, Out: out, Rehearse: &replay.Rehearse{Gauge: r.grid.Gauge},
	})
	if err != nil {
		return nil, err
	}
	record, err := replay.Open(out)
	if err != nil {
		return nil, err
	}
	defer record.Close()
	r.own, err = record.GaugePacks()
	return r.own, err
}
