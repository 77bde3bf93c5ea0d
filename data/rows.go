package data

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"reprise/tokenizer"
)

// Row is one line of JSON Lines, not tokenised, for tasks that need more than tokens. Fields that the line lacks are empty.
type Row struct {
	Prompt, Completion string
	Text               string
	Choices            []string
	Answer             int // index into Choices; −1 if the line has none
	Segments           []Segment
	Chat               tokenizer.Conversation // of messages, conversations, and lists of messages
	File               string                 // the file that holds the line
	Line               int                    // line number in the file, from 1
	Unknown            []string               // fields that no table knows
}

// Segment is a piece of a sample that is written in segments. Label says whether it carries loss. Pieces are tokenised
// separately and joined without adding spaces.
type Segment struct {
	Text  string `json:"text"`
	Label bool   `json:"label"`
}

// Rows reads the rows of a file, or of the evaluation part of a directory. The Stats count rows, also those that are left out. An
// error of a line is a [RowError].
func Rows(path string, how Reading) (rows []Row, stats Stats, err error) {
	fail := func(path string, err error) ([]Row, Stats, error) { return nil, Stats{}, reading(path, err) }
	columns, err := newColumns(how.Columns)
	if err != nil {
		return fail(path, err)
	}
	files, err := Files(path, true)
	if err != nil {
		return fail(path, err)
	}
	for _, file := range files {
		err := readRows(file, columns, func(row Row, err error) error {
			stats.Documents++
			if how.SkipEmpty && errors.Is(err, ErrNothing) {
				stats.Empty++
				return nil
			}
			rows = append(rows, row)
			return err
		})
		if err != nil {
			return fail(file, err)
		}
	}
	if err := columns.missing(); err != nil {
		return fail(path, err)
	}
	stats.NoColumn = columns.unused()
	if len(rows) == 0 {
		return nil, Stats{}, stats.AllEmpty(path)
	}
	return rows, stats, nil
}

func readRows(path string, columns *columns, use func(Row, error) error) error {
	s, err := openSource(path, columns)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.kind == textFile {
		return errors.New("want rows with prompts (.jsonl, .csv or .parquet), found a text file")
	}
	return s.rows(func(line int, b []byte) error {
		row, err := parseRow(b)
		row.File, row.Line = path, line
		return use(row, err)
	})
}

// parseRow reads one object by the table of shapes. Names are case-sensitive. A field that is null counts as absent.
func parseRow(b []byte) (Row, error) { return parseRawRow(b, &raw{}) }

func parseRawRow(b []byte, r *raw) (Row, error) {
	row := Row{Answer: -1}
	if err := json.Unmarshal(b, &r.fields); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return row, fmt.Errorf("bad JSON at byte %d: %w; JSON Lines need one whole object a line", syntax.Offset, err)
		}
		return row, fmt.Errorf("want a JSON object, found %s", jsonKind(b))
	}
	if err := refuseTwice(b); err != nil {
		return row, err
	}
	for name, value := range r.fields {
		if jsonKind(value) == "null" {
			r.nulls = append(r.nulls, name)
		}
	}
	slices.Sort(r.nulls)
	if err := r.refuseAnywhere(); err != nil {
		return row, err
	}
	shape, err := r.shape()
	if err != nil {
		return row, err
	}
	if err := r.check(shape, &row, false); err != nil {
		return row, err
	}
	if err := shape.read(r, &row); err != nil {
		return row, err
	}
	return row, r.check(shape, &row, true)
}

// shape finds the shape of the row and takes the fields that are null away.
func (r *raw) shape() (*Shape, error) {
	whole := &raw{fields: maps.Clone(r.fields)}
	for _, name := range r.nulls {
		delete(r.fields, name)
	}
	for i := range shapes {
		if r.own = shapes[i].own(r); r.own != nil {
			return &shapes[i], nil
		}
	}
	for i := range shapes { // perhaps what would be learnt is null
		for _, name := range shapes[i].own(whole) {
			if slices.Contains(r.nulls, name) {
				return nil, emptyField(name, " is null, so there is nothing to learn; remove the line")
			}
		}
	}
	if r.has("completion") || r.has("choices") {
		return nil, noShape{badField("prompt", " is missing; it may be an empty string")}
	}
	return nil, noShape{fmt.Errorf(`no known field: want "text", or "prompt" with "completion", or another question with its answer, or a question with "choices" and "answer", or "segments", "messages" or "conversations"; found %s`, quotedNames(r.fields))}
}

// refuseTwice refuses a key that an object has twice, in the row and in all its fields but the harmless ones: readers differ in which
// one they take. The row is valid JSON.
func refuseTwice(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var objects []map[string]bool // the keys so far of the objects that are open; nil for a list
	var top string                // the field of the row
	key := false                  // the next token is a key, or ends an object
	for {
		token, err := dec.Token()
		if err != nil {
			return nil // the end
		}
		if name, ok := token.(string); ok && key {
			key = false
			keys := objects[len(objects)-1]
			if len(objects) == 1 {
				top = name
			}
			switch {
			case !keys[name]:
				keys[name] = true
			case len(objects) == 1:
				return badField(name, " is given twice; leave one of them out")
			case !slices.Contains(harmless, top):
				return badField(top, ": an object has the key %q twice; leave one of them out", name)
			}
			continue
		}
		switch token {
		case json.Delim('{'):
			objects = append(objects, map[string]bool{})
		case json.Delim('['):
			objects = append(objects, nil)
		case json.Delim('}'), json.Delim(']'):
			objects = objects[:len(objects)-1]
		}
		key = len(objects) > 0 && objects[len(objects)-1] != nil
	}
}

// refuseAnywhere refuses what no shape takes, before it is asked which shape it is.
func (r *raw) refuseAnywhere() error {
	none := &Shape{}
	for _, name := range slices.Sorted(maps.Keys(r.fields)) {
		for _, f := range none.rules(name) {
			if f.Use == Refused && f.holds == nil && len(none.rules(name)) == 1 && !hollow(r.fields[name]) {
				return badField(name, ": %s", f.Note)
			}
		}
	}
	return nil
}

// check looks fields up that are not the shape's own: before the row is read those that can be judged then, and the others after.
func (r *raw) check(shape *Shape, row *Row, late bool) error {
	for _, name := range slices.Sorted(maps.Keys(r.fields)) {
		if slices.Contains(r.own, name) {
			continue
		}
		value := r.fields[name]
		known := false
		for _, f := range shape.rules(name) {
			known = true
			if f.late != late || f.holds != nil && !f.holds(r, row, value) {
				if f.late && !late {
					break // the first rule that holds counts, and this one may
				}
				continue
			}
			if f.Use != Refused || hollow(value) && !matters(name) {
				break
			}
			if f.empty && r.asks {
				break // nothing is to be learnt
			}
			if f.empty {
				return emptyField(name, ": "+f.Note)
			}
			if strings.Contains(f.Note, "leave one of them out") {
				return badField(name, `: %s (the row has "%s")`, f.Note, strings.Join(r.own, `" and "`))
			}
			return badField(name, ": %s", f.Note)
		}
		if !known && !late {
			row.Unknown = append(row.Unknown, name)
		}
	}
	return nil
}

// hollow says that a value has nothing in it.
func hollow(value json.RawMessage) bool {
	switch strings.Join(strings.Fields(string(value[:min(len(value), 16)])), "") {
	case `""`, "[]", "{}", "null":
		return true
	}
	return false
}

// matters says that a field makes a difference even if it is empty.
func matters(name string) bool {
	return slices.Contains(slices.Concat(questions, answers, talks, []string{"text", "segments", "choices"}), name)
}

// text reads a field that must be a string.
func (r *raw) text(name string) (s string, err error) {
	value, ok := r.fields[name]
	if !ok {
		return "", nil
	}
	if err := json.Unmarshal(value, &s); err != nil || jsonKind(value) != "a string" {
		return "", badField(name, ": want a string, found %s", jsonKind(value))
	}
	return s, nil
}

func ownOne(names ...string) func(*raw) []string {
	return func(r *raw) []string {
		if found := r.present(names); found != nil {
			return found[:1]
		}
		return nil
	}
}

func readText(r *raw, row *Row) (err error) {
	if row.Text, err = r.text("text"); err == nil && row.Text == "" {
		err = emptyField("text", " is empty; remove the line")
	}
	return err
}

// readSegments reads a list of {"text", "label"}.
func readSegments(r *raw, row *Row) error {
	if err := json.Unmarshal(r.fields["segments"], &row.Segments); err != nil || len(row.Segments) == 0 {
		return badField("segments", `: want a list of {"text": …, "label": true or false}, found %s`, r.kind("segments"))
	}
	if !slices.ContainsFunc(row.Segments, func(s Segment) bool { return s.Label && s.Text != "" }) {
		return emptyField("segments", `: no segment with text has "label": true, so there is nothing to learn`)
	}
	return nil
}

// question is the name of the field that asks. An addition asks only if nothing else does.
func (r *raw) question() string {
	if found := r.present(questions); found != nil {
		return found[0]
	}
	return ""
}

func ownChoices(r *raw) []string {
	if q := r.question(); q != "" && r.has("choices") {
		return []string{q, "choices", "answer"}
	}
	return nil
}

func ownPair(r *raw) []string {
	q, a := r.question(), r.present(answers)
	if q == "" || a == nil {
		return nil
	}
	return []string{q, a[0]}
}

// readPair reads a question with what belongs to it, and its answer or the choices. The parts of the prompt are the system's text,
// the earlier turns, the question, input and context, with a blank line between them.
func readPair(r *raw, row *Row) (err error) {
	var parts []string
	for _, name := range systems {
		text, err := r.text(name)
		if err != nil {
			return err
		}
		parts = append(parts, text)
	}
	history, err := r.history()
	if err != nil {
		return err
	}
	parts = append(parts, history...)
	asked := r.own[0]
	question, err := r.text(asked)
	if err != nil {
		return err
	}
	parts = append(parts, question)
	for _, name := range additions {
		if name == asked {
			continue
		}
		text, err := r.text(name)
		if err != nil {
			return err
		}
		parts = append(parts, text)
	}
	parts = slices.DeleteFunc(parts, func(text string) bool { return text == "" })
	row.Prompt = strings.Join(parts, "\n\n")
	answer := "completion"
	if r.has("choices") {
		if err := row.readChoices(r); err != nil {
			return err
		}
		if !r.has(answer) {
			return nil
		}
	} else {
		answer = r.own[1]
	}
	if row.Completion, err = r.text(answer); err == nil && row.Completion == "" {
		err = emptyField(answer, " is empty; remove the line")
	}
	return err
}

// history reads a list of [question, answer] as the texts of the turns in their order. Empty texts are left out.
func (r *raw) history() (turns []string, err error) {
	value, ok := r.fields["history"]
	if !ok || hollow(value) {
		return nil, nil
	}
	var pairs [][]*string
	if err := json.Unmarshal(value, &pairs); err != nil {
		return nil, badField("history", ": want a list of [question, answer]")
	}
	for i, pair := range pairs {
		if len(pair) != 2 {
			return nil, badField("history", ": [%d]: want [question, answer], found a list of %d", i, len(pair))
		}
		for _, text := range pair {
			if text != nil && *text != "" {
				turns = append(turns, *text)
			}
		}
	}
	return turns, nil
}

// readChoices reads "choices" and "answer". With a completion they are not needed, but they must still be valid.
func (row *Row) readChoices(r *raw) error {
	value := r.fields["choices"]
	if err := json.Unmarshal(value, &row.Choices); err != nil || len(row.Choices) == 0 {
		return badField("choices", ": want a list of strings, found %s", jsonKind(value))
	}
	for i, c := range row.Choices {
		if c == "" {
			return badField("choices", ": option %d is empty", i)
		}
	}
	value, ok := r.fields["answer"]
	if !ok {
		return badField("answer", ` is missing; with "choices" it is the index of the right one, from 0`)
	}
	var answer int
	if err := json.Unmarshal(value, &answer); err != nil || jsonKind(value) != "a number" {
		return badField("answer", ": want the index of the right choice, from 0, found %.20s", value)
	}
	if answer < 0 || answer >= len(row.Choices) {
		return badField("answer", ": %d, want 0 to %d", answer, len(row.Choices)-1)
	}
	row.Answer = answer
	return nil
}

func jsonKind(b []byte) string {
	if len(b) == 0 {
		return "nothing"
	}
	switch b[0] {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't', 'f':
		return "a truth value"
	case 'n':
		return "null"
	}
	return "a number"
}

func quotedNames(fields map[string]json.RawMessage) string {
	if len(fields) == 0 {
		return "none"
	}
	names := slices.Sorted(maps.Keys(fields))
	more := ""
	if len(names) > 8 {
		names, more = names[:8], ", …"
	}
	return `"` + strings.Join(names, `", "`) + `"` + more
}
