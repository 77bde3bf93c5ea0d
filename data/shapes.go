package data

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Use says what becomes of a field of a row.
type Use string

// The uses.
const (
	Used     Use = "used"     // it changes what is learnt, or what of it is learnt
	Refused  Use = "refused"  // an error names the field
	Harmless Use = "harmless" // nothing depends on it
)

// Field is what becomes of fields that stand beside those that make a shape.
type Field struct {
	Names []string
	Use   Use
	When  string // for which values; "": all others
	Note  string // what it does; why it is refused, and the remedy
	Value string // JSON: a value of this kind
	Row   string // JSON: a row in which the value is of this kind; "": the shape's example

	holds  func(r *raw, row *Row, value json.RawMessage) bool // nil: always
	late   bool                                               // holds looks at the row, which has to be read first
	empty  bool                                               // refused because nothing carries loss then
	silent bool                                               // of a message: it carries no loss
}

// Shape is a shape of a row. The table of shapes is what rows are read by, and what docs/ROWS.md is made from.
type Shape struct {
	Name    string
	Fields  string // the fields that make it, in words
	Learnt  string // what carries loss
	Example string // JSON: a row
	Beside  []Field

	own  func(r *raw) []string        // the fields that make it; nil if the row does not have this shape
	read func(r *raw, row *Row) error // fills row
}

// raw is a row as JSON. Fields that are null are not in it.
type raw struct {
	fields map[string]json.RawMessage
	nulls  []string
	own    []string // the fields that make its shape

	asks     bool // it is a conversation that is to be answered
	inPrompt bool // it is a message of a prompt, which carries no loss
}

func (r *raw) has(name string) bool { _, ok := r.fields[name]; return ok }

func (r *raw) kind(name string) string { return jsonKind(r.fields[name]) }

// present are those of names that the row has.
func (r *raw) present(names []string) (found []string) {
	for _, name := range names {
		if r.has(name) {
			found = append(found, name)
		}
	}
	return found
}

// Names that mean the same.
var (
	questions = []string{"prompt", "question", "query", "instruction", "problem", "inputs", "input"}
	answers   = []string{"completion", "answer", "response", "output", "solution", "target", "targets"}
	additions = []string{"input", "context"} // what a question is about; it follows the question
	systems   = []string{"system", "system_prompt"}
	talks     = []string{"messages", "conversations", "conversation"}
)

// without are the names that are not name.
func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

// harmless are names under which data sets keep what does not belong to a sample.
var harmless = []string{
	"id", "idx", "index", "uid", "uuid", "row_id", "prompt_id", "conversation_id", "question_id", "task_id", "db_id", "table_id", "hash", "source", "data_source",
	"dataset", "dataset_name", "origin", "url", "title", "meta", "metadata", "info", "extra_info", "category", "subcategory", "subject",
	"topic", "task", "task_type", "task_name", "type", "kind", "level", "difficulty", "domain", "language", "lang", "license", "author",
	"model", "timestamp", "date", "created", "score", "rating", "quality", "length", "num_tokens", "token_count", "num_turns", "split",
	"tags", "version",
}

// anywhere is what becomes of fields in every shape.
var anywhere = []Field{
	{Names: []string{"weight", "train"}, Use: Harmless, When: "1 or true", Note: "says what holds anyway", Value: "1", holds: is("1", "true")},
	{Names: []string{"weight", "train"}, Use: Refused, When: "0 or false", Note: "says that nothing in the row is learnt; remove the row (with skip_empty it is left out and counted)", Value: "0", holds: is("0", "false"), empty: true},
	{Names: []string{"weight", "train"}, Use: Refused, Note: "want 1 or true, or 0 or false: rows are not weighted; remove the field", Value: "0.5"},
	{Names: []string{"chosen", "rejected"}, Use: Refused, Note: "is of preference data, which needs another loss; keep the prompt and the answer that is to be learnt, as prompt and completion", Value: `"A"`},
	{Names: []string{"image", "images", "video", "videos", "audio", "audios"}, Use: Refused, Note: "only text can be learnt; remove the field if the row makes sense without it", Value: `["a.png"]`},
	{Names: []string{"input_ids", "labels", "attention_mask", "loss_mask", "completion_mask", "assistant_masks"}, Use: Refused, Note: "belongs to rows that were tokenised already; give their text", Value: "[1, 2]"},
	{Names: harmless, Use: Harmless, Note: "where the row comes from, or what is said about it", Value: `"x"`},
}

const (
	leaveOut      = "leave one of them out"
	noTemplate    = "is written by a chat template, which this shape does not use; give the row as messages"
	samePrompt    = "equal to the first message of the user"
	sameAnswer    = "equal to the last message of the assistant"
	systemNote    = "begins the prompt, before a blank line"
	labelNote     = "marks an answer that is not wanted, and learning it would be the opposite; remove the row, or the field if it says something else"
	variablesNote = "its members are variables of the chat template, such as enable_thinking; one that it does not read is named once"
)

// besidePair is what becomes of fields beside a question and its answer.
var besidePair = []Field{
	{Names: systems, Use: Used, Note: systemNote, Value: `"Be short."`},
	{Names: []string{"history"}, Use: Used, Note: "a list of [question, answer]; earlier turns, which precede the question in the prompt, each followed by a blank line", Value: `[["Q1", "A1"]]`},
	{Names: []string{"input"}, Use: Used, Note: "follows the question after a blank line", Value: `"this"`},
	{Names: []string{"context"}, Use: Used, Note: "follows the question, and input, after a blank line", Value: `"this"`},
	{Names: questions, Use: Refused, Note: "beside another question; " + leaveOut, Value: `"Q2"`},
	{Names: []string{"tools", "functions"}, Use: Refused, Note: noTemplate, Value: `[{"name": "f"}]`},
	{Names: []string{"chat_template_kwargs"}, Use: Refused, Note: noTemplate, Value: `{"enable_thinking": false}`},
	{Names: []string{"documents"}, Use: Refused, Note: noTemplate, Value: `[{"text": "a"}]`},
	{Names: []string{"label"}, Use: Refused, When: "false", Note: labelNote, Value: "false", holds: is("false"), empty: true},
	{Names: []string{"label"}, Use: Harmless, Note: "a class, or true: the answer is wanted", Value: "true"},
}

// besideChat is what becomes of fields beside a conversation.
var besideChat = []Field{
	{Names: systems, Use: Used, When: "if the conversation has no system message", Note: "is put before the messages", Value: `"Be short."`, holds: noSystem, late: true},
	{Names: systems, Use: Harmless, When: "equal to the system message", Note: "repeats it", Value: `"S"`, Row: `{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}`, holds: sameSystem, late: true},
	{Names: systems, Use: Refused, Note: "the conversation has another system message; " + leaveOut, Value: `"T"`, Row: `{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}`, late: true},
	{Names: []string{"tools"}, Use: Used, Note: "a list of objects, or JSON text that holds one; given to the template, and refused if it does not write them", Value: `[{"type": "function", "function": {"name": "f"}}]`},
	{Names: []string{"functions"}, Use: Used, Note: `as tools, each put into {"type": "function", "function": …}`, Value: `[{"name": "f"}]`},
	{Names: []string{"chat_template_kwargs"}, Use: Used, Note: variablesNote, Value: `{"enable_thinking": true}`},
	{Names: []string{"documents"}, Use: Refused, Note: "is not given to templates; put the text into a message", Value: `[{"text": "a"}]`},
	{Names: questions, Use: Harmless, When: samePrompt, Note: "repeats it", Value: `"Q"`, holds: sameQuestion, late: true},
	{Names: questions, Use: Refused, Note: "is not the first message of the user; " + leaveOut, Value: `"Q2"`, late: true},
	{Names: answers, Use: Harmless, When: sameAnswer, Note: "repeats it", Value: `"A"`, holds: sameLast, late: true},
	{Names: answers, Use: Refused, Note: "is not the last message of the assistant; " + leaveOut, Value: `"A2"`, late: true},
	{Names: []string{"text", "history", "context", "choices"}, Use: Refused, Note: "beside a conversation; " + leaveOut, Value: `"T"`},
	{Names: talks, Use: Refused, Note: "beside another conversation; " + leaveOut, Value: `[{"role": "user", "content": "R"}]`},
	{Names: []string{"label"}, Use: Refused, When: "false", Note: labelNote, Value: "false", holds: is("false"), empty: true},
	{Names: []string{"label"}, Use: Harmless, Note: "a class, or true: the answer is wanted", Value: "true"},
}

// besideWhole is what becomes of fields beside a text or segments, which are all of the sample.
func besideWhole(name string) []Field {
	return []Field{
		{Names: slices.Concat(questions, answers, systems, talks, []string{"history", "context", "choices", "tools", "functions", "chat_template_kwargs", "documents"}), Use: Refused,
			Note: `beside "` + name + `" it could be a part of the sample; ` + leaveOut, Value: `"Q"`},
		{Names: []string{"label"}, Use: Harmless, Note: "a class", Value: "0"},
	}
}

// shapes are tried in this order.
var shapes []Shape

func init() { // the functions read the table
	shapes = []Shape{
		{Name: "segments", Fields: "`segments`: a list of `text` and `label`", Learnt: "the texts whose label is true",
			Example: `{"segments": [{"text": "Q", "label": false}, {"text": "A", "label": true}]}`,
			Beside: append([]Field{{Names: []string{"text"}, Use: Refused, Note: `beside "segments"; ` + leaveOut, Value: `"T"`}},
				besideWhole("segments")...), own: ownOne("segments"), read: readSegments},
		{Name: "prompt and completion of messages", Fields: "`prompt` and `completion`: two lists of `role` and `content`", Learnt: "the assistant's messages of the completion",
			Example: `{"prompt": [{"role": "user", "content": "Q"}], "completion": [{"role": "assistant", "content": "A"}]}`,
			Beside:  besideChat, own: ownLists, read: readLists},
		{Name: "messages", Fields: "`messages`: a list of `role` and `content`", Learnt: "the assistant's messages",
			Example: `{"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}`,
			Beside:  besideChat, own: ownOne("messages"), read: readTalk},
		{Name: "conversations", Fields: "`conversations` or `conversation`: a list of `from` and `value`, or of `role` and `content`", Learnt: "the assistant's messages",
			Example: `{"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]}`,
			Beside:  besideChat, own: ownOne("conversations", "conversation"), read: readTalk},
		{Name: "choices", Fields: "a question, `choices` (a list of texts) and `answer` (the index of the right one, from 0)", Learnt: "the right choice",
			Example: `{"question": "Q", "choices": ["A", "B"], "answer": 1}`,
			Beside: append([]Field{
				{Names: []string{"completion"}, Use: Used, Note: "is learnt in place of the right choice", Value: `"C"`},
				{Names: without(answers, "answer"), Use: Refused, Note: `beside "choices", of which "answer" names the right one; ` + leaveOut, Value: `"C"`},
				{Names: []string{"text"}, Use: Refused, Note: "beside a question; " + leaveOut, Value: `"T"`},
			}, besidePair...), own: ownChoices, read: readPair},
		{Name: "pair", Fields: "a question and an answer", Learnt: "the answer",
			Example: `{"prompt": "Q", "completion": "A"}`,
			Beside: append([]Field{
				{Names: answers, Use: Harmless, When: "beside prompt and completion", Note: "the two that are named so decide", Value: `"B"`, holds: canonical},
				{Names: answers, Use: Refused, Note: "beside another answer; leave one of them out, or name the two that make the sample prompt and completion", Value: `"B"`, Row: `{"question": "Q", "solution": "A"}`},
				{Names: []string{"text"}, Use: Harmless, When: "beside instruction and output", Note: "repeats them in a template", Value: `"T"`, Row: `{"instruction": "Q", "output": "A"}`, holds: alpaca},
				{Names: []string{"text"}, Use: Refused, Note: "beside a question and its answer; " + leaveOut, Value: `"T"`},
			}, besidePair...), own: ownPair, read: readPair},
		{Name: "text", Fields: "`text`", Learnt: "all of it",
			Example: `{"text": "Q A"}`, Beside: besideWhole("text"), own: ownOne("text"), read: readText},
	}
}

// losses are the names with which data sets say whether a message carries loss.
var losses = []string{"weight", "train", "loss"}

// messageShape is what becomes of the fields of a message.
var messageShape = Shape{Name: "a message", Fields: "`role` and `content` (a text, or a list of {\"type\": \"text\", \"text\"}), or `from` and `value`", Learnt: "of the assistant's messages, the content and the calls",
	Example: `{"role": "assistant", "content": "A"}`,
	Beside: []Field{
		{Names: losses, Use: Refused, When: "1 or true, in a message of another role or of a prompt", Note: "only messages of the assistant can carry loss, and none of a prompt; take the field out", Value: "true",
			Row: `{"role": "user", "content": "R"}`, holds: cannotLearn},
		{Names: losses, Use: Harmless, When: "1 or true", Note: "says what holds anyway", Value: "true", holds: is("1", "true")},
		{Names: losses, Use: Used, When: "0 or false", Note: "the message carries no loss", Value: "0", holds: is("0", "false"), silent: true},
		{Names: losses, Use: Refused, Note: "want 1 or true (the message carries loss) or 0 or false (it does not)", Value: "0.5"},
		{Names: []string{"train_detail", "training_detail"}, Use: Refused, Note: "loss on parts of a message is written as segments", Value: `[]`},
		{Names: []string{"function_call"}, Use: Refused, Note: "is an older form; write it as tool_calls", Value: `{"name": "f", "arguments": "{}"}`},
		{Names: []string{"tool_calls"}, Use: Used, Note: "given to the template; refused if the template does not write it", Value: `[{"type": "function", "function": {"name": "f", "arguments": {}}}]`},
		{Names: []string{"name", "tool_call_id", "reasoning_content", "reasoning", "thinking"}, Use: Used, Note: "given to the template, as all other fields are; one that the template does not write is named once (but tool_call_id)", Value: `[{"type": "function", "function": {"name": "f", "arguments": {}}}]`},
	}}

// Shapes is the table of all shapes of a row, in the order in which they are tried.
func Shapes() []Shape { return slices.Clone(shapes) }

// MessageShape says what becomes of the fields of a message in a conversation.
func MessageShape() Shape { return messageShape }

// FieldsAnywhere is what becomes of fields in every shape, unless the shape's own list has them.
func FieldsAnywhere() []Field { return slices.Clone(anywhere) }

// Questions and Answers are the names of a question and of an answer that belong together: one of each makes a pair.
func Questions() []string { return slices.Clone(questions) }

// Answers: see Questions.
func Answers() []string { return slices.Clone(answers) }

// rules are the entries of the table for a field, the first that holds is the one that counts.
func (s *Shape) rules(name string) (list []*Field) {
	for _, fields := range [][]Field{s.Beside, anywhere} {
		for i := range fields {
			if slices.Contains(fields[i].Names, name) {
				list = append(list, &fields[i])
			}
		}
	}
	return list
}

// is holds for these values, written as JSON. Numbers that are equal count as the same, and so do texts that spell a value, since a
// cell of CSV is a text, and columns of Parquet often are: "1", "0.0", "true", and "False" as Python writes it.
func is(values ...string) func(*raw, *Row, json.RawMessage) bool {
	return func(_ *raw, _ *Row, v json.RawMessage) bool {
		text := string(v)
		if jsonKind(v) == "a string" && json.Unmarshal(v, &text) != nil {
			return false
		}
		text = strings.ToLower(strings.TrimSpace(text))
		if x, err := strconv.ParseFloat(text, 64); err == nil {
			text = strconv.FormatFloat(x, 'g', -1, 64)
		}
		return slices.Contains(values, text)
	}
}

// cannotLearn holds for a message that says that it carries loss, and cannot.
func cannotLearn(r *raw, row *Row, v json.RawMessage) bool {
	role, err := r.text("role")
	return err == nil && (role != "assistant" || r.inPrompt) && is("1", "true")(r, row, v)
}

func canonical(r *raw, _ *Row, _ json.RawMessage) bool { return r.has("prompt") && r.has("completion") }

func alpaca(r *raw, _ *Row, _ json.RawMessage) bool { return r.has("instruction") && r.has("output") }

// content is the first or the last message of a role, and whether there is one.
func (row *Row) content(role string, last bool) (string, bool) {
	text, found := "", false
	for _, m := range row.Chat.Messages {
		if m.Role == role && (last || !found) {
			text, found = m.Content, true
		}
	}
	return text, found
}

func same(row *Row, role string, last bool, v json.RawMessage) bool {
	var text string
	content, found := row.content(role, last)
	return found && json.Unmarshal(v, &text) == nil && strings.TrimSpace(text) == strings.TrimSpace(content)
}

func sameQuestion(_ *raw, row *Row, v json.RawMessage) bool { return same(row, "user", false, v) }
func sameLast(_ *raw, row *Row, v json.RawMessage) bool     { return same(row, "assistant", true, v) }
func sameSystem(_ *raw, row *Row, v json.RawMessage) bool   { return same(row, "system", false, v) }

func noSystem(_ *raw, row *Row, _ json.RawMessage) bool {
	_, found := row.content("system", false)
	return !found
}
