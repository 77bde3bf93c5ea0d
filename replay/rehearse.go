package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"reprise/base"
)

// Rehearse says what text the model of a Job writes into the record, beside the domain. Give Share, or Packs and Gauge, or From.
type Rehearse struct {
	Share     float64   // of the packs of an epoch that are the model's own, above 0 and below 1: as many are written as Amount says
	MaxTokens int       // most tokens to be trained on; 0: DefaultOwn
	Packs     int       // with Share 0: number of packs to be trained on
	Gauge     int       // with Share 0: number of held-out packs
	Start     *Start    // where a document begins; nil: StartOf
	Rule      Rule      // which ids are recorded; zero fields: those of the Job
	Prompts   [][]int32 // ids that documents begin with, at most half of MaxSeqLen each; nil: none
	Digest    [32]byte  // SHA-256 of the file that the prompts are from
	From      string    // a record whose packs are copied in place of writing some: one writing serves many domains of a model; "": none
}

// rehearsal is the header's description of what the model will write for a domain of that many sequences.
func (j *Job) rehearsal(sequences int) (*Rehearsal, error) {
	c, cfg := j.Rehearse, &j.Model.Config
	r := &Rehearsal{
		Packs: c.Packs, Gauge: c.Gauge, Temperature: 1, Prompts: c.Digest, Rule: c.Rule, Seed: j.Seed, BaseModel: j.ModelFingerprint,
	}
	if c.Share != 0 {
		if !(c.Share > 0 && c.Share < 1) {
			return nil, fmt.Errorf("replay: rehearse: a share of %g, want more than 0 and less than 1", c.Share)
		}
		r.Packs, r.Gauge = Amount(sequences, c.Share, j.MaxSeqLen, cmp.Or(c.MaxTokens, DefaultOwn))
	}
	r.Tau, r.KMin, r.KMax = cmp.Or(r.Tau, j.Rule.Tau), cmp.Or(r.KMin, j.Rule.KMin), cmp.Or(r.KMax, j.Rule.KMax)
	if r.Always == nil {
		r.Always = slices.Clone(j.Rule.Always)
	}
	if r.Start = StartOf(cfg, j.Tokenizer); c.Start != nil {
		r.Start = *c.Start
	}
	ends := slices.Clone(cfg.EOS)
	if r.Start.ID >= 0 {
		ends = append(ends, r.Start.ID) // a model whose texts had no end id writes the beginning of the next
	}
	for _, id := range base.Ends(j.Tokenizer, false, ends...) {
		if int(id) < min(j.Tokenizer.VocabSize(), cfg.VocabSize) {
			r.Stop = append(r.Stop, id)
		}
	}
	if err := r.validate(cfg.VocabSize); err != nil {
		return nil, fmt.Errorf("replay: rehearse: %w", err)
	}
	return r, j.author(r).check()
}

// author is the author of a rehearsal.
func (j *Job) author(r *Rehearsal) *Author {
	a := NewAuthor(j.Model, j.Tokenizer, j.Pool, *r, j.MaxSeqLen)
	a.Begin = j.Rehearse.Prompts
	return a
}

// openOwn opens the record from which the model's own text is copied.
func (j *Job) openOwn() (*Reader, error) {
	r, err := Open(j.Rehearse.From)
	if err != nil {
		return nil, err
	}
	if err := j.checkOwn(&r.h); err != nil {
		r.Close()
		return nil, fmt.Errorf("replay: rehearse from %s: %w", r.path, err)
	}
	return r, nil
}

func (j *Job) checkOwn(h *Header) error {
	cfg := j.Model.Config.Fingerprint()
	switch {
	case h.Rehearsal == nil:
		return fmt.Errorf("it holds no text that the base model wrote; record one that does")
	case h.Shards > 1:
		return fmt.Errorf("it is shard %d of %d; merge the shards first", h.Shard, h.Shards)
	case h.Rehearsal.BaseModel != j.ModelFingerprint || h.Config != cfg:
		return fmt.Errorf("another model wrote its text; use a record of this model")
	case h.Tokenizer != j.Tokenizer.Fingerprint():
		return fmt.Errorf("it was made with another tokenizer; use a record of this model")
	case h.MaxSeqLen != j.MaxSeqLen:
		return fmt.Errorf("its packs have %d tokens, and max_seq_len is %d; give both the same", h.MaxSeqLen, j.MaxSeqLen)
	}
	return nil
}

// packCost is about how many sequences the recorder takes through the model while it writes one pack: reading the weights for every
// token of a few packs takes longer than reading them once for all tokens of a batch. It only weighs the progress.
const packCost = 4

// write writes the shard's packs that are missing. done is the number of steps of the progress before it, total that of all.
func (j *Job) write(ctx context.Context, w *Writer, h *Header, done, total, tokens int) error {
	lo, hi := h.RehearsalRange()
	lo += w.Rehearsed()
	a := j.author(h.Rehearsal)
	written := 0
	a.Wrote = func(n int) {
		written += n
		if j.Progress != nil {
			j.Progress(min(done+packCost*written/h.MaxSeqLen, total-1), total, tokens+written)
		}
	}
	for q, err := range a.Packs(ctx, lo, hi) {
		if err == nil {
			err = w.Rehearse(lo, q)
		}
		if err != nil {
			return err
		}
		lo++
	}
	if written > 0 && j.Progress != nil {
		j.Progress(total, total, tokens+written)
	}
	return nil
}
