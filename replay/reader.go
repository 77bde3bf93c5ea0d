package replay

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"maps"
	"os"
	"slices"

	"github.com/klauspost/compress/zstd"

	"reprise/base"
	"reprise/data"
	"reprise/tokenizer"
)

// trailer is the end of a finished record: where statistics and index begin, and how long the file is.
type trailer struct{ stats, index, size uint64 }

func (t trailer) append(b []byte) []byte {
	start := len(b)
	b = append(b, endMagic[:]...)
	b = le.AppendUint64(b, t.stats)
	b = le.AppendUint64(b, t.index)
	b = le.AppendUint64(b, t.size)
	return le.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// parseTrailer reads the trailer, the last trailerSize bytes of a file of the given size.
func parseTrailer(b []byte, size int64) (t trailer, err error) {
	if [8]byte(b) != endMagic || crc32.Checksum(b[:trailerSize-4], castagnoli) != le.Uint32(b[trailerSize-4:]) {
		return t, errors.New("the end of a record is missing: the file is truncated, damaged, or not finished; copy it again, or resume the recording")
	}
	t = trailer{le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:])}
	if t.size != uint64(size) {
		return t, fmt.Errorf("%d bytes, the record had %d: the file is damaged; copy it again", size, t.size)
	}
	if t.index > t.size-trailerSize || t.stats > t.index {
		return t, errors.New("trailer: offsets beyond the file's end")
	}
	return t, nil
}

// unpacker decodes the sections of sequences.
type unpacker struct {
	h     *Header
	own   *Header // for the model's own text
	codec codec
	raw   []byte
	zstd  *zstd.Decoder // made when first needed
}

// open checks that a section is that of the sequence with the given number, and decodes it.
func (u *unpacker) open(frame []byte, number int, s *data.Sequence) error {
	return u.unpack(frame, u.h, kindSequence, kindCompressed, number, s)
}

// openOwn does the same for a pack of the model's own text.
func (u *unpacker) openOwn(frame []byte, number int, s *data.Sequence) error {
	return u.unpack(frame, u.own, kindOwn, kindOwnPacked, number, s)
}

func (u *unpacker) unpack(frame []byte, h *Header, plain, compressed [4]byte, number int, s *data.Sequence) error {
	kind, n, payload, rawLen, err := openSection(frame)
	if err != nil {
		return err
	}
	if n != uint32(number) {
		return fmt.Errorf("its section has the number %d", n)
	}
	switch kind {
	case plain:
		if rawLen != len(payload) || rawLen > maxPayload {
			return errPayload
		}
	case compressed:
		if rawLen > maxPayload || rawLen > maxExpansion*len(payload) {
			return errPayload
		}
		if u.zstd == nil {
			if u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(maxPayload)); err != nil {
				return err
			}
		}
		if cap(u.raw) < rawLen {
			u.raw = make([]byte, rawLen)
		}
		if payload, err = u.zstd.DecodeAll(payload, u.raw[:0:rawLen]); err != nil || len(payload) != rawLen {
			return errPayload
		}
	default:
		return fmt.Errorf("its section has the kind %q", string(kind[:]))
	}
	return u.codec.decode(payload, h, s)
}

// sections reads one section after another.
type sections struct {
	r    io.Reader
	at   int64 // offset of the next section
	size int64 // offset after the last byte
	buf  []byte
}

// next returns a whole section, valid until the next call. The section's length is checked against the file's before reading.
func (s *sections) next() ([]byte, error) {
	if s.size-s.at < sectionFrame {
		return nil, errTruncated
	}
	s.buf = slices.Grow(s.buf[:0], sectionHead)[:sectionHead]
	if _, err := io.ReadFull(s.r, s.buf); err != nil {
		return nil, err
	}
	n := sectionFrame + int64(le.Uint32(s.buf[8:]))
	if n > s.size-s.at || n > sectionFrame+maxPayload {
		return nil, errors.New("its length is wrong: the file is damaged")
	}
	s.buf = slices.Grow(s.buf, int(n)-sectionHead)[:n]
	if _, err := io.ReadFull(s.r, s.buf[sectionHead:]); err != nil {
		return nil, err
	}
	s.at += n
	return s.buf, nil
}

// Reader reads a finished record. It serves one caller at a time; a file may have any number of readers.
type Reader struct {
	path    string
	file    *os.File
	size    int64
	h       Header
	first   int
	offsets []uint64 // of the sequences, and of what follows the last one
	stats   stats
	un      unpacker
	buf     []byte

	firstPack int      // number of this file's first pack of the model's own text
	packs     []uint64 // offsets of those packs, and of the STAT section after the last one
	own       ownStats
}

// Open reads header, statistics and index, and checks them. Sequences are checked when they are read.
// Memory: the index (8 bytes per sequence) and the counts of gold ids, never more than 32 times the file's size.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("replay: opening a record: %w", err)
	}
	r := &Reader{path: path, file: f}
	r.un.h = &r.h
	if err := r.open(); err != nil {
		f.Close()
		return nil, fmt.Errorf("replay: opening %s: %w", path, err)
	}
	return r, nil
}

func (r *Reader) open() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	r.size = info.Size()
	front, err := r.read(0, min(r.size, 16+maxHeader+4))
	if err != nil {
		return err
	}
	h, headerSize, err := parseHeader(front)
	if err != nil {
		return err
	}
	r.h = h
	r.un.own = r.h.own()
	if r.size < int64(headerSize)+trailerSize {
		return errTruncated
	}
	b, err := r.read(r.size-trailerSize, trailerSize)
	if err != nil {
		return err
	}
	t, err := parseTrailer(b, r.size)
	if err != nil {
		return err
	}
	if t.stats < uint64(headerSize) {
		return errors.New("trailer: offsets inside the header")
	}
	if b, err = r.part(t.index, t.size-trailerSize, kindIndex); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	if err := r.parseIndex(b, uint64(headerSize), t.stats); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	if err := r.parseStats(t.stats, t.index); err != nil {
		return fmt.Errorf("statistics: %w", err)
	}
	return nil
}

// parseStats reads the statistics between two offsets: those of the domain, and if there are any those of the model's own text.
func (r *Reader) parseStats(from, to uint64) error {
	middle := to
	if r.h.Rehearsal != nil {
		b, err := r.read(int64(from), int64(min(to-from, sectionHead)))
		if err != nil {
			return err
		}
		if len(b) < sectionHead || sectionFrame+uint64(le.Uint32(b[8:])) > to-from {
			return errPayload
		}
		middle = from + sectionFrame + uint64(le.Uint32(b[8:]))
	}
	b, err := r.part(from, middle, kindStats)
	if err != nil {
		return err
	}
	c := cursor{b: b}
	if err := r.stats.parse(&c, r.h.VocabSize); err != nil {
		return err
	}
	if len(c.b) > 0 {
		return errPayload
	}
	if r.stats.sequences != uint64(r.Len()) {
		return fmt.Errorf("they count %d sequences, the index %d", r.stats.sequences, r.Len())
	}
	if r.h.Rehearsal == nil {
		return nil
	}
	if b, err = r.part(middle, to, kindOwnStats); err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	if err := r.own.parse(b, r.h.VocabSize); err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	lo, hi := r.h.RehearsalRange()
	if train := clamp(r.h.Rehearsal.Packs, lo, hi) - lo; r.own.train.sequences != uint64(train) || r.own.gauge.sequences != uint64(hi-lo-train) {
		return fmt.Errorf("rehearsal: they count %d packs and %d of the gauge, the file holds %d and %d",
			r.own.train.sequences, r.own.gauge.sequences, train, hi-lo-train)
	}
	return nil
}

func clamp(x, lo, hi int) int { return min(max(x, lo), hi) }

// read returns bytes of the file in memory that the next call reuses.
func (r *Reader) read(at, n int64) ([]byte, error) {
	r.buf = slices.Grow(r.buf[:0], int(n))[:n]
	if _, err := r.file.ReadAt(r.buf, at); err != nil {
		if err == io.EOF {
			err = errTruncated
		}
		return nil, err
	}
	return r.buf, nil
}

// part reads the section between two offsets and returns its payload.
func (r *Reader) part(from, to uint64, want [4]byte) ([]byte, error) {
	b, err := r.read(int64(from), int64(to-from))
	if err != nil {
		return nil, err
	}
	kind, number, payload, rawLen, err := openSection(b)
	if err != nil {
		return nil, err
	}
	if kind != want || number != 0 || rawLen != len(payload) {
		return nil, errPayload
	}
	return payload, nil
}

// parseIndex checks that the sequences, and after them the packs of the model's own text, fill the file from the header to the
// statistics without a gap.
func (r *Reader) parseIndex(b []byte, first, end uint64) error {
	var all []uint64
	list := func(lo, hi int, what string) error {
		if len(b) < 16+8*(hi-lo) || le.Uint64(b) != uint64(lo) || le.Uint64(b[8:]) != uint64(hi-lo) {
			return fmt.Errorf("it does not list %s %d to %d", what, lo, hi-1)
		}
		all = slices.Grow(all, hi-lo+1)
		for b = b[16:]; lo < hi; lo++ {
			all = append(all, le.Uint64(b))
			b = b[8:]
		}
		return nil
	}
	lo, hi := r.h.Range()
	if err := list(lo, hi, "sequences"); err != nil {
		return err
	}
	n := len(all)
	if r.h.Rehearsal != nil {
		lo, hi := r.h.RehearsalRange()
		if err := list(lo, hi, "rehearsal packs"); err != nil {
			return err
		}
		r.firstPack = lo
	}
	if len(b) > 0 {
		return errPayload
	}
	all = append(all, end)
	if all[0] != first {
		return errors.New("the first sequence does not follow the header")
	}
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if b <= a || b-a < sectionFrame || b-a > sectionFrame+maxPayload {
			if i > n {
				return fmt.Errorf("rehearsal pack %d from byte %d to %d", r.firstPack+i-1-n, a, b)
			}
			return fmt.Errorf("sequence %d from byte %d to %d", lo+i-1, a, b)
		}
	}
	r.first, r.offsets, r.packs = lo, all[:n+1], all[n:]
	return nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// Header returns the record's header: what the recording was made from and how.
func (r *Reader) Header() Header { return r.h }

// Len is the number of the domain's sequences in this file.
func (r *Reader) Len() int { return len(r.offsets) - 1 }

// Summary returns the counts of the domain's sequences in this file. Bytes is the size of the whole file.
func (r *Reader) Summary() Summary { return r.stats.summary(r.size) }

// GoldCounts is the number of times that each id below vocab is a target. vocab is the model's, as in the header.
func (r *Reader) GoldCounts(vocab int) []int64 { return r.stats.counts(vocab) }

// Fits returns an error if Stage 1 cannot train a base model on the record: a [WrongBaseError] if it was made with another
// model, tokenizer or config.json, a [ShardError] if it is only a shard.
func (r *Reader) Fits(b *base.Base) error {
	h, cfg := &r.h, b.Model.Config
	switch {
	case h.Tokenizer != b.Tokenizer.Fingerprint():
		return &WrongBaseError{Path: r.path, What: "tokenizer", Have: h.Tokenizer, Want: b.Tokenizer.Fingerprint()}
	case h.BaseModel != b.Fingerprint && !(h.Moving() && h.MovedTo == b.Fingerprint):
		return &WrongBaseError{Path: r.path, What: "base model", Have: h.BaseModel, MovedTo: h.MovedTo, Want: b.Fingerprint}
	case h.Config != "" && h.Config != cfg.Fingerprint():
		return &WrongBaseError{Path: r.path, What: "configuration", Have: h.Config, Want: cfg.Fingerprint()}
	case h.VocabSize != cfg.VocabSize:
		return fmt.Errorf("replay: %s: the record has a vocabulary of %d, the model %d", r.path, h.VocabSize, cfg.VocabSize)
	case h.MaxSeqLen > cfg.MaxPositions:
		return fmt.Errorf("replay: %s: the record has sequences of up to %d tokens, the model takes %d (max_position_embeddings in its config.json)", r.path, h.MaxSeqLen, cfg.MaxPositions)
	case h.CrossDocument:
		return fmt.Errorf("replay: %s: the record was made with attention across documents, which is not supported; %w", r.path, ErrRecordAgain)
	case h.Shards > 1:
		return fmt.Errorf("replay: %w", &ShardError{Path: r.path, Shard: h.Shard, Shards: h.Shards})
	}
	return nil
}

// Seam is how prompts and completions meet in the record's sequences. It is an error if the header says it in unknown words.
func (r *Reader) Seam() (tokenizer.Seam, error) {
	seam, err := data.ParseSeam(r.h.Seam)
	if err != nil {
		return "", fmt.Errorf("replay: %s: header: %w; use the program that wrote it, or %w", r.path, err, ErrRecordAgain)
	}
	return seam, nil
}

// Sequence reads the file's sequence i, from 0, into into, and reuses its memory if that is large enough. It panics if i
// is out of range. A sequence that is returned without error is valid: ids are in the vocabulary, indices in their slices.
func (r *Reader) Sequence(i int, into *data.Sequence) error {
	_, err := r.sequence(i, into)
	return err
}

// sequence also returns the section, valid until the next call.
func (r *Reader) sequence(i int, into *data.Sequence) ([]byte, error) {
	from, to := r.offsets[i], r.offsets[i+1]
	b, err := r.read(int64(from), int64(to-from))
	if err == nil {
		err = r.un.open(b, r.first+i, into)
	}
	if err != nil {
		return nil, fmt.Errorf("replay: reading %s: sequence %d (byte %d): %w", r.path, r.first+i, from, err)
	}
	return b, nil
}

// Sequences reads the sequences with the given numbers, from 0, each into its own memory: for example a batch of [data.Order].
func (r *Reader) Sequences(numbers []int) ([]*data.Sequence, error) {
	seqs := make([]*data.Sequence, len(numbers))
	for k, i := range numbers {
		seqs[k] = new(data.Sequence)
		if err := r.Sequence(i, seqs[k]); err != nil {
			return nil, err
		}
	}
	return seqs, nil
}

// All yields the file's sequences in order, each in the same memory, and ends after the first error.
func (r *Reader) All() iter.Seq2[*data.Sequence, error] {
	return func(yield func(*data.Sequence, error) bool) {
		var s data.Sequence
		for i := range r.Len() {
			if err := r.Sequence(i, &s); err != nil {
				yield(nil, err)
				return
			}
			if !yield(&s, nil) {
				return
			}
		}
	}
}

// Verify reads a whole record: every checksum, every id and index, the ids that are always recorded, the counts, the digest of the
// model's own text, and (if the file is not one shard of several) that of the data.
func Verify(path string) error {
	r, err := Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	return r.verify()
}

func (r *Reader) verify() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("replay: verifying %s: %w", r.path, fmt.Errorf(format, args...))
	}
	var s data.Sequence
	var sum stats
	digest := data.NewDigester()
	for i := range r.Len() {
		if err := r.Sequence(i, &s); err != nil {
			return err
		}
		if err := lacking(&s, r.h.Always); err != nil {
			return bad("sequence %d: %w", r.first+i, err)
		}
		sum.add(r.h.KMax, &s, r.un.codec.unit)
		digest.Add(&s)
	}
	if err := sum.compare(&r.stats); err != nil {
		return bad("statistics: %w", err)
	}
	if r.h.Shards == 1 && digest.Sum() != r.h.DataDigest {
		return bad("the sequences are not the data that the header names (digest %.6x…, want %.6x…)", digest.Sum(), r.h.DataDigest)
	}
	if r.h.Rehearsal == nil {
		return nil
	}
	var own ownStats
	digest = data.NewDigester()
	for i := range r.Rehearsed() + r.Gauged() {
		if _, err := r.pack(i, &s); err != nil {
			return err
		}
		if err := lacking(&s, r.h.Rehearsal.Always); err != nil {
			return bad("rehearsal pack %d: %w", r.firstPack+i, err)
		}
		own.of(&r.h, r.firstPack+i).add(r.h.Rehearsal.KMax, &s, r.un.codec.unit)
		digest.Add(&s)
	}
	if err := cmp.Or(own.train.compare(&r.own.train), own.gauge.compare(&r.own.gauge)); err != nil {
		return bad("statistics: rehearsal: %w", err)
	}
	if digest.Sum() != r.own.digest {
		return bad("statistics: rehearsal: the packs are not the text that they name (digest %.6x…, want %.6x…)", digest.Sum(), r.own.digest)
	}
	return nil
}

// lacking returns an error if a position lacks an id that is always recorded.
func lacking(s *data.Sequence, always []int32) error {
	u := s.Subsets
	for p := range u.Rows {
		ids := u.IDs[u.Offsets[p]:u.Offsets[p+1]]
		for _, id := range always {
			if _, ok := slices.BinarySearch(ids, id); !ok {
				return fmt.Errorf("position %d lacks id %d, which the header says is always recorded", p, id)
			}
		}
	}
	return nil
}

// compare returns an error if the counts in the file are not those of the sequences.
func (s *stats) compare(file *stats) error {
	for i, v := range s.fixed() {
		if *v != *file.fixed()[i] {
			return fmt.Errorf("%s: %d, the sequences have %d", statNames[i], *file.fixed()[i], *v)
		}
	}
	if !maps.Equal(s.gold, file.gold) && len(s.gold)+len(file.gold) > 0 {
		return errors.New("the counts of gold ids are not those of the sequences")
	}
	return nil
}

// statNames are the fields of stats.fixed.
var statNames = [...]string{"sequences", "documents", "tokens", "positions", "ids", "at_k_max", "gold outside", "uncovered mass"}
