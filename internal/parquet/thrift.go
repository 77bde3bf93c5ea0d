package parquet

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Types of the compact protocol of Thrift, in which a file's footer and the headers of its pages are written.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// maxDepth bounds how deep structures and schemas may be nested.
const maxDepth = 64

var errShort = errors.New("the file is cut off or damaged")

// thrift reads values of the compact protocol. After the first error every value is zero, and every loop ends.
type thrift struct {
	r    *bufio.Reader
	left int // bytes that may still be read
	err  error
}

func (t *thrift) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *thrift) byte() byte {
	if t.err != nil {
		return 0
	}
	if t.left--; t.left < 0 {
		t.fail(errors.New("a header is too long"))
		return 0
	}
	b, err := t.r.ReadByte()
	if err != nil {
		t.fail(errShort)
	}
	return b
}

func (t *thrift) uvarint() (x uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := t.byte()
		x |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return x
		}
	}
	t.fail(errors.New("a number of a header is too long"))
	return 0
}

// integer reads a number of 16 or 64 bits.
func (t *thrift) integer() int64 {
	x := t.uvarint()
	return int64(x>>1) ^ -int64(x&1)
}

// i32 reads a number of 32 bits: sizes, whose sums must not overflow.
func (t *thrift) i32() int64 {
	x := t.integer()
	if x != int64(int32(x)) {
		t.fail(fmt.Errorf("the number %d of a header has more than 32 bits: the file is damaged", x))
		return 0
	}
	return x
}

// size reads a length, which is at most the number of bytes that are left: nothing takes less than one.
func (t *thrift) size() int {
	n := t.uvarint()
	if t.err == nil && n > uint64(max(t.left, 0)) {
		t.fail(errShort)
	}
	if t.err != nil {
		return 0
	}
	return int(n)
}

func (t *thrift) text() string {
	n := t.size()
	b := make([]byte, min(n, 1<<16))
	for have := 0; have < n && t.err == nil; {
		if have == len(b) {
			b = append(b, make([]byte, min(n-have, len(b)))...)
		}
		got, err := io.ReadFull(t.r, b[have:])
		if have += got; err != nil {
			t.fail(errShort)
		}
	}
	t.left -= n
	return string(b)
}

// structure reads a structure: field is called with every field's number and type, and reads it or returns false.
func (t *thrift) structure(field func(id int, typ byte) bool) { t.nested(0, field) }

func (t *thrift) nested(depth int, field func(id int, typ byte) bool) {
	for id := 0; t.err == nil; {
		head := t.byte()
		if head == 0 {
			return
		}
		typ := head & 15
		if delta := int(head >> 4); delta != 0 {
			id += delta
		} else {
			id = int(int16(t.integer()))
		}
		if t.err == nil && !field(id, typ) {
			t.skip(typ, depth)
		}
	}
}

// list reads the head of a list and calls element for each of its elements, if they have the wanted type.
func (t *thrift) list(want byte, element func()) {
	n, typ := t.listHead()
	if t.err == nil && n > 0 && typ != want {
		t.fail(fmt.Errorf("a list of a header has elements of type %d, want %d", typ, want))
	}
	for ; n > 0 && t.err == nil; n-- {
		element()
	}
}

func (t *thrift) listHead() (n int, typ byte) {
	head := t.byte()
	if n = int(head >> 4); n == 15 {
		n = t.size()
	}
	return n, head & 15
}

// skip passes over a value.
func (t *thrift) skip(typ byte, depth int) {
	if depth > maxDepth {
		t.fail(errors.New("a header is nested too deep"))
	}
	if t.err != nil {
		return
	}
	switch typ {
	case thriftTrue, thriftFalse: // the type is the value
	case thriftByte:
		t.byte()
	case thriftI16, thriftI32, thriftI64:
		t.uvarint()
	case thriftDouble:
		for range 8 {
			t.byte()
		}
	case thriftBinary:
		n := t.size()
		t.left -= n
		if _, err := t.r.Discard(n); err != nil {
			t.fail(errShort)
		}
	case thriftList, thriftSet:
		n, of := t.listHead()
		for ; n > 0 && t.err == nil; n-- {
			t.skipElement(of, depth+1)
		}
	case thriftMap:
		n := t.size()
		if n == 0 {
			return
		}
		types := t.byte()
		for ; n > 0 && t.err == nil; n-- {
			t.skipElement(types>>4, depth+1)
			t.skipElement(types&15, depth+1)
		}
	case thriftStruct:
		t.nested(depth+1, func(int, byte) bool { return false })
	default:
		t.fail(fmt.Errorf("a header has a field of the unknown type %d", typ))
	}
}

// skipElement passes over an element of a list or a map, where a truth value takes a byte.
func (t *thrift) skipElement(typ byte, depth int) {
	if typ == thriftTrue || typ == thriftFalse {
		typ = thriftByte
	}
	t.skip(typ, depth)
}
