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
	KL     []float64 // set by Run: the divergence of every position of the domain in nats, not multiplied by λ
}

// anchor fills b with the base probabilities of position i and returns T, r/p_R and KL in nats. z are the model's logits of the
// position's ids.
func (s *Subsets) anchor(i int, b, z []float32, logZ float64, outside float32) (total, ratio float32, kl float64) {
	logB := s.LogProb[s.Offsets[i]:s.Offsets[i+1]]
	asm.Exp(b, logB)
	var sum float64
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
	return total, ratio, kl
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

// pulled adds KL to softJob.position's loss and gradient: z and tail hold logits and become gradients.
func (j *softJob) pulled(worker, i int, l LSE, z, tail []float32, o role) {
	r, s := j.r, j.s
	tmp := r.tmp[worker*Tile : (worker+1)*Tile]
	b := append(r.base[worker][:0], z...)
	r.base[worker] = b
	total, ratio, kl := s.anchor(i, b, z, l.Log(), l.massOf(tail, tmp))
	if o.domain {
		s.Anchor.KL[i] = kl
	} else {
		j.losses[i] = kl
	}
	if !j.gradient {
		return
	}
	inv, ce, pull := 1/l.Sum, o.ce*o.scale, o.kl*o.scale
	asm.SoftmaxGrad(z, z, l.Max, inv, ce+float32(pull*total))
	asm.Axpy(z, -pull, b)
	z[s.Gold[i]] -= ce
	if tail != nil {
		asm.SoftmaxGrad(tail, tail, l.Max, inv, ce+float32(pull*(total-ratio)))
	}
}

// pulled adds KL to fullJob's loss and gradient of position i of the block, which is position at of j.base. Its logits z become
// gradients.
func (j *fullJob) pulled(worker, i, at int, l LSE, z []float32, o role) {
	s := j.base
	ids := s.IDs[s.Offsets[at]:s.Offsets[at+1]]
	w := &j.f.work[worker]
	w.gather(z, ids)
	logZ := l.Log()
	asm.SoftmaxGrad(z, z, l.Max, 1/l.Sum, 1)
	w.p = w.p[:0]
	for _, id := range ids {
		w.p = append(w.p, z[id])
		z[id] = 0
	}
	total, ratio, kl := s.anchor(at, w.b, w.z, logZ, asm.Sum(z))
	if o.domain {
		s.Anchor.KL[at] = kl
	} else {
		j.losses[i] = kl
	}
	if !j.gradient {
		return
	}
	asm.Scale(z, o.scale*(o.ce+float32(o.kl*(total-ratio))), z)
	for k, id := range ids {
		z[id] = (float32(w.p[k]*(o.ce+float32(o.kl*total))) - float32(o.kl*w.b[k])) * o.scale
	}
	z[j.gold[i]] -= o.ce * o.scale
}

// gather copies the logits of a position's ids, and makes room for their base probabilities.
func (w *anchorWork) gather(z []float32, ids []int32) {
	w.z = w.z[:0]
	for _, id := range ids {
		w.z = append(w.z, z[id])
	}
	w.b = append(w.b[:0], w.z...)
}
