package parquet

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
)

// fields writes a structure of Thrift's compact protocol.
type fields struct {
	b    []byte
	last int
}

func (f *fields) put(id int, typ byte, payload []byte) *fields {
	f.b = append(append(f.b, byte(id-f.last)<<4|typ), payload...)
	f.last = id
	return f
}

func (f *fields) i32(id int, v int64) *fields { return f.put(id, thriftI32, zigzag(v)) }
func (f *fields) i64(id int, v int64) *fields { return f.put(id, thriftI64, zigzag(v)) }
func (f *fields) end() []byte                 { return append(f.b, 0) }

func zigzag(v int64) []byte { return binary.AppendUvarint(nil, uint64(v<<1^v>>63)) }

func thriftText(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

func structures(list ...[]byte) []byte {
	b := []byte{byte(len(list))<<4 | thriftStruct}
	for _, s := range list {
		b = append(b, s...)
	}
	return b
}

// Annotations of the older kind, and none.
const (
	none     = -1
	aText    = 0
	aMap     = 1
	aPairs   = 2
	aList    = 3
	required = 0
	optional = 1
	repeated = 2
)

// group and leaf are elements of a schema.
func group(name string, repetition, annotation, members int64) []byte {
	f := &fields{}
	f.i32(3, repetition).put(4, thriftBinary, thriftText(name)).i32(5, members)
	if annotation >= 0 {
		f.i32(6, annotation)
	}
	return f.end()
}

func leaf(name string, typ, repetition, annotation int64) []byte {
	f := &fields{}
	f.i32(1, typ).i32(3, repetition).put(4, thriftBinary, thriftText(name))
	if annotation >= 0 {
		f.i32(6, annotation)
	}
	return f.end()
}

// levels writes levels as runs of equal ones, with the length before.
func levels(list string) []byte {
	var b []byte
	for len(list) > 0 {
		rest := strings.TrimLeft(list, list[:1])
		b = append(binary.AppendUvarint(b, uint64(len(list)-len(rest))<<1), list[0]-'0')
		list = rest
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// made is a column: its repetition and definition levels, a digit each ("" if the column has none), and its plain values.
type made struct {
	rep, def string
	values   []byte
	count    int64 // values with their nulls
	damage   bool  // to the checksum
	encoding int64
	header   []byte // of the page, in place of the right one
	more     []made // pages after the first
}

func texts(list ...string) (b []byte) {
	for _, s := range list {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return b
}

func numbers(list ...int32) (b []byte) {
	for _, x := range list {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return b
}

// file writes a file of one row group whose columns have one page each, without compression and with checksums.
func file(rows int64, schema [][]byte, columns ...made) []byte {
	b := []byte(magic)
	var chunks [][]byte
	var put func(c made)
	put = func(c made) {
		var page []byte
		if c.rep != "" {
			page = append(page, levels(c.rep)...)
		}
		if c.def != "" {
			page = append(page, levels(c.def)...)
		}
		page = append(page, c.values...)
		crc := crc32.ChecksumIEEE(page)
		if c.damage {
			crc++
		}
		data := (&fields{}).i32(1, c.count).i32(2, c.encoding).i32(3, encRLE).i32(4, encRLE).end()
		header := (&fields{}).i32(1, dataPage).i32(2, int64(len(page))).i32(3, int64(len(page))).i32(4, int64(int32(crc))).put(5, thriftStruct, data).end()
		if c.header != nil {
			header = c.header
		}
		b = append(append(b, header...), page...)
		for _, next := range c.more {
			put(next)
		}
	}
	for _, c := range columns {
		start := int64(len(b))
		put(c)
		for _, next := range c.more {
			c.count += next.count
		}
		meta := (&fields{}).i32(4, int64(codecNone)).i64(5, c.count).i64(9, start).end()
		chunks = append(chunks, (&fields{}).i64(2, start).put(3, thriftStruct, meta).end())
	}
	row := (&fields{}).put(1, thriftList, structures(chunks...)).i64(3, rows).end()
	footer := (&fields{}).i32(1, 1).put(2, thriftList, structures(schema...)).i64(3, rows).put(4, thriftList, structures(row)).end()
	b = append(b, footer...)
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(footer))), magic...)
}

// TestForms: lists and maps in the forms that older writers use, written here byte by byte.
func TestForms(t *testing.T) {
	for _, c := range []struct {
		name   string
		schema [][]byte
		column []made
		rows   int64
		want   string // rows, joined by blanks; or the error
	}{
		{"three levels", [][]byte{root(1), group("l", optional, aList, 1), group("list", repeated, none, 1), leaf("element", typeInt32, optional, none)},
			[]made{{rep: "00100", def: "33210", values: numbers(7, 8), count: 5}}, 4, `{"l":[7]} {"l":[8,null]} {"l":[]} {"l":null}`},
		{"two levels", [][]byte{root(1), group("l", required, aList, 1), leaf("element", typeInt32, repeated, none)},
			[]made{{rep: "010", def: "110", values: numbers(7, 8), count: 3}}, 2, `{"l":[7,8]} {"l":[]}`},
		{"two levels of structs called array", [][]byte{root(1), group("l", required, aList, 1), group("array", repeated, none, 1), leaf("x", typeInt32, required, none)},
			[]made{{rep: "01", def: "11", values: numbers(7, 8), count: 2}}, 1, `{"l":[{"x":7},{"x":8}]}`},
		{"two levels of structs called after the list", [][]byte{root(1), group("l", required, aList, 1), group("l_tuple", repeated, none, 1), leaf("x", typeInt32, required, none)},
			[]made{{rep: "0", def: "1", values: numbers(7), count: 1}}, 1, `{"l":[{"x":7}]}`},
		{"two levels of structs with two members", [][]byte{root(1), group("l", required, aList, 1), group("bag", repeated, none, 2), leaf("x", typeInt32, required, none), leaf("y", typeInt32, optional, none)},
			[]made{{rep: "01", def: "11", values: numbers(7, 8), count: 2}, {rep: "01", def: "21", values: numbers(9), count: 2}}, 1, `{"l":[{"x":7,"y":9},{"x":8,"y":null}]}`},
		{"repeated without a list", [][]byte{root(1), leaf("l", typeInt32, repeated, none)}, []made{{rep: "010", def: "110", values: numbers(7, 8), count: 3}}, 2, `{"l":[7,8]} {"l":[]}`},
		{"a map", [][]byte{root(1), group("m", optional, aMap, 1), group("key_value", repeated, aPairs, 2), leaf("key", typeBytes, required, aText), leaf("value", typeInt32, optional, none)},
			[]made{{rep: "0100", def: "2210", values: texts("a", "b"), count: 4}, {rep: "0100", def: "3210", values: numbers(7), count: 4}}, 3, `{"m":{"a":7,"b":null}} {"m":{}} {"m":null}`},
		{"a map with a key twice", [][]byte{root(1), group("m", required, aMap, 1), group("key_value", repeated, none, 1), leaf("key", typeBytes, required, aText)},
			[]made{{rep: "01", def: "11", values: texts("a", "a"), count: 2}}, 1, `row 1: column m.key_value.key: the key "a" is there twice`},
		{"a map with numbers as keys", [][]byte{root(1), group("m", required, aMap, 1), group("key_value", repeated, none, 1), leaf("key", typeInt32, required, none)},
			[]made{{rep: "0", def: "1", values: numbers(1), count: 1}}, 1, "field m: a map whose keys are not text"},
		{"two fields of one name", [][]byte{root(2), leaf("x", typeInt32, required, none), leaf("x", typeInt32, required, none)},
			[]made{{values: numbers(1), count: 1}, {values: numbers(1), count: 1}}, 1, "there are two fields x"},
		{"columns that do not fit together", [][]byte{root(1), group("l", required, aList, 1), group("bag", repeated, none, 2), leaf("x", typeInt32, required, none), leaf("y", typeInt32, required, none)},
			[]made{{rep: "01", def: "11", values: numbers(7, 8), count: 2}, {rep: "0", def: "1", values: numbers(9), count: 1}}, 1, "do not fit together"},
		{"an absent struct with a member that is there", [][]byte{root(1), group("s", optional, none, 2), leaf("x", typeInt32, required, none), leaf("y", typeInt32, required, none)},
			[]made{{def: "0", count: 1}, {def: "1", values: numbers(9), count: 1}}, 1, "do not fit together"},
		{"a wrong checksum", [][]byte{root(1), leaf("x", typeInt32, required, none)}, []made{{values: numbers(1), count: 1, damage: true}}, 1, "row 1: column x: the checksum of a page is wrong"},
		{"fewer values than rows", [][]byte{root(1), leaf("x", typeInt32, required, none)}, []made{{values: numbers(1), count: 1}}, 2, "row 2: column x: there are fewer values than rows"},
		{"more values than rows", [][]byte{root(1), leaf("x", typeInt32, required, none)}, []made{{values: numbers(1, 2), count: 2}}, 1, "column x: there are more values than rows"},
		{"a value that is cut off", [][]byte{root(1), leaf("x", typeBytes, required, aText)}, []made{{values: texts("abc")[:6], count: 1}}, 1, "fewer values than its header says"},
		{"bytes that are not text", [][]byte{root(1), leaf("x", typeBytes, required, none)}, []made{{values: texts("\xff"), count: 1}}, 1, "row 1: column x: it holds bytes that are not UTF-8 text"},
	} {
		rows, err := rowsOf(file(c.rows, c.schema, c.column...))
		got := strings.Join(rows, " ")
		if err != nil {
			got = err.Error()
		}
		if strings.HasPrefix(c.want, "{") && got != c.want || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
