package eval

import (
	"context"
	"errors"
	"fmt"
	"math"

	"reprise/data"
	"reprise/internal/exact"
	"reprise/loss"
	"reprise/model"
	"reprise/tensor"
)

// Forgetting says how far a model has moved from its base model on text that the base model wrote: an estimate of KL(base‖now)
// from the base model's recorded probabilities (loss.Full.Divergence), which needs neither other text nor the base model's
// weights. All values are in nats per token.
type Forgetting struct {
	KL        float64 `json:"kl"`           // mean over the positions
	SE        float64 `json:"se,omitempty"` // standard error of the mean, from the packs' means; 0: unknown, with one pack
	Packs     int     `json:"packs"`
	Positions int     `json:"positions"`

	Exact *ExactKL `json:"exact,omitempty"` // with Evaluator.Base
}

// ExactKL is KL(base‖now) over the whole vocabulary, from the weights of both models, at the positions of a Forgetting.
type ExactKL struct {
	KL         float64 `json:"kl"`
	SE         float64 `json:"se,omitempty"`
	Difference float64 `json:"difference"`              // the estimate minus KL
	DiffSE     float64 `json:"difference_se,omitempty"` // of the difference, from the packs' differences
}

// ErrNotFinite is what a measurement of forgetting ends in when the model's logits are not finite numbers.
var ErrNotFinite = errors.New("the model has diverged; train with a lower learning rate")

// Forgetting measures on packs that the base model wrote and Stage 0 recorded (replay.Reader.GaugePacks). Packs go through the
// model one at a time. The error wraps [ErrNotFinite] if the model has diverged.
func (e *Evaluator) Forgetting(ctx context.Context, packs []data.Sequence) (Forgetting, error) {
	var parts []part
	var whole clusters
	e.compare.reset()
	err := e.packs(ctx, packs, func(q *data.Sequence, h *tensor.Matrix) {
		n := q.Subsets.Positions()
		inside, drawn := make([]float64, n), make([]float64, n)
		e.full.Divergence(e.Pool, e.Model.Head(), h, q.Subsets, inside, drawn)
		parts = append(parts, newPart(q.Subsets, inside, drawn))
		if e.Base != nil {
			whole.add(e.exactKL(q, h))
		}
	})
	if err != nil {
		return Forgetting{}, err
	}
	f := Forgetting{Packs: len(packs)}
	estimate := estimate(parts)
	f.KL, f.SE, f.Positions = estimate.mean()
	switch {
	case f.Positions == 0:
		return f, errors.New("eval: no pack to measure forgetting on")
	case math.IsNaN(f.KL) || math.IsInf(f.KL, 0):
		return f, fmt.Errorf("eval: forgetting: KL(base‖now) on text that the base model wrote is %g: %w", f.KL, ErrNotFinite)
	}
	if e.Base != nil {
		f.Exact = &ExactKL{}
		f.Exact.KL, f.Exact.SE, _ = whole.mean()
		for i, s := range whole.sums {
			estimate.sums[i] -= s
		}
		f.Exact.Difference, f.Exact.DiffSE, _ = estimate.mean()
	}
	return f, nil
}

// part holds sums over the positions of a pack.
type part struct {
	inside  float64 // divergence inside the recorded prefixes, exact
	rest    float64 // the base model's mass outside them
	drawn   float64 // log-ratios of the drawn ids that are outside
	outside int     // their number
	n       int     // positions
}

func newPart(s *loss.Subsets, inside, drawn []float64) part {
	p := part{n: s.Positions()}
	for i := range s.Rows {
		p.inside += inside[i]
		p.drawn += drawn[i]
		p.rest += float64(1 - s.Mass[i])
		if s.Outside[i] {
			p.outside++
			p.rest += exact.Exp(float64(s.LogProb[s.Offsets[i]+s.Gold[i]]))
		}
	}
	return p
}

// estimate gives every pack its estimate of the summed divergence: inside + drawn + λ·(rest − outside), where λ is the mean
// log-ratio outside the prefixes in all other packs. The last term is 0 in the mean, because a drawn id is outside with the
// probability that the base model has there; it takes away most of the noise of how often that happened. λ is of the other packs,
// because with a λ that depends on the pack's own draws the mean would not be 0.
func estimate(parts []part) (c clusters) {
	var drawn float64
	outside := 0
	for _, p := range parts {
		drawn += p.drawn
		outside += p.outside
	}
	for _, p := range parts {
		sum := p.inside + p.drawn
		if others := outside - p.outside; others > 0 {
			lambda := (drawn - p.drawn) / float64(others)
			sum += float64(lambda * (p.rest - float64(p.outside)))
		}
		c.sums, c.n = append(c.sums, sum), append(c.n, p.n)
	}
	return c
}

// exactKL compares the model, whose hidden states are h, with the base model at the positions of a pack.
func (e *Evaluator) exactKL(q *data.Sequence, h *tensor.Matrix) []float64 {
	if e.compare.pass == nil {
		e.compare.pass = model.NewPass(e.Base, e.Pool, false)
	}
	var t loss.Targets
	t.Append(q.IDs, q.Target, 0)
	at := len(e.compare.all.kl)
	hBase := e.compare.pass.Forward(model.Batch{IDs: q.IDs, DocStarts: q.DocStarts})
	e.compare.score(e.Pool, e.Model.Head(), e.Base.Head(), h, hBase, t, make([]float64, len(t.Rows)))
	return e.compare.all.kl[at:]
}

// Rho returns for every recorded position of the packs the probability that the model gives to ids outside the recorded subset
// (loss.Full.Rho). Packs go through the model one at a time.
func (e *Evaluator) Rho(ctx context.Context, packs []data.Sequence) (rho []float64, err error) {
	err = e.packs(ctx, packs, func(q *data.Sequence, h *tensor.Matrix) {
		values := make([]float64, q.Subsets.Positions())
		e.full.Rho(e.Pool, e.Model.Head(), h, q.Subsets, values)
		rho = append(rho, values...)
	})
	return rho, err
}

// packs runs one recorded pack after another through the model, in the memory of Idle if that is given, and hands use the hidden
// states.
func (e *Evaluator) packs(ctx context.Context, packs []data.Sequence, use func(q *data.Sequence, h *tensor.Matrix)) error {
	if err := e.ready(nil); err != nil {
		return err
	}
	limit := e.Model.Config.MaxPositions
	e.newPass()
	for i := range packs {
		if err := ctx.Err(); err != nil {
			return err
		}
		q := &packs[i]
		switch {
		case q.Subsets == nil:
			return fmt.Errorf("eval: pack %d has no recorded subsets; read it from a record of Stage 0", i)
		case q.Longest() > limit:
			return fmt.Errorf("eval: pack %d holds a document of %d tokens, the model takes %d", i, q.Longest(), limit)
		}
		h := e.pass.Forward(model.Batch{IDs: q.IDs, DocStarts: q.DocStarts})
		e.full.Space = e.pass.Spare()
		use(q, h)
	}
	return nil
}

// clusters collects values in groups whose members depend on each other: the positions of packs.
type clusters struct {
	sums []float64 // of every group
	n    []int     // values of every group
}

func (c *clusters) add(values []float64) {
	var sum float64
	for _, v := range values {
		sum += v
	}
	c.sums, c.n = append(c.sums, sum), append(c.n, len(values))
}

// mean is the mean over all n values, and its standard error from the groups' means: with G groups of n_g values and the sums s_g,
// √(G/(G−1)·Σ(s_g − n_g·mean)²)/n. se is 0 for one group.
func (c *clusters) mean() (mean, se float64, n int) {
	for i, s := range c.sums {
		mean += s
		n += c.n[i]
	}
	if n == 0 {
		return 0, 0, 0
	}
	mean /= float64(n)
	var spread float64
	for i, s := range c.sums {
		d := s - float64(float64(c.n[i])*mean)
		spread += float64(d * d)
	}
	if g := float64(len(c.sums)); g > 1 {
		se = math.Sqrt(spread*g/(g-1)) / float64(n)
	}
	return mean, se, n
}
