package replay

import (
	"slices"

	"reprise/data"
)

// GaugePacks reads all held-out packs of the file, each into its own memory: what eval.Evaluator.Forgetting measures on. There are
// none in a record of version 1.
//
// Forgetting is estimated from the ids that would have been recorded whatever had been drawn. They include those of Always, so an
// id of these that was drawn is not marked Outside here, even if it was not in the prefix.
func (r *Reader) GaugePacks() ([]data.Sequence, error) {
	packs := make([]data.Sequence, r.Gauged())
	for i := range packs {
		if err := r.GaugePack(i, &packs[i]); err != nil {
			return nil, err
		}
		u := packs[i].Subsets
		for p, gold := range u.Gold {
			if slices.Contains(r.h.Rehearsal.Always, u.IDs[u.Offsets[p]+gold]) {
				u.Outside[p] = false
			}
		}
	}
	return packs, nil
}
