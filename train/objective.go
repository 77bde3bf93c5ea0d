package train

import (
	"errors"
	"fmt"

	"reprise/loss"
	"reprise/replay"
)

// Objective says which loss a step minimises (docs/METHOD.md, Stage 1). The zero value is full cross-entropy; [DefaultObjective]
// is our default.
type Objective struct {
	Replay   bool           // cross-entropy renormalised over the recorded subsets and a sampled tail; otherwise full cross-entropy
	Bare     bool           // replay: the paper's loss, without the tail. It drifts: docs/RESULTS.md shows by how much
	Proposal *loss.Proposal // replay: distribution of the sampled tail; every Replay objective that is not Bare needs one
	TailN    int            // replay: draws of the tail per sequence; 0: DefaultTail of the vocabulary
	Seed     uint64         // replay: seed of the draws
	KL       float64        // weight of KL(base ‖ model) in the domain, 0: none; the sequences must carry recorded subsets

	Masked  bool         // KL leaves the gold id out
	Weights loss.Weights // full cross-entropy: weights of the domain's positions; the divisor stays their number

	// How StepRehearsing weighs what is rehearsed: its loss, and the weight of that loss's mean beside the domain's mean. Weight 0 is
	// one mean over all positions. Soft and KL need recorded subsets there.
	Rehearse       loss.Kind
	RehearseWeight float64
}

// DefaultObjective is the replay loss with a tail drawn in proportion to the frequency of the record's gold ids, with seed 1.
func DefaultObjective(record *replay.Reader) Objective {
	vocab := record.Header().VocabSize
	return Objective{Replay: true, Proposal: loss.Frequency(record.GoldCounts(vocab)), TailN: DefaultTail(vocab), Seed: 1}
}

// DefaultTail is the default number of draws of the sampled tail per sequence for a vocabulary of V ids: max(128, V/64).
func DefaultTail(vocab int) int { return max(128, vocab/64) }

// recorded says whether the domain's sequences must carry recorded subsets, and whether those that are rehearsed must.
func (o Objective) recorded() (domain, rehearsed bool) {
	return o.Replay || o.KL > 0, o.Replay || o.Rehearse != loss.CE
}

// complete fills in defaults and returns an error for a contradictory or incomplete objective.
func (o Objective) complete(vocab int) (Objective, error) {
	fail := func(text string) (Objective, error) { return o, errors.New("train: objective: " + text) }
	switch {
	case !o.Replay && (o.Bare || o.Proposal != nil || o.TailN != 0):
		return fail("Bare, Proposal and TailN belong to the replay loss; set Replay, or leave them out")
	case o.Bare && (o.Proposal != nil || o.TailN != 0):
		return fail("the bare loss has no tail; leave out Proposal and TailN, or Bare")
	case o.Replay && !o.Bare && o.Proposal == nil:
		return fail("the replay loss needs a Proposal for its sampled tail: DefaultObjective(record) has one, " +
			"loss.Uniform(vocabulary) is another; Bare: true is the paper's loss, without a tail")
	case o.Proposal != nil && o.Proposal.Vocab() != vocab:
		return fail(fmt.Sprintf("Proposal draws from %d ids, the model has %d; take it from a record of this model", o.Proposal.Vocab(), vocab))
	case o.TailN < 0:
		return fail(fmt.Sprintf("TailN is %d, want 1 or more, or 0 for DefaultTail", o.TailN))
	case !(o.KL >= 0):
		return fail(fmt.Sprintf("KL is %g, want 0 or more", o.KL))
	case o.Replay && o.Weights != loss.Even || o.Weights > loss.EAFT:
		return fail(fmt.Sprintf("Weights is %d, want loss.Even, or for full cross-entropy loss.DFT or loss.EAFT", o.Weights))
	case !(o.RehearseWeight >= 0):
		return fail(fmt.Sprintf("RehearseWeight is %g, want 0 or more", o.RehearseWeight))
	case o.Rehearse > loss.KL:
		return fail(fmt.Sprintf("Rehearse is %d, want loss.CE, loss.Soft or loss.KL", o.Rehearse))
	}
	if o.Replay && !o.Bare && o.TailN == 0 {
		o.TailN = DefaultTail(vocab)
	}
	return o, nil
}
