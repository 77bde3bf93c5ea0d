package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"reprise/internal/testfiles"
)

// withChat is the SentencePiece tokenizer of the tests with a chat template and the markers of ChatML.
func withChat(t testing.TB, template string) *Tokenizer {
	t.Helper()
	spec := sentencePieceSpec()
	for i, content := range []string{"<|im_start|>", "<|im_end|>", "<|eot_id|>"} {
		spec["added_tokens"] = append(spec["added_tokens"].([]object), object{"id": 300 + i, "content": content, "special": true})
	}
	return parse(t, marshal(t, spec), marshal(t, object{"bos_token": "<s>", "eos_token": "</s>", "chat_template": template}))
}

// chatGoldens are templates and conversations, and the texts that Jinja2 renders from them (testdata/chat/make.py).
type chatGoldens struct {
	Templates     map[string]string
	Conversations []json.RawMessage
	Cases         []chatCase
}

// chatCase is a template, a conversation and the text. Text is nil where Jinja2 raised an exception: Raised is the message
// that the template gave to raise_exception, Error any other exception.
type chatCase struct {
	Template      string
	Conversation  int
	Header        bool
	Text          *string
	Raised, Error string
}

func readChatGoldens(t testing.TB) (g chatGoldens) {
	testfiles.ReadBoxJSON(t, &g, "chat", "cases.json")
	return g
}

// differs renders a case and says how the outcome differs from Jinja2's; "" if it does not.
func (g *chatGoldens) differs(t *testing.T, c chatCase) string {
	t.Helper()
	tok := withChat(t, g.Templates[c.Template])
	conversation, err := ParseConversation(g.Conversations[c.Conversation], nil)
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := tok.write(conversation, c.Header)
	switch {
	case c.Text == nil && err == nil:
		return fmt.Sprintf("%q, want an error: %s%s", got, c.Raised, c.Error)
	case c.Text == nil && !strings.Contains(err.Error(), c.Raised):
		return fmt.Sprintf("%v, want the template's own %q", err, c.Raised)
	case c.Text != nil && err != nil:
		return fmt.Sprintf("%v, want %q", err, *c.Text)
	case c.Text != nil && got != *c.Text:
		return fmt.Sprintf("\n got %q\nwant %q", got, *c.Text)
	}
	return ""
}

func TestRenderChat(t *testing.T) {
	g := readChatGoldens(t)
	raised := 0
	for _, c := range g.Cases {
		if d := g.differs(t, c); d != "" {
			t.Errorf("%s, conversation %d, header %v: %s", c.Template, c.Conversation, c.Header, d)
		}
		if c.Text == nil {
			raised++
		}
	}
	t.Logf("%d templates, %d cases as Jinja2 has them, %d of them errors", len(g.Templates), len(g.Cases), raised)
	if len(g.Templates) < 140 || len(g.Cases) < 320 {
		t.Errorf("%d templates and %d cases, want 140 and 320 or more", len(g.Templates), len(g.Cases))
	}
}

func say(pairs ...string) (c Conversation) {
	for i := 0; i < len(pairs); i += 2 {
		c.Messages = append(c.Messages, Message{Role: pairs[i], Content: pairs[i+1]})
	}
	return c
}

// learnt writes documents as text, with the assistant's parts in braces.
func learnt(docs [][]Part) (out []string) {
	for _, parts := range docs {
		s := ""
		for _, p := range parts {
			if p.Learn {
				s += "{" + p.Text + "}"
			} else {
				s += p.Text
			}
		}
		out = append(out, s)
	}
	return out
}

func TestTurns(t *testing.T) {
	g := readChatGoldens(t)
	dialogue := say("system", "S", "user", "Q", "assistant", "A", "user", "R", "assistant", "B", "user", "left out")
	for name, want := range map[string][]string{
		"chatml": {"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n{A<|im_end|>\n}<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n{B<|im_end|>\n}"},
		// No generation prompt: the text before a turn ends where the user's message ends.
		"brackets": {"<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nQ [/INST]{ A </s>}<s>[INST] R [/INST]{ B </s>}"},
		// The template leaves out the reasoning of earlier turns, so every turn is a document of its own, with the history
		// that a model would be given.
		"thinking": {
			"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n{<think>\n\n</think>\n\nA<|im_end|>\n}",
			"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n{<think>\n\n</think>\n\nB<|im_end|>\n}",
		},
	} {
		got, err := withChat(t, g.Templates[name]).Turns(dialogue)
		if err != nil || !slices.Equal(learnt(got), want) {
			t.Errorf("%s: %v\n got %q\nwant %q", name, err, learnt(got), want)
		}
	}
}

// A template that would make the model learn the wrong text is refused, and the error says what is wrong with it.
func TestTurnsRefuses(t *testing.T) {
	const body = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
	for template, want := range map[string]string{
		"":                                       "no chat_template",
		body + "{{ '<|im_start|>assistant\n' }}": "ignores add_generation_prompt",
		"{{ messages | length }}" + body:         "is not the beginning of the text with it",
		body + "{% if add_generation_prompt %}{{ '<|im_start|>model\n' }}{% endif %}":                        `ends in "model`,
		"{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}":             "leaves out what the assistant says",
		"{% for m in messages %}{{ m.content":                                                                "line 1: unclosed expression",
		"{% for m in messages %}{{ m.content | frobnicate }}{% endfor %}":                                    "unknown filter 'frobnicate'",
		"{{ raise_exception('only today') }}":                                                                "only today",
		"{{ strftime_now('%Y') }}" + body + "{% if add_generation_prompt %}<|im_start|>assistant{% endif %}": "fixed date",
		"{{ messages[0].content.nosuch() }}":                                                                 "has no attribute 'nosuch'",
		"{% include 'x' %}":                                                                                  "tag 'include' is not supported",
		"{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}":                     "steps",
	} {
		docs, err := withChat(t, template).Turns(say("user", "Q", "assistant", "A"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v; want an error with %q", template, learnt(docs), err, want)
		}
	}
	if _, err := withChat(t, body).Turns(say("user", "Q")); err == nil || !strings.Contains(err.Error(), "nothing to learn") {
		t.Errorf("no assistant: %v", err)
	}
}

// transformers uses the template named tool_use for a conversation with tools.
func TestToolUse(t *testing.T) {
	const body = "{% for m in messages %}{{ m.content }};{% endfor %}"
	for _, c := range []struct{ config, tools, want string }{
		{`[{"name": "default", "template": "D` + body + `"}, {"name": "tool_use", "template": "T{{ tools | length }}` + body + `"}]`, `[{}]`, "T1a;"},
		{`[{"name": "default", "template": "D` + body + `"}, {"name": "tool_use", "template": "T` + body + `"}]`, `null`, "Da;"},
		{`[{"name": "default", "template": "D` + body + `"}, {"name": "other", "template": "T` + body + `"}]`, `[{}]`, "Da;"},
		{`[{"name": "default", "template": "D` + body + `"}, {"name": "tool_use", "template": "{% if %}"}]`, `null`, "Da;"},
		{`[{"name": "default", "template": "D` + body + `"}, {"name": "tool_use", "template": "{% if %}"}]`, `[{}]`, "error"},
		{`"D` + body + `"`, `[{}]`, "Da;"},
	} {
		tok := parse(t, marshal(t, sentencePieceSpec()), []byte(`{"chat_template": `+c.config+`}`))
		talk, err := ParseConversation([]byte(`[{"role": "user", "content": "a"}]`), []byte(c.tools))
		if err != nil {
			t.Fatal(err)
		}
		got, err := tok.RenderChat(talk, false)
		if c.want == "error" {
			if err == nil || !strings.Contains(err.Error(), "tool_use: ") {
				t.Errorf("%s: %q %v", c.config, got, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%s with tools %s: %q %v, want %q", c.config, c.tools, got, err, c.want)
		}
	}
}

func TestEndOfTurn(t *testing.T) {
	g := readChatGoldens(t)
	for name, want := range map[string]string{"chatml": "<|im_end|>", "headers": "<|eot_id|>", "brackets": "</s>", "thinking": "<|im_end|>", "blocks": "</s>"} {
		tok := withChat(t, g.Templates[name])
		if id, ok := tok.EndOfTurn(); !ok || tok.Piece(id) != want {
			t.Errorf("%s: %q, %v", name, tok.Piece(id), ok)
		}
	}
	tok := withChat(t, "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}")
	if id, ok := tok.EndOfTurn(); ok {
		t.Errorf("a template without special tokens: %q", tok.Piece(id))
	}
}

func TestParseConversation(t *testing.T) {
	for raw, want := range map[string]string{
		`{}`:                               "want a list",
		`[]`:                               "want a list",
		`[1]`:                              "[0]: want an object",
		`[{"content": "a"}]`:               `"role" is missing`,
		`[{"role": "user"}]`:               `"content" is missing`,
		`[{"role": "user", "content": 1}]`: "want a text",
		`[{"role": "user", "content": [{"type": "image", "image": "a.png"}]}]`: "only",
	} {
		if _, err := ParseConversation(json.RawMessage(raw), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
	c, err := ParseConversation(json.RawMessage(`[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, {"role": "assistant", "content": null, "tool_calls": []}]`), nil)
	if err != nil || c.Messages[0].Content != "ab" || c.Messages[1].Role != "assistant" {
		t.Errorf("%+v, %v", c.Messages, err)
	}
}

// The ids of parts are those of the whole text, if no id crosses a seam.
func TestEncodeParts(t *testing.T) {
	sentence := sentencePiece(t, nil)
	for _, c := range []struct {
		parts []string
		want  [][]int32
	}{
		{[]string{"ab", " ab"}, [][]int32{{265}, {265}}},
		{[]string{"a", "b"}, [][]int32{{263}, {261}}},          // no prefix space in the middle of a text
		{[]string{"ab</s>", "ab"}, [][]int32{{265, 2}, {265}}}, // but one after an added token
		{[]string{"", "ab", ""}, [][]int32{{}, {265}, {}}},     // empty parts change nothing
		{[]string{"<s>", "", "a<s>b"}, [][]int32{{1}, {}, {263, 1, 259, 261}}},
	} {
		got := sentence.EncodeParts(c.parts)
		if !slices.EqualFunc(got, c.want, slices.Equal[[]int32]) {
			t.Errorf("%q: %v, want %v", c.parts, got, c.want)
		}
	}
	metaspace := sentencePiece(t, func(s object) {
		s["normalizer"] = nil
		s["pre_tokenizer"] = object{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}
	})
	if got := metaspace.EncodeParts([]string{"a", "b ab"}); !slices.Equal(got[0], []int32{263}) || !slices.Equal(got[1], []int32{261, 265}) {
		t.Errorf("Metaspace: %v", got)
	}
	bytes := byteLevel(t)
	whole := bytes.Encode("the cat sat", false)
	if got := bytes.EncodeParts([]string{"the cat", " sat"}); !slices.Equal(slices.Concat(got...), whole) {
		t.Errorf("byte-level: %v, want %v", got, whole)
	}
}
