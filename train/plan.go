package train

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"reprise/loss"
	"reprise/model"
	"reprise/replay"
	"reprise/tensor"
)

// Plan says what a run needs, and what there is.
type Plan struct {
	Model   string      `json:"model"`
	Threads int         `json:"threads"`
	Tokens  int         `json:"tokens"` // in memory at a time: a micro-batch of sequences of full length
	Memory  PlannedUse  `json:"memory"` // bytes
	Free    int64       `json:"free"`   // bytes, the control groups' limits kept; 0: unknown
	Fits    bool        `json:"fits"`
	Probe   *ProbedTime `json:"probe,omitempty"` // absent where the run does not fit
}

// PlannedUse is memory by part, in bytes.
type PlannedUse struct {
	model.Memory
	Head  int `json:"head"`  // output head and loss: logits, subsets, gradients of the hidden states
	Other int `json:"other"` // gradient rows of the embeddings, buffers of the workers, the program itself
	Total int `json:"total"`
}

// ProbedTime is what some steps of the run took.
type ProbedTime struct {
	Steps     int     `json:"steps"`    // of the run
	Measured  int     `json:"measured"` // of them, for this
	StepMS    float64 `json:"step_ms"`  // median
	PerSecond float64 `json:"tokens_per_s"`
	Seconds   float64 `json:"seconds"` // all steps; evaluations and saving not counted
}

const (
	// programBytes is what the process takes before it trains: code, runtime, tokenizer.
	programBytes = 24 << 20
	// workerBytes are the packing buffers of one worker.
	workerBytes = 5 << 20

	probeSteps = 5
	probeTime  = 20 * time.Second
)

// NewPlan works out what a recipe's run needs in memory. Where that fits it opens the run, takes a few steps and throws them
// away: nothing is written.
func NewPlan(ctx context.Context, r Recipe, pool *tensor.Pool) (*Plan, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	p := &Plan{Threads: pool.Workers(), Free: tensor.FreeMemory()}
	if err := p.plan(r); err != nil {
		return nil, err
	}
	p.Fits = p.Free == 0 || int64(p.Memory.Total) <= p.Free
	if !p.Fits {
		return p, nil
	}
	r.Out, r.Refresh = "", RefreshPlan{}
	run, err := Open(r, pool, false)
	if err != nil {
		return nil, err
	}
	p.Probe, err = run.probeTime(ctx)
	return p, err
}

// plan fills in the memory, from headers alone.
func (p *Plan) plan(r Recipe) error {
	path := r.Init
	if path == "" {
		path = filepath.Join(r.Model, "config.json")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	cfg, err := model.ParseConfig(text)
	if err != nil {
		return fmt.Errorf("train: %s: %w", path, err)
	}
	seqLen, ids := r.MaxSeqLen, 0
	if seqLen == 0 {
		seqLen = min(512, cfg.MaxPositions)
	}
	for _, record := range []string{r.Replay, r.Mix} {
		reader, err := replay.Open(record)
		if record == "" || err != nil && record == r.Mix { // mix may be text
			continue
		}
		if err != nil {
			return err
		}
		h := reader.Header()
		_ = reader.Close()
		if record == r.Replay {
			seqLen = h.MaxSeqLen
		}
		seqLen, ids = max(seqLen, h.MaxSeqLen), max(ids, h.KMax+len(h.Always)+1)
	}
	p.Tokens = min(r.MicroBatchSize, r.GlobalBatchSize) * seqLen
	w := Workload{Replay: r.Loss == "replay", MicroTokens: p.Tokens, StepTokens: r.GlobalBatchSize * seqLen, SeqLen: seqLen, Workers: p.Threads}
	if w.Replay {
		w.Subset, w.Tail = ids, r.tailDraws(cfg.VocabSize)
		w.Blocks++ // rho is measured on a sample
	}
	if len(r.Eval.Data) > 0 {
		w.Blocks++
	}
	p.Model, p.Memory = cfg.String(), w.Memory(cfg)
	return nil
}

// Workload is what the memory of a run depends on, apart from the model.
type Workload struct {
	Replay       bool // the loss; otherwise full cross-entropy
	MicroTokens  int  // tokens in memory at a time
	StepTokens   int  // tokens of a step
	SeqLen       int  // longest sequence
	Subset, Tail int  // replay: ids of a position; draws of a sequence's tail, 0: none
	Blocks       int  // blocks of logits beside the loss's own, for what is measured while training
	Workers      int
}

// Memory is the peak that is to be expected.
func (w Workload) Memory(cfg model.Config) PlannedUse {
	d, vocab := cfg.HiddenSize, cfg.VocabSize
	u := PlannedUse{Memory: cfg.TrainingMemory(w.MicroTokens)}
	u.Head = 4*w.MicroTokens*d + w.Blocks*loss.FullMemory(vocab, d) // the gradient of the hidden states; logits
	if w.Replay {
		u.Head += loss.ReplayMemory(w.MicroTokens, w.SeqLen, w.Subset, w.Tail, vocab, d)
	} else {
		u.Head += loss.FullMemory(vocab, d)
	}
	u.Other = programBytes + workerBytes*w.Workers + 4*d*min(vocab, w.StepTokens)
	u.Total = u.Memory.Total() + u.Head + u.Other
	return u
}

// probeTime takes steps and keeps the time: the first, which allocates, is not counted if there are more.
func (r *Run) probeTime(ctx context.Context) (*ProbedTime, error) {
	batch := make([]*replay.Sequence, 0, r.Recipe.GlobalBatchSize)
	var ms []float64
	tokens := 0
	for start := time.Now(); r.done < min(r.Steps, 1+probeSteps) && (len(ms) < 2 || time.Since(start) < probeTime); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		began := time.Now()
		e, err := r.step(&batch)
		if err != nil {
			return nil, err
		}
		ms = append(ms, 1e3*time.Since(began).Seconds())
		tokens = e.Tokens
	}
	if len(ms) > 1 {
		ms = ms[1:]
	}
	slices.Sort(ms)
	median := ms[len(ms)/2]
	return &ProbedTime{
		Steps: r.Steps, Measured: len(ms), StepMS: median, PerSecond: 1e3 * float64(tokens) / median, Seconds: median * float64(r.Steps) / 1e3,
	}, nil
}
