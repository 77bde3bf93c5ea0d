package loss

import (
	"reprise/asm"
	"reprise/internal/exact"
)

// Weights weigh the cross-entropy of every position of the domain by what the model in training thinks of it. They have no gradient, and
// the losses that are reported are without them. They are rivals to compare with (docs/METHOD.md, Baselines).
type Weights uint8

const (
	Even Weights = iota // all 1
	DFT                 // the gold id's probability (arXiv 2508.05629)
	EAFT                // the entropy of the 20 most probable ids, scaled to the sum 1 among themselves, over log 20 (arXiv 2601.02151)
)

// topIDs is the number of ids that EAFT looks at.
const topIDs = 20

// of is the weight of a position with these logits.
func (w Weights) of(z []float32, l LSE, gold float32) float32 {
	if w == DFT {
		return l.Prob(gold)
	}
	var buf, e [topIDs]float32
	top := buf[:0]
	for _, x := range z {
		if len(top) == topIDs && !(x > top[topIDs-1]) {
			continue
		}
		if len(top) < topIDs {
			top = top[:len(top)+1]
		}
		k := len(top) - 1
		for ; k > 0 && x > top[k-1]; k-- {
			top[k] = top[k-1]
		}
		top[k] = x
	}
	for k, x := range top {
		e[k] = x - top[0]
	}
	asm.Exp(e[:len(top)], e[:len(top)])
	var sum, mean float64
	for k, x := range top {
		sum += float64(e[k])
		mean += float64(float64(e[k]) * float64(x-top[0]))
	}
	return float32((exact.Log(sum) - mean/sum) / exact.Log(float64(len(top))))
}
