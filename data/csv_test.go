package data

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// objects reads the rows of a file as they go to parseRow, with their lines.
func objects(path string, names string) (rows []string, lines []int, err error) {
	c, err := newColumns(names)
	if err != nil {
		return nil, nil, err
	}
	s, err := openSource(path, c)
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	err = s.rows(func(line int, b []byte) error {
		rows, lines = append(rows, string(b)), append(lines, line)
		return nil
	})
	return rows, lines, err
}

// TestTables: the rows of CSV and TSV as objects.
func TestTables(t *testing.T) {
	for _, c := range []struct {
		name, file, content string
		want                []string
		lines               []int
	}{
		{"plain", "a.csv", "prompt,completion\nWhich?,That.\n", []string{`{"prompt":"Which?","completion":"That."}`}, []int{2}},
		{"mark, CRLF, no last line end", "a.csv", "\xef\xbb\xbfprompt,completion\r\na,b\r\nc,d", []string{`{"prompt":"a","completion":"b"}`, `{"prompt":"c","completion":"d"}`}, []int{2, 3}},
		{"mark before a quote", "a.csv", "\xef\xbb\xbf\"text\"\nab\n", []string{`{"text":"ab"}`}, []int{2}},
		{"line ends and quotes in cells", "a.csv", "text,n\n\"a\nb\r\nc \"\"d\"\", e\",1\n\nlast,2\n", []string{`{"text":"a\nb\r\nc \"d\", e","n":"1"}`, `{"text":"last","n":"2"}`}, []int{2, 6}},
		{"blanks stay", "a.csv", "prompt,completion\n a , b\t\n", []string{`{"prompt":" a ","completion":" b\t"}`}, []int{2}},
		{"empty cells are empty texts", "a.csv", "prompt,completion,system\n,b,\n", []string{`{"prompt":"","completion":"b","system":""}`}, []int{2}},
		{"numbers stay text", "a.csv", "prompt,completion\n007,1.50\n", []string{`{"prompt":"007","completion":"1.50"}`}, []int{2}},
		{"cells of JSON", "a.csv", "prompt,choices,answer\np,\"[\"\"x\"\",\"\"y\"\"]\",1\n", []string{`{"prompt":"p","choices":["x","y"],"answer":1}`}, []int{2}},
		{"an answer without choices is text", "a.csv", "question,answer\nq,1\n", []string{`{"question":"q","answer":"1"}`}, []int{2}},
		{"empty cells of JSON are left out", "a.csv", "messages,tools,id\n\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"q\"\"}]\",,7\n", []string{`{"messages":[{"role":"user","content":"q"}],"id":"7"}`}, []int{2}},
		{"every name of a conversation", "a.csv", "conversation\n\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"q\"\"}]\"\n", []string{`{"conversation":[{"role":"user","content":"q"}]}`}, []int{2}},
		{"tabs", "a.tsv", "prompt\tcompletion\na, b\t\"c\td\"\n", []string{`{"prompt":"a, b","completion":"c\td"}`}, []int{2}},
	} {
		rows, lines, err := objects(write(t, c.file, c.content), "")
		if err != nil || !slices.Equal(rows, c.want) || !slices.Equal(lines, c.lines) {
			t.Errorf("%s: %q in lines %v, %v; want %q in lines %v", c.name, rows, lines, err, c.want, c.lines)
		}
	}
}

// asTable is a row as CSV that Python writes, and as JSON whose plain values are texts, as columns of Parquet often are.
func asTable(t *testing.T, row string) (table, texts string) {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(row), &fields); err != nil {
		t.Fatal(err)
	}
	var names, cells []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		cell := string(fields[name])
		switch jsonKind(fields[name]) {
		case "a string":
			if err := json.Unmarshal(fields[name], &cell); err != nil {
				t.Fatal(err)
			}
		case "a truth value":
			cell = strings.ToUpper(cell[:1]) + cell[1:]
			fields[name] = mustJSON(cell)
		case "a number":
			if name != "answer" { // which a table of numbers holds as a number
				fields[name] = mustJSON(cell)
			}
		}
		names, cells = append(names, name), append(cells, cell)
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll([][]string{names, cells}); err != nil {
		t.Fatal(err)
	}
	return b.String(), string(mustJSON(fields))
}

// holdsInTables checks that a row means the same if it comes from CSV or has texts for its plain values. It returns how many rows it
// compared: of two lists of messages called prompt and completion, CSV has none.
func (r *rowReader) holdsInTables(t *testing.T, plain, row string) int {
	t.Helper()
	if strings.Contains(plain, `"prompt": [`) {
		return 0
	}
	table, texts := asTable(t, row)
	path := writeIn(t, filepath.Dir(r.path), "row.csv", table)
	for _, skip := range []bool{false, true} {
		how := Reading{SkipEmpty: skip}
		want, stats, wantErr := r.load(t, row, how)
		list, tableStats, err := LoadDocuments(path, r.tok, Options{MaxSeqLen: 2000, Reading: how})
		if !sameReading(want, wantErr, shown(list), err) || tableStats.Empty != stats.Empty {
			t.Errorf("skip_empty %v:\n%s\ngives %q, %v; as CSV\n%s\n%q, %v", skip, row, want, wantErr, table, shown(list), err)
		}
		got, textStats, err := r.load(t, texts, how)
		if !sameReading(want, wantErr, got, err) || textStats.Empty != stats.Empty {
			t.Errorf("skip_empty %v:\n%s\ngives %q, %v; as texts\n%s\n%q, %v", skip, row, want, wantErr, texts, got, err)
		}
	}
	return 1
}

// sameReading says that two readings gave the same documents or the same error. A table may also say that a cell is not the list that
// its name wants.
func sameReading(a []string, aErr error, b []string, bErr error) bool {
	if aErr == nil || bErr == nil {
		return aErr == nil && bErr == nil && slices.Equal(a, b)
	}
	if errors.Is(aErr, ErrAllEmpty) && errors.Is(bErr, ErrAllEmpty) {
		return true
	}
	x, ok := errors.AsType[*RowError](aErr)
	y, also := errors.AsType[*RowError](bErr)
	return ok && also && (x.Err.Error() == y.Err.Error() || strings.Contains(y.Err.Error(), "want JSON, found"))
}

// TestPlainCells: cells that say whether a row is learnt mean what they mean in JSON Lines, however they are written.
func TestPlainCells(t *testing.T) {
	tok := byteTokenizer(t, false)
	for _, c := range []struct{ column, cells, want string }{
		{"label", "false|False|FALSE| false ", "marks an answer that is not wanted"},
		{"label", "true|True||positive|0|1", ""},
		{"weight", "0|0.0|False|false", "nothing in the row is learnt"},
		{"weight", "1|1.0|True|true||TRUE", ""},
		{"weight", "0.5|2|no", "rows are not weighted"},
		{"train", "0|False|0.0", "nothing in the row is learnt"},
		{"train", "1|True|1.0", ""},
	} {
		for cell := range strings.SplitSeq(c.cells, "|") {
			for name, content := range map[string]string{
				"a.csv": "prompt,completion," + c.column + "\na,b," + cell + "\n", "a.tsv": "prompt\tcompletion\t" + c.column + "\na\tb\t" + cell + "\n",
				"a.jsonl": `{"prompt":"a","completion":"b","` + c.column + `":"` + cell + `"}`,
			} {
				docs, stats, err := LoadDocuments(write(t, name, content), tok, Options{MaxSeqLen: 64})
				if c.want == "" && (err != nil || !slices.Equal(shown(docs), []string{"[a] b$"}) || stats.Unknown != nil) {
					t.Errorf("%s: %s %q: %q, %v", name, c.column, cell, shown(docs), err)
				}
				if c.want != "" && (err == nil || !strings.Contains(err.Error(), `field "`+c.column+`"`) || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%s: %s %q: %q, %v; want %q", name, c.column, cell, shown(docs), err, c.want)
				}
			}
		}
	}
}

// TestListFields: the fields that hold lists, in the order of their names, and the pages that name them.
func TestListFields(t *testing.T) {
	always, sometimes := listFields()
	if want := []string{"chat_template_kwargs", "choices", "conversation", "conversations", "functions", "history", "messages", "segments", "tools"}; !slices.Equal(always, want) {
		t.Errorf("always lists: %q", always)
	}
	if want := []string{"completion", "prompt"}; !slices.Equal(sometimes, want) {
		t.Errorf("sometimes lists: %q", sometimes)
	}
	for path, about := range map[string]*regexp.Regexp{
		"doc.go": regexp.MustCompile(`Cells of ([^;]+)answer beside choices`), "../docs/GUIDE.md": regexp.MustCompile("so the cells of ([^;]+)`answer` beside"),
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m := about.FindStringSubmatch(string(text))
		if m == nil {
			t.Fatalf("%s names no cells that hold JSON", path)
		}
		named := regexp.MustCompile(`[a-z_]{5,}`).FindAllString(m[1], -1)
		if slices.Sort(named); !slices.Equal(named, always) {
			t.Errorf("%s names %q, want %q", path, named, always)
		}
	}
}

// TestTableErrors: the message names line, column and remedy.
func TestTableErrors(t *testing.T) {
	for _, c := range []struct{ file, content, want string }{
		{"a.csv", "", "the file is empty"},
		{"a.csv", "prompt,completion\n", "a line of names and no row"},
		{"a.csv", "prompt,completion\na,b\nc\n", `line 3: 1 cells, and the first line names 2 columns: there is none for column 2, "completion"`},
		{"a.csv", "prompt,completion\na,b, or c\n", `line 2: 3 cells, and the first line names 2 columns: " or c" in column 3 is one too many; put cells that hold the separator in quotes`},
		{"a.csv", "prompt,prompt\na,b\n", `line 1: columns 1 and 2 are both called "prompt"`},
		{"a.csv", "prompt,,completion\na,b,c\n", "line 1: column 2 has no name"},
		{"a.csv", "prompt, completion\na,b\n", `line 1: the name of column 2 is " completion"; remove the blanks`},
		{"a.csv", "prompt;completion\na;b\n", `line 1: the first line is one column, "prompt;completion", which is separated by ';'`},
		{"a.tsv", "prompt,completion\na,b\n", "separated by ','"},
		{"a.csv", "text\nx\n5\" pipe\n", "line 3: byte 2 of line 3: a quote in a cell that is not quoted"},
		{"a.csv", "text\n\"a\nb\n", "line 2: byte"},
		{"a.csv", "text\n\"a\" b\n", "a quoted cell is not closed, or goes on after its end"},
		{"a.csv", "text\na\xff\n", `line 2: field "text": byte 2 of the cell is 0xff, not UTF-8`},
		{"a.csv", "text\nab\x00c\n", `line 2: field "text": the cell holds the byte 0x00`},
		{"a.csv", "te\xffxt\nab\n", "line 1: the name of column 1 is not UTF-8"},
		{"a.csv", "messages\n\"[{'role': 'user'}]\"\n", `line 2: field "messages": want JSON, found "[{'role': 'user'}]"; JSON Lines and Parquet hold lists as they are`},
		{"a.csv", "prompt,completion\n\"[{'role': 'user', 'content': 'q'}]\",b\n", `line 2: field "prompt": a list of messages as text`},
		{"a.csv", "name,size\na,b\n", `line 2: no known field: want "text"`},
	} {
		_, _, err := LoadDocuments(write(t, c.file, c.content), byteTokenizer(t, false), Options{MaxSeqLen: 64})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, want %q", c.content, err, c.want)
		}
	}
}

// TestLongRow: a quote that is not closed does not take the rest of a file into memory.
func TestLongRow(t *testing.T) {
	row := "\"" + strings.Repeat("a", 1000) + "\n"
	for longest, want := range map[int]string{1 << 21: "a quoted cell is not closed", 1 << 16: "line 3: the row takes more than 64 MiB; a quote is probably not closed"} {
		s, err := openSource(write(t, "a.csv", "text\nab\n"+row+strings.Repeat("b\n", 1<<18)), nil)
		if err != nil {
			t.Fatal(err)
		}
		s.longest = longest
		if err := s.rows(func(int, []byte) error { return nil }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("rows of at most %d bytes: %v, want %q", longest, err, want)
		}
		s.Close()
	}
}

// TestTableRoundTrip: whatever cells a CSV writer gets come back.
func TestTableRoundTrip(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		cell := rapid.StringOfN(rapid.RuneFrom([]rune("ab,\t;\"'\r\n \\é[{:")), 0, 8, -1)
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, 2, 2), 1, 5).Draw(rt, "rows")
		tab := rapid.Bool().Draw(rt, "tab")
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		name := "a.csv"
		if tab {
			w.Comma, name = '\t', "a.tsv"
		}
		if err := w.WriteAll(append([][]string{{"x", "y"}}, rows...)); err != nil {
			rt.Fatal(err)
		}
		n++
		path := writeIn(t, dir, fmt.Sprint(n, name), b.String())
		got, _, err := objects(path, "")
		if err != nil || len(got) != len(rows) {
			rt.Fatalf("%q: %q, %v", b.String(), got, err)
		}
		for i, row := range rows {
			var back map[string]string
			if err := json.Unmarshal([]byte(got[i]), &back); err != nil {
				rt.Fatal(err)
			}
			if want := map[string]string{"x": row[0], "y": row[1]}; !reflect.DeepEqual(back, want) {
				rt.Fatalf("%q: row %d is %q, want %q", b.String(), i, back, want)
			}
		}
	})
}

// FuzzTable: any bytes give rows or an error, and every row is a JSON object.
func FuzzTable(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\xef\xbb\xbf\"a\",b\r\n\"x\r\ny\",\"\"\"\"\r\n", "choices,answer\n[],0\n", "a;b\n1;2\n", "a\n\"\n", "a,a\n"} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, tab bool) {
		name := "a.csv"
		if tab {
			name = "a.tsv"
		}
		rows, lines, err := objects(write(t, name, string(b)), "choices=b")
		for i, row := range rows {
			var object map[string]json.RawMessage
			if err := json.Unmarshal([]byte(row), &object); err != nil {
				t.Fatalf("row %q: %v", row, err)
			}
			if i > 0 && lines[i] <= lines[i-1] {
				t.Fatalf("lines %v", lines)
			}
		}
		if err == nil && len(rows) == 0 {
			t.Fatal("neither rows nor an error")
		}
	})
}
