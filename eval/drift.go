package eval

import (
	"math"
	"slices"

	"reprise/asm"
	"reprise/loss"
	"reprise/model"
	"reprise/tensor"
)

// Drift measures how far a model's predictions are from those of its base model, over the scored positions of a set. KL is
// KL(base‖now) over the whole vocabulary, in nats; Δp is the change of the probability of the id that follows in the text.
type Drift struct {
	MeanKL    float64 `json:"mean_kl"`
	KLSE      float64 `json:"kl_se"` // standard error of the mean, with positions taken as independent
	KLP50     float64 `json:"kl_p50"`
	KLP95     float64 `json:"kl_p95"`
	KLP99     float64 `json:"kl_p99"`
	SameTop1  float64 `json:"same_top1"` // share of positions whose most probable id is the same
	PPLRatio  float64 `json:"ppl_ratio"` // perplexity now divided by the base model's
	DeltaMean float64 `json:"dp_mean"`
	DeltaRMS  float64 `json:"dp_rms"`
	DeltaP1   float64 `json:"dp_p1"`
	DeltaP5   float64 `json:"dp_p5"`
	DeltaP25  float64 `json:"dp_p25"`
	DeltaP50  float64 `json:"dp_p50"`
	DeltaP75  float64 `json:"dp_p75"`
	DeltaP95  float64 `json:"dp_p95"`
	DeltaP99  float64 `json:"dp_p99"`
}

// driftBlock is the number of positions whose logits, of both models, are in memory at a time: together one block of the loss.
const driftBlock = loss.Block / 2

// comparer scores batches with both models and keeps the values per position from which Drift is computed.
type comparer struct {
	pass      *model.Pass // of the base model
	now, base tensor.Matrix
	hidden    tensor.Matrix
	tmp       [][]float32 // per worker

	gold                  []int32 // of the block
	losses                []float64
	kl, delta, baseLosses []float64 // of the block, views into all
	same                  []bool
	all                   struct {
		kl, delta, losses, base []float64
		same                    []bool
	}
}

// score computes the losses of the targets from hidden states of both models, with the same bits as loss.Full, and keeps the
// drift of every position.
func (c *comparer) score(pool *tensor.Pool, now, base *tensor.Param, h, hBase *tensor.Matrix, t loss.Targets, losses []float64) {
	for len(c.tmp) < pool.Workers() {
		c.tmp = append(c.tmp, make([]float32, loss.Tile))
	}
	a := &c.all
	at := len(a.kl)
	n := len(t.Rows)
	a.kl, a.delta, a.base = append(a.kl, make([]float64, n)...), append(a.delta, make([]float64, n)...), append(a.base, make([]float64, n)...)
	a.same = append(a.same, make([]bool, n)...)
	for lo := 0; lo < n; lo += driftBlock {
		hi := min(lo+driftBlock, n)
		for _, side := range []struct {
			z, h *tensor.Matrix
			head *tensor.Param
		}{{&c.now, h, now}, {&c.base, hBase, base}} {
			loss.Reserve(&c.hidden, hi-lo, side.h.Cols)
			loss.Reserve(side.z, hi-lo, side.head.W.Rows)
			loss.GatherRows(&c.hidden, side.h, t.Rows[lo:hi])
			pool.MatMulNT(side.z, &c.hidden, side.head.W, false)
		}
		c.gold, c.losses = t.Gold[lo:hi], losses[lo:hi]
		c.kl, c.delta, c.baseLosses, c.same = a.kl[at+lo:at+hi], a.delta[at+lo:at+hi], a.base[at+lo:at+hi], a.same[at+lo:at+hi]
		pool.Run(hi-lo, c)
	}
	a.losses = append(a.losses, losses...)
}

// Do compares the two rows of logits of one position.
func (c *comparer) Do(worker, i int) {
	tmp := c.tmp[worker]
	now, base := c.now.Row(i), c.base.Row(i)
	ln, lb := loss.LogSumExp(now, tmp), loss.LogSumExp(base, tmp)
	logNow, logBase := ln.Log(), lb.Log()
	gold := c.gold[i]
	c.losses[i], c.baseLosses[i] = logNow-float64(now[gold]), logBase-float64(base[gold])
	c.delta[i] = float64(ln.Prob(now[gold])) - float64(lb.Prob(base[gold]))
	c.same[i] = model.Argmax(now) == model.Argmax(base)
	var kl float64
	for lo := 0; lo < len(base); lo += loss.Tile {
		hi := min(lo+loss.Tile, len(base))
		p := tmp[:hi-lo]
		asm.SoftmaxGrad(p, base[lo:hi], lb.Max, 1/lb.Sum, 1)
		for k, q := range p {
			d := (float64(base[lo+k]) - logBase) - (float64(now[lo+k]) - logNow)
			kl += float64(float64(q) * d)
		}
	}
	c.kl[i] = max(0, kl) // rounding can give a value below zero
}

// reset drops the values kept so far.
func (c *comparer) reset() {
	a := &c.all
	a.kl, a.delta, a.losses, a.base, a.same = a.kl[:0], a.delta[:0], a.losses[:0], a.base[:0], a.same[:0]
}

// drift summarises the values kept so far.
func (c *comparer) drift() *Drift {
	a := &c.all
	n := float64(len(a.kl))
	var d Drift
	if n == 0 {
		return nil
	}
	var squares, now, base float64
	for i, kl := range a.kl {
		d.MeanKL += kl / n
		d.DeltaMean += a.delta[i] / n
		squares += float64(a.delta[i] * a.delta[i])
		now, base = now+a.losses[i], base+a.base[i]
		if a.same[i] {
			d.SameTop1 += 1 / n
		}
	}
	d.DeltaRMS = math.Sqrt(squares / n)
	d.PPLRatio = finiteExp((now - base) / n)
	var spread float64
	for _, kl := range a.kl {
		spread += float64((kl - d.MeanKL) * (kl - d.MeanKL))
	}
	if n > 1 {
		d.KLSE = math.Sqrt(spread / (n - 1) / n)
	}
	kl, delta := slices.Sorted(slices.Values(a.kl)), slices.Sorted(slices.Values(a.delta))
	d.KLP50, d.KLP95, d.KLP99 = quantile(kl, 50), quantile(kl, 95), quantile(kl, 99)
	for _, p := range []struct {
		to *float64
		at int
	}{{&d.DeltaP1, 1}, {&d.DeltaP5, 5}, {&d.DeltaP25, 25}, {&d.DeltaP50, 50}, {&d.DeltaP75, 75}, {&d.DeltaP95, 95}, {&d.DeltaP99, 99}} {
		*p.to = quantile(delta, p.at)
	}
	return &d
}

// quantile interpolates linearly between the two values next to the rank.
func quantile(sorted []float64, percent int) float64 {
	at := float64(len(sorted)-1) * float64(percent) / 100
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	f := at - float64(i)
	return float64((1-f)*sorted[i]) + float64(f*sorted[i+1])
}
