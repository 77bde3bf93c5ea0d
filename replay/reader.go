package replay

import (
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
	codec codec
	raw   []byte
	zstd  *zstd.Decoder // made when first needed
}

// open checks that a section is that of the sequence with the given number, and decodes it.
func (u *unpacker) open(frame []byte, number int, s *data.Sequence) error {
	kind, n, payload, rawLen, err := openSection(frame)
	if err != nil {
		return err
	}
	if n != uint32(number) {
		return fmt.Errorf("its section says sequence %d", n)
	}
	switch kind {
	case kindSequence:
		if rawLen != len(payload) || rawLen > maxPayload {
			return errPayload
		}
	case kindCompressed:
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
	return u.codec.decode(payload, u.h, s)
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
	offsets []uint64 // of the sequences, and of the STAT section after the last one
	stats   stats
	un      unpacker
	buf     []byte
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
	if b, err = r.part(t.stats, t.index, kindStats); err != nil {
		return fmt.Errorf("statistics: %w", err)
	}
	if err := r.stats.parse(b, r.h.VocabSize); err != nil {
		return err
	}
	if r.stats.sequences != uint64(r.Len()) {
		return fmt.Errorf("statistics count %d sequences, the index %d", r.stats.sequences, r.Len())
	}
	return nil
}

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

// parseIndex checks that the sequences fill the file from the header to the statistics without a gap.
func (r *Reader) parseIndex(b []byte, first, end uint64) error {
	lo, hi := r.h.Range()
	if len(b) != 16+8*(hi-lo) || le.Uint64(b) != uint64(lo) || le.Uint64(b[8:]) != uint64(hi-lo) {
		return fmt.Errorf("it does not list sequences %d to %d", lo, hi-1)
	}
	r.first = lo
	r.offsets = make([]uint64, 0, hi-lo+1)
	for b = b[16:]; len(b) > 0; b = b[8:] {
		r.offsets = append(r.offsets, le.Uint64(b))
	}
	r.offsets = append(r.offsets, end)
	if r.offsets[0] != first {
		return errors.New("the first sequence does not follow the header")
	}
	for i := 1; i < len(r.offsets); i++ {
		a, b := r.offsets[i-1], r.offsets[i]
		if b <= a || b-a < sectionFrame || b-a > sectionFrame+maxPayload {
			return fmt.Errorf("sequence %d from byte %d to %d", r.first+i-1, a, b)
		}
	}
	return nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// Header returns the record's header: what the recording was made from and how.
func (r *Reader) Header() Header { return r.h }

// Len is the number of sequences in this file.
func (r *Reader) Len() int { return len(r.offsets) - 1 }

// Summary returns the counts of the file's contents.
func (r *Reader) Summary() Summary { return r.stats.summary(r.size) }

// GoldCounts is the number of times that each id below vocab is a target. vocab is the model's, as in the header.
func (r *Reader) GoldCounts(vocab int) []int64 {
	counts := make([]int64, vocab)
	for id, n := range r.stats.gold {
		if int(id) < vocab {
			counts[id] = int64(n)
		}
	}
	return counts
}

// Fits returns an error if Stage 1 cannot train a base model on the record: a [WrongBaseError] if it was made with another
// model or tokenizer, a [ShardError] if it is only a shard.
func (r *Reader) Fits(b *base.Base) error {
	h, cfg := &r.h, b.Model.Config
	switch {
	case h.Tokenizer != b.Tokenizer.Fingerprint():
		return &WrongBaseError{Path: r.path, What: "tokenizer", Have: h.Tokenizer, Want: b.Tokenizer.Fingerprint()}
	case h.BaseModel != b.Fingerprint && !(h.Moving() && h.MovedTo == b.Fingerprint):
		return &WrongBaseError{Path: r.path, What: "base model", Have: h.BaseModel, MovedTo: h.MovedTo, Want: b.Fingerprint}
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

// Verify reads a whole record: every checksum, every id and index, the ids that are always recorded, the counts, and (if
// the file is not one shard of several) the digest of the data.
func Verify(path string) error {
	r, err := Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	var s data.Sequence
	var sum stats
	digest := data.NewDigester()
	for i := range r.Len() {
		if err := r.Sequence(i, &s); err != nil {
			return err
		}
		u := s.Subsets
		for p := range u.Rows {
			ids := u.IDs[u.Offsets[p]:u.Offsets[p+1]]
			for _, id := range r.h.Always {
				if _, ok := slices.BinarySearch(ids, id); !ok {
					return fmt.Errorf("replay: verifying %s: sequence %d: position %d lacks id %d, which the header says is always recorded", path, r.first+i, p, id)
				}
			}
		}
		sum.add(&r.h, &s, r.un.codec.unit)
		digest.Add(&s)
	}
	for i, v := range sum.fixed() {
		if *v != *r.stats.fixed()[i] {
			return fmt.Errorf("replay: verifying %s: statistics: %s: %d, the sequences have %d", path, statNames[i], *r.stats.fixed()[i], *v)
		}
	}
	if !maps.Equal(sum.gold, r.stats.gold) && len(sum.gold)+len(r.stats.gold) > 0 {
		return fmt.Errorf("replay: verifying %s: statistics: the counts of gold ids are not those of the sequences", path)
	}
	if r.h.Shards == 1 && digest.Sum() != r.h.DataDigest {
		return fmt.Errorf("replay: verifying %s: the sequences are not the data that the header names (digest %.6x…, want %.6x…)", path, digest.Sum(), r.h.DataDigest)
	}
	return nil
}

// statNames are the fields of stats.fixed.
var statNames = [...]string{"sequences", "documents", "tokens", "positions", "ids", "at_k_max", "gold outside", "uncovered mass"}
