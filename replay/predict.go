package replay

import (
	"context"
	"io"
	"time"
)

// Prediction is the time, size and memory of a recording, extrapolated from a few of its batches.
type Prediction struct {
	Sequences int     `json:"sequences"` // of the job's shard, like all other fields
	Tokens    int     `json:"tokens"`
	Positions int     `json:"positions"`
	Seconds   float64 `json:"seconds"` // of forward passes, head and file, without reading the data and the model
	Rate      float64 `json:"tokens_per_s"`
	Bytes     int64   `json:"bytes"`         // of the record
	Probed    int     `json:"probed_tokens"` // number of tokens that were measured
}

// A prediction measures until both are reached, or all was recorded.
const (
	probeTime    = 2 * time.Second
	probeBatches = 4
)

// Predict records some batches, spread evenly over the job's shard, and predicts from them what the whole will take. It writes
// nothing. Afterwards the process has allocated as much memory as recording needs.
func Predict(ctx context.Context, j Job) (Prediction, error) {
	if err := j.complete(false); err != nil {
		return Prediction{}, err
	}
	seqs, err := j.pack()
	if err != nil {
		return Prediction{}, err
	}
	h := j.header(seqs)
	lo, hi := h.Range()
	var p Prediction
	var starts []int // of the batches
	for at := lo; at < hi; {
		n, tokens := batch(seqs[at:hi])
		starts = append(starts, at)
		p.Tokens += tokens
		for i := range n {
			p.Positions += seqs[at+i].Targets()
		}
		at += n
	}
	p.Sequences = hi - lo
	e, err := newEmitter(io.Discard, h)
	if err != nil {
		return p, err
	}
	rec := NewRecorder(j.Model, j.Pool, j.Rule)
	probe := func(b int) (tokens int, err error) {
		at := starts[b]
		n, tokens := batch(seqs[at:hi])
		subsets, err := rec.Sequences(ctx, seqs[at:at+n])
		for i := range subsets {
			if err == nil {
				err = e.sequence(seqs[at+i].With(&subsets[i]))
			}
		}
		return tokens, err
	}
	if len(starts) > 1 { // in the first batch buffers grow and the processor speeds up
		if _, err := probe(0); err != nil {
			return p, err
		}
	}
	begin := time.Now()
	for n, b := range spread(len(starts)) {
		if n >= probeBatches && time.Since(begin) >= probeTime {
			break
		}
		tokens, err := probe(b)
		if err != nil {
			return p, err
		}
		p.Probed += tokens
	}
	if p.Probed == 0 {
		return p, nil
	}
	p.Rate = float64(p.Probed) / time.Since(begin).Seconds()
	p.Seconds = float64(p.Tokens) / p.Rate
	perPosition := float64(e.off) / float64(max(e.stats.positions, 1))
	for i := lo; i < hi; i++ {
		e.stats.count(&seqs[i])
	}
	statistics := int64(len(e.stats.append(nil)))
	p.Bytes = int64(len(h.append(nil))) + int64(perPosition*float64(p.Positions)) + statistics + 16 + 8*int64(p.Sequences) + 2*sectionFrame + trailerSize
	return p, nil
}

// spread orders 0..n-1 by their reversed bits, so that the first k numbers, for any k, are spread over the whole range.
func spread(n int) []int {
	size := 1
	for size < n {
		size *= 2
	}
	order := make([]int, 0, n)
	for i := range size {
		r := 0
		for bit := 1; bit < size; bit *= 2 {
			r *= 2
			if i&bit != 0 {
				r++
			}
		}
		if r < n {
			order = append(order, r)
		}
	}
	return order
}
