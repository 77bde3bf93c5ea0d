package parquet

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// Bounds on memory.
const (
	maxPage    = 1 << 30  // bytes of a page
	maxHeld    = 2 << 30  // bytes of all pages and dictionaries that are in memory together, as stored and decompressed
	maxHeader  = 16 << 20 // bytes of a page's header, which may hold its largest value
	maxEntries = 1 << 20  // values of a row
	maxValues  = 1 << 27  // of a page
)

// entry is a value of a row with its levels: rep says which list the value goes on with, def how much of its path is there.
type entry struct {
	rep, def int
	bits     uint64
	b        []byte
}

// reader is what the columns of a row group share.
type reader struct {
	f       *File
	held    int // bytes
	entries int // of the row
	bytes   int // of the row's texts
	zstd    *zstd.Decoder
}

// hold counts memory that is taken, or given back.
func (r *reader) hold(n int) error {
	if r.held += n; r.held > maxHeld {
		return fmt.Errorf("the pages that must be in memory together take more than %d GiB; write the file again with smaller pages", maxHeld>>30)
	}
	return nil
}

// column reads the entries of a column of a row group.
type column struct {
	*reader
	leaf  *node
	codec codec
	r     *bufio.Reader
	left  int64 // bytes of the file
	to    int64 // values of pages to come

	dict   *dictionary
	count  int // entries left in the page
	size   int // bytes held for the page,
	dsize  int // for the dictionary,
	before int // and for earlier pages in which the row's values lie
	rep    rle
	def    rle
	values values

	ahead bool // the repetition level of the next entry was read
	level int
}

func (r *reader) open(leaf *node, c chunk) *column {
	section := io.NewSectionReader(r.f.r, c.start, r.f.end-c.start)
	return &column{reader: r, leaf: leaf, codec: c.codec, r: bufio.NewReaderSize(section, 1<<14), left: section.Size(), to: c.values}
}

func (c *column) close() { c.held -= c.size + c.dsize + c.before }

// peek reads the repetition level of the next entry; ok is false after the last.
func (c *column) peek() (rep int, ok bool, err error) {
	if c.ahead {
		return c.level, true, nil
	}
	for c.count == 0 {
		if c.to == 0 {
			return 0, false, nil
		}
		if err := c.page(); err != nil {
			return 0, false, err
		}
	}
	if c.leaf.maxRep > 0 {
		level, err := c.rep.next()
		if err != nil {
			return 0, false, err
		}
		if level > uint64(c.leaf.maxRep) {
			return 0, false, errors.New("a repetition level is too large: the file is damaged")
		}
		c.level = int(level)
	}
	c.ahead = true
	return c.level, true, nil
}

// row appends the entries of the next row. Those of the row before must not be used any more.
func (c *column) row(row []entry) ([]entry, error) {
	c.held -= c.before
	c.before = 0
	for first := true; ; first = false {
		rep, ok, err := c.peek()
		switch {
		case err != nil:
			return row, err
		case first && !ok:
			return row, errors.New("there are fewer values than rows: the file is damaged")
		case first && rep != 0:
			return row, errors.New("a row group begins within a row: the file is damaged")
		case !first && (!ok || rep == 0):
			return row, nil
		}
		e := entry{rep: rep, def: c.leaf.maxDef}
		c.ahead = false
		c.count--
		if c.entries++; c.entries > maxEntries {
			return row, fmt.Errorf("the row holds more than %d values", maxEntries)
		}
		if c.leaf.maxDef > 0 {
			def, err := c.def.next()
			if err != nil {
				return row, err
			}
			if def > uint64(c.leaf.maxDef) {
				return row, errors.New("a definition level is too large: the file is damaged")
			}
			e.def = int(def)
		}
		if e.def == c.leaf.maxDef {
			if e.bits, e.b, err = c.values.next(); err != nil {
				return row, err
			}
			if err := c.check(e.b); err != nil {
				return row, err
			}
		}
		row = append(row, e)
	}
}

// check refuses a value of a wrong length, and texts that cannot all become one row: some encodings can stand for many more bytes
// than they have.
func (c *column) check(b []byte) error {
	if c.leaf.typ == typeFixed && len(b) != int(c.leaf.length) {
		return fmt.Errorf("a value has %d bytes, want %d: the file is damaged", len(b), c.leaf.length)
	}
	if c.leaf.typ == typeFixed || c.leaf.typ == typeBytes {
		if c.bytes += len(b); c.bytes > maxObject {
			return errLarge
		}
	}
	return nil
}

// Kinds of pages.
const (
	dataPage       = 0
	indexPage      = 1
	dictionaryPage = 2
	dataPage2      = 3
)

// header is that of a page.
type header struct {
	kind, size, stored, crc, values, encoding, defSize, repSize int64
	checked, plain                                              bool // plain: values are not compressed
}

func (c *column) header() (h header, err error) {
	h = header{kind: -1, size: -1, stored: -1, values: -1, encoding: -1}
	t := &thrift{r: c.r, left: int(min(maxHeader, c.left))}
	before := t.left
	t.structure(func(id int, typ byte) bool {
		to := map[int]*int64{1: &h.kind, 2: &h.size, 3: &h.stored}[id]
		switch {
		case to != nil && typ == thriftI32:
			*to = t.i32()
		case id == 4 && typ == thriftI32:
			h.crc, h.checked = t.integer(), true // with or without a sign, as it pleased the writer
		case (id == 5 || id == 7) && typ == thriftStruct:
			t.structure(func(id int, typ byte) bool {
				to := map[int]*int64{1: &h.values, 2: &h.encoding}[id]
				if to == nil || typ != thriftI32 {
					return false
				}
				*to = t.i32()
				return true
			})
		case id == 8 && typ == thriftStruct:
			t.structure(func(id int, typ byte) bool {
				to := map[int]*int64{1: &h.values, 4: &h.encoding, 5: &h.defSize, 6: &h.repSize}[id]
				switch {
				case to != nil && typ == thriftI32:
					*to = t.i32()
				case id == 7 && (typ == thriftTrue || typ == thriftFalse):
					h.plain = typ == thriftFalse
				default:
					return false
				}
				return true
			})
		default:
			return false
		}
		return true
	})
	c.left -= int64(before - t.left)
	switch {
	case t.err != nil:
		return h, fmt.Errorf("the header of a page: %w", t.err)
	case h.size < 0 || h.stored < 0 || h.stored > c.left:
		return h, errors.New("a page reaches beyond the end of the file: the file is damaged")
	case h.size > maxPage || h.stored > maxPage:
		return h, fmt.Errorf("a page has %d bytes, want at most %d; write the file again with smaller pages", max(h.size, h.stored), maxPage)
	}
	return h, nil
}

// page reads the next page, and a dictionary or an index before it.
func (c *column) page() error {
	if c.codec != codecNone && c.codec != codecSnappy && c.codec != codecGzip && c.codec != codecZstd {
		name := codecNames[c.codec]
		if name == "" {
			name = fmt.Sprintf("number %d", c.codec)
		}
		return fmt.Errorf("the compression %s cannot be read; write the file again with zstd or snappy", name)
	}
	h, err := c.header()
	if err != nil {
		return err
	}
	// What the page takes is counted before any of it is in memory. The page before it stays as long as the row that ends there.
	c.before += c.size
	c.size = int(h.stored)
	if c.codec != codecNone {
		c.size += int(h.size)
	}
	if err := c.hold(c.size); err != nil {
		return err
	}
	stored := make([]byte, h.stored)
	if _, err := io.ReadFull(c.r, stored); err != nil {
		return errShort
	}
	c.left -= h.stored
	if h.checked && crc32.ChecksumIEEE(stored) != uint32(h.crc) {
		return errors.New("the checksum of a page is wrong: the file is damaged")
	}
	switch h.kind {
	case indexPage:
		c.release(0)
		return nil
	case dictionaryPage:
		if c.dict != nil {
			return errors.New("there are two dictionaries: the file is damaged")
		}
		if h.encoding != encPlain && h.encoding != encPlainDict {
			return fmt.Errorf("a dictionary of encoding %d cannot be read", h.encoding)
		}
		b, err := c.decompress(stored, int(h.size))
		if err != nil {
			return err
		}
		if c.dict, err = newDictionary(c.leaf, b, h.values); err != nil {
			return err
		}
		c.release(0)
		c.dsize = len(b) + 4*len(c.dict.ends)
		return c.hold(c.dsize)
	case dataPage, dataPage2:
	default:
		return fmt.Errorf("a page of the unknown kind %d", h.kind)
	}
	if h.values < 0 || h.values > c.to || h.values > maxValues {
		return fmt.Errorf("a page has %d values, the column has %d more: the file is damaged", h.values, c.to)
	}
	b, err := c.levels(h, stored)
	if err != nil {
		return err
	}
	if h.kind == dataPage && c.codec != codecNone { // the levels of the newer kind lie in what is stored
		c.release(int(h.size))
	}
	c.to -= h.values
	c.count = int(h.values)
	if h.encoding == encPlainDict || h.encoding == encDict {
		c.values, err = newIndexed(c.dict, b)
	} else if len(b) == 0 { // nulls only; such a page may have no values, not even the head of its encoding
		c.values = &plainBytes{}
	} else {
		c.values, err = newValues(h.encoding, c.leaf, b, c.count)
	}
	return err
}

// release counts all but some bytes of the page as given back.
func (c *column) release(keep int) {
	c.held -= c.size - keep
	c.size = keep
}

// levels finds the levels of a data page and returns its values, decompressed.
func (c *column) levels(h header, stored []byte) (b []byte, err error) {
	c.rep = rle{width: bits.Len(uint(c.leaf.maxRep))}
	c.def = rle{width: bits.Len(uint(c.leaf.maxDef))}
	if h.kind == dataPage2 {
		if h.repSize < 0 || h.defSize < 0 || h.repSize+h.defSize > min(h.stored, h.size) {
			return nil, errors.New("the levels of a page are longer than the page: the file is damaged")
		}
		c.rep.b, stored = stored[:h.repSize], stored[h.repSize:]
		c.def.b, stored = stored[:h.defSize], stored[h.defSize:]
		size := int(h.size - h.repSize - h.defSize)
		if h.plain && len(stored) != size {
			return nil, fmt.Errorf("a page has %d bytes, its header says %d: the file is damaged", len(stored), size)
		}
		if h.plain || size == 0 {
			return stored[:size], nil
		}
		return c.decompress(stored, size)
	}
	if b, err = c.decompress(stored, int(h.size)); err != nil {
		return nil, err
	}
	for _, l := range []struct {
		of  *rle
		max int
	}{{&c.rep, c.leaf.maxRep}, {&c.def, c.leaf.maxDef}} {
		if l.max > 0 {
			if l.of.b, b, err = prefixed(b); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

// decompress returns the size bytes of a page. Memory grows with what was really decompressed.
func (c *column) decompress(stored []byte, size int) ([]byte, error) {
	var from io.Reader
	switch c.codec {
	case codecNone:
		if len(stored) != size {
			return nil, fmt.Errorf("a page has %d bytes, its header says %d: the file is damaged", len(stored), size)
		}
		return stored, nil
	case codecSnappy:
		// Three bytes of Snappy stand for 64 at most.
		if n, err := snappy.DecodedLen(stored); err != nil || n != size || n > 22*len(stored)+64 {
			return nil, errors.New("a page cannot be decompressed with Snappy: the file is damaged")
		}
		b, err := snappy.Decode(nil, stored)
		if err != nil {
			return nil, fmt.Errorf("a page cannot be decompressed with Snappy: %w", err)
		}
		return b, nil
	case codecGzip:
		z, err := gzip.NewReader(bytes.NewReader(stored))
		if err != nil {
			return nil, fmt.Errorf("a page cannot be decompressed with gzip: %w", err)
		}
		from = z
	case codecZstd:
		if c.zstd == nil {
			z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPage), zstd.WithDecoderMaxWindow(1<<27))
			if err != nil {
				return nil, err
			}
			c.zstd = z
		}
		if err := c.zstd.Reset(bytes.NewReader(stored)); err != nil {
			return nil, fmt.Errorf("a page cannot be decompressed with zstd: %w", err)
		}
		from = c.zstd
	}
	b := make([]byte, 0, min(size+1, 8*len(stored)+512))
	for {
		if len(b) == cap(b) {
			more := make([]byte, len(b), min(size+1, 2*len(b))) // one more than there should be, to see the end
			copy(more, b)
			b = more
		}
		n, err := from.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case len(b) > size || err == io.EOF && len(b) != size:
			return nil, fmt.Errorf("a page has %d bytes or more, its header says %d: the file is damaged", len(b), size)
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, fmt.Errorf("a page cannot be decompressed: %w", err)
		}
	}
}
