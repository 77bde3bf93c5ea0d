package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Encodings of values, by their numbers in the format.
const (
	encPlain       = 0
	encPlainDict   = 2
	encRLE         = 3
	encDelta       = 5
	encDeltaLength = 6
	encDeltaBytes  = 7
	encDict        = 8
	encStreamSplit = 9
)

var (
	errValues = errors.New("a page holds fewer values than its header says: the file is damaged")
	errDelta  = errors.New("a block of differences is damaged")
)

// values gives a page's values in order: a number, its bits as stored, or bytes, which stay valid. Nothing is decoded before it is
// asked for, so that a page of a few bytes cannot ask for much memory.
type values interface {
	next() (bits uint64, b []byte, err error)
}

// newValues reads a page's values of a leaf's type, without a dictionary.
func newValues(encoding int64, leaf *node, b []byte, count int) (values, error) {
	size := width[leaf.typ]
	if leaf.typ == typeFixed {
		size = int(leaf.length)
	}
	number := leaf.typ == typeInt32 || leaf.typ == typeInt64
	bytes := leaf.typ == typeBytes || leaf.typ == typeFixed
	switch {
	case encoding == encPlain && leaf.typ == typeBoolean:
		return &plainBits{b: b}, nil
	case encoding == encPlain && leaf.typ == typeBytes:
		return &plainBytes{b}, nil
	case encoding == encPlain:
		return &plainFixed{b: b, size: size}, nil
	case encoding == encRLE && leaf.typ == typeBoolean:
		runs, _, err := prefixed(b)
		return &runValues{rle{b: runs, width: 1}}, err
	case encoding == encDelta && number:
		d, err := newDelta(b, count)
		return d, err
	case encoding == encDeltaLength && bytes:
		d, err := newDeltaLength(b, count)
		return d, err
	case encoding == encDeltaBytes && bytes:
		return newDeltaBytes(b, count)
	case encoding == encStreamSplit && size > 0:
		// The count of the header also counts nulls, which are not stored.
		return &streamSplit{b: b, size: size, count: len(b) / size}, nil
	}
	return nil, fmt.Errorf("encoding %d of a column of type %d cannot be read; write the file again with the standard encodings", encoding, leaf.typ)
}

// prefixed splits off a part whose length stands before it in four bytes.
func prefixed(b []byte) (part, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errValues
	}
	n := binary.LittleEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return nil, nil, errValues
	}
	return b[:n], b[n:], nil
}

// plainFixed are values of size bytes each.
type plainFixed struct {
	b    []byte
	size int
}

func (p *plainFixed) next() (uint64, []byte, error) {
	if len(p.b) < p.size {
		return 0, nil, errValues
	}
	v := p.b[:p.size:p.size]
	p.b = p.b[p.size:]
	switch p.size {
	case 4:
		return uint64(binary.LittleEndian.Uint32(v)), v, nil
	case 8:
		return binary.LittleEndian.Uint64(v), v, nil
	}
	return 0, v, nil
}

// plainBytes are values with their lengths before them.
type plainBytes struct{ b []byte }

func (p *plainBytes) next() (uint64, []byte, error) {
	v, rest, err := prefixed(p.b)
	p.b = rest
	return 0, v, err
}

// plainBits are truth values, one bit each.
type plainBits struct {
	b  []byte
	at int
}

func (p *plainBits) next() (uint64, []byte, error) {
	if p.at/8 >= len(p.b) {
		return 0, nil, errValues
	}
	p.at++
	return uint64(p.b[(p.at-1)/8] >> ((p.at - 1) % 8) & 1), nil, nil
}

// streamSplit are values of size bytes whose first bytes come first, then all second bytes, and so on.
type streamSplit struct {
	b               []byte
	size, count, at int
}

func (s *streamSplit) next() (bits uint64, _ []byte, _ error) {
	if s.at >= s.count {
		return 0, nil, errValues
	}
	v := make([]byte, s.size)
	for i := range v {
		v[i] = s.b[i*s.count+s.at]
		if i < 8 {
			bits |= uint64(v[i]) << (8 * i)
		}
	}
	s.at++
	return bits, v, nil
}

// rle reads runs of equal numbers and groups of packed numbers of width bits: levels and indices of a dictionary.
type rle struct {
	b      []byte
	width  int // at most 32
	run    uint64
	value  uint64
	packed []byte // nil in a run of equal numbers
	at     int    // bits read of packed
}

func (r *rle) next() (uint64, error) {
	for r.run == 0 {
		head, n := binary.Uvarint(r.b)
		if n <= 0 {
			return 0, errValues
		}
		r.b = r.b[n:]
		r.run = head >> 1
		if head&1 == 1 { // groups of eight
			if r.run > 1<<32 {
				return 0, errValues
			}
			size := int(min(r.run*uint64(r.width), uint64(len(r.b))))
			r.packed, r.b, r.at, r.run = r.b[:size:size], r.b[size:], 0, r.run*8
			continue
		}
		size := (r.width + 7) / 8
		if len(r.b) < size {
			return 0, errValues
		}
		r.packed, r.value = nil, unpack(r.b, 0, 8*size)
		r.b = r.b[size:]
	}
	r.run--
	if r.packed == nil {
		return r.value, nil
	}
	if r.at+r.width > 8*len(r.packed) {
		return 0, errValues
	}
	v := unpack(r.packed, r.at, r.width)
	r.at += r.width
	return v, nil
}

// unpack reads width bits, at most 64, that begin at a bit. The bytes must be there.
func unpack(b []byte, at, width int) (v uint64) {
	for got := 0; got < width; {
		take := min(8-at%8, width-got)
		part := uint64(b[at/8]>>(at%8)) & (1<<take - 1)
		v |= part << got
		got, at = got+take, at+take
	}
	return v
}

// runValues are truth values as runs.
type runValues struct{ rle }

func (r *runValues) next() (uint64, []byte, error) {
	v, err := r.rle.next()
	return v, nil, err
}

// delta reads whole numbers that are stored as differences, in blocks that are divided into parts of a bit width each.
type delta struct {
	b      []byte // not read yet
	parts  int    // of a block
	size   int    // of a part, in values
	left   uint64 // values to come
	last   uint64
	first  bool // last is the next value
	least  uint64
	widths []byte // of the block's parts to come
	part   []byte
	width  int
	at     int // bits read of part
	inPart int // values left in it
}

func newDelta(b []byte, count int) (*delta, error) {
	d := &delta{b: b, first: true}
	block, parts := d.uvarint(), d.uvarint()
	d.left = d.uvarint()
	d.last = d.zigzag()
	if d.b == nil || d.left > uint64(count) || parts == 0 || parts > 512 || block == 0 || block > 1<<20 || block%parts != 0 || block/parts%8 != 0 {
		return nil, errDelta
	}
	d.parts, d.size = int(parts), int(block/parts)
	return d, nil
}

// uvarint reads a number; b is nil after an error.
func (d *delta) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.b = nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *delta) zigzag() uint64 {
	v := d.uvarint()
	return v>>1 ^ -(v & 1)
}

func (d *delta) next() (uint64, []byte, error) {
	if d.left == 0 {
		return 0, nil, errValues
	}
	d.left--
	if d.first {
		d.first = false
		return d.last, nil, nil
	}
	if d.inPart == 0 {
		if len(d.widths) == 0 {
			d.least = d.zigzag()
			if len(d.b) < d.parts {
				return 0, nil, errDelta
			}
			d.widths, d.b = d.b[:d.parts], d.b[d.parts:]
		}
		d.width, d.widths = int(d.widths[0]), d.widths[1:]
		bytes := d.size / 8 * d.width
		if d.width > 64 || bytes > len(d.b) {
			return 0, nil, errDelta
		}
		d.part, d.b, d.at, d.inPart = d.b[:bytes], d.b[bytes:], 0, d.size
	}
	d.inPart--
	d.last += d.least + unpack(d.part, d.at, d.width)
	d.at += d.width
	return d.last, nil, nil
}

// rest reads all numbers and returns what follows them.
func (d delta) rest() ([]byte, error) {
	for d.left > 0 {
		if _, _, err := d.next(); err != nil {
			return nil, err
		}
	}
	return d.b, nil
}

// deltaLength are byte strings after all their lengths.
type deltaLength struct {
	lengths *delta
	b       []byte
}

func newDeltaLength(b []byte, count int) (*deltaLength, error) {
	lengths, err := newDelta(b, count)
	if err != nil {
		return nil, err
	}
	rest, err := lengths.rest()
	return &deltaLength{lengths, rest}, err
}

func (d *deltaLength) next() (uint64, []byte, error) {
	n, _, err := d.lengths.next()
	if n = uint64(uint32(n)); err == nil && n > uint64(len(d.b)) {
		err = errValues
	}
	if err != nil {
		return 0, nil, err
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return 0, v, nil
}

// deltaBytes are byte strings that share a beginning with the one before.
type deltaBytes struct {
	shared *delta
	ends   *deltaLength
	last   []byte
}

func newDeltaBytes(b []byte, count int) (*deltaBytes, error) {
	shared, err := newDelta(b, count)
	if err != nil {
		return nil, err
	}
	rest, err := shared.rest()
	if err != nil {
		return nil, err
	}
	ends, err := newDeltaLength(rest, count)
	return &deltaBytes{shared: shared, ends: ends}, err
}

func (d *deltaBytes) next() (uint64, []byte, error) {
	n, _, err := d.shared.next()
	if n = uint64(uint32(n)); err == nil && n > uint64(len(d.last)) {
		err = errValues
	}
	if err != nil {
		return 0, nil, err
	}
	_, end, err := d.ends.next()
	if err != nil {
		return 0, nil, err
	}
	if int(n)+len(end) > maxObject {
		return 0, nil, errLarge
	}
	v := make([]byte, 0, int(n)+len(end))
	d.last = append(append(v, d.last[:n]...), end...)
	return 0, d.last, nil
}

// dictionary holds a column's different values: b, with the end of each if they are byte strings.
type dictionary struct {
	b    []byte
	size int      // bytes of a value; 0: see ends
	ends []uint32 // a value lies between the end before, four bytes of length, and its end
}

func newDictionary(leaf *node, b []byte, count int64) (*dictionary, error) {
	d := &dictionary{b: b, size: width[leaf.typ]}
	if leaf.typ == typeFixed {
		d.size = int(leaf.length)
	}
	if leaf.typ == typeBoolean {
		return nil, errors.New("a dictionary of truth values: the file is damaged")
	}
	least := int64(d.size)
	if d.size == 0 {
		least = 4 // a length
	}
	if count < 0 || count > int64(len(b))/least {
		return nil, errValues
	}
	if d.size > 0 {
		d.b = b[:int(count)*d.size]
		return d, nil
	}
	d.ends = make([]uint32, 0, count)
	for rest := b; count > 0; count-- {
		_, after, err := prefixed(rest)
		if err != nil {
			return nil, err
		}
		rest = after
		d.ends = append(d.ends, uint32(len(b)-len(rest)))
	}
	return d, nil
}

func (d *dictionary) value(i uint64) (uint64, []byte, error) {
	if d.size > 0 {
		if i >= uint64(len(d.b)/d.size) {
			return 0, nil, fmt.Errorf("value %d of a dictionary of %d: the file is damaged", i, len(d.b)/d.size)
		}
		one := plainFixed{d.b[int(i)*d.size:], d.size}
		return one.next()
	}
	if i >= uint64(len(d.ends)) {
		return 0, nil, fmt.Errorf("value %d of a dictionary of %d: the file is damaged", i, len(d.ends))
	}
	start := uint32(4)
	if i > 0 {
		start += d.ends[i-1]
	}
	return 0, d.b[start:d.ends[i]:d.ends[i]], nil
}

// indexed are values of a dictionary.
type indexed struct {
	index rle
	of    *dictionary
}

func newIndexed(of *dictionary, b []byte) (*indexed, error) {
	if of == nil {
		return nil, errors.New("a page needs a dictionary and there is none: the file is damaged")
	}
	if len(b) == 0 { // a page that holds nulls only
		return &indexed{of: of}, nil
	}
	if b[0] > 32 {
		return nil, fmt.Errorf("indices of %d bits: the file is damaged", b[0])
	}
	return &indexed{rle{b: b[1:], width: int(b[0])}, of}, nil
}

func (x *indexed) next() (uint64, []byte, error) {
	i, err := x.index.next()
	if err != nil {
		return 0, nil, err
	}
	return x.of.value(i)
}
