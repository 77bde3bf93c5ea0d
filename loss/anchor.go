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
	Masked bool      // leaves the gold id out of both distributions: see masked
	KL     []float64 // set by Run: the divergence of every position of the domain in nats, not multiplied by λ
}

// pull is the gradient of a position's KL in parts: p_j·all − b_j for j ∈ S, but p_y·gold − b_y for the gold id y, and p_j·(all − ratio)
// elsewhere. kl is the divergence in nats.
type pull struct {
	all, gold, ratio float32
	kl               float64
}

// divergence fills b as the pull needs it. z are the model's logits of the position's ids, p their probabilities, which only a masked
// anchor reads, and outside is the model's probability of all other ids.
func (s *Subsets) divergence(i int, masked bool, b, z, p []float32, logZ float64, outside float32) pull {
	if masked {
		return s.masked(i, b, z, p, logZ, outside)
	}
	return s.anchor(i, b, z, logZ, outside)
}

// anchor is the divergence of an Anchor.
func (s *Subsets) anchor(i int, b, z []float32, logZ float64, outside float32) (t pull) {
	logB := s.LogProb[s.Offsets[i]:s.Offsets[i+1]]
	asm.Exp(b, logB)
	var sum float64
	for k, p := range b {
		sum += float64(p)
		t.kl += float64(float64(p) * (float64(logB[k]) - (float64(z[k]) - logZ)))
	}
	r := 1 - s.Mass[i]
	if t.ratio = r / outside; outside > 0 && !math.IsInf(float64(t.ratio), 0) {
		t.all = float32(sum + float64(r))
		if r > 0 {
			t.kl += float64(float64(r) * exact.Log(float64(t.ratio)))
		}
	} else {
		asm.Scale(b, float32(1/sum), b)
		t.all, t.ratio = 1, 0
		t.kl = t.kl/sum - exact.Log(sum)
	}
	t.gold = t.all
	return t
}

// masked is the divergence of an Anchor that leaves the gold id y out, as TMKL does (arXiv 2605.29498): it does not oppose the
// cross-entropy, which moves p_y. Both distributions are scaled to the sum 1 without it. With B = Σ_{j∈S\y} b_j + r and
// Q = Σ_{j∈S\y} p_j + p_R:
//
//	KL = Σ_{j∈S\y} (b_j/B)·(log b_j − log p_j) + (r/B)·(log r − log p_R) + log(Q/B)
//	∂KL/∂z_j = p_j/Q − b_j/B for j ∈ S\y,  p_j·(1/Q − (r/B)/p_R) elsewhere,  0 for y
//
// The bucket is left out where anchor leaves it out. Where nothing is left of a distribution, or a factor overflows float32, KL is 0.
func (s *Subsets) masked(i int, b, z, p []float32, logZ float64, outside float32) (t pull) {
	logB := s.LogProb[s.Offsets[i]:s.Offsets[i+1]]
	asm.Exp(b, logB)
	b[s.Gold[i]] = 0
	var base, now float64
	for k := range b {
		if int32(k) != s.Gold[i] {
			base, now = base+float64(b[k]), now+float64(p[k])
			t.kl += float64(float64(b[k]) * (float64(logB[k]) - (float64(z[k]) - logZ)))
		}
	}
	r := 1 - s.Mass[i]
	if t.ratio = r / outside; outside > 0 && !math.IsInf(float64(t.ratio), 0) {
		base, now = base+float64(r), now+float64(outside)
		if r > 0 {
			t.kl += float64(float64(r) * exact.Log(float64(t.ratio)))
		}
	} else {
		t.ratio = 0
	}
	scale := float32(1 / base)
	t.all, t.ratio = float32(1/now), t.ratio*scale
	for _, x := range []float32{scale, t.all, t.ratio} {
		if math.IsInf(float64(x), 0) || math.IsNaN(float64(x)) {
			clear(b)
			return pull{}
		}
	}
	asm.Scale(b, scale, b)
	t.kl = t.kl/base + exact.Log(now/base)
	return t
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
	tmp, inv := r.tmp[worker*Tile:(worker+1)*Tile], 1/l.Sum
	b := append(r.base[worker][:0], z...)
	r.base[worker] = b
	var p []float32
	if o.masked {
		p = append(r.row[worker][:0], z...)
		r.row[worker] = p
		asm.SoftmaxGrad(p, p, l.Max, inv, 1)
	}
	t := s.divergence(i, o.masked, b, z, p, l.Log(), l.massOf(tail, tmp))
	if o.domain {
		s.Anchor.KL[i] = t.kl
	} else {
		j.losses[i] = t.kl
	}
	if !j.gradient {
		return
	}
	ce, kl, gold := float32(o.ce*o.scale), float32(o.kl*o.scale), s.Gold[i]
	asm.SoftmaxGrad(z, z, l.Max, inv, ce+float32(kl*t.all))
	asm.Axpy(z, -kl, b)
	z[gold] -= ce
	if o.masked {
		z[gold] = (p[gold] - 1) * ce
	}
	if tail != nil {
		asm.SoftmaxGrad(tail, tail, l.Max, inv, ce+float32(kl*(t.all-t.ratio)))
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
	t := s.divergence(at, o.masked, w.b, w.z, w.p, logZ, asm.Sum(z))
	if o.domain {
		s.Anchor.KL[at] = t.kl
	} else {
		j.losses[i] = t.kl
	}
	if !j.gradient {
		return
	}
	asm.Scale(z, o.scale*(o.ce+float32(o.kl*(t.all-t.ratio))), z)
	for k, id := range ids {
		all := t.all
		if id == j.gold[i] {
			all = t.gold
		}
		z[id] = (float32(w.p[k]*(o.ce+float32(o.kl*all))) - float32(o.kl*w.b[k])) * o.scale
	}
	z[j.gold[i]] -= float32(o.ce * o.scale)
}

// gather copies the logits of a position's ids, and makes room for their base probabilities.
func (w *anchorWork) gather(z []float32, ids []int32) {
	w.z = w.z[:0]
	for _, id := range ids {
		w.z = append(w.z, z[id])
	}
	w.b = append(w.b[:0], w.z...)
}
