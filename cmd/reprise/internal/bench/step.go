package bench

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"reprise/asm"
	"reprise/data"
	"reprise/loss"
	"reprise/model"
	"reprise/optim"
	"reprise/tensor"
	"reprise/train"
)

// StepOptions choose the training step that is measured.
type StepOptions struct {
	Model       string // llama-15m, llama-135m, gpt2-124m or the path of a config.json
	Loss        string // full or replay
	Tail        string // replay: none or sampled
	Optimizer   string // one of optim.Names()
	Sequences   int    // of a step; 0: the model's
	SeqLen      int    // tokens of a sequence; 0: 256
	MicroBatch  int    // sequences in memory at a time; 0: all
	Recompute   bool   // keep only each block's input, and run its forward pass twice
	Repetitions int    // measured steps, after three to warm up
}

// StepResult is a training step: medians over the repetitions.
type StepResult struct {
	Model       string    `json:"model"`
	Loss        string    `json:"loss"`
	Tail        string    `json:"tail,omitempty"` // replay
	Optimizer   string    `json:"optimizer"`
	Tier        string    `json:"tier"`
	Threads     int       `json:"threads"`
	Sequences   int       `json:"sequences"`
	Tokens      int       `json:"tokens"`
	Recompute   bool      `json:"recompute,omitempty"`
	MS          float64   `json:"ms"`
	PerSecond   float64   `json:"tokens_per_s"`
	MFU         float64   `json:"mfu"`         // share of peak_gflops; counts the whole head, also for a replay loss, which computes only a part of it
	Peak        float64   `json:"peak_gflops"` // fused multiply-adds on the same threads, measured between the steps
	PeakRSS     float64   `json:"peak_rss_mb"` // of this process, in 10^6 bytes
	Planned     float64   `json:"planned_mb"`  // the memory that reprise plan would give
	Parts       StepParts `json:"parts_ms"`
	Repetitions int       `json:"repetitions"`
}

// StepParts are the milliseconds of a step's parts; forward and backward leave attention and head out.
type StepParts struct {
	Forward   float64 `json:"forward"`
	Backward  float64 `json:"backward"`
	Head      float64 `json:"head"`
	Attention float64 `json:"attention"`
	Optimizer float64 `json:"optimizer"`
	Other     float64 `json:"other"`
}

// warmUp is the number of steps that are not measured.
const warmUp = 3

// Step measures training steps on random weights and random ids. A replay step has subsets of 64 ids.
func Step(ctx context.Context, pool *tensor.Pool, o StepOptions) (r StepResult, err error) {
	shape, cfg, err := findShape(o.Model)
	if err != nil {
		return r, err
	}
	if o.Sequences == 0 {
		o.Sequences = shape.sequences
	}
	if o.SeqLen == 0 {
		o.SeqLen = min(seqLen, cfg.MaxPositions)
	}
	if o.MicroBatch == 0 {
		o.MicroBatch = o.Sequences
	}
	if err := o.validate(cfg); err != nil {
		return r, err
	}
	m := model.New(cfg)
	m.Init(1)
	objective := o.objective(cfg.VocabSize)
	w := train.Workload{
		Replay: objective.Replay, Recompute: o.Recompute, Workers: pool.Workers(), SeqLen: o.SeqLen,
		MicroTokens: min(o.MicroBatch, o.Sequences) * o.SeqLen, StepTokens: o.Sequences * o.SeqLen,
	}
	if w.Replay {
		w.Subset, w.Tail = subsetSize, objective.TailN
	}
	s, err := train.NewStepper(m, pool, objective, optim.DefaultConfig(o.Optimizer), w)
	if err != nil {
		return r, err
	}
	seqs := stepSequences(o, cfg.VocabSize)
	const lr = 1e-4
	var whole, peaks []float64
	var parts [6][]float64
	for i := range warmUp + o.Repetitions {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		peak := fmaPeak(pool)
		ms := milliseconds(func() { _, err = s.Step(seqs, o.MicroBatch, i+1, lr) })
		if err != nil {
			return r, err
		}
		if i < warmUp {
			continue
		}
		whole, peaks = append(whole, ms), append(peaks, peak)
		t, rest := s.Times, ms
		for k, d := range []float64{t.Forward.Seconds(), t.Backward.Seconds(), t.Head.Seconds(), t.Attention.Seconds(), t.Optimizer.Seconds()} {
			parts[k] = append(parts[k], 1e3*d)
			rest -= 1e3 * d
		}
		parts[5] = append(parts[5], rest)
	}
	r = StepResult{
		Model: o.Model, Loss: o.Loss, Optimizer: o.Optimizer, Tier: asm.Active().String(), Threads: pool.Workers(),
		Sequences: o.Sequences, Tokens: o.Sequences * o.SeqLen, Recompute: o.Recompute, MS: median(whole), Peak: median(peaks) / 1e9, PeakRSS: float64(PeakMemory()) / 1e6,
		Parts: StepParts{
			Forward: median(parts[0]), Backward: median(parts[1]), Head: median(parts[2]),
			Attention: median(parts[3]), Optimizer: median(parts[4]), Other: median(parts[5]),
		},
		Repetitions: o.Repetitions,
	}
	if o.Loss == "replay" {
		r.Tail = o.Tail
	}
	r.Planned = float64(w.Memory(cfg).Total) / 1e6
	r.PerSecond = float64(r.Tokens) / r.MS * 1e3
	if r.Peak > 0 {
		r.MFU = float64(r.Tokens) * stepFlops(cfg, o.SeqLen) / (r.MS / 1e3) / (r.Peak * 1e9)
	}
	return r, nil
}

func (o *StepOptions) validate(cfg model.Config) error {
	switch {
	case o.Loss != "full" && o.Loss != "replay":
		return fmt.Errorf("bench: --loss %q: want full or replay", o.Loss)
	case o.Loss == "replay" && o.Tail != "none" && o.Tail != "sampled":
		return fmt.Errorf("bench: --tail %q: want none or sampled", o.Tail)
	case o.Loss == "replay" && cfg.VocabSize < 2*subsetSize:
		return fmt.Errorf("bench: --loss replay: a vocabulary of %d is too small for subsets of %d ids", cfg.VocabSize, subsetSize)
	case o.Sequences < 1 || o.MicroBatch < 1:
		return fmt.Errorf("bench: --sequences %d, --micro-batch-size %d: want 1 or more", o.Sequences, o.MicroBatch)
	case o.SeqLen < 2 || o.SeqLen > cfg.MaxPositions:
		return fmt.Errorf("bench: --max-seq-len %d: want 2 to the model's %d", o.SeqLen, cfg.MaxPositions)
	case o.Repetitions < 1:
		return fmt.Errorf("bench: --repetitions %d: want 1 or more", o.Repetitions)
	}
	return nil
}

func (o *StepOptions) objective(vocab int) train.Objective {
	switch {
	case o.Loss != "replay":
		return train.Objective{}
	case o.Tail != "sampled":
		return train.Objective{Replay: true, Bare: true}
	}
	return train.Objective{Replay: true, Proposal: loss.Uniform(vocab), TailN: train.DefaultTail(vocab), Seed: 1} // random ids have no frequencies
}

// stepFlops is what one token of a training step costs when every weight of a product counts 6 operations:
//
//	6·matmul parameters + 12·layers·heads·head_dim·T
func stepFlops(cfg model.Config, seqLen int) float64 {
	return 6*float64(cfg.MatmulParams()) + 12*float64(cfg.Layers)*float64(cfg.Heads)*float64(cfg.HeadDim)*float64(seqLen)
}

// subsetSize is the number of ids of every recorded position.
const subsetSize = 64

// stepSequences are a step's sequences, one document each; every token but the first carries loss. Replay sequences hold
// subsets whose ids follow Zipf's law, as the ids of text do: frequent ids are in many subsets.
func stepSequences(o StepOptions, vocab int) []*data.Sequence {
	rng := tensor.NewRNG(1, "bench", 0)
	ids := newZipf(vocab, rng)
	var seqs []*data.Sequence
	for range o.Sequences {
		u := &loss.Subsets{}
		q := &data.Sequence{DocStarts: []int32{0}, Subsets: u}
		u.Offsets = []int32{0}
		for t := range o.SeqLen {
			id := int32(rng.Intn(vocab))
			q.IDs, q.Target = append(q.IDs, id), append(q.Target, t > 0)
			if t == 0 || o.Loss != "replay" {
				continue
			}
			subset := ids.subset(id, rng)
			gold, _ := slices.BinarySearch(subset, id)
			u.Rows, u.Gold = append(u.Rows, int32(t-1)), append(u.Gold, int32(gold))
			u.IDs = append(u.IDs, subset...)
			u.Offsets = append(u.Offsets, int32(len(u.IDs)))
		}
		seqs = append(seqs, q)
	}
	return seqs
}

// zipf draws ids with probabilities proportional to 1/rank.
type zipf struct {
	cumulative []float64
	ids        []int // by rank
}

func newZipf(vocab int, rng *tensor.RNG) *zipf {
	z := &zipf{cumulative: make([]float64, vocab), ids: rng.Perm(vocab)}
	sum := 0.0
	for rank := range z.cumulative {
		sum += 1 / float64(rank+1)
		z.cumulative[rank] = sum
	}
	return z
}

// subset is subsetSize distinct ids, ascending, gold among them.
func (z *zipf) subset(gold int32, rng *tensor.RNG) []int32 {
	subset := []int32{gold}
	for len(subset) < subsetSize {
		rank := sort.SearchFloat64s(z.cumulative, rng.Float64()*z.cumulative[len(z.cumulative)-1])
		if id := int32(z.ids[min(rank, len(z.ids)-1)]); !slices.Contains(subset, id) {
			subset = append(subset, id)
		}
	}
	slices.Sort(subset)
	return subset
}
