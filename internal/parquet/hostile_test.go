package parquet

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
)

// fixed is an element of the schema whose values have a length, with a newer annotation, a field of its union, if not 0.
func fixed(name string, length int64, repetition int64, annotation int) []byte {
	f := (&fields{}).i32(1, typeFixed).i32(2, length).i32(3, repetition).put(4, thriftBinary, thriftText(name))
	if annotation > 0 {
		f.put(10, thriftStruct, (&fields{}).put(annotation, thriftStruct, []byte{0}).end())
	}
	return f.end()
}

// steady is numbers that grow by a step each, as the delta encoding writes them: a few bytes for any count below a million.
func steady(count, first, step int64) []byte {
	b := binary.AppendUvarint(nil, 1<<20)
	b = append(binary.AppendUvarint(binary.AppendUvarint(b, 1), uint64(count)), zigzag(first)...)
	if count > 1 {
		b = append(append(b, zigzag(step)...), 0)
	}
	return b
}

func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func root(members int64) []byte { return group("schema", required, none, members) }

// listOf is the schema of a list whose elements are required.
func listOf(element []byte) [][]byte {
	return [][]byte{root(1), group("l", required, aList, 1), group("list", repeated, none, 1), element}
}

// hostile are small files that are damaged with care, and what is said of each.
func hostile() map[string]struct {
	b    []byte
	want string
} {
	type damaged = struct {
		b    []byte
		want string
	}
	uuids, halves := [][]byte{root(1), fixed("x", 16, required, 14)}, [][]byte{root(1), fixed("x", 2, required, 15)}
	short := joined(steady(1, 1, 0), []byte("a"))
	absent := func(typ int64, values []byte) []byte {
		return file(1, listOf(leaf("element", typ, required, none)), made{rep: "01", def: "10", values: values, count: 2})
	}
	apart := "the columns of a list or a group do not fit together"
	sizes := func(def, rep int64) []byte {
		head := (&fields{}).i32(1, 1).i32(2, 0).i32(3, 1).i32(4, encPlain).i32(5, def).i32(6, rep).put(7, thriftFalse, nil).end()
		return (&fields{}).i32(1, dataPage2).i32(2, 4).i32(3, 4).put(8, thriftStruct, head).end()
	}
	const most = 1<<63 - 1
	newest := func(id int, payload []byte) []byte {
		f := (&fields{}).i32(1, typeInt32).i32(3, required).put(4, thriftBinary, thriftText("x"))
		return f.put(10, thriftStruct, (&fields{}).put(id, thriftStruct, payload).end()).end()
	}
	one := made{values: numbers(1), count: 1}
	return map[string]damaged{
		"a short UUID, its length apart":       {file(1, uuids, made{values: short, count: 1, encoding: encDeltaLength}), "row 1: column x: a value has 1 bytes, want 16"},
		"a short UUID, its beginning apart":    {file(1, uuids, made{values: joined(steady(1, 0, 0), short), count: 1, encoding: encDeltaBytes}), "row 1: column x: a value has 1 bytes, want 16"},
		"a short float":                        {file(1, halves, made{values: short, count: 1, encoding: encDeltaLength}), "row 1: column x: a value has 1 bytes, want 2"},
		"an absent element, INT96":             {absent(typeInt96, make([]byte, 12)), apart},
		"an absent element, a number":          {absent(typeInt32, numbers(7)), apart},
		"an absent element, text":              {absent(typeBytes, texts("a")), apart},
		"an absent element that could be null": {file(1, listOf(leaf("element", typeInt32, optional, none)), made{rep: "01", def: "20", values: numbers(7), count: 2}), apart},
		"levels longer than any page": {file(1, [][]byte{root(1), leaf("x", typeInt32, required, none)}, made{values: numbers(1), count: 1, header: sizes(most, most)}),
			"has more than 32 bits"},
		"levels longer than the page": {file(1, [][]byte{root(1), leaf("x", typeInt32, required, none)}, made{values: numbers(1), count: 1, header: sizes(1<<31-1, 1<<31-1)}),
			"the levels of a page are longer than the page"},
		"a map whose keys are decimals": {file(1, [][]byte{root(1), group("m", required, aMap, 1), group("key_value", repeated, none, 1), leaf("key", typeBytes, required, 5)},
			made{rep: "0", def: "1", values: texts("a"), count: 1}), "field m: a map whose keys are not text"},
		"a name that is not UTF-8":   {file(1, [][]byte{root(1), leaf("x\xff", typeInt32, required, none)}, one), `the name of the column "x\xff" is not UTF-8`},
		"a time of day of many days": {file(1, [][]byte{root(1), leaf("x", typeInt32, required, 7)}, made{values: numbers(86_400_000), count: 1}), "is not within a day"},
		"a group of no columns":      {file(1, [][]byte{root(0)}), "row groups without columns"},
		"more pages than the file has, after the last row": {file(1, [][]byte{root(1), leaf("x", typeInt32, required, none)},
			made{values: numbers(1), count: 1, more: []made{{count: 1, header: []byte{0xff}}}}), "column x: the header of a page"},
		"a decimal whose digits stand in the newer annotation": {file(1, [][]byte{root(1), newest(5, (&fields{}).i32(1, 2).i32(2, 9).end())}, made{values: numbers(1234), count: 1}),
			`{"x":12.34}`},
	}
}

// TestHostile: files that are damaged with care are refused with what is wrong.
func TestHostile(t *testing.T) {
	for name, c := range hostile() {
		rows, err := rowsOf(c.b)
		got := strings.Join(rows, " ")
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) || len(rows) > 0 && err != nil && !strings.Contains(name, "after") {
			t.Errorf("%s: %q, %s; want %s", name, rows, got, c.want)
		}
	}
}

// TestRowError: an error of a row is one to ask for its row and its field; another is not.
func TestRowError(t *testing.T) {
	pairs := [][]byte{root(2), leaf("a", typeInt32, required, none), group("s", required, none, 1), leaf("b", typeBytes, required, none)}
	_, err := rowsOf(file(2, pairs, made{values: numbers(1, 2), count: 2}, made{values: texts("x", "\xff"), count: 2}))
	row, ok := errors.AsType[*RowError](err)
	if !ok || row.Row != 2 || row.Field != "s" || !strings.HasPrefix(err.Error(), "row 2: column s.b: it holds bytes") {
		t.Errorf("%#v (%v), want row 2 and field s", row, err)
	}
	_, err = rowsOf(file(1, pairs[:2:2], made{values: numbers(1, 2), count: 2}))
	if row, ok := errors.AsType[*RowError](err); err == nil || ok {
		t.Errorf("%#v (%v), want no row", row, err)
	}
}

// allocated is how many bytes a function takes, also those that it gives back.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestLargeRows: a row that is too large is refused before it was written, however few bytes stand for it.
func TestLargeRows(t *testing.T) {
	control := make([]byte, 60<<20) // six times as many in JSON
	var err error
	got := allocated(func() { err = (&writer{}).scalar(&node{element: element{typ: typeBytes}}, entry{b: control}) })
	if err != errLarge || got > 512<<20 {
		t.Errorf("control bytes: %v, %d bytes allocated", err, got)
	}
	w := &writer{b: make([]byte, 1<<20)}
	long := bytes.Repeat([]byte("a"), maxObject)
	if got = allocated(func() { err = w.scalar(&node{element: element{typ: typeBytes}}, entry{b: long}) }); err != errLarge || got > 1<<20 {
		t.Errorf("a long text: %v, %d bytes allocated", err, got)
	}

	// Each value has the one before it as its beginning: a megabyte stands for half a gigabyte.
	const n, more = 1000, 1024
	values := joined(steady(n, 0, more), steady(n, more, 0), bytes.Repeat([]byte("a"), n*more))
	grown := made{rep: "0" + strings.Repeat("1", n-1), def: strings.Repeat("1", n), values: values, count: n, encoding: encDeltaBytes}
	b := file(1, listOf(leaf("element", typeBytes, required, none)), grown)
	if got = allocated(func() { _, err = rowsOf(b) }); !errors.Is(err, errLarge) || got > 128<<20 {
		t.Errorf("shared beginnings: %v, %d bytes allocated", err, got)
	}
}

// TestManyPagesOfARow: all pages in which a row's values lie count as held, until the row after it.
func TestManyPagesOfARow(t *testing.T) {
	page := func(rep string) made {
		return made{rep: rep, def: "1", values: texts(strings.Repeat("a", 1000)), count: 1}
	}
	for _, c := range []struct {
		second string // repetition level of the pages after the first
		rows   int
		ok     bool
	}{{"0", 4, true}, {"1", 1, false}} {
		first := page("0")
		first.more = []made{page(c.second), page(c.second), page(c.second)}
		b := file(int64(c.rows), listOf(leaf("element", typeBytes, required, none)), first)
		f, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		r := &reader{f: f, held: maxHeld - 3000}
		column := r.open(f.leaves[0], f.groups[0].chunks[0])
		for range c.rows {
			if _, err = column.row(nil); err != nil {
				break
			}
		}
		if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "the pages that must be in memory together") {
			t.Errorf("%d rows: %v", c.rows, err)
		}
		if column.close(); c.ok && r.held != maxHeld-3000 {
			t.Errorf("%d bytes are held after the end", r.held-maxHeld+3000)
		}
	}
}

// TestHeldBack: what compressed pages and dictionaries take is given back in full.
func TestHeldBack(t *testing.T) {
	for _, name := range []string{"chat-duckdb-gzip.parquet", "chat-duckdb-snappy.parquet", "pairs-duckdb-zstd.parquet", "pairs-arrow-groups.parquet", "pairs-hyparquet.parquet"} {
		b, err := os.ReadFile("../../testdata/parquet/" + name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		r := &reader{f: f}
		for _, g := range f.groups {
			for i, leaf := range f.leaves {
				c := r.open(leaf, g.chunks[i])
				var row []entry
				for range g.rows {
					if row, err = c.row(row[:0]); err != nil {
						t.Fatal(err)
					}
				}
				if r.held <= 0 {
					t.Errorf("%s: column %s: %d bytes are held", name, leaf.path, r.held)
				}
				c.close()
			}
		}
		if r.held != 0 {
			t.Errorf("%s: %d bytes are held after the end", name, r.held)
		}
	}
}

// TestWideRows: the values of long rows do not stay, one column after the other.
func TestWideRows(t *testing.T) {
	const n, columns = 200_000, 12
	schema := [][]byte{root(columns)}
	var list []made
	for i := range columns {
		schema = append(schema, leaf(string(rune('a'+i)), typeBoolean, repeated, none))
		var rep, def strings.Builder
		for row := range columns {
			if row == i {
				rep.WriteString("0" + strings.Repeat("1", n-1))
				def.WriteString(strings.Repeat("1", n))
			} else {
				rep.WriteString("0")
				def.WriteString("0")
			}
		}
		list = append(list, made{rep: rep.String(), def: def.String(), values: make([]byte, n/8), count: n + columns - 1})
	}
	b := file(columns, schema, list...)
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	err = f.Rows(func(row int, _ []byte) error {
		if row == columns {
			runtime.GC()
			var m runtime.MemStats
			if runtime.ReadMemStats(&m); m.HeapAlloc > 64<<20 {
				t.Errorf("%d bytes are in use at the last row", m.HeapAlloc)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// FuzzPage: any page of any column gives rows or an error.
func FuzzPage(f *testing.F) {
	for encoding := range byte(10) {
		for typ := range byte(8) {
			f.Add(typ, byte(0), byte(16), encoding, "010", "110", joined(steady(2, 0, 0), steady(2, 1, 0), []byte("ab")))
		}
	}
	f.Add(byte(typeFixed), byte(uuid), byte(16), byte(encPlain), "", "", make([]byte, 32))
	f.Fuzz(func(t *testing.T, typ, mean, length, encoding byte, rep, def string, b []byte) {
		n := leaf("x", int64(typ%8), required, none)
		if typ%8 == typeFixed {
			n = fixed("x", int64(length), required, int(mean%19))
		} else if mean > 0 {
			n = leaf("x", int64(typ%8), required, int64(mean%22))
		}
		count := int64(max(1, len(b)%50))
		schema, c := [][]byte{root(1), n}, made{values: b, count: count, encoding: int64(encoding % 10)}
		if rep != "" && def != "" {
			for _, l := range []string{rep, def} {
				if strings.Trim(l, "0123") != "" {
					return
				}
			}
			schema, c.rep, c.def, c.count = listOf(n), rep, def, int64(min(len(rep), len(def)))
			count = int64(strings.Count(rep, "0"))
		}
		whole := file(count, schema, c)
		f, err := Open(bytes.NewReader(whole), int64(len(whole)))
		if err != nil {
			return
		}
		_ = f.Rows(func(row int, object []byte) error {
			if !json.Valid(object) || object[0] != '{' {
				t.Fatalf("row %d is %.200q", row, object)
			}
			return nil
		})
	})
}
