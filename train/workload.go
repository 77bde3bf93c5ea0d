package train

import (
	"cmp"

	"reprise/data"
	"reprise/loss"
	"reprise/model"
)

// Workload holds what the memory of a run depends on, apart from the model. The zero value is a run of unknown size: no memory
// is allocated in advance.
type Workload struct {
	Replay       bool // the loss; otherwise full cross-entropy
	Recompute    bool // blocks keep only their input and are computed twice
	MicroTokens  int  // tokens in memory at a time; 0: unknown
	StepTokens   int  // tokens of a step; 0: MicroTokens
	SeqLen       int  // longest sequence; 0: MicroTokens
	Subset, Tail int  // ids of a recorded position; draws of a sequence's tail, 0: none
	EvalTokens   int  // tokens at a time in evaluations between the steps; 0: no evaluations
	Kept         int  // values for every weight that the run keeps beside weights, gradients and moments: an average
	Workers      int  // 0: NewStepper takes the pool's number
}

// PlannedUse is memory by part, in bytes.
type PlannedUse struct {
	model.Memory
	Head  int `json:"head"`           // output head and loss: logits, subsets
	Kept  int `json:"kept,omitempty"` // Workload.Kept values for every weight
	Other int `json:"other"`          // buffers of the workers, evaluations that need more than the steps, the program itself
	Total int `json:"total"`
}

const (
	// programBytes is the memory of the process before it trains: code, runtime, tokenizer.
	programBytes = 20 << 20
	// workerBytes are the packing buffers of one worker.
	workerBytes = 5 << 20
)

// complete replaces fields that are 0 by what they stand for.
func (w Workload) complete() Workload {
	w.SeqLen, w.StepTokens = cmp.Or(w.SeqLen, w.MicroTokens), cmp.Or(w.StepTokens, w.MicroTokens)
	return w
}

// Memory is the expected peak of memory.
func (w Workload) Memory(cfg model.Config) PlannedUse {
	w = w.complete()
	bare := w
	bare.Replay = true // without room for logits
	u := PlannedUse{Memory: cfg.TrainingMemory(bare.passWork(cfg))}
	steps := cfg.TrainingMemory(w.passWork(cfg)).Activations
	u.Head = steps - u.Activations
	if w.Replay {
		u.Head += loss.ReplayMemory(w.sizes(), cfg.VocabSize, cfg.HiddenSize)
	}
	u.Other = programBytes + workerBytes*w.Workers
	// Evaluations use the memory of the steps if that is enough.
	if w.EvalTokens > 0 {
		if n := cfg.InferenceMemory(w.EvalTokens, loss.FullMemory(w.EvalTokens, cfg.VocabSize, cfg.HiddenSize)/4); n > steps {
			u.Other += n
		}
	}
	u.Kept = w.Kept * u.Weights
	u.Total = u.Memory.Total() + u.Head + u.Kept + u.Other
	return u
}

// passWork is the work of the pass. The logits of full cross-entropy use memory that the backward pass uses later.
func (w Workload) passWork(cfg model.Config) model.Work {
	work := model.Work{Tokens: w.MicroTokens, SeqLen: w.SeqLen, StepTokens: w.StepTokens, Workers: w.Workers, Recompute: w.Recompute}
	if !w.Replay {
		work.Spare = loss.FullMemory(w.MicroTokens, cfg.VocabSize, cfg.HiddenSize) / 4
	}
	return work
}

// sizes bound the batches of a replay loss. Every token except a document's first may carry loss.
func (w Workload) sizes() loss.Sizes {
	return loss.Sizes{Positions: w.MicroTokens, SeqLen: w.SeqLen, Subset: w.Subset, Tail: w.Tail}
}

// reserve allocates the memory of steps within w, so that no step allocates.
func (s *Stepper) reserve(w Workload) {
	if w.MicroTokens == 0 {
		return
	}
	cfg := s.Model.Config
	n := w.MicroTokens
	s.Pool.Reserve()
	s.pass.Reserve(w.passWork(cfg))
	s.batch.IDs, s.batch.DocStarts = make([]int32, 0, n), make([]int32, 0, n)
	s.losses, s.seqs = make([]float64, n), make([]*data.Sequence, 0, max(w.StepTokens, n)/w.SeqLen)
	if !w.Replay {
		s.full.Reserve(w.Workers, w.Subset)
		s.targets.Rows, s.targets.Gold = make([]int32, 0, n), make([]int32, 0, n)
	} else {
		s.replay.Reserve(w.Workers, w.sizes(), cfg.VocabSize, cfg.HiddenSize)
		s.tails = make([]loss.Tail, n/w.SeqLen)
		for i := range s.tails {
			s.tails[i] = loss.Tail{IDs: make([]int32, 0, w.Tail), Offset: make([]float32, 0, w.Tail)}
		}
	}
	if w.Subset > 0 {
		u := &s.subsets
		u.Rows, u.Gold, u.Offsets = make([]int32, 0, n), make([]int32, 0, n), make([]int32, 0, n+1)
		u.IDs, u.Seqs = make([]int32, 0, n*w.Subset), make([]int32, 0, n)
	}
	if s.Objective.KL > 0 || s.Objective.Rehearse != loss.CE {
		u := &s.subsets
		u.LogProb, u.Mass, u.Outside = make([]float32, 0, n*w.Subset), make([]float32, 0, n), make([]bool, 0, n)
		s.anchor.KL = make([]float64, n)
	}
}
