package data

import (
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
	Chat               tokenizer.Conversation // of messages and conversations
	File               string                 // the file that holds the line
	Line               int                    // line number in the file, from 1
}

// Segment is a piece of a sample that is written in segments. Label says whether it carries loss. Pieces are tokenised
// separately and joined without adding spaces.
type Segment struct {
	Text  string `json:"text"`
	Label bool   `json:"label"`
}

// Rows reads a file of JSON Lines, or the evaluation part of a directory. An error of a line is a [RowError].
func Rows(path string) ([]Row, error) {
	var rows []Row
	files, err := Files(path, true)
	if err != nil {
		return nil, reading(path, err)
	}
	for _, file := range files {
		if err := readRows(file, func(row Row) { rows = append(rows, row) }); err != nil {
			return nil, reading(file, err)
		}
	}
	return rows, nil
}

func readRows(path string, use func(Row)) error {
	s, err := openSource(path)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.kind == textFile {
		return errors.New("want JSON Lines (.jsonl) with prompts, found a text file")
	}
	return s.rows(func(line int, b []byte) error {
		row, err := parseRow(b)
		row.File, row.Line = path, line
		if err == nil {
			use(row)
		}
		return err
	})
}

const rowShapes = `want "text", or "prompt" with "completion", or "prompt" or "question" with "choices" and "answer", or "segments", or "messages", or "conversations", or "instruction" with "output"`

// parseRow reads one object. Names are case-sensitive; other fields are ignored.
func parseRow(b []byte) (Row, error) {
	row := Row{Answer: -1}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return row, fmt.Errorf("bad JSON at byte %d: %w; JSON Lines need one whole object a line", syntax.Offset, err)
		}
		return row, fmt.Errorf("want a JSON object, found %s", jsonKind(b))
	}
	has := func(name string) bool { _, ok := fields[name]; return ok }
	for _, f := range []struct {
		name string
		to   *string
	}{{"text", &row.Text}, {"prompt", &row.Prompt}, {"question", &row.Prompt}, {"completion", &row.Completion}} {
		if has(f.name) {
			if err := json.Unmarshal(fields[f.name], f.to); err != nil || jsonKind(fields[f.name]) != "a string" {
				return row, badField(f.name, ": want a string, found %s", jsonKind(fields[f.name]))
			}
		}
	}
	if has("segments") {
		if has("text") || has("prompt") || has("question") || has("completion") {
			return row, &fieldError{"segments", errors.New(`"segments" beside "text" or a prompt; leave one of them out`)}
		}
		return row, row.parseSegments(fields["segments"])
	}
	for _, name := range []string{"messages", "conversations"} {
		if !has(name) {
			continue
		}
		if has("text") || has("prompt") || has("question") || has("completion") || name == "messages" && has("conversations") {
			return row, &fieldError{name, fmt.Errorf("%q beside \"text\", a prompt or another conversation; leave one of them out", name)}
		}
		return row, row.parseChat(name, fields)
	}
	if has("instruction") && has("output") && !has("prompt") && !has("question") && !has("completion") {
		return row, row.parseAlpaca(fields)
	}
	prompt := has("prompt") || has("question")
	pair := prompt && (has("completion") || has("choices"))
	switch {
	case has("prompt") && has("question"):
		return row, errors.New(`both "prompt" and "question"; leave one of them out`)
	case has("text") && pair:
		return row, errors.New(`both "text" and a prompt with its completion; leave one of them out`)
	case has("text") && row.Text == "":
		return row, emptyField("text", " is empty; remove the line")
	case has("text"):
		return row, nil
	case !prompt && (has("completion") || has("choices")):
		return row, badField("prompt", " is missing; it may be an empty string")
	case !pair:
		return row, fmt.Errorf("no known field: %s; found %s", rowShapes, quotedNames(fields))
	case has("completion") && row.Completion == "":
		return row, emptyField("completion", " is empty; remove the line")
	}
	return row, row.parseChoices(fields)
}

// parseSegments reads a list of {"text", "label"}.
func (row *Row) parseSegments(raw json.RawMessage) error {
	if err := json.Unmarshal(raw, &row.Segments); err != nil || len(row.Segments) == 0 {
		return badField("segments", `: want a list of {"text": …, "label": true or false}, found %s`, jsonKind(raw))
	}
	if !slices.ContainsFunc(row.Segments, func(s Segment) bool { return s.Label && s.Text != "" }) {
		return emptyField("segments", `: no segment with text has "label": true, so there is nothing to learn`)
	}
	return nil
}

// parseAlpaca reads "instruction", "input" and "output". The prompt is the instruction and, after a blank line, the input. A
// "text" in the same object repeats them and is ignored.
func (row *Row) parseAlpaca(fields map[string]json.RawMessage) error {
	var instruction, input, output string
	for _, f := range []struct {
		name string
		to   *string
	}{{"instruction", &instruction}, {"input", &input}, {"output", &output}} {
		raw, ok := fields[f.name]
		if !ok || f.name == "input" && jsonKind(raw) == "null" {
			continue // only input may be absent
		}
		if err := json.Unmarshal(raw, f.to); err != nil || jsonKind(raw) != "a string" {
			return badField(f.name, ": want a string, found %s", jsonKind(raw))
		}
	}
	row.Text, row.Prompt, row.Completion = "", instruction, output
	if input != "" {
		row.Prompt += "\n\n" + input
	}
	if output == "" {
		return emptyField("output", " is empty; remove the line")
	}
	return nil
}

// shareGPT maps the names of roles in "conversations" to the usual ones.
var shareGPT = map[string]string{
	"system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant", "model": "assistant", "tool": "tool",
}

// parseChat reads "messages" ({"role", "content"}) with "tools", or "conversations" ({"from", "value"}) with "system".
func (row *Row) parseChat(name string, fields map[string]json.RawMessage) (err error) {
	var turns []struct {
		From, Value *string
		Role        json.RawMessage
	}
	if name == "messages" || json.Unmarshal(fields[name], &turns) == nil && len(turns) > 0 && turns[0].Role != nil {
		if row.Chat, err = tokenizer.ParseConversation(fields[name], fields["tools"]); err != nil {
			return badField(name, ": %w", err)
		}
	} else {
		if err := json.Unmarshal(fields[name], &turns); err != nil || len(turns) == 0 {
			return badField(name, `: want a list of {"from": …, "value": …}`)
		}
		add := func(role, content string) {
			row.Chat.Messages = append(row.Chat.Messages, tokenizer.Message{Role: role, Content: content})
		}
		if raw, ok := fields["system"]; ok && jsonKind(raw) != "null" {
			var system string
			if err := json.Unmarshal(raw, &system); err != nil {
				return badField("system", ": want a string, found %s", jsonKind(raw))
			}
			if system != "" {
				add("system", system)
			}
		}
		for i, t := range turns {
			switch {
			case t.From == nil || t.Value == nil:
				return badField(name, `: [%d]: "from" or "value" is missing`, i)
			case shareGPT[*t.From] == "":
				return badField(name, ": [%d]: from %q is not known; known are human, user, gpt, assistant, chatgpt, model, system, tool", i, *t.From)
			}
			add(shareGPT[*t.From], *t.Value)
		}
	}
	if !slices.ContainsFunc(row.Chat.Messages, func(m tokenizer.Message) bool { return m.Role == "assistant" }) {
		return emptyField(name, ": no message is the assistant's, so there is nothing to learn")
	}
	return nil
}

// parseChoices reads "choices" and "answer". With a completion they are not needed, but they must still be valid.
func (row *Row) parseChoices(fields map[string]json.RawMessage) error {
	raw, ok := fields["choices"]
	if !ok {
		return nil // an "answer" without choices is another program's field
	}
	if err := json.Unmarshal(raw, &row.Choices); err != nil || len(row.Choices) == 0 {
		return badField("choices", ": want a list of strings, found %s", jsonKind(raw))
	}
	for i, c := range row.Choices {
		if c == "" {
			return badField("choices", ": option %d is empty", i)
		}
	}
	raw, ok = fields["answer"]
	if !ok {
		return badField("answer", ` is missing; with "choices" it is the index of the right one, from 0`)
	}
	var answer int
	if err := json.Unmarshal(raw, &answer); err != nil || jsonKind(raw) != "a number" {
		return badField("answer", ": want the index of the right choice, from 0, found %.20s", raw)
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
