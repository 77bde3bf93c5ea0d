package run

import (
	"math"
	"os"
	"path/filepath"

	"reprise/eval"
	"reprise/model"
	"reprise/replay"
	"reprise/train"
)

// subsetSize is the largest number of ids that a position of a record holds: its prefix, the ids of always and the gold id.
func subsetSize(r replay.Rule) int { return r.KMax + len(r.Always) + 1 }

// workload is the work of the recipe's steps, given the number of sequences in its domain, the length of the longest, and the
// largest number of ids at a recorded position. writes says whether the base model wrote packs into the record.
func (r Recipe) workload(cfg model.Config, sequences int, writes bool, seqLen, ids, workers int) train.Workload {
	domain, mixed, written := r.Batch(sequences, r.Mix != "", writes)
	global := min(sequences, domain) + mixed + written
	w := train.Workload{
		Replay: r.Loss == "replay", Recompute: r.Recompute, SeqLen: seqLen, Workers: workers,
		MicroTokens: min(r.MicroBatchSize, global) * seqLen, StepTokens: global * seqLen,
	}
	w.Kept = r.kept()
	if w.Replay || r.KL > 0 || r.RehearseLoss != "ce" && (written > 0 || r.mixRehearsed()) {
		w.Subset = ids
	}
	if w.Replay {
		w.Tail = r.TailDraws(cfg.VocabSize)
	}
	if r.Replay != "" {
		w.EvalTokens = seqLen // rho and forgetting are measured on a few of its packs, one at a time
	}
	limit := cfg.MaxPositions
	if r.MaxSeqLen > 0 {
		limit = min(limit, r.MaxSeqLen)
	}
	for _, s := range r.Eval.Data {
		n := max(eval.BatchTokens, limit)
		if set, err := eval.ParseSet(s); err == nil {
			n = min(n, mostTokens(set.Path))
		}
		w.EvalTokens = max(w.EvalTokens, n)
	}
	return w
}

// mostTokens bounds the number of tokens of a file by its size: a token stands for a byte or more.
func mostTokens(path string) int {
	switch filepath.Ext(path) {
	case ".txt", ".json", ".jsonl":
		if f, err := os.Stat(path); err == nil {
			return int(f.Size()) + 1
		}
	}
	return math.MaxInt
}
