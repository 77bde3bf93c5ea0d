package parquet

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"reprise/internal/testfiles"
)

// rowsOf reads all rows.
func rowsOf(b []byte) (rows []string, err error) {
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	err = f.Rows(func(row int, object []byte) error {
		if row != len(rows)+1 {
			return fmt.Errorf("row %d after %d rows", row, len(rows))
		}
		rows = append(rows, string(object))
		return nil
	})
	return rows, err
}

// value decodes JSON so that equal values are equal: whole numbers stay exact, floats are compared as floats.
func value(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var plain func(v any) any
	plain = func(v any) any {
		switch v := v.(type) {
		case json.Number:
			if i, err := v.Int64(); err == nil {
				return fmt.Sprint(i)
			}
			x, err := v.Float64()
			if err != nil {
				t.Fatal(err)
			}
			if x == math.Trunc(x) && math.Abs(x) < 1e15 {
				return fmt.Sprint(int64(x))
			}
			return x
		case []any:
			for i := range v {
				v[i] = plain(v[i])
			}
		case map[string]any:
			for k := range v {
				v[k] = plain(v[k])
			}
		}
		return v
	}
	return plain(v)
}

// TestWriters: files of three other programs hold the rows that they were given (testdata/parquet/make.mjs).
func TestWriters(t *testing.T) {
	var want map[string][]json.RawMessage
	testfiles.ReadBoxJSON(t, &want, "parquet", "rows.json")
	var manifest struct{ Writers, Files map[string]string }
	testfiles.ReadBoxJSON(t, &manifest, "parquet", "manifest.json")
	if len(manifest.Writers) < 8 {
		t.Fatalf("%d files, want 8", len(manifest.Writers))
	}
	for name, writer := range manifest.Writers {
		path := testfiles.Box(t, "parquet", name)
		if testfiles.SHA256(t, path) != manifest.Files[name] {
			t.Errorf("%s is not the file of the manifest", name)
		}
		rows, err := rowsOf(testfiles.ReadBox(t, "parquet", name))
		set := want[strings.Split(name, "-")[0]]
		if err != nil || len(rows) != len(set) || len(set) == 0 {
			t.Errorf("%s (%s): %d rows, %v; want %d", name, writer, len(rows), err, len(set))
			continue
		}
		for i, row := range rows {
			got, wanted := fmt.Sprint(value(t, row)), fmt.Sprint(value(t, string(set[i])))
			if got != wanted {
				t.Errorf("%s (%s): row %d:\n got %s\nwant %s", name, writer, i+1, got, wanted)
			}
		}
	}
}

// TestNumberText: a float keeps its point, as Python writes it, and a whole number has none.
func TestNumberText(t *testing.T) {
	rows, err := rowsOf(testfiles.ReadBox(t, "parquet", "chat-duckdb-snappy.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`"score":0.5,`, `"score":20.0,`, `"score":-1e-07,`, `"score":null,`, `"score":1e+22,`, `"score":3.25,`} {
		if !strings.Contains(rows[i], want) {
			t.Errorf("row %d: %s, want %s", i+1, rows[i], want)
		}
	}
	if !strings.HasPrefix(rows[3], `{"id":-4,"messages":[],"tags":["a",null,""],`) {
		t.Errorf("row 4: %s", rows[3])
	}
	for x, want := range map[float64]string{0: "0.0", math.Copysign(0, -1): "-0.0", 1e15: "1000000000000000.0", 1e16: "1e+16", 0.0001: "0.0001", 0.00001: "1e-05",
		math.NaN(): "null", float64(float32(0.1)): "0.10000000149011612"} {
		var w writer
		if err := w.float(x); err != nil || string(w.b) != want {
			t.Errorf("%v: %s, %v; want %s", x, w.b, err, want)
		}
	}
	if err := (&writer{}).float(math.Inf(-1)); err == nil {
		t.Error("an infinite number is written")
	}
}

// TestScalars: what values of annotated columns are written as.
func TestScalars(t *testing.T) {
	bytesOf := func(s string) entry { return entry{b: []byte(s)} }
	number := func(x int64) entry { return entry{bits: uint64(x)} }
	day := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(nil, 3_600_000_000_001), 2440588+1)
	for _, c := range []struct {
		element element
		value   entry
		want    string // "": refused
	}{
		{element{typ: typeBoolean}, number(1), "true"},
		{element{typ: typeInt32}, number(math.MaxUint32), "-1"},
		{element{typ: typeInt32, meaning: unsigned}, number(-1), "4294967295"},
		{element{typ: typeInt64, meaning: unsigned}, number(-1), "18446744073709551615"},
		{element{typ: typeInt64}, number(math.MinInt64), "-9223372036854775808"},
		{element{typ: typeInt32, meaning: decimal, scale: 2}, number(-5), "-0.05"},
		{element{typ: typeInt64, meaning: decimal, scale: 0}, number(1234), "1234"},
		{element{typ: typeFixed, meaning: decimal, scale: 3}, bytesOf("\xff\xff\xfb\x2e"), "-1.234"},
		{element{typ: typeBytes, meaning: decimal, scale: 1}, bytesOf("\x00\xff"), "25.5"},
		{element{typ: typeInt32, meaning: date}, number(-1), `"1969-12-31"`},
		{element{typ: typeInt32, meaning: clock, perSecond: 1e3}, number(3_723_004), `"01:02:03.004"`},
		{element{typ: typeInt64, meaning: timestamp, perSecond: 1e6, zone: true}, number(1_700_000_000_500_000), `"2023-11-14T22:13:20.5Z"`},
		{element{typ: typeInt64, meaning: timestamp, perSecond: 1e9}, number(-1), `"1969-12-31T23:59:59.999999999"`},
		{element{typ: typeInt96}, entry{b: day}, `"1970-01-02T01:00:00.000000001"`},
		{element{typ: typeFixed, meaning: uuid}, bytesOf("0123456789abcdef"), `"30313233-3435-3637-3839-616263646566"`},
		{element{typ: typeFixed, meaning: float16}, bytesOf("\x00\xc1"), "-2.5"},
		{element{typ: typeFixed, meaning: float16}, bytesOf("\x01\x00"), "5.960464477539063e-08"},
		{element{typ: typeFixed, meaning: float16}, bytesOf("\x00\x7c"), ""},
		{element{typ: typeBytes}, bytesOf("a\"\\\n\t\x01é<&>"), `"a\"\\\n\u0009\u0001é<&>"`},
		{element{typ: typeBytes, meaning: text}, bytesOf("\xff"), ""},
	} {
		var w writer
		err := w.scalar(&node{element: c.element}, c.value)
		if string(w.b) != c.want || (err == nil) != (c.want != "") || c.want != "" && !json.Valid(w.b) {
			t.Errorf("%+v %+v: %s, %v; want %s", c.element, c.value, w.b, err, c.want)
		}
	}
}

// TestDamaged: every file with one wrong byte, and every beginning of a file, gives rows or an error and never panics.
func TestDamaged(t *testing.T) {
	for _, name := range []string{"chat-duckdb-gzip.parquet", "pairs-duckdb-zstd.parquet"} {
		whole := testfiles.ReadBox(t, "parquet", name)
		for i := range whole {
			for _, x := range []byte{0x01, 0x80} {
				b := bytes.Clone(whole)
				b[i] ^= x
				_, _ = rowsOf(b)
			}
			if _, err := rowsOf(whole[:i]); err == nil {
				t.Errorf("%s: its first %d bytes are read without an error", name, i)
			}
		}
	}
}

// TestRefusals: what cannot be read is named.
func TestRefusals(t *testing.T) {
	whole := testfiles.ReadBox(t, "parquet", "chat-duckdb-snappy.parquet")
	changed := func(at int, b string) []byte {
		c := bytes.Clone(whole)
		copy(c[(at+len(c))%len(c):], b)
		return c
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":        {nil, "too short"},
		"another kind": {[]byte("PK\x03\x04 and more than twelve bytes"), "does not begin with PAR1"},
		"cut off":      {whole[:len(whole)-1], "does not end with PAR1"},
		"encrypted":    {changed(-4, "PARE"), "is encrypted"},
		"length":       {changed(-8, "\xff\xff\xff\x00"), "longer than the file"},
		"long footer":  {changed(-8, "\xff\xff\xff\x7f"), "want at most"},
	} {
		if _, err := rowsOf(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for c, want := range map[codec]string{3: "LZO", 4: "Brotli", 5: "LZ4", 7: "LZ4_RAW", 9: "number 9"} {
		f, err := Open(bytes.NewReader(whole), int64(len(whole)))
		if err != nil {
			t.Fatal(err)
		}
		f.groups[0].chunks[0].codec = c
		if err := f.Rows(func(int, []byte) error { return nil }); err == nil || !strings.Contains(err.Error(), "row 1: column id: the compression "+want+" cannot be read") {
			t.Errorf("codec %d: %v", c, err)
		}
	}
}

// TestMemory: a page that says that it is a gigabyte takes the memory of what it really holds.
func TestMemory(t *testing.T) {
	for name, c := range map[codec]string{codecSnappy: "\x80\x80\x80\x80\x04abc", codecGzip: gzipped(t), codecZstd: "\x28\xb5\x2f\xfd\xa4\x00\x00\x00\x40\x01\x00\x00"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		column := &column{reader: &reader{}, codec: name}
		if _, err := column.decompress([]byte(c), maxPage); err == nil {
			t.Errorf("codec %d: no error", name)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
			t.Errorf("codec %d: %d bytes allocated for %d bytes", name, got, len(c))
		}
	}
}

func gzipped(t *testing.T) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRowsStop: an error of use ends the reading and comes back as it is.
func TestRowsStop(t *testing.T) {
	path := testfiles.Box(t, "parquet", "pairs-arrow-groups.parquet")
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(file, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	err = f.Rows(func(row int, _ []byte) error {
		if last = row; row == 100 {
			return os.ErrClosed
		}
		return nil
	})
	if err != os.ErrClosed || last != 100 {
		t.Errorf("%v after row %d", err, last)
	}
}

// FuzzRows: any bytes give rows or an error; rows are JSON objects.
func FuzzRows(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "parquet", "*.parquet"))
	if err != nil || len(names) < 8 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, c := range hostile() {
		f.Add(c.b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		bytes := 0
		_ = file.Rows(func(row int, object []byte) error {
			bytes += len(object)
			if !json.Valid(object) || object[0] != '{' {
				t.Fatalf("row %d is %.200q", row, object)
			}
			if row == 1000 || bytes > 1<<20 { // a few bytes can stand for any number of equal rows
				return os.ErrClosed
			}
			return nil
		})
	})
}
