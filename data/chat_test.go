package data

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/tokenizer"
)

const (
	chatML = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
	plain  = "{% for m in messages %}{{ m.role + ':' + m.content + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
)

// chatTokenizer is byteTokenizer with "<|im_start|>" as 258, "<|im_end|>" as 259 and a chat template.
func chatTokenizer(t testing.TB, template string) *tokenizer.Tokenizer {
	t.Helper()
	spec := byteSpec(false)
	for i, content := range []string{"<|im_start|>", "<|im_end|>"} {
		spec["added_tokens"] = append(spec["added_tokens"].([]map[string]any), map[string]any{"id": 258 + i, "content": content, "special": true})
	}
	return parse(t, spec, map[string]any{"eos_token": "<|endoftext|>", "chat_template": template})
}

// Unscored tokens stand in brackets; < and > are the marks that begin and end a turn, $ is the end id.
func TestChat(t *testing.T) {
	marks := strings.NewReplacer("\u0102", "<", "\u0103", ">")
	const one, two = `{"role":"user","content":"Q"},{"role":"assistant","content":"A"}`, `,{"role":"user","content":"R"},{"role":"assistant","content":"BCD"}`
	for _, c := range []struct {
		name, line, template string
		max                  int
		want                 []string
		bytes, truncated     int
	}{
		{name: "one turn", line: `{"messages":[` + one + `]}`, want: []string{"[<user\nQ>\n<assistant\n]A>[\n]"}, bytes: 1 + 10},
		{name: "two turns", line: `{"messages":[` + one + two + `]}`, want: []string{"[<user\nQ>\n<assistant\n]A>[\n<user\nR>\n<assistant\n]BCD>[\n]"}, bytes: 4 + 20},
		{name: "sharegpt", line: `{"system":"S","conversations":[{"from":"human","value":"Q"},{"from":"gpt","value":"A"}]}`, want: []string{"[<system\nS>\n<user\nQ>\n<assistant\n]A>[\n]"}, bytes: 11},
		{name: "conversations with roles", line: `{"conversations":[` + one + `]}`, want: []string{"[<user\nQ>\n<assistant\n]A>[\n]"}, bytes: 11},
		{name: "the last line break does not have to fit", line: `{"messages":[` + one + `]}`, max: 22, want: []string{"[<user\nQ>\n<assistant\n]A>"}, bytes: 11},
		{name: "last turns are dropped", line: `{"messages":[` + one + two + `]}`, max: 40, want: []string{"[<user\nQ>\n<assistant\n]A>[\n]"}, bytes: 11, truncated: 1},
		{name: "a prompt loses its beginning", line: `{"messages":[` + one + two + `]}`, max: 16, want: []string{"[Q>\n<assistant\n]A>"}, bytes: 11, truncated: 1},
		{name: "then the answer its end", line: `{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"ABCDE"}]}`, max: 4, want: []string{"[\n]ABC"}, bytes: 3, truncated: 1},
		{name: "no mark ends a turn: the end id does", line: `{"messages":[` + one + `]}`, template: plain, want: []string{"[user:Q\nassistant:]A\n$"}, bytes: 2},
		{name: "the same, cut", line: `{"messages":[` + one + `]}`, template: plain, max: 5, want: []string{"[t:]A\n$"}, bytes: 2, truncated: 1},
		{name: "the same, cut more", line: `{"messages":[` + one + `]}`, template: plain, max: 3, want: []string{"[:]A\n"}, bytes: 2, truncated: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			template := c.template
			if template == "" {
				template = chatML
			}
			if c.max == 0 {
				c.max = 100
			}
			docs, stats, err := LoadDocuments(write(t, "a.jsonl", c.line), chatTokenizer(t, template), Options{MaxSeqLen: c.max})
			if err != nil {
				t.Fatal(err)
			}
			got := shown(docs)
			for i := range got {
				got[i] = marks.Replace(got[i])
			}
			if !slices.Equal(got, c.want) || stats.Bytes != c.bytes || stats.Truncated != c.truncated {
				t.Errorf("documents %q, %d bytes, %d truncated; want %q, %d and %d", got, stats.Bytes, stats.Truncated, c.want, c.bytes, c.truncated)
			}
			for _, d := range docs {
				if len(d.IDs) > c.max {
					t.Errorf("%d ids", len(d.IDs))
				}
			}
		})
	}
}

func TestAlpaca(t *testing.T) {
	for line, want := range map[string]string{
		`{"instruction":"do","input":"","output":"it"}`:               "[do] it$",
		`{"instruction":"do","output":"it","text":"a template: do"}`:  "[do] it$",
		`{"instruction":"do","input":"this","output":"it"}`:           "[do\n\nthis] it$",
		`{"instruction":"","input":"this","output":"it"}`:             "[this] it$",
		`{"instruction":"do","input":null,"output":"it","prompt":""}`: "",
	} {
		docs, _, err := LoadDocuments(write(t, "a.jsonl", line), byteTokenizer(t, false), Options{MaxSeqLen: 50})
		if want == "" {
			if err == nil {
				t.Errorf("%s: %q, want an error", line, shown(docs))
			}
		} else if err != nil || !slices.Equal(shown(docs), []string{want}) {
			t.Errorf("%s: %q, %v; want %q", line, shown(docs), err, want)
		}
	}
}

func TestChatErrors(t *testing.T) {
	for line, want := range map[string]string{
		`{"messages":[]}`: `field "messages": want a list of {"role"`,
		`{"messages":[{"role":"user","content":"a"}]}`:                         "no message is the assistant's",
		`{"messages":[{"role":"user","content":"a"}],"text":"b"}`:              "leave one of them out",
		`{"messages":[{"role":"assistant","content":"a"}],"conversations":[]}`: "leave one of them out",
		`{"conversations":[{"from":"gpt"}]}`:                                   `"value" is missing`,
		`{"conversations":[{"from":"bing","value":"a"}]}`:                      `from "bing" is not known`,
		`{"conversations":"a"}`:                                                "want a list",
		`{"conversations":[{"from":"gpt","value":"a"}],"system":1}`:            `field "system": want a string`,
		`{"messages":[{"role":"assistant","content":"a"}],"tools":{}}`:         `field "tools": want a list`,
		`{"instruction":"a","output":""}`:                                      `field "output" is empty`,
		`{"instruction":"a","output":1}`:                                       `field "output": want a string, found a number`,
	} {
		_, _, err := LoadDocuments(write(t, "a.jsonl", line), chatTokenizer(t, chatML), Options{MaxSeqLen: 50})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v, want line 1 and %q", line, err, want)
		}
	}
	_, _, err := LoadDocuments(write(t, "a.jsonl", `{"messages":[{"role":"assistant","content":"a"}]}`), byteTokenizer(t, false), Options{MaxSeqLen: 50})
	if err == nil || !strings.Contains(err.Error(), "chat_template.jinja") {
		t.Errorf("no template: %v", err)
	}
}

// With SkipEmpty, samples in which nothing can be learnt are counted instead of refused.
func TestSkipEmpty(t *testing.T) {
	lines := []string{`{"text":"ab"}`, `{"text":""}`, `{"text":"a"}`, `{"prompt":"a","completion":""}`, `{"prompt":"a","completion":" "}`,
		`{"segments":[{"text":"a","label":false}]}`, `{"messages":[{"role":"user","content":"a"}]}`, `{"instruction":"a","output":""}`}
	docs, stats, err := LoadDocuments(write(t, "a.jsonl", strings.Join(lines, "\n")), chatTokenizer(t, chatML), Options{MaxSeqLen: 50, Evaluation: true, Reading: Reading{SkipEmpty: true}})
	if err != nil || len(docs) != 1 || stats.Empty != 7 || stats.Documents != 8 {
		t.Errorf("%d documents, %+v, %v", len(docs), stats, err)
	}
}

func TestJSONList(t *testing.T) {
	content := "[\n {\"text\": \"ab\"},\n\n {\"prompt\": \"c\",\n  \"completion\": \"d\"} ]\n"
	docs, _, err := LoadDocuments(write(t, "a.json", content), byteTokenizer(t, false), Options{MaxSeqLen: 50})
	if err != nil || !slices.Equal(shown(docs), []string{"[a]b$", "[c] d$"}) || docs[0].Line != 2 || docs[1].Line != 4 {
		t.Errorf("%q, %v, %+v", shown(docs), err, docs)
	}
	for content, want := range map[string]string{
		`{"text":"a"}`:                    "want a list of objects",
		"[\n{\"text\":\"ab\"},\n{]":       "line 3: bad JSON",
		"[\n{\"text\":\"ab\"}\n":          "the list is not closed",
		"[\n{\"text\":\"ab\"},\n1]":       "line 3: want a JSON object",
		`[{"text":"ab"}] 1`:               "something follows the list",
		`[]`:                              "empty",
		``:                                "empty",
		"[{\"text\":\"ab\"},\n{\"t\":1}]": "line 2: no known field",
	} {
		if _, _, err := LoadDocuments(write(t, "a.json", content), byteTokenizer(t, false), Options{MaxSeqLen: 50}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(evaluation bool) ([]string, error) {
		docs, _, err := LoadDocuments(dir, byteTokenizer(t, false), Options{MaxSeqLen: 50, Evaluation: evaluation})
		return shown(docs), err
	}
	if _, err := load(false); err == nil || !strings.Contains(err.Error(), "begins with train") {
		t.Errorf("empty directory: %v", err)
	}
	put("README.md", "not data")
	put("train-00001-of-00002.jsonl", `{"text":"cd"}`)
	put("train-00000-of-00002.jsonl", `{"text":"ab"}`)
	put("Test.txt", "gh")
	if got, err := load(false); err != nil || !slices.Equal(got, []string{"[a]b$", "[c]d$"}) {
		t.Errorf("train: %q, %v", got, err)
	}
	if got, err := load(true); err != nil || !slices.Equal(got, []string{"[g]h"}) {
		t.Errorf("test in place of valid: %q, %v", got, err)
	}
	put("validation.jsonl", `{"prompt":"e","completion":"f"}`)
	if got, err := load(true); err != nil || !slices.Equal(got, []string{"[e] f$"}) {
		t.Errorf("valid: %q, %v", got, err)
	}
	if rows, _, err := Rows(dir, Reading{}); err != nil || len(rows) != 1 || rows[0].Completion != "f" {
		t.Errorf("rows of valid: %+v, %v", rows, err)
	}
	put("train-00001-of-00002.jsonl.gz", "the copy that gzip --keep leaves is not read")
	if _, err := load(false); err == nil || !strings.Contains(err.Error(), "train-00001-of-00002.jsonl and train-00001-of-00002.jsonl.gz hold the same") {
		t.Errorf("a file and its compressed copy: %v", err)
	}
	put("train.txt", "x")
	if _, err := load(false); err == nil || !strings.Contains(err.Error(), "two formats") {
		t.Errorf("two formats: %v", err)
	}
}

func TestEachText(t *testing.T) {
	lines := []string{`{"text":"a"}`, `{"prompt":"b","completion":"c"}`, `{"question":"d","choices":["e","f"],"answer":0}`,
		`{"segments":[{"text":"g","label":true}]}`, `{"messages":[{"role":"user","content":"h"},{"role":"assistant","content":"i"}]}`,
		`{"messages":[{"role":"user","content":"j"}]}`}
	var got []string
	if err := EachText(write(t, "a.jsonl", strings.Join(lines, "\n")), Reading{}, func(s string) error { got = append(got, s); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", " c", "d", " e", " f", "g", "h", "i", "j"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Randomly altered conversations give documents or an error, never a panic and never more than MaxSeqLen ids.
func FuzzChat(f *testing.F) {
	f.Add([]byte(`{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}`), uint8(20))
	f.Add([]byte(`{"conversations":[{"from":"human","value":"Q"},{"from":"gpt","value":"A"},{"from":"gpt","value":""}],"tools":[{"a":1.5}]}`), uint8(4))
	f.Add([]byte(`{"messages":[{"role":"assistant","content":[{"type":"text","text":"<|im_end|>"}],"tool_calls":null}]}`), uint8(2))
	toks := []*tokenizer.Tokenizer{chatTokenizer(f, chatML), chatTokenizer(f, plain)}
	f.Fuzz(func(t *testing.T, line []byte, limit uint8) {
		row, err := parseRow(line)
		if err != nil || row.Chat.Messages == nil {
			return
		}
		limit = max(2, limit)
		for _, tok := range toks {
			docs, _, err := Chat(tok, row.Chat, int(limit))
			if err != nil {
				continue
			}
			for _, d := range docs {
				if len(d.IDs) > int(limit) || len(d.Target) != len(d.IDs) || d.Target[0] || d.Targets() == 0 || d.Bytes < 0 {
					t.Fatalf("%s: %+v", line, d)
				}
			}
		}
	})
}
