package parquet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds on what a file may ask for.
const (
	maxFooter = 64 << 20 // bytes
	maxFields = 10000    // elements of the schema
	maxChunks = 2 << 20  // columns of all row groups
)

// codec is a kind of compression, by its number in the format.
type codec int64

const (
	codecNone   codec = 0
	codecSnappy codec = 1
	codecGzip   codec = 2
	codecZstd   codec = 6
)

var codecNames = map[codec]string{3: "LZO", 4: "Brotli", 5: "LZ4", 7: "LZ4_RAW"}

// chunk is where a column of a row group lies.
type chunk struct {
	codec  codec
	start  int64 // of the first page
	values int64
}

type rowGroup struct {
	rows   int64
	chunks []chunk // one per leaf of the schema
}

// File is a Parquet file whose footer was read.
type File struct {
	r      io.ReaderAt
	end    int64 // where the pages end
	root   *node
	leaves []*node
	groups []rowGroup
	chunks int // of all groups
}

const (
	magic     = "PAR1"
	encrypted = "PARE"
)

// Open reads the footer of a file of size bytes.
func Open(r io.ReaderAt, size int64) (*File, error) {
	var tail [8]byte
	if size < int64(len(magic)+len(tail)) {
		return nil, errors.New("too short for a Parquet file; the file is cut off or damaged")
	}
	for _, at := range []int64{0, size - int64(len(tail))} {
		if _, err := r.ReadAt(tail[:], at); err != nil {
			return nil, err
		}
		mark := string(tail[:4])
		if at > 0 {
			mark = string(tail[4:])
		}
		switch {
		case mark == encrypted:
			return nil, errors.New("the Parquet file is encrypted; write it again without encryption")
		case mark != magic && at == 0:
			return nil, errors.New("not a Parquet file: it does not begin with PAR1")
		case mark != magic:
			return nil, errors.New("the Parquet file does not end with PAR1: it is cut off or damaged")
		}
	}
	length := int64(binary.LittleEndian.Uint32(tail[:4]))
	if length > maxFooter {
		return nil, fmt.Errorf("the Parquet footer has %d bytes, want at most %d", length, maxFooter)
	}
	f := &File{r: r, end: size - int64(len(tail)) - length}
	if f.end < int64(len(magic)) {
		return nil, errors.New("the Parquet footer is longer than the file: it is cut off or damaged")
	}
	footer := io.NewSectionReader(r, f.end, length)
	if err := f.readFooter(&thrift{r: bufio.NewReader(footer), left: int(length)}); err != nil {
		return nil, fmt.Errorf("the Parquet footer: %w", err)
	}
	return f, nil
}

func (f *File) readFooter(t *thrift) error {
	var elements []element
	t.structure(func(id int, typ byte) bool {
		switch {
		case id == 2 && typ == thriftList:
			if f.root != nil {
				t.fail(errors.New("there are two schemas: the file is damaged"))
				return true
			}
			t.list(thriftStruct, func() {
				if len(elements) == maxFields {
					t.fail(fmt.Errorf("the schema has more than %d fields", maxFields))
					return
				}
				elements = append(elements, readElement(t))
			})
			if t.err == nil {
				f.root, f.leaves, t.err = newTree(elements)
			}
		case id == 4 && typ == thriftList:
			if f.root == nil {
				t.fail(errors.New("row groups without a schema before them"))
				return true
			}
			if len(f.leaves) == 0 {
				t.fail(errors.New("row groups without columns: the file is damaged"))
				return true
			}
			t.list(thriftStruct, func() { f.groups = append(f.groups, f.readGroup(t)) })
		case id == 8:
			t.fail(errors.New("the file is encrypted; write it again without encryption"))
		default:
			return false
		}
		return true
	})
	if t.err == nil && f.root == nil {
		return errors.New("there is no schema")
	}
	return t.err
}

func (f *File) readGroup(t *thrift) (g rowGroup) {
	t.structure(func(id int, typ byte) bool {
		switch {
		case id == 1 && typ == thriftList:
			t.list(thriftStruct, func() {
				if len(g.chunks) == len(f.leaves) {
					t.fail(fmt.Errorf("a row group has more columns than the schema, which has %d", len(f.leaves)))
					return
				}
				if f.chunks++; f.chunks > maxChunks {
					t.fail(fmt.Errorf("the row groups have more than %d columns together; write the file again with larger row groups", maxChunks))
					return
				}
				c, err := f.readChunk(t)
				if err != nil {
					t.err = fmt.Errorf("column %s: %w", f.leaves[len(g.chunks)].path, err)
				}
				g.chunks = append(g.chunks, c)
			})
		case id == 3 && typ == thriftI64:
			g.rows = t.integer()
		default:
			return false
		}
		return true
	})
	if t.err == nil && len(g.chunks) != len(f.leaves) {
		t.fail(fmt.Errorf("a row group has %d columns, the schema has %d", len(g.chunks), len(f.leaves)))
	}
	if t.err == nil && g.rows < 0 {
		t.fail(fmt.Errorf("a row group has %d rows", g.rows))
	}
	return g
}

func (f *File) readChunk(t *thrift) (c chunk, err error) {
	pages, dictionary := int64(0), int64(0)
	t.structure(func(id int, typ byte) bool {
		switch {
		case id == 1 && typ == thriftBinary:
			if name := t.text(); name != "" {
				t.fail(fmt.Errorf("its values lie in another file, %.100q; join the files", name))
			}
		case id == 3 && typ == thriftStruct:
			t.structure(func(id int, typ byte) bool {
				to := map[int]*int64{5: &c.values, 9: &pages, 11: &dictionary}[id]
				switch {
				case id == 4 && typ == thriftI32:
					c.codec = codec(t.i32())
				case to != nil && typ == thriftI64:
					*to = t.integer()
				default:
					return false
				}
				return true
			})
		case id == 8 || id == 9:
			t.fail(errors.New("it is encrypted; write the file again without encryption"))
		default:
			return false
		}
		return true
	})
	if t.err != nil {
		return c, t.err
	}
	c.start = pages
	if dictionary > 0 && dictionary < pages {
		c.start = dictionary
	}
	if c.values == 0 {
		c.start = f.end // some writers leave the place of nothing out
	}
	if c.start < int64(len(magic)) || c.start > f.end || c.values < 0 {
		return c, fmt.Errorf("its %d values begin at byte %d of %d: the file is damaged", c.values, c.start, f.end)
	}
	return c, nil
}
