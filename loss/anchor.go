package loss

import (
	"math"

	"reprise/asm"
	"reprise/internal/exact"
)

// Anchor adds λ·KL(p_base ‖ p) to the loss of every position: a pull towards the model that made the record. It needs only
// the record, and no extra forward pass (docs/METHOD.md, Anchor). The distributions are compared over S_t and one bucket for
// the rest of the vocabulary. With b the recorded probabilities, r the recorded mass of the rest, p the model's
// probabilities and p_R its mass outside S_t (exact under Full; under Replay the sampled tail's estimate):
//
//	KL = Σ_{j∈S} b_j·(log b_j − log p_j) + r·(log r − log p_R)
//	∂KL/∂z_j = p_j·T − b_j for j ∈ S,  p_j·(T − r/p_R) elsewhere,  T = Σ b_j + r (1 apart from the record's rounding)
//
// Where p_R is 0, because there is no tail or S_t holds all of it, or so small that r/p_R overflows float32, the bucket is
// left out and b is scaled to the sum 1.
type Anchor struct {
	Lambda float32
	KL     []float64 // set by Run: the divergence of every position in nats, not multiplied by λ. One element per position
}

// anchor fills b with the base probabilities of position i and returns T and r/p_R. z are the model's logits of the position's
// ids.
func (s *Subsets) anchor(i int, b, z []float32, logZ float64, outside float32) (total, ratio float32) {
	logB := s.LogProb[s.Offsets[i]:s.Offsets[i+1]]
	asm.Exp(b, logB)
	var sum, kl float64
	for k, p := range b {
		sum += float64(p)
		kl += float64(float64(p) * (float64(logB[k]) - (float64(z[k]) - logZ)))
	}
	r := 1 - s.Mass[i]
	if ratio = r / outside; outside > 0 && !math.IsInf(float64(ratio), 0) {
		total = float32(sum + float64(r))
		if r > 0 {
			kl += float64(float64(r) * exact.Log(float64(ratio)))
		}
	} else {
		asm.Scale(b, float32(1/sum), b)
		total, ratio = 1, 0
		kl = kl/sum - exact.Log(sum)
	}
	s.Anchor.KL[i] = kl
	return total, ratio
}

// massOf is the sum of the probabilities of logits under a normaliser. tmp holds Tile values.
func (l LSE) massOf(z, tmp []float32) float32 {
	var sum float64
	for len(z) > 0 {
		n := min(Tile, len(z))
		sum += float64(asm.ExpSum(tmp[:n], z[:n], l.Max, 0))
		z = z[n:]
	}
	return float32(sum) * (1 / l.Sum)
}

// anchored is softJob.position's gradient with an anchor: z and tail hold logits and become gradients.
func (j *softJob) anchored(worker, i int, l LSE, z, tail []float32) {
	r, s, a := j.r, j.s, j.s.Anchor
	tmp := r.tmp[worker*Tile : (worker+1)*Tile]
	b := append(r.base[worker][:0], z...)
	r.base[worker] = b
	total, ratio := s.anchor(i, b, z, l.Log(), l.massOf(tail, tmp))
	if !j.gradient {
		return
	}
	inv, pull := 1/l.Sum, a.Lambda*j.scale
	asm.SoftmaxGrad(z, z, l.Max, inv, j.scale+float32(pull*total))
	asm.Axpy(z, -pull, b)
	z[s.Gold[i]] -= j.scale
	if tail != nil {
		asm.SoftmaxGrad(tail, tail, l.Max, inv, j.scale+float32(pull*(total-ratio)))
	}
}

// anchored is fullJob's gradient with an anchor. The logits z of position i become gradients.
func (j *fullJob) anchored(worker, i int, l LSE, z []float32) {
	s, a := j.base, j.base.Anchor
	at := j.first + i
	lo, hi := int(s.Offsets[at]), int(s.Offsets[at+1])
	ids := s.IDs[lo:hi]
	w := &j.f.work[worker]
	w.b, w.z, w.p = w.b[:0], w.z[:0], w.p[:0]
	for _, id := range ids {
		w.z = append(w.z, z[id])
	}
	logZ := l.Log()
	asm.SoftmaxGrad(z, z, l.Max, 1/l.Sum, 1)
	for _, id := range ids {
		w.p = append(w.p, z[id])
		z[id] = 0
	}
	w.b = append(w.b, w.z...)
	total, ratio := s.anchor(at, w.b, w.z, logZ, asm.Sum(z))
	if !j.gradient {
		return
	}
	asm.Scale(z, j.scale*(1+float32(a.Lambda*(total-ratio))), z)
	for k, id := range ids {
		z[id] = (float32(w.p[k]*(1+float32(a.Lambda*total))) - float32(a.Lambda*w.b[k])) * j.scale
	}
	z[j.gold[i]] -= j.scale
}
