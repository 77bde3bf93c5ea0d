package replay

import (
	"context"
	"io"
	"slices"
	"time"
)

// Prediction is the time, size and memory of a recording, extrapolated from a few of its batches.
type Prediction struct {
	Sequences int     `json:"sequences"` // of the job's shard, like all other fields
	Tokens    int     `json:"tokens"`
	Positions int     `json:"positions"`
	Seconds   float64 `json:"seconds"` // of forward passes, head and file, without reading the data and the model; with Rehearsal
	Rate      float64 `json:"tokens_per_s"`
	Bytes     int64   `json:"bytes"`         // of the record, with Rehearsal
	Probed    int     `json:"probed_tokens"` // number of tokens that were measured

	Rehearsal *OwnPrediction `json:"rehearsal,omitempty"` // of the text that the model will write; nil: none
}

// OwnPrediction is the part of a Prediction that is the model's own text.
type OwnPrediction struct {
	Packs   int     `json:"packs"` // of the job's shard, to be trained on and held out
	Tokens  int     `json:"tokens"`
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
}

// A prediction measures until both are reached, or all was recorded.
const (
	probeTime    = 2 * time.Second
	probeBatches = 4
)

// Predict records some batches, spread evenly over the job's shard, lets the model write for a moment if it is to write, and predicts
// from that what the whole will take. It writes
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
	p, err := j.predictOwn(ctx, &h)
	if err != nil {
		return p, err
	}
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
	p.Seconds += float64(p.Tokens) / p.Rate
	perPosition := float64(e.off) / float64(max(e.stats.positions, 1))
	for i := lo; i < hi; i++ {
		e.stats.count(&seqs[i])
	}
	statistics := int64(len(e.stats.append(nil)))
	p.Bytes += int64(len(h.append(nil))) + int64(perPosition*float64(p.Positions)) + statistics + 16 + 8*int64(p.Sequences) + 2*sectionFrame + trailerSize
	return p, nil
}

// predictOwn predicts the part of a recording that is the model's own text, and puts the description of that text into h.
func (j *Job) predictOwn(ctx context.Context, h *Header) (p Prediction, err error) {
	if j.Rehearse == nil {
		return p, nil
	}
	if j.Rehearse.From != "" {
		r, err := j.openOwn()
		if err != nil {
			return p, err
		}
		defer r.Close()
		h.Rehearsal = r.h.Rehearsal
		lo, hi := h.RehearsalRange()
		p.Rehearsal = &OwnPrediction{Packs: hi - lo, Tokens: (hi - lo) * h.MaxSeqLen, Bytes: int64(r.packs[hi] - r.packs[lo])}
		p.Bytes = p.Rehearsal.Bytes
		return p, nil
	}
	if h.Rehearsal, err = j.rehearsal(h.Sequences); err != nil {
		return p, err
	}
	lo, hi := h.RehearsalRange()
	own := &OwnPrediction{Packs: hi - lo, Tokens: (hi - lo) * h.MaxSeqLen}
	p.Rehearsal = own
	d := newDesk(j.author(h.Rehearsal))
	for i := lo; i < min(hi, lo+d.width); i++ {
		if err := d.take(i); err != nil {
			return p, err
		}
	}
	pages, rows := slices.Clone(d.running), 0
	var begin time.Time
	for n := 0; len(d.running) > 0 && (n < 2 || time.Since(begin) < probeTime); n++ {
		if err := ctx.Err(); err != nil {
			return p, err
		}
		if n == 1 { // in the first pass buffers grow
			begin, rows = time.Now(), 0
		}
		rows += len(d.running)
		if err := d.pass(); err != nil {
			return p, err
		}
		d.retire()
	}
	perRow := time.Since(begin).Seconds() / float64(max(rows, 1))
	tokens, documents, positions, bytes := 0, 0, 0, 0
	var c codec
	for _, page := range pages {
		q := page.seq.With(&d.subsets[page.place])
		if len(q.IDs) == 0 { // still in its burn-in
			continue
		}
		tokens, documents, positions = tokens+len(q.IDs), documents+len(q.DocStarts), positions+len(q.Subsets.Rows)
		bytes += len(c.encode(nil, q)) + sectionFrame
	}
	length := h.MaxSeqLen // of a document
	if documents > len(pages) {
		length = tokens / documents
	}
	own.Seconds = perRow * float64(own.Tokens) * (1 + float64(h.Rehearsal.Start.BurnIn)/float64(length))
	own.Bytes = int64(float64(bytes) / float64(max(positions, 1)) * float64(own.Tokens))
	p.Seconds, p.Bytes = own.Seconds, own.Bytes
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
