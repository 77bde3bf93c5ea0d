package data

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestColumns: names of a file become ours, for rows of every kind of file and for every reader.
func TestColumns(t *testing.T) {
	how := Reading{Columns: "prompt=question, completion=answer"}
	for file, content := range map[string]string{
		"a.jsonl": `{"question":"a","answer":"b","id":3}`,
		"a.json":  `[{"question":"a","answer":"b","completion":null}]`,
		"a.csv":   "question,answer,id\na,b,3\n",
		"a.tsv":   "id\tanswer\tquestion\n3\tb\ta\n",
		"i.csv":   ",question,answer\n0,a,b\n", // with pandas' index
	} {
		path := write(t, file, content)
		docs, _, err := LoadDocuments(path, byteTokenizer(t, false), Options{MaxSeqLen: 64, Reading: how})
		if err != nil || !slices.Equal(shown(docs), []string{"[a] b$"}) {
			t.Errorf("%s: %q, %v", file, shown(docs), err)
		}
		rows, _, err := Rows(path, how)
		if err != nil || len(rows) != 1 || rows[0].Prompt != "a" || rows[0].Completion != "b" {
			t.Errorf("%s: rows %+v, %v", file, rows, err)
		}
		var texts []string
		if err := EachText(path, how, func(s string) error { texts = append(texts, s); return nil }); err != nil || !slices.Equal(texts, []string{"a", " b"}) {
			t.Errorf("%s: texts %q, %v", file, texts, err)
		}
	}
}

// TestColumnsSwap: names can change places, and cells of JSON follow the new name.
func TestColumnsSwap(t *testing.T) {
	rows, _, err := objects(write(t, "a.jsonl", `{"prompt":"a","completion":"b"}`), "prompt=completion,completion=prompt")
	if err != nil || !slices.Equal(rows, []string{`{"completion":"a","prompt":"b"}`}) {
		t.Errorf("%q, %v", rows, err)
	}
	rows, _, err = objects(write(t, "a.csv", "q,options,right\nx,\"[\"\"y\"\"]\",0\n"), "choices=options,answer=right,prompt=q")
	if err != nil || !slices.Equal(rows, []string{`{"prompt":"x","choices":["y"],"answer":0}`}) {
		t.Errorf("%q, %v", rows, err)
	}
}

// TestColumnsTwice: a field that a row has twice is not lost in renaming, so that it can be refused; a null gives way.
func TestColumnsTwice(t *testing.T) {
	for row, want := range map[string]string{
		`{"q":"a","q":"b","x":{"y":1,"y":2}, "x":3}`: `{"prompt":"a","prompt":"b","x":{"y":1,"y":2},"x":3}`,
		`{"prompt":null,"q":"a"}`:                    `{"prompt":"a"}`,
		`{"prompt":"a"}`:                             `{"prompt":"a"}`,
		`{"q":null,"prompt":null}`:                   `{"prompt":null}`,
	} {
		rows, _, err := objects(write(t, "a.jsonl", row), "prompt=q")
		if err != nil || !slices.Equal(rows, []string{want}) {
			t.Errorf("%s: %q, %v; want %s", row, rows, err, want)
		}
	}
}

// TestColumnsOptional: a column may be absent from some rows and from some files of a directory.
func TestColumnsOptional(t *testing.T) {
	dir := t.TempDir()
	writeIn(t, dir, "train-a.jsonl", `{"q":"a","completion":"b"}`)
	writeIn(t, dir, "train-b.jsonl", `{"prompt":"c","completion":"d"}`)
	docs, _, err := LoadDocuments(dir, byteTokenizer(t, false), Options{MaxSeqLen: 64, Reading: Reading{Columns: "prompt=q"}})
	if err != nil || !slices.Equal(shown(docs), []string{"[a] b$", "[c] d$"}) {
		t.Errorf("%q, %v", shown(docs), err)
	}
	if _, _, err := LoadDocuments(write(t, "a.txt", "a text"), byteTokenizer(t, false), Options{MaxSeqLen: 64, Reading: Reading{Columns: "prompt=q"}}); err != nil {
		t.Errorf("a text has no columns: %v", err)
	}
}

func TestColumnErrors(t *testing.T) {
	const row = `{"question":"a","answer":"b","text":"c"}`
	for columns, want := range map[string]string{
		"prompt":                        `columns: "prompt": want FIELD=COLUMN`,
		"prompt=":                       "want FIELD=COLUMN",
		"prompt=question,":              `columns: "": want FIELD=COLUMN`,
		"prompt=question,prompt=answer": `columns: "prompt" is given twice`,
		"prompt=question,text=question": `columns: the column "question" is used twice`,
		"text=question":                 `field "text": columns: "question" would become "text", and the row has a field of that name, too`,
	} {
		for name, content := range map[string]string{"a.jsonl": row, "a.csv": "question,answer,text\na,b,c\n"} {
			path := write(t, name, content)
			_, _, err := LoadDocuments(path, byteTokenizer(t, false), Options{MaxSeqLen: 64, Reading: Reading{Columns: columns}})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v, want %q", name, columns, err, want)
			}
			if _, _, err2 := Rows(path, Reading{Columns: columns}); err2 == nil || err2.Error() != err.Error() {
				t.Errorf("%s, %s: Rows says %v", name, columns, err2)
			}
			if err := EachText(path, Reading{Columns: columns}, func(string) error { return nil }); err == nil {
				t.Errorf("%s, %s: EachText has no error", name, columns)
			}
		}
	}
	_, _, err := LoadDocuments(write(t, "a.jsonl", `{"question":"a","answer":"b"}`), byteTokenizer(t, false), Options{MaxSeqLen: 64, Reading: Reading{Columns: "prompt=question,completion=reply"}})
	if err == nil || !strings.Contains(err.Error(), `columns: no row has the column "reply", which is to be "completion"; there are "answer", "question"`) {
		t.Errorf("%v", err)
	}
	// Of a row that has no field that is known, a mistake in the name is said too.
	for row, want := range map[string]string{
		`{"body":"abc"}`: "line 1: no known field: want \"text\"",
		`{"text":"ab"}` + "\n" + `{"completion":"abc"}`: `line 2: field "prompt" is missing`,
	} {
		_, _, err := LoadDocuments(write(t, "a.jsonl", row), byteTokenizer(t, false), Options{MaxSeqLen: 64, Reading: Reading{Columns: "text=bodi"}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), `; columns: no row up to this one has the column "bodi", which is to be "text"`) {
			t.Errorf("%s: %v, want %q", row, err, want)
		}
	}
	// What else is wrong with a row is said as it is, though a column stands only in later rows.
	for row, want := range map[string]string{
		`{"text":3}`: `field "text": want a string, found a number`, `{"text":""}`: `field "text" is empty`, `{"text":"a","label":0,"chosen":"b"}`: `field "chosen": is of preference data`,
		`{"text":"a"`: "bad JSON",
	} {
		_, _, err := LoadDocuments(write(t, "a.jsonl", row+"\n"+`{"body":"abc"}`), byteTokenizer(t, false), Options{MaxSeqLen: 64, Reading: Reading{Columns: "text=body"}})
		if err == nil || !strings.Contains(err.Error(), "line 1: "+want) || strings.Contains(err.Error(), "columns") {
			t.Errorf("%s: %v, want %q", row, err, want)
		}
	}
}

// TestColumnsOfOtherFiles: a command's other file, such as a general text that is mixed in, has none of the columns. It is read by
// its own names, and a notice says so.
func TestColumnsOfOtherFiles(t *testing.T) {
	how := Reading{Columns: "prompt=question,completion=sql"}
	want := []string{"no row has a column that columns names (question, sql), so that the rows are read by their own names"}
	for name, content := range map[string]string{
		"a.jsonl": `{"text":"abc"}`, "b.jsonl": `{"prompt":"a","completion":"b"}`, "c.csv": "text,n\nabc,1\n", "d.json": `[{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}]`,
	} {
		path := write(t, name, content)
		_, stats, err := LoadDocuments(path, chatTokenizer(t, chatML), Options{MaxSeqLen: 64, Reading: how})
		if err != nil || !slices.Contains(stats.Notices(64), want[0]) {
			t.Errorf("%s: %q, %v", content, stats.Notices(64), err)
		}
		_, stats, err = Rows(path, how)
		if err != nil || !slices.Equal(stats.Notices(64), want) {
			t.Errorf("%s: rows: %q, %v", content, stats.Notices(64), err)
		}
		if err := EachText(path, how, func(string) error { return nil }); err != nil {
			t.Errorf("%s: EachText: %v", content, err)
		}
	}
	for name, content := range map[string]string{"a.txt": "abc", "b.jsonl": `{"question":"a","sql":"b"}`} {
		if _, stats, err := LoadDocuments(write(t, name, content), byteTokenizer(t, false), Options{MaxSeqLen: 64, Reading: how}); err != nil || stats.Notices(64) != nil {
			t.Errorf("%s: %q, %v", content, stats.Notices(64), err)
		}
	}
}

// TestErrNothing: a program can ask whether a sample was empty, and the message names the key that leaves it out.
func TestErrNothing(t *testing.T) {
	for file, content := range map[string]string{
		"a.jsonl": `{"text":""}`, "b.jsonl": `{"prompt":"a","completion":""}`, "c.csv": "prompt,completion\na,\n", "d.jsonl": `{"instruction":"a","output":""}`,
		"e.jsonl": `{"segments":[{"text":"a","label":false}]}`, "f.jsonl": `{"messages":[{"role":"user","content":"a"}]}`,
	} {
		_, _, err := LoadDocuments(write(t, file, content), byteTokenizer(t, false), Options{MaxSeqLen: 64})
		if !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), "skip_empty leaves such samples out") {
			t.Errorf("%s: %v", content, err)
		}
		docs, stats, err := LoadDocuments(write(t, file, content), byteTokenizer(t, false), Options{MaxSeqLen: 64, Reading: Reading{SkipEmpty: true}})
		if !errors.Is(err, ErrAllEmpty) || !strings.Contains(err.Error(), "all 1 rows are empty") || errors.Is(err, ErrNothing) || docs != nil || stats.Empty != 1 || stats.Documents != 1 {
			t.Errorf("%s with SkipEmpty: %d documents, %+v, %v", content, len(docs), stats, err)
		}
		if _, _, err := Rows(write(t, file, content), Reading{SkipEmpty: true}); !errors.Is(err, ErrAllEmpty) || !strings.Contains(err.Error(), "all 1 rows are empty") {
			t.Errorf("%s: rows: %v", content, err)
		}
	}
	path := write(t, "a.csv", "prompt,completion\na,b\nc,\n")
	if _, _, err := Rows(path, Reading{}); !errors.Is(err, ErrNothing) {
		t.Errorf("rows: %v", err)
	}
	if rows, stats, err := Rows(path, Reading{SkipEmpty: true}); err != nil || len(rows) != 1 || stats.Documents != 2 || stats.Empty != 1 {
		t.Errorf("rows with SkipEmpty: %v, %+v, %v", rows, stats, err)
	}
	_, _, err := LoadDocuments(write(t, "a.jsonl", `{"text":3}`), byteTokenizer(t, false), Options{MaxSeqLen: 64})
	if err == nil || errors.Is(err, ErrNothing) {
		t.Errorf("%v is ErrNothing", err)
	}
}
