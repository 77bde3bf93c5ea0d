package replay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"reprise/asm"
	"reprise/data"
	"reprise/loss"
)

// check checks a sequence against the header and for consistency, so that a reader may use its values as indices.
func (c *codec) check(h *Header, q *data.Sequence) error {
	n, u := len(q.IDs), q.Subsets
	switch {
	case u == nil:
		return errors.New("the sequence has no subsets")
	case n < 1 || n > h.MaxSeqLen:
		return fmt.Errorf("%d tokens, want 1 to %d", n, h.MaxSeqLen)
	case len(q.Target) != n:
		return fmt.Errorf("%d target flags for %d tokens", len(q.Target), n)
	case len(q.DocStarts) == 0 || q.DocStarts[0] != 0:
		return errors.New("the first document does not start at token 0")
	case len(u.Offsets) != len(u.Rows)+1 || len(u.Gold) != len(u.Rows) || len(u.Mass) != len(u.Rows) || len(u.Outside) != len(u.Rows) || len(u.LogProb) != len(u.IDs):
		return fmt.Errorf("subsets: %d positions, %d offsets, %d golds, %d masses, %d flags; %d ids, %d log-probabilities",
			len(u.Rows), len(u.Offsets), len(u.Gold), len(u.Mass), len(u.Outside), len(u.IDs), len(u.LogProb))
	case u.Offsets[0] != 0 || int(u.Offsets[len(u.Rows)]) != len(u.IDs):
		return fmt.Errorf("subsets: offsets from %d to %d for %d ids", u.Offsets[0], u.Offsets[len(u.Rows)], len(u.IDs))
	}
	for i, id := range q.IDs {
		if id < 0 || int(id) >= h.VocabSize {
			return fmt.Errorf("token %d: id %d is outside the vocabulary of %d", i, id, h.VocabSize)
		}
	}
	for i, d := range q.DocStarts {
		if i > 0 && d <= q.DocStarts[i-1] || int(d) >= n {
			return fmt.Errorf("document %d starts at token %d of %d", i, d, n)
		}
		if q.Target[d] {
			return fmt.Errorf("token %d begins a document and carries loss", d)
		}
	}
	c.targets.Reset()
	c.targets.Append(q.IDs, q.Target, 0)
	for p, row := range c.targets.Rows {
		if p >= len(u.Rows) || u.Rows[p] != row {
			return fmt.Errorf("token %d carries loss, but position %d of the subsets is not the one before it", row+1, p)
		}
	}
	if n := len(c.targets.Rows); n != len(u.Rows) {
		return fmt.Errorf("%d positions for %d tokens that carry loss", len(u.Rows), n)
	}
	for p, t := range u.Rows {
		if err := checkPosition(h, u, p, c.targets.Gold[p]); err != nil {
			return fmt.Errorf("position %d (token %d): %w", p, t, err)
		}
	}
	return nil
}

func checkPosition(h *Header, u *loss.Subsets, p int, gold int32) error {
	lo, hi := int(u.Offsets[p]), int(u.Offsets[p+1])
	if hi <= lo || hi > len(u.IDs) || hi-lo > h.subsetCap() {
		return fmt.Errorf("%d ids, want 1 to %d", hi-lo, h.subsetCap())
	}
	last := int32(-1)
	for i, id := range u.IDs[lo:hi] {
		if id <= last || int(id) >= h.VocabSize {
			return fmt.Errorf("id %d after %d: want ascending ids below %d", id, last, h.VocabSize)
		}
		last = id
		if l := u.LogProb[lo+i]; !(l <= maxLogProb && l >= -maxHalf) {
			return fmt.Errorf("id %d: log-probability %g, want -%d to 0", id, l, maxHalf)
		}
	}
	if g := u.Gold[p]; g < 0 || int(g) >= hi-lo || u.IDs[lo+int(g)] != gold {
		return fmt.Errorf("gold index %d does not point at id %d, the next token", g, gold)
	}
	if m := u.Mass[p]; !(m >= 0 && m <= 1) {
		return fmt.Errorf("covered mass %g, want 0 to 1", m)
	}
	return nil
}

const (
	maxHalf    = 65504 // largest finite float16
	maxLogProb = 1e-3  // rounding may put the logarithm of a probability of 1 slightly above 0; it is written as 0
)

// codec turns sequences into payloads and back. The zero value is ready; its buffers grow with use.
type codec struct {
	wide []float32
	half []uint16
	unit []uint64 // uncovered mass of every position, in units of 2⁻²⁴

	targets loss.Targets // of the sequence
}

func (c *codec) resize(n int) {
	if cap(c.half) < n {
		c.wide, c.half = make([]float32, n), make([]uint16, n)
	}
	c.wide, c.half = c.wide[:n], c.half[:n]
}

// units computes the uncovered masses from c.half as integers: float16 numbers in [0, 1] are whole multiples of 2⁻²⁴.
func (c *codec) units(n int) {
	c.resize(n)
	asm.F32FromF16(c.wide, c.half)
	c.unit = c.unit[:0]
	for _, u := range c.wide {
		c.unit = append(c.unit, uint64(float64(u)*0x1p24))
	}
}

func (c *codec) appendHalf(b []byte) []byte {
	asm.F16FromF32(c.half, c.wide)
	for _, h := range c.half {
		b = le.AppendUint16(b, h)
	}
	return b
}

// encode appends the payload of a sequence that passed check.
func (c *codec) encode(b []byte, q *data.Sequence) []byte {
	u := q.Subsets
	put := func(v int) { b = binary.AppendUvarint(b, uint64(v)) }
	put(len(q.IDs))
	put(len(q.DocStarts))
	put(len(u.IDs))
	for _, id := range q.IDs {
		put(int(id))
	}
	for i := range q.DocStarts {
		end := len(q.IDs)
		if i+1 < len(q.DocStarts) {
			end = int(q.DocStarts[i+1])
		}
		put(end - int(q.DocStarts[i]))
	}
	b = appendBits(b, q.Target)
	for p := range u.Rows {
		put(int(u.Offsets[p+1] - u.Offsets[p]))
	}
	for _, g := range u.Gold {
		put(int(g))
	}
	b = appendBits(b, u.Outside)
	steps := nibbles{b: b}
	for p := range u.Rows {
		last := int32(-1)
		for _, id := range u.IDs[u.Offsets[p]:u.Offsets[p+1]] {
			steps.put(uint32(id - last - 1))
			last = id
		}
	}
	b = steps.b
	c.resize(len(u.IDs))
	for i, l := range u.LogProb {
		c.wide[i] = min(l, 0)
	}
	b = c.appendHalf(b)
	c.resize(len(u.Rows))
	for p, m := range u.Mass {
		c.wide[p] = 1 - m
	}
	b = c.appendHalf(b)
	c.units(len(u.Rows))
	return b
}

func appendBits(b []byte, flags []bool) []byte {
	for i := 0; i < len(flags); i += 8 {
		var v byte
		for k, f := range flags[i:min(i+8, len(flags))] {
			if f {
				v |= 1 << k
			}
		}
		b = append(b, v)
	}
	return b
}

// flags reads n bits; the padding bits of the last byte must be 0.
func (c *cursor) flags(dst []bool, n int) []bool {
	size := (n + 7) / 8
	if c.bad || size > len(c.b) {
		c.bad = true
		return dst[:0]
	}
	raw := c.take(size)
	if n%8 != 0 && bits.Len8(raw[size-1]) > n%8 {
		c.bad = true
	}
	dst = dst[:0]
	for i := range n {
		dst = append(dst, raw[i/8]>>(i%8)&1 != 0)
	}
	return dst
}

// int32s reads n varints, each below limit.
func (c *cursor) int32s(dst []int32, n, limit int) []int32 {
	for ; n > 0 && !c.bad; n-- {
		v := c.varint()
		if v >= uint64(limit) {
			c.bad = true
			break
		}
		dst = append(dst, int32(v))
	}
	return dst
}

// nibbles writes numbers in groups of three bits, the lowest first, each in half a byte whose fourth bit says that another
// follows. Distances between ids have all magnitudes, for which this takes fewer bits than groups of seven bits.
type nibbles struct {
	b    []byte
	half bool // the high half of the last byte is free
}

func (w *nibbles) put(v uint32) {
	for {
		group := byte(v & 7)
		if v >>= 3; v > 0 {
			group |= 8
		}
		if w.half {
			w.b[len(w.b)-1] |= group << 4
		} else {
			w.b = append(w.b, group)
		}
		if w.half = !w.half; v == 0 {
			return
		}
	}
}

// nibbleReader reads what nibbles wrote. Reading beyond the end, a number above 24 bits or one not in its shortest form sets bad.
type nibbleReader struct {
	b   []byte
	at  int // in half bytes
	bad bool
}

func (r *nibbleReader) next() int32 {
	v := int32(0)
	for shift := 0; shift < 24 && r.at < 2*len(r.b); shift += 3 {
		group := r.b[r.at/2] >> (4 * (r.at & 1)) & 15
		r.at++
		v |= int32(group&7) << shift
		if group < 8 {
			r.bad = r.bad || group == 0 && shift > 0
			return v
		}
	}
	r.bad = true
	return 0
}

// whole reports whether everything was read and the padding of the last byte is zero.
func (r *nibbleReader) whole() bool {
	left := 2*len(r.b) - r.at
	return !r.bad && (left == 0 || left == 1 && r.b[len(r.b)-1]>>4 == 0)
}

var errPayload = errors.New("its fields contradict each other: the program that wrote it did not follow the format")

// decode reads a payload into q and reuses its memory. Before memory is allocated for a count, the count is checked against the
// remaining bytes: memory stays below sixteen times the payload, including slices that append replaces.
func (c *codec) decode(payload []byte, h *Header, q *data.Sequence) error {
	cur := cursor{b: payload}
	if q.Subsets == nil {
		q.Subsets = &loss.Subsets{}
	}
	u := q.Subsets
	n, docs, ids := cur.varint(), cur.varint(), cur.varint()
	// A token or a document takes at least one byte, an id more than two.
	if left := uint64(len(cur.b)); cur.bad || n < 1 || n > uint64(h.MaxSeqLen) || docs > n || ids > left || n+docs+2*ids > left {
		return errPayload
	}
	q.IDs = cur.int32s(q.IDs[:0], int(n), h.VocabSize)
	q.DocStarts = cur.int32s(q.DocStarts[:0], int(docs), int(n)+1)
	if !starts(q.DocStarts, int64(n)) {
		return errPayload
	}
	q.Target = cur.flags(q.Target, int(n))
	if cur.bad || q.Target[0] {
		return errPayload
	}
	c.targets.Reset()
	c.targets.Append(q.IDs, q.Target, 0)
	u.Rows = append(u.Rows[:0], c.targets.Rows...)
	positions := len(u.Rows)
	u.Offsets = cur.int32s(u.Offsets[:0], positions, h.subsetCap()+1)
	if !starts(u.Offsets, int64(ids)) {
		return errPayload
	}
	u.Offsets = append(u.Offsets, int32(ids))
	u.Gold = cur.int32s(u.Gold[:0], positions, h.subsetCap())
	u.Outside = cur.flags(u.Outside, positions)
	size := len(cur.b) - 2*(int(ids)+positions)
	if cur.bad || size < 0 {
		return errPayload
	}
	steps := nibbleReader{b: cur.take(size)}
	u.IDs = u.IDs[:0]
	for p := range positions {
		last := int32(-1)
		for range u.Offsets[p+1] - u.Offsets[p] {
			last += steps.next() + 1
			if last >= int32(h.VocabSize) || steps.bad {
				return errPayload
			}
			u.IDs = append(u.IDs, last)
		}
	}
	if !steps.whole() {
		return errPayload
	}
	u.LogProb = c.halves(u.LogProb, cur.take(2*int(ids)))
	if asm.Max(u.LogProb) > 0 { // stricter than check, which also runs before a writer rounds
		return errPayload
	}
	u.Mass = c.halves(u.Mass, cur.take(2*positions))
	for p, m := range u.Mass {
		u.Mass[p] = 1 - m
	}
	if err := c.check(h, q); err != nil {
		return err
	}
	c.units(positions)
	return nil
}

// starts replaces lengths, in place, by the starts of the pieces, and reports whether they add up to total.
func starts(lengths []int32, total int64) bool {
	sum := int64(0)
	for i, n := range lengths {
		lengths[i] = int32(min(sum, total))
		sum += int64(n)
	}
	return sum == total
}

// halves widens float16 numbers; they stay in c.half.
func (c *codec) halves(dst []float32, b []byte) []float32 {
	n := len(b) / 2
	c.resize(n)
	for i := range n {
		c.half[i] = le.Uint16(b[2*i:])
	}
	if cap(dst) < n {
		dst = make([]float32, n)
	}
	dst = dst[:n]
	asm.F32FromF16(dst, c.half)
	return dst
}
