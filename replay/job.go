package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/model"
	"reprise/tensor"
	"reprise/tokenizer"
)

// DefaultRule returns our defaults; the paper does not give any.
func DefaultRule() Rule { return Rule{Tau: 0.95, KMin: 4, KMax: 64} }

// complete replaces Tau, KMin and KMax, if they are 0, by those of DefaultRule.
func (r Rule) complete() Rule {
	d := DefaultRule()
	r.Tau, r.KMin, r.KMax = cmp.Or(r.Tau, d.Tau), cmp.Or(r.KMin, d.KMin), cmp.Or(r.KMax, d.KMax)
	return r
}

// Job is a recording: Stage 0 over documents, into a file. Model, Tokenizer, Pool, Documents and Out are needed.
type Job struct {
	Model            *model.Model
	ModelFingerprint string // checkpoint.TensorSHA256 of the weights, if known; "": it is computed
	Tokenizer        *tokenizer.Tokenizer
	Pool             *tensor.Pool
	Rule             Rule // zero fields: those of DefaultRule

	Documents []data.Document
	Seam      tokenizer.Seam // how prompts and completions meet in Documents: Seam of the data.Reading that they were read with; "": auto
	MaxSeqLen int            // tokens per packed sequence; 0: the model's longest, at most data.DefaultMaxSeqLen
	Seed      uint64         // of the packing, and of the text that the model writes

	Rehearse *Rehearse // text that the model writes into the record; nil: none

	Out           string // record to write; Predict does not need it
	Shard, Shards int    // the part of the sequences to record; Shards 0 or 1: all
	Compress      bool   // compress a sequence with zstd if that makes it smaller

	// Progress is called after every batch and may be nil. A sequence counts as one step, a pack that the model writes as several,
	// because it takes longer.
	Progress func(done, total, tokens int)
	Note     func(text string) // called if something was already recorded; may be nil
}

// recordTokens is about the number of tokens that run through the model together. The record does not depend on it.
const recordTokens = 2048

// Record packs the documents, runs the model over the packs of its shard and writes the record. It continues an unfinished
// record of an earlier attempt, and leaves a finished record of the same job as it is.
//
// When ctx is cancelled, the sequences recorded so far are kept for the next attempt, and ctx's error is returned.
func Record(ctx context.Context, j Job) (Summary, error) {
	if err := j.complete(true); err != nil {
		return Summary{}, err
	}
	seqs, err := j.pack()
	if err != nil {
		return Summary{}, err
	}
	var from *Reader
	if j.Rehearse != nil && j.Rehearse.From != "" {
		if from, err = j.openOwn(); err != nil {
			return Summary{}, err
		}
		defer from.Close()
	}
	return j.record(ctx, seqs, from)
}

// Again records the sequences of a record again, with the model as it is now: the packs, their order and the rule stay. Text that the
// base model wrote itself is copied as it is. Of j it needs Model, Tokenizer, Pool and Out. Like Record it continues an unfinished record of an earlier attempt.
func Again(ctx context.Context, j Job, from *Reader) (s Summary, err error) {
	if err := j.complete(true); err != nil {
		return Summary{}, err
	}
	h := from.Header()
	if h.Shards > 1 {
		return Summary{}, fmt.Errorf("replay: %w", &ShardError{from.path, h.Shard, h.Shards})
	}
	if j.Seam, err = from.Seam(); err != nil {
		return Summary{}, err
	}
	j.Rule = h.Rule
	j.MaxSeqLen, j.Seed, j.Shard, j.Shards, j.Compress = h.MaxSeqLen, h.Seed, 0, 1, h.Compress
	seqs := make([]data.Sequence, from.Len())
	for i := range seqs {
		var s data.Sequence
		if err := from.Sequence(i, &s); err != nil {
			return Summary{}, err
		}
		s.Subsets = nil // made again
		seqs[i] = s
	}
	return j.record(ctx, seqs, from)
}

// record writes the record of packed sequences. The model's own text is copied from a record, unless that is nil.
func (j *Job) record(ctx context.Context, seqs []data.Sequence, from *Reader) (Summary, error) {
	h := j.header(seqs)
	switch {
	case from != nil:
		h.Rehearsal = from.h.Rehearsal
	case j.Rehearse != nil:
		var err error
		if h.Rehearsal, err = j.rehearsal(len(seqs)); err != nil {
			return Summary{}, err
		}
	}
	if done, s, err := finished(j.Out, &h); done || err != nil {
		if done {
			j.note("%s exists already, is complete, and was made from the same model, data and settings: nothing to do", j.Out)
		}
		return s, err
	}
	w, done, err := Resume(j.Out, h)
	if err != nil {
		return Summary{}, err
	}
	if done > 0 || w.Rehearsed() > 0 {
		lo, hi := h.Range()
		text := fmt.Sprintf("%d of %d sequences are recorded", done, hi-lo)
		if lo, hi := h.RehearsalRange(); hi > lo {
			text += fmt.Sprintf(", %d of %d packs are written", w.Rehearsed(), hi-lo)
		}
		j.note("continuing %s: %s", partial(j.Out), text)
	}
	if err := j.run(ctx, w, &h, seqs, done, from); err != nil {
		return Summary{}, errors.Join(err, w.Suspend())
	}
	if err := w.Close(); err != nil {
		return Summary{}, err
	}
	return w.Summary(), nil
}

// complete fills in defaults of zero fields; its error names a missing field that has no default.
func (j *Job) complete(writes bool) error {
	missing := ""
	switch {
	case j.Model == nil:
		missing = "Model"
	case j.Tokenizer == nil:
		missing = "Tokenizer"
	case j.Pool == nil:
		missing = "Pool"
	case writes && j.Out == "":
		missing = "Out"
	}
	if missing != "" {
		return fmt.Errorf("replay: the job has no %s; a Job needs Model, Tokenizer, Pool, Documents and Out", missing)
	}
	j.Rule = j.Rule.complete()
	if j.MaxSeqLen == 0 {
		j.MaxSeqLen = min(data.DefaultMaxSeqLen, j.Model.Config.MaxPositions)
	}
	if j.ModelFingerprint == "" {
		j.ModelFingerprint = checkpoint.TensorSHA256(j.Model)
	}
	return nil
}

// pack checks the job's options and packs its documents.
func (j *Job) pack() ([]data.Sequence, error) {
	if err := j.Rule.Validate(j.Model.Config.VocabSize); err != nil {
		return nil, err
	}
	if j.MaxSeqLen < 2 || j.MaxSeqLen > j.Model.Config.MaxPositions {
		return nil, fmt.Errorf("replay: max_seq_len: %d, want 2 to the model's %d", j.MaxSeqLen, j.Model.Config.MaxPositions)
	}
	for i := range j.Documents {
		if d := &j.Documents[i]; len(d.IDs) > j.MaxSeqLen {
			return nil, fmt.Errorf("replay: documents: number %d (%s) has %d tokens, want at most max_seq_len, %d; "+
				"load the documents with MaxSeqLen %d in data.Options", i, d.Origin(), len(d.IDs), j.MaxSeqLen, j.MaxSeqLen)
		}
	}
	return data.Pack(j.Documents, j.MaxSeqLen, j.Seed), nil
}

func (j *Job) note(format string, args ...any) {
	if j.Note != nil {
		j.Note(fmt.Sprintf(format, args...))
	}
}

func (j *Job) header(seqs []data.Sequence) Header {
	return Header{
		BaseModel: j.ModelFingerprint, Tokenizer: j.Tokenizer.Fingerprint(), Config: j.Model.Config.Fingerprint(), Rule: j.Rule,
		VocabSize: j.Model.Config.VocabSize, MaxSeqLen: j.MaxSeqLen, Seed: j.Seed, Seam: data.SeamWords(j.Tokenizer, j.Seam),
		DataDigest: data.Digest(seqs), Shard: j.Shard, Shards: j.Shards, Sequences: len(seqs),
		Compress: j.Compress,
	}
}

// finished says whether the record of this job exists already. Any other file of that name is an error, because it is not
// overwritten.
func finished(path string, h *Header) (bool, Summary, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return false, Summary{}, nil
	}
	r, err := Open(path)
	if err != nil {
		return false, Summary{}, fmt.Errorf("%w; %w: choose another name, or move it away", err, ErrExists)
	}
	defer r.Close()
	have := r.Header()
	if d := have.difference(h, false); d != "" {
		return false, Summary{}, fmt.Errorf("replay: %s is a record made with other settings or other data (%s); %w: delete it, or choose another name", path, d, ErrExists)
	}
	return true, r.Summary(), nil
}

// run records the shard's sequences after the first done ones, and then the model's own text, which is copied from a record or, if that
// is nil, written.
func (j *Job) run(ctx context.Context, w *Writer, h *Header, seqs []data.Sequence, done int, from *Reader) error {
	lo, hi := h.Range()
	total := hi - lo
	if first, end := h.RehearsalRange(); from == nil {
		total += packCost * (end - first - w.Rehearsed())
	}
	tokens, err := j.sequences(ctx, w, seqs[lo+done:hi], lo+done, total)
	switch {
	case err != nil || h.Rehearsal == nil:
		return err
	case from != nil:
		return w.copyRehearsal(from)
	}
	return j.write(ctx, w, h, hi-lo, total, tokens)
}

// sequences records sequences, the first of which is number first of the recording. It returns how many tokens they have.
func (j *Job) sequences(ctx context.Context, w *Writer, seqs []data.Sequence, first, total int) (tokens int, err error) {
	rec := NewRecorder(j.Model, j.Pool, j.Rule)
	h := w.Header()
	lo, _ := h.Range()
	for at := 0; at < len(seqs); {
		n, size := batch(seqs[at:])
		subsets, err := rec.Sequences(ctx, seqs[at:at+n])
		if err != nil {
			return tokens, err
		}
		for i := range subsets {
			if err := w.Append(first+at+i, seqs[at+i].With(&subsets[i])); err != nil {
				return tokens, err
			}
		}
		at += n
		tokens += size
		if j.Progress != nil {
			j.Progress(first+at-lo, total, tokens)
		}
	}
	return tokens, nil
}

// batch returns how many of the next sequences run through the model together, and the number of their tokens.
func batch(seqs []data.Sequence) (n, tokens int) {
	for n < len(seqs) && (n == 0 || tokens+len(seqs[n].IDs) <= recordTokens) {
		tokens += len(seqs[n].IDs)
		n++
	}
	return n, tokens
}
