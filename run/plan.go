package run

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/internal/hub"
	"reprise/model"
	"reprise/replay"
	"reprise/tensor"
	"reprise/train"
)

// Plan says how much memory and time a run needs, and how much memory is free.
type Plan struct {
	Model   string           `json:"model"`
	Threads int              `json:"threads"`
	Tokens  int              `json:"tokens"` // in memory at a time: a micro-batch of sequences of full length
	Memory  train.PlannedUse `json:"memory"` // bytes
	Free    int64            `json:"free"`   // bytes, within the limits of control groups; 0: unknown
	Fits    bool             `json:"fits"`
	Probe   *ProbedTime      `json:"probe,omitempty"` // absent if the run does not fit

	Recompute bool `json:"recompute,omitempty"` // as in the recipe
}

// ProbedTime is the time of a run, estimated from a few measured steps.
type ProbedTime struct {
	Steps     int     `json:"steps"`    // of the whole run
	Measured  int     `json:"measured"` // steps that were measured
	StepMS    float64 `json:"step_ms"`  // median
	PerSecond float64 `json:"tokens_per_s"`
	Seconds   float64 `json:"seconds"` // all steps; evaluations and saving not counted
}

const (
	probeSteps = 5
	probeTime  = 20 * time.Second
)

// NewPlan works out how much memory a recipe's run needs. If that fits, NewPlan opens the run, takes a few steps to measure
// their time, and discards them: nothing is written.
func NewPlan(ctx context.Context, r Recipe, pool *tensor.Pool) (*Plan, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	p := &Plan{Threads: pool.Workers(), Free: tensor.FreeMemory(), Recompute: r.Recompute}
	if err := p.plan(r); err != nil {
		return nil, err
	}
	p.Fits = p.Free == 0 || int64(p.Memory.Total) <= p.Free
	if !p.Fits {
		return p, nil
	}
	r.Out, r.Refresh, r.Record = "", RefreshPlan{}, RecordPlan{}
	run, err := Open(r, pool, false)
	if err != nil {
		return nil, err
	}
	p.Probe, err = run.probeTime(ctx)
	return p, err
}

// plan fills in the memory; it reads only config.json and the headers of records.
func (p *Plan) plan(r Recipe) error {
	path, text, err := r.Init, []byte(nil), error(nil)
	if path != "" {
		text, err = hub.Read(path, maxBaseFile)
	} else {
		path = r.Model
		text, err = checkpoint.ReadConfig(r.Model)
	}
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	cfg, err := model.ParseConfig(text)
	if err != nil {
		return fmt.Errorf("run: %s: %w", path, err)
	}
	seqLen, sequences, writes, ids := r.seqLen(cfg), math.MaxInt, false, 0
	if r.Data != "" {
		if seqLen, err = r.textLen(cfg); err != nil {
			return err
		}
	}
	for _, record := range []string{r.Replay, r.Mix} {
		reader, err := replay.Open(record)
		if record == "" || err != nil && record == r.Mix { // mix may be text
			continue
		}
		if err != nil {
			return err
		}
		h, n, written := reader.Header(), reader.Len(), reader.Rehearsed()
		_ = reader.Close()
		if record == r.Replay {
			seqLen, sequences = h.MaxSeqLen, n
			if written > 0 && r.Rehearse > 0 {
				writes, ids = true, max(ids, subsetSize(h.Rehearsal.Rule))
			}
		}
		seqLen, ids = max(seqLen, h.MaxSeqLen), max(ids, subsetSize(h.Rule))
	}
	w := r.workload(cfg, sequences, writes, seqLen, ids, p.Threads)
	p.Tokens, p.Model, p.Memory = w.MicroTokens, cfg.String(), w.Memory(cfg)
	return nil
}

// probeTime takes steps and measures their time. The first step, which allocates, is not counted if there are others.
func (r *Run) probeTime(ctx context.Context) (*ProbedTime, error) {
	batch := make([]*data.Sequence, 0, r.Recipe.GlobalBatchSize+r.written)
	var steps []probedStep
	for start := time.Now(); r.done < min(r.Steps, 1+probeSteps) && (len(steps) < 2 || time.Since(start) < probeTime); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		began := time.Now()
		e, err := r.step(&batch)
		if err == nil {
			err = r.act(&e)
		}
		if err != nil {
			return nil, err
		}
		steps = append(steps, probedStep{ms: 1e3 * time.Since(began).Seconds(), tokens: e.Tokens, sequences: len(batch)})
	}
	if len(steps) > 1 {
		steps = steps[1:]
	}
	return probed(steps, r.Steps, r.sequences()), nil
}

// probedStep is the time that a step took, and the size of its batch.
type probedStep struct {
	ms                float64
	tokens, sequences int
}

// probed estimates the time of a run of the given numbers of steps and sequences from the measured steps. The last batch of
// an epoch may be short, so the estimate uses the time of a sequence, not of a step.
func probed(measured []probedStep, steps, sequences int) *ProbedTime {
	median := func(of func(s probedStep) float64) float64 {
		var v []float64
		for _, s := range measured {
			v = append(v, of(s))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return &ProbedTime{
		Steps: steps, Measured: len(measured),
		StepMS:    median(func(s probedStep) float64 { return s.ms }),
		PerSecond: median(func(s probedStep) float64 { return 1e3 * float64(s.tokens) / s.ms }),
		Seconds:   float64(sequences) / 1e3 * median(func(s probedStep) float64 { return s.ms / float64(s.sequences) }),
	}
}
