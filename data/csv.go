package data

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// listFields are the fields that hold lists or objects, and those that hold a text in one shape and a list in another. They come from
// the table of shapes. The cells of the first hold JSON in CSV and TSV, and those of "answer" beside choices; all other cells are text.
var listFields = sync.OnceValues(func() (always, sometimes []string) {
	lists, texts := map[string]bool{}, map[string]bool{}
	add := func(name string, value json.RawMessage) {
		if kind := jsonKind(value); kind == "a list" || kind == "an object" {
			lists[name] = true
		} else {
			texts[name] = true
		}
	}
	for _, s := range shapes {
		var example map[string]json.RawMessage
		if err := json.Unmarshal([]byte(s.Example), &example); err != nil {
			panic(err)
		}
		for name, value := range example {
			add(name, value)
		}
		for _, f := range s.Beside {
			for _, name := range f.Names {
				if f.Use == Used {
					add(name, json.RawMessage(f.Value))
				}
			}
		}
	}
	for _, name := range talks { // of names that mean the same an example has one
		lists[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		if texts[name] {
			sometimes = append(sometimes, name)
		} else {
			always = append(always, name)
		}
	}
	return always, sometimes
})

// messagesAsText matches a list of messages in a cell that is text, as it is left when such a list is written as CSV.
var messagesAsText = regexp.MustCompile(`^\s*\[\s*\{\s*['"](role|from|content|value)['"]\s*:`)

// table calls use for every row of CSV or TSV as a JSON object, with the line that it begins in. The first line has the names.
func (s *source) table(comma rune, use func(line int, b []byte) error) error {
	limit := &bounded{r: s.Reader, left: s.longest}
	plain := bufio.NewReaderSize(limit, 1<<16)
	if head, _ := plain.Peek(len(byteOrderMark)); bytes.Equal(head, byteOrderMark) {
		_, _ = plain.Discard(len(head))
	}
	r := csv.NewReader(&lineEnds{r: plain})
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = comma, -1, true
	read := 0 // lines
	next := func() ([]string, int, error) {
		limit.left = s.longest
		cells, err := r.Read()
		if err == nil {
			read, _ = r.FieldPos(len(cells) - 1)
			first, _ := r.FieldPos(0)
			return cells, first, nil
		}
		bad, ok := errors.AsType[*csv.ParseError](err)
		switch {
		case err == io.EOF:
			return nil, 0, io.EOF
		case !ok && errors.Is(err, errLongRow):
			return nil, 0, s.at(read+1, err)
		case !ok:
			return nil, 0, fmt.Errorf("after line %d: %w: the file is cut off or damaged", read, err)
		}
		return nil, 0, s.at(bad.StartLine, quoteError(bad))
	}
	header, _, err := next()
	if err == io.EOF {
		return errEmpty
	}
	if err != nil {
		return err
	}
	t := &table{s: s, header: slices.Clone(header)}
	if err := t.check(comma); err != nil {
		return s.at(1, err)
	}
	for found := false; ; found = true {
		cells, line, err := next()
		if err == io.EOF && !found {
			return errors.New("the file has a line of names and no row; give it at least one")
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := t.object(cells)
		if err == nil {
			err = use(line, b)
		}
		if err != nil {
			return s.at(line, err)
		}
	}
}

// quoteError says in other words what encoding/csv found.
func quoteError(bad *csv.ParseError) error {
	where := fmt.Sprintf("byte %d of line %d", bad.Column, bad.Line)
	switch bad.Err {
	case csv.ErrBareQuote:
		return fmt.Errorf("%s: a quote in a cell that is not quoted; put the cell in quotes and write the quotes in it twice", where)
	case csv.ErrQuote:
		return fmt.Errorf("%s: a quoted cell is not closed, or goes on after its end; write the quotes in a cell twice", where)
	}
	return fmt.Errorf("%s: %w", where, bad.Err)
}

// table makes objects of rows.
type table struct {
	s      *source
	header []string
	keys   [][]byte // the names as JSON, with a colon
	json   []bool   // the cells hold JSON
	b      []byte
}

// check refuses headers in which a column has no name of its own.
func (t *table) check(comma rune) error {
	seen := map[string]int{}
	fields := make([]string, len(t.header))
	for i, name := range t.header {
		switch {
		case notUTF8(name) >= 0:
			return fmt.Errorf("the name of column %d is not UTF-8; convert the file to UTF-8", i+1)
		case name == "" && i == 0 && len(t.header) > 1: // the index that pandas writes, which object leaves out
			continue
		case strings.TrimSpace(name) == "":
			return fmt.Errorf("column %d has no name; the first line gives the columns their names", i+1)
		case strings.TrimSpace(name) != name:
			return fmt.Errorf("the name of column %d is %q; remove the blanks around it", i+1, name)
		case seen[name] > 0:
			return fmt.Errorf("columns %d and %d are both called %q; rename one", seen[name], i+1, name)
		}
		seen[name] = i + 1
		fields[i] = name
		if t.s.columns != nil {
			fields[i] = t.s.columns.field(name)
		}
	}
	if len(t.header) == 1 {
		for _, other := range ",;\t|" {
			if other != comma && strings.ContainsRune(t.header[0], other) {
				return fmt.Errorf("the first line is one column, %q, which is separated by %q; separate the columns of a .csv file by commas, of a .tsv file by tabs",
					t.header[0], other)
			}
		}
	}
	lists, _ := listFields()
	for i, name := range t.header {
		t.keys = append(t.keys, append(mustJSON(name), ':'))
		t.json = append(t.json, slices.Contains(lists, fields[i]) || fields[i] == "answer" && slices.Contains(fields, "choices"))
	}
	return nil
}

// object is a row as a JSON object. A cell of JSON that is empty leaves its field out.
func (t *table) object(cells []string) ([]byte, error) {
	if n, want := len(cells), len(t.header); n > want {
		return nil, fmt.Errorf("%d cells, and the first line names %d columns: %.50q in column %d is one too many; put cells that hold the separator in quotes", n, want, cells[want], want+1)
	} else if n < want {
		return nil, fmt.Errorf("%d cells, and the first line names %d columns: there is none for column %d, %q", n, want, n+1, t.header[n])
	}
	t.b = append(t.b[:0], '{')
	for i, cell := range cells {
		name := t.header[i]
		if name == "" {
			continue
		}
		switch at := notUTF8(cell); {
		case at >= 0:
			return nil, badField(name, ": byte %d of the cell is 0x%02x, not UTF-8; convert the file to UTF-8", at+1, cell[at])
		case strings.IndexByte(cell, 0) >= 0:
			return nil, badField(name, ": the cell holds the byte 0x00, which text does not have: the file is damaged")
		case t.json[i] && strings.TrimSpace(cell) == "":
			continue
		case t.json[i] && !json.Valid([]byte(cell)):
			return nil, badField(name, ": want JSON, found %.40q; JSON Lines and Parquet hold lists as they are", cell)
		case !t.json[i] && messagesAsText.MatchString(cell):
			return nil, badField(name, ": a list of messages as text, %.40q; write the file as JSON Lines or Parquet, which hold lists as they are", cell)
		}
		if len(t.b) > 1 {
			t.b = append(t.b, ',')
		}
		t.b = append(t.b, t.keys[i]...)
		if t.json[i] {
			t.b = append(t.b, cell...)
		} else {
			t.b = append(t.b, mustJSON(cell)...)
		}
	}
	t.b = append(t.b, '}')
	return t.b, nil
}

// lineEnds keeps the line ends of quoted cells: encoding/csv makes "\r\n" to "\n", and "\r\r\n" to "\r\n".
type lineEnds struct {
	r      *bufio.Reader
	quoted bool
	again  bool // the last byte comes a second time
}

func (l *lineEnds) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if l.again {
			p[n], l.again = '\r', false
			n++
			continue
		}
		c, err := l.r.ReadByte()
		if err != nil {
			return n, err
		}
		if c == '"' {
			l.quoted = !l.quoted
		}
		if c == '\r' && l.quoted {
			next, _ := l.r.Peek(1)
			l.again = len(next) == 1 && next[0] == '\n'
		}
		p[n] = c
		n++
	}
	return n, nil
}

var errLongRow = fmt.Errorf("the row takes more than %d MiB; a quote is probably not closed", maxLineBytes>>20)

// bounded reads until nothing is left of what a row may take.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongRow
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}
