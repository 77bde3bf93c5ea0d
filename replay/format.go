package replay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"reprise/data"
	"reprise/loss"
)

// Numbers of the layout in docs/FORMAT.md.
const (
	newest       = 2 // version; files of version 1 are read, continued and merged as such
	sectionHead  = 16
	sectionFrame = sectionHead + 4 // with the CRC after the payload
	trailerSize  = 36

	maxHeader    = 1 << 16
	maxPayload   = 64 << 20 // of a sequence, decompressed
	maxExpansion = 256      // decompressed bytes per stored byte
	maxSequences = 1 << 28
	maxVocab     = 1 << 24
	maxTokens    = 1 << 20 // of a sequence
	maxIDs       = 1 << 20 // of a position
	maxAlways    = 1024    // ids that are recorded at every position
	maxStop      = 1024    // ids that end a document of the model's own
	maxHeat      = 1000    // temperature of a draw
)

var (
	magic    = [8]byte{'R', 'E', 'P', 'L', 'A', 'Y', '\r', '\n'}
	endMagic = [8]byte{'R', 'P', 'L', 'Y', 'E', 'N', 'D', '\n'}

	kindSequence   = [4]byte{'S', 'E', 'Q', ' '}
	kindCompressed = [4]byte{'S', 'E', 'Q', 'Z'}
	kindOwn        = [4]byte{'R', 'E', 'H', ' '}
	kindOwnPacked  = [4]byte{'R', 'E', 'H', 'Z'}
	kindStats      = [4]byte{'S', 'T', 'A', 'T'}
	kindOwnStats   = [4]byte{'R', 'S', 'T', 'A'}
	kindIndex      = [4]byte{'I', 'N', 'D', 'X'}

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	le         = binary.LittleEndian
)

// Header is what a recording was made from and how.
type Header struct {
	BaseModel     string   // fingerprint of the base model's weights
	MovedTo       string   // "" if the model was frozen; if it was trained meanwhile, the fingerprint of its weights at the end
	Tokenizer     string   // fingerprint of tokenizer.json
	Config        string   // model.Config.Fingerprint of the base model; "" in a record of version 1
	Seam          string   // how prompt and completion meet, see data.SeamWords
	Rule                   // which ids were recorded
	VocabSize     int      // of the model: every id is below it
	MaxSeqLen     int      // longest sequence in tokens
	Seed          uint64   // of the packing
	CrossDocument bool     // attention crosses the documents of a sequence
	Compress      bool     // sequences are compressed with zstd if that makes them smaller
	DataDigest    [32]byte // data.Digest of all sequences of the recording
	Shard, Shards int      // this file is shard Shard, from 0, of Shards; 0 shards count as 1
	Sequences     int      // of the whole recording, all shards together

	// Rehearsal describes the text that the base model wrote itself; nil: none. The fields above are about the domain alone.
	Rehearsal *Rehearsal

	others []field // of later programs: this one may ignore them, and copies them
}

// version is 1 for a record with nothing in its header that version 1 does not know.
func (h *Header) version() uint32 {
	if len(h.fields()) == 0 {
		return 1
	}
	return newest
}

// Moving says that the model was trained while it was recorded (train --record-out): the ids of a position are those of the
// weights at that step, not of one base model.
func (h *Header) Moving() bool { return h.MovedTo != "" }

// Range returns the sequences lo..hi-1 of the recording that this shard holds.
func (h *Header) Range() (lo, hi int) { return h.share(h.Sequences) }

// RehearsalRange returns the packs lo..hi-1 of the model's own text that this shard holds. The packs to be trained on come before the
// held-out ones, so that a shard may hold one kind only.
func (h *Header) RehearsalRange() (lo, hi int) {
	if h.Rehearsal == nil {
		return 0, 0
	}
	return h.share(h.Rehearsal.Packs + h.Rehearsal.Gauge)
}

// share is this shard's part of n things.
func (h *Header) share(n int) (lo, hi int) {
	shards := uint64(max(h.Shards, 1))
	part := func(i int) int { return int(uint64(i) * uint64(n) / shards) }
	return part(h.Shard), part(h.Shard + 1)
}

// subsetCap is the largest number of ids that a position can have.
func (h *Header) subsetCap() int { return min(h.KMax+1+len(h.Always), h.VocabSize) }

func (h *Header) validate() error {
	bad := func(field string, format string, args ...any) error {
		return fmt.Errorf("header: %s: %s", field, fmt.Sprintf(format, args...))
	}
	for _, s := range []struct{ name, value string }{{"base model", h.BaseModel}, {"moved to", h.MovedTo}, {"tokenizer", h.Tokenizer}, {"seam", h.Seam}, {"configuration", h.Config}} {
		if len(s.value) > 255 {
			return bad(s.name, "%d bytes, want at most 255", len(s.value))
		}
	}
	switch {
	case !(h.Tau > 0 && h.Tau <= 1):
		return bad("tau", "%g, want more than 0 and at most 1", h.Tau)
	case h.KMin < 1 || h.KMax < h.KMin || h.KMax > maxIDs:
		return bad("k_min, k_max", "%d and %d, want 1 <= k_min <= k_max <= %d", h.KMin, h.KMax, maxIDs)
	case h.VocabSize < 1 || h.VocabSize > maxVocab:
		return bad("vocabulary size", "%d, want 1 to %d", h.VocabSize, maxVocab)
	case len(h.Always) > maxAlways:
		return bad("always", "%d ids, want at most %d", len(h.Always), maxAlways)
	case h.MaxSeqLen < 2 || h.MaxSeqLen > maxTokens:
		return bad("max_seq_len", "%d, want 2 to %d", h.MaxSeqLen, maxTokens)
	case h.Sequences < 0 || h.Sequences > maxSequences:
		return bad("sequences", "%d, want 0 to %d", h.Sequences, maxSequences)
	case h.Shards < 0 || h.Shards > 1<<16 || h.Shard < 0 || h.Shard >= max(h.Shards, 1):
		return bad("shard", "%d of %d, want 0 <= shard < shards <= %d", h.Shard, h.Shards, 1<<16)
	}
	for _, id := range h.Always {
		if id < 0 || int(id) >= h.VocabSize {
			return bad("always", "id %d is outside the vocabulary of %d", id, h.VocabSize)
		}
	}
	if err := h.Rehearsal.validate(h.VocabSize); err != nil {
		return fmt.Errorf("header: rehearsal: %w", err)
	}
	return nil
}

// difference names a field in which two headers differ, with both values; "" if there is none. Two shards of one recording may differ
// in the shard's number, and not in their version. Otherwise a record of version 1 fits a header of the same settings, although it
// does not name the configuration.
func (h *Header) difference(o *Header, shards bool) string {
	for _, f := range append([]difference{
		{"base model", h.BaseModel, o.BaseModel, false}, {"moved to", h.MovedTo, o.MovedTo, false}, {"tokenizer", h.Tokenizer, o.Tokenizer, false},
		{"seam", h.Seam, o.Seam, false}, {"tau", h.Tau, o.Tau, false}, {"k_min", h.KMin, o.KMin, false},
		{"k_max", h.KMax, o.KMax, false}, {"always", fmt.Sprint(h.Always), fmt.Sprint(o.Always), false},
		{"vocabulary size", h.VocabSize, o.VocabSize, false}, {"max_seq_len", h.MaxSeqLen, o.MaxSeqLen, false},
		{"seed", h.Seed, o.Seed, false}, {"cross-document attention", h.CrossDocument, o.CrossDocument, false},
		{"compress", h.Compress, o.Compress, false}, {"configuration", h.Config, o.Config, !shards && (h.Config == "" || o.Config == "")},
		{"data", fmt.Sprintf("%.6x…", h.DataDigest), fmt.Sprintf("%.6x…", o.DataDigest), false},
		{"sequences", h.Sequences, o.Sequences, false}, {"shards", max(h.Shards, 1), max(o.Shards, 1), false},
		{"shard", h.Shard, o.Shard, shards},
		{"fields of a later program", fmt.Sprint(h.others), fmt.Sprint(o.others), false},
	}, h.Rehearsal.differences(o.Rehearsal)...) {
		if f.a != f.b && !f.skip {
			return fmt.Sprintf("%s: %v against %v", f.name, f.a, f.b)
		}
	}
	if h.DataDigest != o.DataDigest {
		return "data: the digests differ"
	}
	return ""
}

// difference is a field of two headers. It does not count if it is to be skipped.
type difference struct {
	name string
	a, b any
	skip bool
}

// Difference names a field in which two headers differ, with both values; it is empty if there is none. A header of version 1, which
// has no Config, fits any Config.
func (h *Header) Difference(o *Header) string { return h.difference(o, false) }

// Bits of the header's flags.
const (
	flagCross = 1 << iota
	flagCompress
)

// append writes the header at the beginning of the file: magic, version, length, body, CRC.
func (h *Header) append(b []byte) []byte {
	start := len(b)
	b = append(b, magic[:]...)
	b = le.AppendUint32(b, h.version())
	b = le.AppendUint32(b, 0) // length of the body, filled in below
	body := len(b)
	for _, s := range []string{h.BaseModel, h.MovedTo, h.Tokenizer, h.Seam} {
		b = append(append(b, byte(len(s))), s...)
	}
	b = le.AppendUint64(b, math.Float64bits(h.Tau))
	b = le.AppendUint32(b, uint32(h.KMin))
	b = le.AppendUint32(b, uint32(h.KMax))
	b = le.AppendUint32(b, uint32(len(h.Always)))
	for _, id := range h.Always {
		b = le.AppendUint32(b, uint32(id))
	}
	b = le.AppendUint32(b, uint32(h.VocabSize))
	b = le.AppendUint32(b, uint32(h.MaxSeqLen))
	b = le.AppendUint64(b, h.Seed)
	flags := byte(0)
	if h.CrossDocument {
		flags |= flagCross
	}
	if h.Compress {
		flags |= flagCompress
	}
	b = append(b, flags)
	b = append(b, h.DataDigest[:]...)
	b = le.AppendUint32(b, uint32(h.Shard))
	b = le.AppendUint32(b, uint32(max(h.Shards, 1)))
	b = le.AppendUint64(b, uint64(h.Sequences))
	for _, f := range h.fields() {
		b = append(b, f.tag)
		b = le.AppendUint32(b, uint32(len(f.value)))
		b = append(b, f.value...)
	}
	le.PutUint32(b[body-4:], uint32(len(b)-body))
	return le.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

var errTruncated = errors.New("the file is truncated")

// parseHeader reads the header at the beginning of b and returns its size in bytes.
func parseHeader(b []byte) (h Header, size int, err error) {
	if n := min(len(b), len(magic)); !bytes.Equal(b[:n], magic[:n]) {
		return h, 0, fmt.Errorf("%w: the first bytes are not REPLAY; replay.Record makes one", ErrNotRecord)
	}
	if len(b) < 16 {
		return h, 0, errTruncated
	}
	version := le.Uint32(b[8:])
	if version < 1 || version > newest {
		return h, 0, fmt.Errorf("record version %d, this program knows 1 to %d; record again, or use the program that wrote it (a damaged file may also look like this)", version, newest)
	}
	n := int(le.Uint32(b[12:]))
	if n > maxHeader {
		return h, 0, fmt.Errorf("header: length %d, want at most %d: the file is damaged", n, maxHeader)
	}
	size = 16 + n + 4
	if len(b) < size {
		return h, 0, errTruncated
	}
	if got := crc32.Checksum(b[:size-4], castagnoli); got != le.Uint32(b[size-4:]) {
		return h, 0, errors.New("header: its checksum is wrong: the file is damaged")
	}
	c := cursor{b: b[16 : size-4]}
	h.BaseModel, h.MovedTo, h.Tokenizer, h.Seam = c.string(), c.string(), c.string(), c.string()
	h.Tau = math.Float64frombits(c.u64())
	h.KMin, h.KMax = int(c.u32()), int(c.u32())
	h.Always = c.ids()
	h.VocabSize, h.MaxSeqLen, h.Seed = int(c.u32()), int(c.u32()), c.u64()
	flags := c.take(1)
	copy(h.DataDigest[:], c.take(32))
	h.Shard, h.Shards = int(c.u32()), int(c.u32())
	sequences := c.u64()
	if err := h.parseFields(&c); err != nil {
		return h, 0, err
	}
	if c.bad || version != h.version() || flags[0] > flagCross|flagCompress || sequences > maxSequences || h.Shards == 0 {
		return h, 0, errors.New("header: the fields contradict each other; the program that wrote it did not follow the format")
	}
	h.CrossDocument, h.Compress = flags[0]&flagCross != 0, flags[0]&flagCompress != 0
	h.Sequences = int(sequences)
	return h, size, h.validate()
}

// cursor reads from the front of b. Reading beyond the end sets bad and gives zeros.
type cursor struct {
	b   []byte
	bad bool
}

var zeros [32]byte

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.bad, c.b = true, nil
		return zeros[:min(n, len(zeros))]
	}
	t := c.b[:n]
	c.b = c.b[n:]
	return t
}

func (c *cursor) u32() uint32 { return le.Uint32(c.take(4)) }
func (c *cursor) u64() uint64 { return le.Uint64(c.take(8)) }

// ids reads a number of ids and the ids.
func (c *cursor) ids() (list []int32) {
	n := int(c.u32())
	if n > len(c.b)/4 {
		c.bad, c.b, n = true, nil, 0
	}
	for range n {
		list = append(list, int32(c.u32()))
	}
	return list
}

func (c *cursor) string() string {
	n := int(c.take(1)[0])
	if n > len(c.b) {
		c.bad = true
		return ""
	}
	return string(c.take(n))
}

// varint reads an unsigned LEB128 number in its shortest form.
func (c *cursor) varint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 || n > 1 && c.b[n-1] == 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

// section appends a section: kind, number, lengths, payload, CRC over all of it.
func section(b []byte, kind [4]byte, number uint32, payload []byte, rawLen int) []byte {
	start := len(b)
	b = append(b, kind[:]...)
	b = le.AppendUint32(b, number)
	b = le.AppendUint32(b, uint32(len(payload)))
	b = le.AppendUint32(b, uint32(rawLen))
	b = append(b, payload...)
	return le.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// openSection checks that b is one whole section and returns its parts.
func openSection(b []byte) (kind [4]byte, number uint32, payload []byte, rawLen int, err error) {
	if len(b) < sectionFrame || uint64(le.Uint32(b[8:])) != uint64(len(b)-sectionFrame) {
		return kind, 0, nil, 0, errors.New("its length is wrong: the file is damaged")
	}
	end := len(b) - 4
	if crc32.Checksum(b[:end], castagnoli) != le.Uint32(b[end:]) {
		return kind, 0, nil, 0, errors.New("its checksum is wrong: the file is damaged")
	}
	return [4]byte(b), le.Uint32(b[4:]), b[sectionHead:end], int(le.Uint32(b[12:])), nil
}

// Summary counts the contents of a record; the counts are made while it is written.
type Summary struct {
	Sequences   int     `json:"sequences"`
	Documents   int     `json:"documents"`
	Tokens      int     `json:"tokens"`
	Positions   int     `json:"positions"`    // that carry loss
	IDs         int     `json:"ids"`          // of all subsets together
	MeanSubset  float64 `json:"mean_subset"`  // ids per position
	Coverage    float64 `json:"coverage"`     // mean covered mass
	AtKMax      float64 `json:"at_k_max"`     // share of positions with k_max ids or more, not counting a gold id from outside the prefix
	GoldOutside float64 `json:"gold_outside"` // share of positions whose gold id was not in the prefix
	Bytes       int64   `json:"bytes"`        // of the file
}

// stats are the counts from which a Summary is computed. All are integers, so that sums over shards are exactly those of one run.
type stats struct {
	sequences, documents, tokens, positions, ids, atKMax, outside uint64
	uncovered                                                     uint64 // in units of 2⁻²⁴
	gold                                                          map[int32]uint64
	targets                                                       loss.Targets // of the sequence that was added last
}

func (s *stats) add(kMax int, q *data.Sequence, uncovered []uint64) {
	u := q.Subsets
	s.sequences++
	s.documents += uint64(len(q.DocStarts))
	s.tokens += uint64(len(q.IDs))
	s.positions += uint64(len(u.Rows))
	s.ids += uint64(len(u.IDs))
	s.count(q)
	for i := range u.Rows {
		n := int(u.Offsets[i+1] - u.Offsets[i])
		if u.Outside[i] {
			s.outside++
			n--
		}
		if n >= kMax {
			s.atKMax++
		}
		s.uncovered += uncovered[i]
	}
}

// count adds a sequence's gold ids.
func (s *stats) count(q *data.Sequence) {
	if s.gold == nil {
		s.gold = map[int32]uint64{}
	}
	s.targets.Reset()
	s.targets.Append(q.IDs, q.Target, 0)
	for _, id := range s.targets.Gold {
		s.gold[id]++
	}
}

func (s *stats) fixed() []*uint64 {
	return []*uint64{&s.sequences, &s.documents, &s.tokens, &s.positions, &s.ids, &s.atKMax, &s.outside, &s.uncovered}
}

// append writes the counts.
func (s *stats) append(b []byte) []byte {
	for _, v := range s.fixed() {
		b = le.AppendUint64(b, *v)
	}
	ids := make([]int32, 0, len(s.gold))
	for id := range s.gold {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	b = binary.AppendUvarint(b, uint64(len(ids)))
	last := int32(-1)
	for _, id := range ids {
		b = binary.AppendUvarint(b, uint64(id-last-1))
		b = binary.AppendUvarint(b, s.gold[id])
		last = id
	}
	return b
}

// parse reads what append wrote. It allocates memory in proportion to the bytes read.
func (s *stats) parse(c *cursor, vocab int) error {
	for _, v := range s.fixed() {
		*v = c.u64()
	}
	n := c.varint()
	if n > uint64(len(c.b)/2) {
		c.bad, n = true, 0
	}
	s.gold = make(map[int32]uint64, n)
	sum := uint64(0)
	for id := int64(-1); n > 0 && !c.bad; n-- {
		step := c.varint()
		if step >= uint64(vocab) {
			c.bad = true
			break
		}
		if id += int64(step) + 1; id >= int64(vocab) {
			c.bad = true
			break
		}
		s.gold[int32(id)] = c.varint()
		sum += s.gold[int32(id)]
	}
	if c.bad || sum != s.positions {
		return errors.New("the counts of gold ids contradict the others: the program that wrote them did not follow the format")
	}
	return nil
}

// counts is the number of times that each id below vocab is a target.
func (s *stats) counts(vocab int) []int64 {
	counts := make([]int64, vocab)
	for id, n := range s.gold {
		if int(id) < vocab {
			counts[id] = int64(n)
		}
	}
	return counts
}

func (s *stats) summary(size int64) Summary {
	positions := float64(max(s.positions, 1))
	r := Summary{
		Sequences: int(s.sequences), Documents: int(s.documents), Tokens: int(s.tokens), Positions: int(s.positions), IDs: int(s.ids),
		MeanSubset: float64(s.ids) / positions, AtKMax: float64(s.atKMax) / positions, GoldOutside: float64(s.outside) / positions,
		Bytes: size,
	}
	if s.positions > 0 {
		r.Coverage = 1 - float64(s.uncovered)*0x1p-24/positions
	}
	return r
}
