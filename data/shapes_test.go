package data

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"reprise/tokenizer"
)

// everything is a template that writes all that it is given.
const everything = `{% if tools %}TOOLS {{ tools | tojson }}{% endif %}{% if enable_thinking is defined %}THINK {{ enable_thinking }}{% endif %}` +
	`{% for m in messages %}<|im_start|>{{ m.role }}` + "\n" + `{{ m.content }}` +
	`{% for k in ['name', 'tool_calls', 'tool_call_id', 'function_call', 'reasoning_content', 'reasoning', 'thinking'] %}{% if m[k] %}{{ k }} {{ m[k] | tojson }}{% endif %}{% endfor %}` +
	`<|im_end|>` + "\n" + `{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant` + "\n" + `{% endif %}`

// rowReader reads rows, each as a file of its own, and returns the documents as text with brackets.
type rowReader struct {
	path string
	tok  *tokenizer.Tokenizer
}

func newRowReader(t *testing.T) *rowReader {
	return &rowReader{filepath.Join(t.TempDir(), "row.jsonl"), chatTokenizer(t, everything)}
}

func (r *rowReader) load(t *testing.T, row string, reading Reading) (docs []string, stats Stats, err error) {
	t.Helper()
	if err := os.WriteFile(r.path, []byte(row), 0o600); err != nil {
		t.Fatal(err)
	}
	list, stats, err := LoadDocuments(r.path, r.tok, Options{MaxSeqLen: 2000, Reading: reading})
	return shown(list), stats, err
}

// with is a JSON object with one more field.
func with(t *testing.T, object, name, value string) string {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &fields); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	if fields[name] != nil {
		return ""
	}
	fields[name] = json.RawMessage(value)
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// holdsTo checks that a row with one more field is what the table says.
func (r *rowReader) holdsTo(t *testing.T, f Field, name, plain, row string) {
	t.Helper()
	before, _, err := r.load(t, plain, Reading{})
	if err != nil {
		t.Fatalf("%s: %v", plain, err)
	}
	after, stats, err := r.load(t, row, Reading{})
	if stats.Unknown != nil {
		t.Errorf("%s: %v is not known", row, stats.Unknown)
	}
	switch f.Use {
	case Harmless:
		if err != nil || !slices.Equal(before, after) {
			t.Errorf("%s: %q, %v; want no difference to %q", row, after, err, before)
		}
	case Used:
		if err != nil || slices.Equal(before, after) {
			t.Errorf("%s: %q, %v; want a difference to %q", row, after, err, before)
		}
	case Refused:
		// Of two fields that stand against each other the error may name the other one.
		e, ok := errors.AsType[*RowError](err)
		pair := ok && strings.Contains(plain, `"`+e.Field+`"`) && strings.Contains(err.Error(), leaveOut)
		if !ok || !pair && (!strings.Contains(err.Error(), `"`+name+`"`) || !strings.Contains(err.Error(), f.Note)) {
			t.Errorf("%s: %q, %v; want an error that names %q and says %q", row, after, err, name, f.Note)
		}
		_, stats, err := r.load(t, row, Reading{SkipEmpty: true})
		if f.empty != errors.Is(err, ErrAllEmpty) || f.empty && stats.Empty != 1 {
			t.Errorf("%s: leaving out what is empty: %+v, %v", row, stats, err)
		}
	}
}

// Every field of every shape does what the table says, and null is as if it were not there.
func TestEveryFieldOfEveryShape(t *testing.T) {
	r := newRowReader(t)
	fed, tables := map[Use]int{}, 0
	for _, s := range Shapes() {
		for _, f := range slices.Concat(s.Beside, FieldsAnywhere()) {
			for _, name := range f.Names {
				plain := s.Example
				if f.Row != "" {
					plain = f.Row
				}
				row := with(t, plain, name, f.Value)
				if first := slices.IndexFunc(s.rules(name), func(g *Field) bool { return g.Note == f.Note && g.When == f.When }); row == "" || first < 0 {
					continue // the field is the shape's own, or an earlier rule holds for all its values
				}
				if earlier := s.rules(name)[0]; earlier.Note != f.Note && earlier.holds == nil && earlier.When == "" {
					continue // the shape's own rule comes before
				}
				fed[f.Use]++
				r.holdsTo(t, f, name, plain, row)
				tables += r.holdsInTables(t, plain, row)
				before, _, _ := r.load(t, plain, Reading{})
				if null, stats, err := r.load(t, with(t, plain, name, "null"), Reading{}); err != nil || !slices.Equal(null, before) || stats.Unknown != nil {
					t.Errorf("%s of %s is null: %q, %v", name, s.Name, null, err)
				}
			}
		}
		row := with(t, s.Example, "nobody_knows", `[1]`)
		docs, stats, err := r.load(t, row, Reading{})
		before, _, _ := r.load(t, s.Example, Reading{})
		if notices := stats.Notices(0); err != nil || !slices.Equal(docs, before) || len(notices) != 1 || !strings.Contains(notices[0], `"nobody_knows", in 1 sample, is not known and is ignored`) {
			t.Errorf("%s: %q, %v, %q", row, docs, err, stats.Notices(0))
		}
	}
	if fed[Used] < 25 || fed[Refused] < 150 || fed[Harmless] < 300 || tables < 400 {
		t.Errorf("fed %v, and %d through CSV", fed, tables)
	}
	t.Logf("fed %v, and %d through CSV", fed, tables)
}

// Every field of a message does what the table says, in each shape that has messages.
func TestEveryFieldOfAMessage(t *testing.T) {
	r := newRowReader(t)
	for _, shape := range []string{
		`{"messages": [{"role": "user", "content": "Q"}, MESSAGE, {"role": "user", "content": "R"}, {"role": "assistant", "content": "B"}]}`,
		`{"conversations": [{"from": "human", "value": "Q"}, MESSAGE, {"from": "human", "value": "R"}, {"from": "gpt", "value": "B"}]}`,
		`{"prompt": [{"role": "user", "content": "Q"}], "completion": [MESSAGE, {"role": "user", "content": "R"}, {"role": "assistant", "content": "B"}]}`,
	} {
		example := MessageShape().Example
		if strings.Contains(shape, "from") {
			example = `{"from": "gpt", "value": "A"}`
		}
		plain := strings.ReplaceAll(shape, "MESSAGE", example)
		for _, f := range MessageShape().Beside {
			for _, name := range f.Names {
				message, other := example, plain
				if f.Row != "" {
					message = f.Row
					if strings.Contains(shape, "from") {
						message = `{"from": "human", "value": "R"}`
					}
					other = strings.ReplaceAll(shape, "MESSAGE", message)
				}
				r.holdsTo(t, f, name, other, strings.ReplaceAll(shape, "MESSAGE", with(t, message, name, f.Value)))
				before, _, _ := r.load(t, plain, Reading{})
				null, stats, err := r.load(t, strings.ReplaceAll(shape, "MESSAGE", with(t, example, name, "null")), Reading{})
				if err != nil || !slices.Equal(null, before) || stats.Unknown != nil {
					t.Errorf("%s is null: %q, %v, want %q", name, null, err, before)
				}
			}
		}
		row := strings.ReplaceAll(shape, "MESSAGE", with(t, example, "mood", `"x"`))
		if _, stats, err := r.load(t, row, Reading{}); err != nil || len(stats.Unknown) != 1 {
			t.Errorf("%s: %v, %v", row, stats.Unknown, err)
		}
	}
}

// What is learnt of rows that people write. Unscored tokens stand in brackets; < and > are the marks of a turn, $ is the end id.
func TestRowsOfAllKinds(t *testing.T) {
	r := newRowReader(t)
	marks := strings.NewReplacer("\u0102", "<", "\u0103", ">")
	const talk = "[<user\nQ>\n<assistant\n]A>[\n]"
	for row, want := range map[string]string{
		`{"question":"Q","answer":"A"}`:                                                                "[Q] A$",
		`{"query":"Q","response":"A"}`:                                                                 "[Q] A$",
		`{"problem":"Q","solution":"A","level":"5"}`:                                                   "[Q] A$",
		`{"input":"Q","output":"A"}`:                                                                   "[Q] A$",
		`{"inputs":"Q","targets":"A"}`:                                                                 "[Q] A$",
		`{"prompt":"Q","response":"A"}`:                                                                "[Q] A$",
		`{"instruction":"Q","response":"A","context":"c"}`:                                             "[Q\n\nc] A$",
		`{"instruction":"Q","input":"i","output":"A","text":"all of it"}`:                              "[Q\n\ni] A$",
		`{"system_prompt":"S","question":"Q","response":"A"}`:                                          "[S\n\nQ] A$",
		`{"instruction":"Q","output":"A","system":"S","history":[["q","a"],["r",null]],"input":""}`:    "[S\n\nq\n\na\n\nr\n\nQ] A$",
		`{"prompt":"Q","completion":"A","answer":"42"}`:                                                "[Q] A$",
		`{"prompt":"Q","completion":"A","tools":[],"messages":null}`:                                   "[Q] A$",
		`{"text":null,"prompt":"Q","completion":"A"}`:                                                  "[Q] A$",
		`{"prompt":[{"role":"user","content":"Q"}],"completion":[{"role":"assistant","content":"A"}]}`: talk,
		`{"prompt":[{"role":"user","content":"P"},{"role":"assistant","content":"O"},{"role":"user","content":"Q"}],"completion":[{"role":"assistant","content":"A"}]}`:                                     "[<user\nP>\n<assistant\nO>\n<user\nQ>\n<assistant\n]A>[\n]",
		`{"prompt":"Q","prompt_id":"1","messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}`:                                                                                      talk,
		`{"conversation":[{"role":"user","content":"Q"},{"role":"assistant","content":"A","weight":1}]}`:                                                                                                    talk,
		`{"conversations":[{"from":"human","value":"Q"},{"from":"gpt","value":"A","weight":null}],"tools":""}`:                                                                                              talk,
		`{"messages":[{"role":"user","content":"P"},{"role":"assistant","content":"O","weight":0},{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}`:                                       "[<user\nP>\n<assistant\nO>\n<user\nQ>\n<assistant\n]A>[\n]",
		`{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"},{"role":"user","content":"R"},{"role":"assistant","content":"B","train":false}]}`:                                    talk,
		`{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}],"functions":"[{\"name\": \"f\"}]"}`:                                                                                 `[TOOLS [{"type": "function", "function": {"name": "f"}}]<user` + "\nQ>\n<assistant\n]A>[\n]",
		`{"conversations":[{"from":"human","value":"Q"},{"from":"gpt","value":"A"}],"tools":"[{\"a\": null}]"}`:                                                                                             `[TOOLS [{"a": null}]<user` + "\nQ>\n<assistant\n]A>[\n]",
		`{"messages":[{"role":"user","content":"Q","tool_calls":null},{"role":"assistant","content":"A"}],"tools":[{"a":{"b":null,"c":[null,{"d":null}]}}]}`:                                                `[TOOLS [{"a": {"c": [null, {}]}}]<user` + "\nQ>\n<assistant\n]A>[\n]",
		`{"conversations":[{"from":"human","value":"Q"},{"from":"function_call","value":"{\"name\": \"f\", \"arguments\": {\"x\": 20.0}}"},{"from":"observation","value":"O"},{"from":"gpt","value":"A"}]}`: "[<user\nQ>\n<assistant\n]tool_calls [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"x\": 20.0}}}]>[\n<tool\nO>\n<assistant\n]A>[\n]",
		`{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}],"chat_template_kwargs":{"enable_thinking":false,"x":null}}`:                                                         "[THINK False<user\nQ>\n<assistant\n]A>[\n]",
	} {
		docs, stats, err := r.load(t, row, Reading{})
		if got := marks.Replace(strings.Join(docs, " + ")); err != nil || got != want {
			t.Errorf("%s:\n got %q, %v\nwant %q", row, got, err, want)
		}
		if stats.Unknown != nil {
			t.Errorf("%s: %v", row, stats.Unknown)
		}
	}
}

// What cannot be read as it is meant is refused, and the error names the field and what to do.
func TestRowsRefused(t *testing.T) {
	r := newRowReader(t)
	const q = `{"messages":[{"role":"user","content":"Q"},`
	for row, want := range map[string]string{
		`{"question":"Q","solution":"A","answer":"42"}`:                                                     `field "solution": beside another answer; leave one of them out, or name the two that make the sample prompt and completion`,
		`{"prompt":"Q","completion":"A","label":false}`:                                                     `field "label": marks an answer that is not wanted`,
		`{"prompt":"Q","chosen":"A","rejected":"B"}`:                                                        `field "chosen": is of preference data`,
		`{"messages":[{"role":"user","content":"Q"}],"images":["a.png"]}`:                                   `field "images": only text can be learnt`,
		`{"prompt":"Q","completion":null}`:                                                                  `field "completion" is null, so there is nothing to learn`,
		`{"question":"Q","answer":42}`:                                                                      `field "answer": want a string, found a number`,
		`{"prompt":[{"role":"user","content":"Q"}],"completion":"A"}`:                                       `field "completion": want a list of messages`,
		`{"prompt":[{"role":"assistant","content":"Q"}],"completion":[{"role":"assistant","content":"A"}]}`: `field "prompt": its last message is the assistant's`,
		`{"instruction":"Q","output":"A","history":["q"]}`:                                                  `field "history": want a list of [question, answer]`,
		`{"instruction":"Q","output":"A","history":[["q"]]}`:                                                `field "history": [0]: want [question, answer]`,
		`{"input_ids":[1],"labels":[1]}`:                                                                    `field "input_ids": belongs to rows that were tokenised already`,
		q + `{"role":"assistant","content":null}]}`:                                                         `the assistant says nothing, so there is nothing to learn`,
		q + `{"role":"assistant","content":"","tool_calls":[]}]}`:                                           `the assistant says nothing`,
		q + `{"role":"assistant","content":"A","weight":0}]}`:                                               `no message is the assistant's and carries loss`,
		q + `{"role":"assistant","content":"A","weight":0.5}]}`:                                             `field "weight": want 1 or true`,
		q + `{"role":"user","content":"Q","train":true},{"role":"assistant","content":"A"}]}`:               `field "train": only messages of the assistant can carry loss`,
		q + `{"role":"user","content":null},{"role":"assistant","content":"A"}]}`:                           `[1]: field "content" is missing`,
		q + `{"role":"assistant","content":"A"}],"tools":[1]}`:                                              `field "tools": [0]: want an object`,
		q + `{"role":"assistant","content":"A"}],"tools":"f"}`:                                              `field "tools": want a list of objects, or JSON text`,
		q + `{"role":"assistant","content":"A"}],"tools":[{}],"functions":[{}]}`:                            `field "functions" beside "tools"`,
		q + `{"role":"assistant","content":"A"}],"chat_template_kwargs":{"messages":[]}}`:                   `"messages" is not a variable that can be set here`,
		q + `{"role":"assistant","tool_calls":"[]","content":""}]}`:                                         `field "tool_calls": want a list`,
		q + `{"role":"assistant","content":"","function_call":{"name":"f"}}]}`:                              `field "function_call": is an older form`,
		`{"conversations":[{"from":"function_call","value":"f(1)"}]}`:                                       `the value of a function_call: want JSON text`,
		`{"conversations":[{"from":"gpt","value":"A","content":"B"}]}`:                                      `"content" beside "from"`,
	} {
		docs, _, err := r.load(t, row, Reading{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want %q", row, docs, err, want)
		}
	}
}

// An error about a message names the list that has it, and its place in that list.
func TestMessageErrorsOfTwoLists(t *testing.T) {
	r := newRowReader(t)
	const user, good = `{"role":"user","content":"Q"}`, `{"role":"assistant","content":"A"}`
	for row, want := range map[string]string{
		`{"prompt":[` + user + `],"completion":[{"role":"assistant","content":""}]}`:                                       `field "completion": [0]: the assistant says nothing`,
		`{"prompt":[` + user + `],"completion":[` + good + `,{"role":"user","tool_calls":[]},` + good + `]}`:               `field "completion": [1]: field "content" is missing`,
		`{"prompt":[` + user + `,` + good + `,{"role":"user","tool_calls":[]}],"completion":[` + good + `]}`:               `field "prompt": [2]: field "content" is missing`,
		`{"prompt":[{"role":"user","content":"Q","images":["a"]}],"completion":[` + good + `]}`:                            `field "prompt": [0]: field "images": only text can be learnt`,
		`{"prompt":[` + user + `],"completion":[` + good + `,` + `{"role":"user","content":"a","images":[1]}]}`:            `field "completion": [1]: field "images"`,
		`{"prompt":[` + user + `,{"role":"assistant","content":"A","weight":1},` + user + `],"completion":[` + good + `]}`: `field "prompt": [1]: field "weight": only messages of the assistant can carry loss, and none of a prompt`,
		`{"prompt":[{"role":"user","content":"Q","weight":0.5}],"completion":[` + good + `]}`:                              `field "prompt": [0]: field "weight": want 1 or true`,
		`{"prompt":[` + user + `],"completion":[` + user + `]}`:                                                            `field "completion": no message is the assistant's`,
	} {
		if docs, _, err := r.load(t, row, Reading{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want %q", row, docs, err, want)
		}
	}
}

// A key that stands twice in an object is refused, except in fields that nothing depends on.
func TestKeysThatStandTwice(t *testing.T) {
	r := newRowReader(t)
	for row, want := range map[string]string{
		`{"prompt":"a","completion":"b","completion":"c"}`:           `field "completion" is given twice; leave one of them out`,
		`{"text":"abc","x":1,"x":1}`:                                 `field "x" is given twice`,
		`{"text":"abc","text":null}`:                                 `field "text" is given twice`,
		`{"text":"abc","text":"d"}`:                                  `field "text" is given twice`,
		`{"messages":[{"role":"user","content":"a","content":"b"}]}`: `field "messages": an object has the key "content" twice`,
		`{"messages":[{"role":"assistant","content":"a"}],"tools":[{"a":{"b":1,"c":["b"],"b":2}}]}`: `field "tools": an object has the key "b" twice`,
		`{"text":"abc","meta":{"a":1,"a":2}}`:                                                       "",
		`{"text":"abc","meta":{"text":"text"},"id":[{"text":1},{"text":2}]}`:                        "",
	} {
		_, _, err := r.load(t, row, Reading{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", row, err, want)
		}
	}
	if _, _, err := r.load(t, `{"q":"a","q":"b","completion":"c"}`, Reading{Columns: "prompt=q"}); err == nil || !strings.Contains(err.Error(), `field "prompt" is given twice`) {
		t.Errorf("renamed: %v", err)
	}
}

// A conversation that is to be answered is read as rows are, but nothing in it has to be learnt.
func TestParseTalk(t *testing.T) {
	chat, all := chatTokenizer(t, chatML), chatTokenizer(t, everything)
	for text, want := range map[string]string{
		` [{"role":"user","content":"Q"}] `: "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n",
		`{"conversations":[{"from":"human","value":"Q"}],"system":"S","id":7,"label":false,"weight":0}`: "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n",
		`[{"from":"human","value":"Q"}]`:                                           "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n",
		`{"messages":[{"role":"user","content":"Q"}],"tools":null,"functions":[]}`: "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n",
	} {
		row, err := ParseTalk([]byte(text))
		if err == nil {
			err = row.Unwritten(chat, true)
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := chat.RenderChat(row.Chat, true); err != nil || got != want || row.Unknown != nil {
			t.Errorf("%s: %q, %v, unknown %q", text, got, err, row.Unknown)
		}
	}
	const q = `"messages":[{"role":"user","content":"Q"}]`
	for text, want := range map[string]string{
		`hi`:                             "want a list of",
		`{"messages":`:                   "unexpected end of JSON input",
		`{"text":"a"}`:                   "a row of another kind",
		`{"messages":null}`:              `field "messages" is null`,
		`{` + q + `,` + q + `}`:          `field "messages" is given twice`,
		`{` + q + `,"images":["a"]}`:     `field "images": only text`,
		`{` + q + `,"tools":{}}`:         `field "tools": want a list`,
		`[{"from":"bing","value":"a"}]`:  `from "bing" is not known`,
		`[{"role":"user","content":3}]`:  `field "messages": [0]: field "content": want a text`,
		`{"messages":[],"text":"a"}`:     "leave one of them out",
		`{` + q + `,"prompt":"another"}`: "is not the first message of the user",
	} {
		if _, err := ParseTalk([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "skip_empty") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	row, err := ParseTalk([]byte(`{` + q + `,"tools":[{"name":"f"}],"chat_template_kwargs":{"enable_thinking":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := row.Unwritten(all, true); err != nil || row.Unknown != nil {
		t.Errorf("a template that writes all: %v, %q", err, row.Unknown)
	}
	if err := row.Unwritten(chat, true); err == nil || !strings.Contains(err.Error(), `field "tools": the tokenizer's chat template does not write it, so that it would have no effect`) {
		t.Errorf("tools that are not written: %v", err)
	}
	if row, err = ParseTalk([]byte(`{"messages":[{"role":"user","content":"Q","mood":"x"}],"chat_template_kwargs":{"a":1}}`)); err != nil {
		t.Fatal(err)
	}
	if err := row.Unwritten(chat, true); err != nil || !slices.Equal(row.Unknown, []string{"messages[].mood", "chat_template_kwargs.a"}) {
		t.Errorf("fields that are not written: %v, %q", err, row.Unknown)
	}
}

// What the template does not write is refused where the sample would be another one without it, and named otherwise.
func TestTemplateDoesNotWriteIt(t *testing.T) {
	r := &rowReader{filepath.Join(t.TempDir(), "row.jsonl"), chatTokenizer(t, chatML)}
	const q = `{"messages":[{"role":"user","content":"Q"},`
	for row, want := range map[string]string{
		q + `{"role":"assistant","content":"A"}],"tools":[{"name":"f"}]}`:                                    `field "tools": the tokenizer's chat template does not write it`,
		q + `{"role":"assistant","content":"A","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]}`: `field "tool_calls": the tokenizer's chat template does not write it`,
	} {
		if docs, _, err := r.load(t, row, Reading{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", row, docs, err)
		}
	}
	row := q + `{"role":"assistant","content":"A","thinking":"T"}],"tools":[],"chat_template_kwargs":{"enable_thinking":true}}`
	_, stats, err := r.load(t, row, Reading{})
	want := []string{`the field "chat_template_kwargs.enable_thinking", in 1 sample, is not read by the chat template and changes nothing`,
		`the field "messages[].thinking", in 1 sample, is not read by the chat template and changes nothing`}
	if err != nil || !slices.Equal(stats.Notices(0), want) {
		t.Errorf("%v, %q", err, stats.Notices(0))
	}
}

// The marks of a template decide, and nothing is added to what they enclose: not the token that ends a turn, and no end id.
func TestMarkedChat(t *testing.T) {
	row := `{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"},{"role":"user","content":"R"},{"role":"assistant","content":"BC"}]}`
	marks := strings.NewReplacer("\u0102", "<", "\u0103", ">")
	const head, end = "{% for m in messages %}{% if m.role == 'assistant' %}", "{% else %}{{ m.content }}|{% endif %}{% endfor %}"
	for template, want := range map[string]string{
		head + "{% generation %}{{ m.content }}{% endgeneration %}<|im_end|>" + end:                                   "[Q|]A[>R|]BC",
		head + "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}!" + end:                                  "[Q|]A>[!R|]BC>",
		head + "{% generation %}{{ m.content }}!{% endgeneration %}" + end:                                            "[Q|]A![R|]BC!",
		head + "<|im_start|>{{ m.content[0] }}{% generation %}{{ m.content[1:] }}<|im_end|>{% endgeneration %}" + end: "[Q|<A]>[R|<B]C>",
	} {
		r := &rowReader{filepath.Join(t.TempDir(), "row.jsonl"), chatTokenizer(t, template)}
		docs, stats, err := r.load(t, row, Reading{})
		if got := marks.Replace(strings.Join(docs, " + ")); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", template, got, err, want)
		}
		learnt := strings.Count(want, "") - 1
		for _, part := range regexp.MustCompile(`\[[^\]]*\]`).FindAllString(want, -1) {
			learnt -= len(part)
		}
		if stats.Targets != learnt {
			t.Errorf("%s: %d targets, want %d", template, stats.Targets, learnt)
		}
	}
	// A template with marks that encloses nothing here leaves nothing to learn.
	r := &rowReader{filepath.Join(t.TempDir(), "row.jsonl"), chatTokenizer(t, "{% for m in messages %}{{ m.content }}{% if m.role == 'tool' %}{% generation %}x{% endgeneration %}{% endif %}{% endfor %}")}
	if docs, _, err := r.load(t, row, Reading{}); err == nil || !strings.Contains(err.Error(), "no loss tokens") {
		t.Errorf("nothing marked: %q, %v", docs, err)
	}
	if _, stats, err := r.load(t, row, Reading{SkipEmpty: true}); !errors.Is(err, ErrAllEmpty) || stats.Empty != 1 {
		t.Errorf("nothing marked, left out: %+v, %v", stats, err)
	}
}

// Many templates ask whether a key is there. One that is null is not.
func TestNullIsNotThere(t *testing.T) {
	const asks = "{% for m in messages %}{% if 'tool_calls' in m %}CALL {{ m.tool_calls[0].function.arguments | tojson }}{% else %}{{ m.content }}{% endif %}<|im_end|>{% endfor %}"
	r := &rowReader{filepath.Join(t.TempDir(), "row.jsonl"), chatTokenizer(t, asks)}
	for row, want := range map[string]string{
		`{"messages":[{"role":"user","content":"Q","tool_calls":null},{"role":"assistant","content":"A","tool_calls":null}],"tools":null,"text":null}`:                             "[Q\u0103]A\u0103",
		`{"messages":[{"role":"user","content":"Q","tool_calls":null},{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":{"x":null,"y":1}}}]}]}`: "[Q\u0103]CALL {\"y\": 1}\u0103",
		`{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"{\"x\": null}"}}]}]}`:                    "[Q\u0103]CALL \"{\\\"x\\\": null}\"\u0103",
	} {
		docs, stats, err := r.load(t, row, Reading{})
		if err != nil || len(docs) != 1 || docs[0] != want || stats.Unknown != nil {
			t.Errorf("%s:\n got %q, %v\nwant %q", row, docs, err, want)
		}
	}
}

// The date of a template that asks for one.
func TestChatDate(t *testing.T) {
	r := &rowReader{filepath.Join(t.TempDir(), "row.jsonl"), chatTokenizer(t, "{{ strftime_now('%Y-%m-%d') }} "+chatML)}
	row := `{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}`
	if docs, _, err := r.load(t, row, Reading{ChatDate: "2025-01-31"}); err != nil || !strings.HasPrefix(docs[0], "[2025-01-31 ") {
		t.Errorf("%q, %v", docs, err)
	}
	if _, _, err := r.load(t, row, Reading{}); !errors.Is(err, tokenizer.ErrNeedsDate) {
		t.Errorf("without a date: %v", err)
	}
	for _, day := range []string{"31.1.2025", "2025-02-30", "today"} {
		if _, _, err := r.load(t, row, Reading{ChatDate: day}); err == nil || !strings.Contains(err.Error(), "want a day as YYYY-MM-DD") {
			t.Errorf("%s: %v", day, err)
		}
	}
}

// Randomly altered rows of every shape give documents or an error: no panic, nothing longer than MaxSeqLen, a target in every document,
// and memory in proportion to the row.
func FuzzRow(f *testing.F) {
	for _, s := range Shapes() {
		f.Add([]byte(s.Example), uint8(60))
		for _, field := range slices.Concat(s.Beside, MessageShape().Beside) {
			f.Add([]byte(strings.TrimSuffix(s.Example, "}")+`, "`+field.Names[0]+`": `+field.Value+`}`), uint8(9))
		}
	}
	f.Add([]byte(`{"conversations": [{"from": "function_call", "value": "[{\"name\": \"f\", \"arguments\": {}}]"}], "functions": "[{}]"}`), uint8(200))
	f.Add([]byte(`{"messages": [{"role": "assistant", "content": [{"type": "text", "text": "<|im_end|>"}], "weight": 1.0, "x": {"y": [null, {"z": null}]}}]}`), uint8(30))
	marks := strings.NewReplacer("{{ m.content }}", "{% generation %}{{ m.content }}{% endgeneration %}").Replace(everything)
	toks := []*tokenizer.Tokenizer{chatTokenizer(f, everything), chatTokenizer(f, marks), byteTokenizer(f, true)}
	f.Fuzz(func(t *testing.T, line []byte, limit uint8) {
		row, err := parseRow(line)
		if err != nil {
			return
		}
		for _, tok := range toks {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			opt := Options{MaxSeqLen: max(2, int(limit))}
			copied := row
			docs, _, err := copied.documents(tok, opt, &Stats{})
			runtime.ReadMemStats(&after)
			// Every message is written together with those before it.
			if made, most := after.TotalAlloc-before.TotalAlloc, uint64(64<<20+2000*len(line)*(1+len(row.Chat.Messages))); made > most {
				t.Errorf("%d bytes for a row of %d and %d messages", made, len(line), len(row.Chat.Messages))
			}
			if err != nil {
				continue
			}
			for _, d := range docs {
				if len(d.IDs) > opt.MaxSeqLen || len(d.Target) != len(d.IDs) || d.Target[0] || d.Targets() == 0 || d.Bytes < 0 {
					t.Fatalf("%s: %+v", line, d)
				}
			}
		}
	})
}
