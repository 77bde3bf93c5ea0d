package loss

import (
	"math"

	"reprise/asm"
)

// Kind is a loss of rehearsed positions (docs/METHOD.md, Rehearsal).
type Kind uint8

const (
	// CE is cross-entropy with the gold id, as in the domain.
	CE Kind = iota
	// Soft is cross-entropy with the recorded distribution over the recorded prefix P, where the gold id is in P, and with the
	// gold id elsewhere. With b the recorded probabilities and B their sum:
	//
	//	L_t = log Σ exp(z) − Σ_{j∈P} (b_j/B)·z_j
	//
	// The gold id of a text that the base model drew is in P with probability B, and is then j with probability b_j/B. So the mean
	// of the gradients is that of CE, and their variance is not greater.
	Soft
	// KL is KL(base ‖ model) over S_t and one bucket for the rest, as an Anchor has it, and no cross-entropy. It is biased: where
	// the base model's probabilities outside S_t differ from the model's, their gradient has another mean.
	KL
)

// Rehearsal says how the last positions of a batch enter the loss: those of text that is rehearsed so that it is not forgotten.
// The positions before them are the domain's.
type Rehearsal struct {
	From  int     // first of these positions; the number of all positions if there is none
	Kind  Kind    // Soft and KL need the base model's probabilities there, and Soft also Subsets.Outside
	Scale float32 // multiplies every logit gradient there, in place of Run's scale
}

// probabilities says whether the base model's probabilities are needed.
func (r *Rehearsal) probabilities() bool { return r != nil && r.Kind != CE }

// role is how a position enters the loss: scale·(ce·cross-entropy + kl·KL(base ‖ model)).
type role struct {
	scale, ce, kl float32
	pulled        bool // KL is computed, though kl may be 0
	masked        bool // KL leaves the gold id out
	soft          bool // the cross-entropy is that with the recorded distribution
	domain        bool
}

// roleOf is the role of position i of a batch.
func roleOf(i int, scale float32, a *Anchor, r *Rehearsal) role {
	switch {
	case (r == nil || i < r.From) && a == nil:
		return role{scale: scale, ce: 1, domain: true}
	case r == nil || i < r.From:
		return role{scale: scale, ce: 1, kl: a.Lambda, pulled: true, masked: a.Masked, domain: true}
	case r.Kind == KL:
		return role{scale: r.Scale, kl: 1, pulled: true}
	}
	return role{scale: r.Scale, ce: 1, soft: r.Kind == Soft}
}

// target fills b with the recorded probabilities of position i, scaled to the sum 1, and returns the cross-entropy with them in
// nats. z are the model's logits of the position's ids.
func (s *Subsets) target(i int, b, z []float32, logZ float64) float64 {
	asm.Exp(b, s.LogProb[s.Offsets[i]:s.Offsets[i+1]])
	var sum, loss float64
	for k, p := range b {
		sum += float64(p)
		loss += float64(float64(p) * (logZ - float64(z[k])))
	}
	asm.Scale(b, float32(1/sum), b)
	return loss / sum
}

// softened is softJob.position's loss and gradient with the recorded distribution: z and tail hold logits and become gradients.
func (j *softJob) softened(worker, i int, l LSE, z, tail []float32, scale float32) {
	r := j.r
	b := append(r.base[worker][:0], z...)
	r.base[worker] = b
	j.losses[i] = j.s.target(i, b, z, l.Log())
	if !j.gradient {
		return
	}
	asm.SoftmaxGrad(z, z, l.Max, 1/l.Sum, scale)
	asm.Axpy(z, -scale, b)
	if tail != nil {
		asm.SoftmaxGrad(tail, tail, l.Max, 1/l.Sum, scale)
	}
}

// softened is fullJob's loss and gradient of position i of the block with the recorded distribution of position at of j.base.
func (j *fullJob) softened(worker, i, at int, l LSE, z []float32, scale float32) {
	s := j.base
	ids := s.IDs[s.Offsets[at]:s.Offsets[at+1]]
	w := &j.f.work[worker]
	w.gather(z, ids)
	j.losses[i] = s.target(at, w.b, w.z, l.Log())
	if !j.gradient {
		return
	}
	asm.SoftmaxGrad(z, z, l.Max, 1/l.Sum, scale)
	for k, id := range ids {
		w.z[k] = z[id]
	}
	asm.Axpy(w.z, -scale, w.b)
	for k, id := range ids {
		z[id] = w.z[k]
	}
}

// MeanScales are the scales of a step with the given numbers of positions that carry loss: those of the mean over the domain plus
// weight times the mean over what is rehearsed, or with weight 0 those of one mean over all.
func MeanScales(domain, rehearsed int, weight float64) (scale, rehearsal float32) {
	if weight == 0 {
		scale = 1 / float32(domain+rehearsed)
		return scale, scale
	}
	return 1 / float32(domain), float32(weight / math.Max(1, float64(rehearsed)))
}
