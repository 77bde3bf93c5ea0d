package train

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"reprise/data"
	"reprise/loss"
	"reprise/model"
	"reprise/optim"
	"reprise/replay"
	"reprise/tensor"
)

// Stepper takes optimizer steps: it holds a model, its gradients, one pass and the optimizer.
type Stepper struct {
	Model     *model.Model
	Pool      *tensor.Pool
	Optimizer *optim.Optimizer
	Objective Objective
	Stats     optim.Stats     // of the last step
	Times     Times           // of the last step
	Watch     *replay.Watcher // records subsets from the logits of full cross-entropy; nil: none
	KL        float64         // of the last step: mean KL(base ‖ model) per target of the domain in nats, if the objective has it
	Rehearsed float64         // of the last step: mean loss per target of what was rehearsed, in nats, as Objective.Rehearse defines it; 0: nothing was

	pass    *model.Pass
	full    loss.Full
	replay  loss.Replay
	batch   model.Batch
	targets loss.Targets
	subsets loss.Subsets
	anchor  loss.Anchor
	second  loss.Rehearsal
	seqs    []*data.Sequence // of the step
	tails   []loss.Tail
	losses  []float64
}

// Times are the times of a step's parts. The rest of the step collects the batch and clears the gradients.
type Times struct {
	Forward   time.Duration // without attention
	Backward  time.Duration // without attention
	Attention time.Duration // forward and backward
	Head      time.Duration // output head and loss, forward and backward
	Optimizer time.Duration
}

// Pass holds the activations of the last micro-batch. Between steps its memory may be lent out ([model.Pass.Borrow]).
func (s *Stepper) Pass() *model.Pass { return s.pass }

// NewStepper allocates gradients, the optimizer's state, and the memory that the steps of a workload need. With the zero
// Workload, buffers grow with the batches.
func NewStepper(m *model.Model, pool *tensor.Pool, o Objective, c optim.Config, w Workload) (*Stepper, error) {
	if m == nil || pool == nil {
		return nil, errors.New("train: a Stepper needs a model (base.Open) and a pool (tensor.NewPool)")
	}
	o, err := o.complete(m.Config.VocabSize)
	if err != nil {
		return nil, err
	}
	w.Replay, w.Workers = o.Replay, cmp.Or(w.Workers, pool.Workers())
	w = w.complete()
	m.AllocGrads()
	var params []*tensor.Param
	for p := range m.Params() {
		params = append(params, p)
	}
	opt, err := optim.New(c, params)
	if err != nil {
		return nil, err
	}
	s := &Stepper{Model: m, Pool: pool, Optimizer: opt, Objective: o}
	if w.Recompute {
		s.pass = model.NewRecomputingPass(m, pool)
	} else {
		s.pass = model.NewPass(m, pool, true)
	}
	s.reserve(w)
	return s, nil
}

// Step trains on the sequences of one global batch, cut into micro-batches of micro sequences (0: all at once), and returns the
// mean loss per target token, in nats: over the subsets and the tail for a replay objective, full cross-entropy otherwise.
// step, counted from 1, is a key of the tail's random draws. lr is the learning rate; [optim.Schedule.At] gives one.
//
// The number of target tokens is counted before the first forward pass and every logit gradient is divided by it once, so
// that the result does not depend on micro.
//
// A loss or a gradient that is not finite is a [DivergedError]; the weights are then as they were.
func (s *Stepper) Step(seqs []*data.Sequence, micro, step int, lr float64) (float64, error) {
	return s.StepRehearsing(seqs, nil, micro, step, lr)
}

// StepRehearsing is Step with sequences that are rehearsed so that they are not forgotten, after those of the domain. It minimises
//
//	mean over the domain's targets + RehearseWeight · mean over the rehearsed targets
//
// and returns the first mean; s.Rehearsed is the second. A micro-batch may hold sequences of both.
func (s *Stepper) StepRehearsing(domain, rehearsed []*data.Sequence, micro, step int, lr float64) (float64, error) {
	s.seqs = append(append(s.seqs[:0], domain...), rehearsed...)
	if micro <= 0 {
		micro = max(1, len(s.seqs))
	}
	n, err := s.count(domain, step, 0)
	if err != nil {
		return 0, err
	}
	again, err := s.count(rehearsed, step, len(domain))
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, fmt.Errorf("train: step %d: the batch holds no token that carries loss", step)
	}
	s.Times = Times{}
	s.Model.ZeroGrads()
	if s.Watch != nil {
		s.Watch.Begin()
	}
	scale, second := loss.MeanScales(n, again, s.Objective.RehearseWeight)
	s.second = loss.Rehearsal{Kind: s.Objective.Rehearse, Scale: second}
	var sum, sumAgain, kl float64
	for lo := 0; lo < len(s.seqs); lo += micro {
		losses := s.microBatch(s.seqs[lo:min(lo+micro, len(s.seqs))], lo, max(0, len(domain)-lo), step, scale)
		for _, l := range losses[:s.second.From] {
			sum += l
		}
		for _, l := range losses[s.second.From:] {
			sumAgain += l
		}
		for _, d := range s.anchor.KL {
			kl += d
		}
	}
	s.pass.EndStep()
	mean := sum / float64(n)
	s.KL, s.Rehearsed = kl/float64(n), sumAgain/float64(max(1, again))
	for _, l := range []float64{mean, s.Rehearsed} {
		if !finite(l) {
			return mean, &DivergedError{Step: step, Loss: l}
		}
	}
	start := time.Now()
	err = s.Optimizer.Step(s.Pool, lr, &s.Stats)
	s.Times.Optimizer = time.Since(start)
	if norm := s.Stats.GradNorm; err != nil && !finite(norm) {
		return mean, &DivergedError{Step: step, Loss: mean, GradNorm: norm}
	}
	return mean, err
}

// count counts the targets of sequences, after it has checked them. The first is sequence first of the step; those after the
// domain's are rehearsed.
func (s *Stepper) count(seqs []*data.Sequence, step, first int) (n int, err error) {
	needed, rehearsed := s.Objective.recorded()
	if first > 0 {
		needed = rehearsed
	}
	for i, q := range seqs {
		n += q.Targets()
		if longest, limit := q.Longest(), s.Model.Config.MaxPositions; longest > limit {
			return 0, fmt.Errorf("train: step %d: sequence %d holds a document of %d tokens, the model takes %d; "+
				"load the documents with MaxSeqLen %d in data.Options", step, first+i, longest, limit, limit)
		}
		if q.Subsets == nil && needed {
			return 0, fmt.Errorf("train: step %d: sequence %d has no recorded subsets, which the objective needs; read it from a record of Stage 0", step, first+i)
		}
	}
	return n, nil
}

// microBatch runs forward and backward passes over some sequences of a step and returns their losses. first is the number of
// the first of these sequences in the step; the first ones of them, as many as domain says, are the domain's.
func (s *Stepper) microBatch(seqs []*data.Sequence, first, domain, step int, scale float32) []float64 {
	s.collect(seqs, min(domain, len(seqs)))
	s.pass.Attention = 0
	start := time.Now()
	h := s.pass.Forward(s.batch)
	s.Times.Forward += s.clock(&start)
	dh := s.pass.StateGrad()
	if s.Objective.Replay {
		s.losses = grow(s.losses, s.subsets.Positions())
		s.replay.Run(s.Pool, s.Model.Head(), h, dh, &s.subsets, s.drawTails(len(seqs), first, step), scale, s.losses)
	} else {
		s.losses = grow(s.losses, len(s.targets.Rows))
		s.full.Watch, s.full.Space = nil, s.pass.Spare()
		if s.Watch != nil {
			s.Watch.Sequences(seqs)
			s.full.Watch = s.Watch.Logits
		}
		s.full.Run(s.Pool, s.Model.Head(), h, dh, s.targets, scale, s.losses)
	}
	s.Times.Head += s.clock(&start)
	s.pass.Backward(dh)
	s.Times.Backward += s.clock(&start)
	return s.losses
}

// clock returns the time since start without the time in attention, which it adds to Times.Attention, and resets start.
func (s *Stepper) clock(start *time.Time) time.Duration {
	now, attention := time.Now(), s.pass.Attention
	d := now.Sub(*start) - attention
	*start, s.pass.Attention = now, 0
	s.Times.Attention += attention
	return d
}

// collect joins sequences end to end, with their targets, their subsets, or both. The first ones, as many as domain says, are the domain's.
func (s *Stepper) collect(seqs []*data.Sequence, domain int) {
	s.batch.Reset()
	s.targets.Reset()
	s.subsets.Reset()
	o := &s.Objective
	if o.KL > 0 {
		s.subsets.Anchor = &s.anchor
	}
	if domain < len(seqs) {
		s.subsets.Rehearsal, s.targets.Rehearsal = &s.second, &s.second
	}
	s.targets.Weights = o.Weights
	ownSubsets, againSubsets := o.recorded()
	s.second.From = -1
	for i, q := range seqs {
		if i == domain {
			s.second.From = s.positions()
		}
		first := int32(len(s.batch.IDs))
		s.batch.Append(q.IDs, q.DocStarts)
		if !o.Replay {
			s.targets.Append(q.IDs, q.Target, first)
		}
		if i < domain && ownSubsets || i >= domain && againSubsets {
			s.subsets.Append(q.Subsets, first)
		}
	}
	if s.second.From < 0 {
		s.second.From = s.positions()
	}
	if o.KL > 0 {
		s.anchor.Lambda, s.anchor.Masked = float32(o.KL), o.Masked
		s.anchor.KL = grow(s.anchor.KL, s.second.From)
	}
	if !o.Replay && s.subsets.Positions() > 0 {
		s.targets.Base = &s.subsets
		if !ownSubsets {
			s.targets.BaseFrom = s.second.From
		}
	}
}

// positions is the number of positions with loss that collect has found so far.
func (s *Stepper) positions() int {
	if s.Objective.Replay {
		return s.subsets.Positions()
	}
	return len(s.targets.Rows)
}

// drawTails draws the tail of every sequence of a micro-batch, keyed by the seed, the step and the sequence's number in the
// step; nil for the bare loss.
func (s *Stepper) drawTails(n, first, step int) []loss.Tail {
	if s.Objective.Bare {
		return nil
	}
	for len(s.tails) < n {
		s.tails = append(s.tails, loss.Tail{})
	}
	for i := range n {
		rng := tensor.NewRNG(s.Objective.Seed, "tail", uint64(step)<<32|uint64(first+i))
		s.tails[i].Draw(s.Objective.Proposal, s.Objective.TailN, rng)
	}
	return s.tails[:n]
}

func grow(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	return s[:n]
}
