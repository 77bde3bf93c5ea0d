package run

import (
	"fmt"
	"math"

	"reprise/base"
	"reprise/data"
	"reprise/replay"
)

// source gives packed sequences by number, from a record or from packed text.
type source struct {
	record *replay.Reader
	packed []data.Sequence

	notices []string // about reading the text

	written bool    // the packs are those that the base model wrote, which the record holds besides
	always  []int32 // ids that every position of the record holds

	order []int // of packs, in the epoch below
	epoch int
	ring  []data.Sequence // reused; as many as a batch holds
	next  int
}

// openSource opens a record, or packs text when there is none. probabilities says whether the loss will read those of the base model.
func openSource(record, text string, r Recipe, probabilities bool, b *base.Base) (*source, error) {
	s := &source{epoch: -1, ring: make([]data.Sequence, r.GlobalBatchSize)}
	if record != "" {
		reader, err := replay.Open(record)
		if err != nil {
			return nil, err
		}
		s.record, s.always = reader, reader.Header().Always
		return s, s.checkRecord(record, probabilities, b)
	}
	limit, err := r.textLen(b.Model.Config)
	if err != nil {
		return nil, err
	}
	docs, stats, err := data.LoadDocuments(text, b.Tokenizer, data.Options{MaxSeqLen: limit, Reading: r.Reading})
	if err != nil {
		return nil, err
	}
	for _, notice := range stats.Notices(limit) {
		s.notices = append(s.notices, text+": "+notice)
	}
	s.packed = data.Pack(docs, limit, r.Seed)
	if len(s.packed) == 0 {
		return nil, fmt.Errorf("run: %s holds no sequence to train on", text)
	}
	return s, nil
}

// checkRecord refuses a record that the run cannot train the model on.
func (s *source) checkRecord(path string, probabilities bool, b *base.Base) error {
	if err := s.record.Fits(b); err != nil {
		return err
	}
	if _, err := s.record.Seam(); err != nil {
		return err
	}
	if h := s.record.Header(); h.Moving() && probabilities {
		return fmt.Errorf("run: %s: kl: the record was made while a model was trained, and its probabilities are not the base model's; leave kl out (for mix_loss rehearsal: rehearse_loss ce), or %w", path, replay.ErrRecordAgain)
	}
	if s.len() == 0 {
		return fmt.Errorf("run: %s holds no sequence to train on", path)
	}
	return nil
}

// follow returns the recipe with the seam of the record that is trained on, so that evaluations ask as training teaches.
func (run *Run) follow(r Recipe) (Recipe, error) {
	if run.domain.record == nil {
		return r, nil
	}
	seam, err := run.domain.record.Seam()
	if err != nil || seam == r.Seam {
		return r, err
	}
	if r.Seam != data.DefaultReading().Seam {
		return r, fmt.Errorf("run: seam: %s, but %s was recorded with seam %s: leave seam out, or record the data with seam %s", r.Seam, r.Replay, seam, r.Seam)
	}
	r.Seam = seam
	run.Notices = append(run.Notices, fmt.Sprintf("%s was recorded with seam %s, and evaluations follow it; evaluate the trained model with that seam too", r.Replay, seam))
	return r, nil
}

// otherSeam is a notice if the sequences to mix in were recorded with another seam than the recipe's.
func (run *Run) otherSeam(r Recipe) (notices []string) {
	if run.mix.record == nil {
		return nil
	}
	if seam, err := run.mix.record.Seam(); err == nil && seam != r.Seam {
		notices = append(notices, fmt.Sprintf("%s was recorded with seam %s, and everything else is read with seam %s", r.Mix, seam, r.Seam))
	}
	return notices
}

func (s *source) len() int {
	switch {
	case s.written:
		return s.record.Rehearsed()
	case s.record != nil:
		return s.record.Len()
	}
	return len(s.packed)
}

// size is the length of the longest sequence and the most ids of a recorded position.
func (s *source) size() (seqLen, ids int) {
	if s.record != nil {
		h := s.record.Header()
		rule := h.Rule
		if s.written {
			rule = h.Rehearsal.Rule
		}
		return h.MaxSeqLen, subsetSize(rule)
	}
	for i := range s.packed {
		seqLen = max(seqLen, len(s.packed[i].IDs))
	}
	return seqLen, 0
}

// at gives sequence i counted through all epochs, each of which has its own permutation. The sequence stays valid until
// as many more have been asked for as a batch holds.
func (s *source) at(seed uint64, i int) (*data.Sequence, error) {
	if epoch := i / s.len(); epoch != s.epoch {
		s.order, s.epoch = data.Order(seed, epoch, s.len()), epoch
	}
	q := &s.ring[s.next%len(s.ring)]
	s.next++
	return q, s.read(s.order[i%s.len()], q)
}

// read fetches a pack by its own number.
func (s *source) read(pack int, into *data.Sequence) error {
	if s.record == nil {
		*into = s.packed[pack]
		return nil
	}
	read := s.record.Sequence
	if s.written {
		read = s.record.RehearsalPack
	}
	err := read(pack, into)
	s.inside(into)
	return err
}

// warnings lists what in the recipe and the record the user should know before the first step.
func (r *Run) warnings() (list []string) {
	if r.mix != nil {
		k := r.mixed
		if share := float64(k) / float64(r.perBatch+k); math.Abs(share/r.Recipe.ReplayMix-1) > 0.1 {
			list = append(list, fmt.Sprintf("replay_mix: %g of global_batch_size %d is rounded to %d, a share of %.3g",
				r.Recipe.ReplayMix, r.Recipe.GlobalBatchSize, k, share))
		}
	}
	if k := r.written; k > 0 {
		n := r.Recipe.GlobalBatchSize
		if share := float64(k) / float64(k+n); math.Abs(share/r.Recipe.Rehearse-1) > 0.1 {
			list = append(list, fmt.Sprintf("rehearse: %g beside global_batch_size %d is rounded to %d packs, a share of %.3g",
				r.Recipe.Rehearse, n, k, share))
		}
	}
	if r.recording != nil && r.Steps > r.stepsPerEpoch() {
		list = append(list, fmt.Sprintf("the record fits the base model and the model at step %d, the end of the first epoch, but not final/; with epochs: 1 it fits final/", r.stepsPerEpoch()))
	}
	if r.Recipe.Loss != "replay" || r.Recipe.Tail != "none" {
		return list
	}
	if outside := r.domain.record.Summary().GoldOutside; outside > 0.05 {
		list = append(list, fmt.Sprintf("gold_outside is %.1f %%: the base model did not expect that share of the data, and training with the bare loss (tail: none) "+
			"can then end worse than the base model; tail: sampled is the remedy", 100*outside))
	}
	return list
}
