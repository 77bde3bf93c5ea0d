package run

import (
	"fmt"
	"io"
	"slices"

	"reprise/data"
	"reprise/loss"
)

// What is rehearsed in a step are packs that the base model wrote itself, which the domain's record holds, and with mix_loss:
// rehearsal the sequences of mix. They come after the domain's.

// kinds are the losses of what is rehearsed, under their names in a recipe.
var kinds = map[string]loss.Kind{"ce": loss.CE, "soft": loss.Soft, "kl": loss.KL}

// weights are those of positions, under their names in a recipe.
var weights = map[string]loss.Weights{"none": loss.Even, "dft": loss.DFT, "eaft": loss.EAFT}

// mixRehearsed says whether the sequences of mix are rehearsed.
func (r Recipe) mixRehearsed() bool { return r.Mix != "" && r.MixLoss == "rehearsal" }

// mixProbabilities says whether the loss reads the base model's probabilities at the positions of mix.
func (r Recipe) mixProbabilities() bool {
	if r.mixRehearsed() {
		return r.RehearseLoss != "ce"
	}
	return r.KL > 0
}

// openRehearsal makes the source of self-written packs from the domain's record; without such packs there is none.
func (r *Run) openRehearsal() {
	record := r.domain.record
	if r.Recipe.Rehearse == 0 || record == nil {
		return
	}
	if record.Rehearsed() == 0 {
		if r.Recipe.Rehearse != DefaultRecipe().Rehearse {
			r.Notices = append(r.Notices, r.NothingToRehearse())
		}
		return
	}
	r.rehearsal = &source{epoch: -1, ring: make([]data.Sequence, r.written), record: record, always: record.Header().Rehearsal.Always, written: true}
}

// NothingToRehearse is a notice if the recipe asks for rehearsal and its record has nothing for it; else "". It is among Notices if
// rehearse is not at its default.
func (r *Run) NothingToRehearse() string {
	record := r.domain.record
	if r.Recipe.Rehearse == 0 || record == nil || r.rehearsal != nil {
		return ""
	}
	why := ""
	if h := record.Header(); h.Moving() {
		why = ", because it was made while a model was trained"
	}
	return fmt.Sprintf("rehearse: %g has no effect: %s holds no text that the base model wrote%s; record the data again", r.Recipe.Rehearse, r.Recipe.Replay, why)
}

// digestRehearsal writes what decides the self-written packs; without such packs it writes nothing, so that the digests of runs
// from before rehearsal stay as they are.
func (r *Run) digestRehearsal(to io.Writer) {
	if r.rehearsal == nil {
		return
	}
	record := r.domain.record
	h := record.Header().Rehearsal
	fmt.Fprintf(to, "rehearsal %d %x %g %d %d %v %s\n", record.Rehearsed(), record.RehearsalDigest(), h.Tau, h.KMin, h.KMax, h.Always, h.BaseModel)
}

// goldCounts is how often each id is to be predicted in what the tail's proposal counts: the domain, and self-written packs if they
// are rehearsed.
func (r *Run) goldCounts(vocab int) []int64 {
	counts := r.domain.record.GoldCounts(vocab)
	if r.rehearsal != nil {
		for id, n := range r.domain.record.RehearsalGoldCounts(vocab) {
			counts[id] += n
		}
	}
	return counts
}

// inside marks gold ids that the record's rule always records as recorded whether or not they are gold: the soft loss takes them for
// members of the prefix.
func (s *source) inside(q *data.Sequence) {
	u := q.Subsets
	if u == nil || len(s.always) == 0 {
		return
	}
	for i, outside := range u.Outside {
		if outside && slices.Contains(s.always, u.IDs[u.Offsets[i]+u.Gold[i]]) {
			u.Outside[i] = false
		}
	}
}
