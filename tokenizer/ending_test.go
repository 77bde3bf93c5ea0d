package tokenizer

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// row reads a conversation and the variables of its template.
func row(t *testing.T, messages, tools, variables string) Conversation {
	t.Helper()
	c, err := ParseConversation(json.RawMessage(messages), json.RawMessage(tools))
	if err == nil && variables != "" {
		err = c.SetVariables(json.RawMessage(variables))
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const prompt = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

// A template that needs what a plain conversation lacks works for the rows that have it, and its ending is found from them.
func TestNeedsMore(t *testing.T) {
	const loop = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" + prompt
	const plain = `[{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]`
	const want = "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n{A<|im_end|>\n}"
	for _, c := range []struct{ name, template, messages, tools, variables, want string }{
		{"a variable", "{{ mode.upper() }}" + loop, plain, "null", `{"mode": "x"}`, "X" + want},
		{"raises", "{% if mode is not defined %}{{ raise_exception('mode is required') }}{% endif %}" + loop, plain, "null", `{"mode": "x"}`, want},
		{"tools", "{{ tools[0].function.name }}" + loop, plain, `[{"function": {"name": "f"}}]`, "", "f" + want},
		{"a field", strings.ReplaceAll(loop, "{{ m.content }}", "{{ m.thinking.strip() + m.content }}"),
			`[{"role": "user", "content": "Q", "thinking": ""}, {"role": "assistant", "content": "A", "thinking": " T "}]`, "null", "", strings.Replace(want, "{A", "{TA", 1)},
		{"a system message", "{% if messages[0].role != 'system' %}{{ raise_exception('system first') }}{% endif %}" + loop,
			`[{"role": "system", "content": "S"},` + plain[1:], "null", "", "<|im_start|>system\nS<|im_end|>\n" + want},
		{"lists", strings.ReplaceAll(loop, "{{ m.content }}", "{% for c in m.content %}{{ c.text }};{% endfor %}"),
			`[{"role": "user", "content": [{"type": "text", "text": "Q"}, {"type": "text", "text": "R"}]}, {"role": "assistant", "content": [{"type": "text", "text": "A"}]}]`,
			"null", "", "<|im_start|>user\nQ;R;<|im_end|>\n<|im_start|>assistant\n{A;<|im_end|>\n}"},
		{"lists joined", loop,
			`[{"role": "user", "content": [{"type": "text", "text": "Q"}, {"type": "text", "text": "R"}]}, {"role": "assistant", "content": [{"type": "text", "text": "A"}]}]`,
			"null", "", strings.Replace(want, "Q", "QR", 1)},
		{"a variable and marks", "{{ mode.upper() }}" + marked, plain, "null", `{"mode": "x"}`, "X<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n{A<|im_end|>}\n"},
	} {
		tok := withChat(t, c.template)
		talk := row(t, c.messages, c.tools, c.variables)
		if id, ok := tok.EndOfTurnIn(talk); !ok || tok.Piece(id) != "<|im_end|>" {
			t.Errorf("%s: the end before rendering: %q, %v", c.name, tok.Piece(id), ok)
		}
		docs, err := tok.Turns(talk)
		if err != nil || !slices.Equal(learnt(docs), []string{c.want}) {
			t.Errorf("%s: %q, %v; want %q", c.name, learnt(docs), err, c.want)
		}
		if id, ok := tok.EndOfTurn(); !ok || tok.Piece(id) != "<|im_end|>" {
			t.Errorf("%s: the end: %q, %v", c.name, tok.Piece(id), ok)
		}
		asked := talk
		asked.Messages = talk.Messages[:len(talk.Messages)-1]
		other := withChat(t, c.template)
		if text, err := other.RenderChat(asked, true); err != nil || !strings.HasSuffix(text, "<|im_start|>assistant\n") {
			t.Errorf("%s: a prompt: %q, %v", c.name, text, err)
		}
		if id, ok := other.EndOfTurn(); !ok || other.Piece(id) != "<|im_end|>" {
			t.Errorf("%s: the end after a prompt: %q, %v", c.name, other.Piece(id), ok)
		}
	}
	// The row that lacks it has the template's own error, and the end is not known.
	tok := withChat(t, "{% if mode is not defined %}{{ raise_exception('mode is required') }}{% endif %}"+loop)
	if _, err := tok.Turns(row(t, plain, "null", "")); err == nil || !strings.Contains(err.Error(), "mode is required") {
		t.Errorf("without the variable: %v", err)
	}
	if id, ok := tok.EndOfTurn(); ok {
		t.Errorf("an end of nothing: %q", tok.Piece(id))
	}
	// The refusal of a header that is always written holds for such templates too.
	tok = withChat(t, "{{ mode.upper() }}"+strings.TrimSuffix(loop, prompt)+"<|im_start|>assistant\n")
	if _, err := tok.Turns(row(t, plain, "null", `{"mode": "x"}`)); err == nil || !strings.Contains(err.Error(), "ignores add_generation_prompt") {
		t.Errorf("a header always: %v", err)
	}
}

// A message that the template leaves out is refused, one that it writes in another form is not.
func TestUnwritten(t *testing.T) {
	const long = "A system message of <some> length"
	all := say("system", long, "user", "user", "assistant", "A")
	tool := say("user", "Q", "assistant", "A", "tool", "42", "assistant", "B")
	only := "{% for m in messages %}{% if m.role in ['user', 'assistant'] %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}" + prompt
	form := func(f string) string {
		return strings.Replace(marked, "{% else %}{{ m.content }}", "{% else %}{{ "+f+" }}", 1)
	}
	for _, c := range []struct {
		template string
		talk     Conversation
		want     string // "": written
	}{
		{only, all, `message 0 says, whose role is "system"`},
		{only, tool, `message 2 says, whose role is "tool"`},
		{strings.ReplaceAll(only, "['user', 'assistant']", "['system', 'assistant']"), all, `message 1 says, whose role is "user"`},
		{form("m.content"), all, ""},
		{form("m.content | upper"), all, ""},
		{form("m.content | e"), all, ""},
		{form("m.content | indent"), say("user", "one line\nand another line", "assistant", "A"), ""},
		{"{% for m in messages[1:] %}<|im_start|>{{ m.role }}\n{% if loop.first %}{{ messages[0].content }}\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}" + prompt, all, ""},
	} {
		if c.want != "" {
			_, err := withChat(t, c.template).Turns(c.talk)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.template, err, c.want)
			}
		}
		asked := c.talk
		asked.Messages = c.talk.Messages[:len(c.talk.Messages)-1]
		_, err := withChat(t, c.template).RenderChat(asked, true)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: a prompt: %v, want %q", c.template, err, c.want)
		}
		if _, err := withChat(t, c.template).Turns(c.talk); c.want == "" && err != nil {
			t.Errorf("%s: %v", c.template, err)
		}
	}
}

// Every marked place is of one message: all of a learnt one carry loss, none of a silent one.
func TestMarksOfMessages(t *testing.T) {
	const template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role != 'assistant' %}{{ m.content }}{% elif m.tool_calls %}{{ m.tool_calls[0].name }}" +
		"{% else %}<think>{% generation %}{{ m.reasoning }}{% endgeneration %}</think>{% generation %}{{ m.content }}{% endgeneration %}{% endif %}<|im_end|>\n{% endfor %}" + prompt
	talk := row(t, `[{"role": "user", "content": "Q"}, {"role": "assistant", "content": "", "tool_calls": [{"name": "f"}]}, {"role": "tool", "content": "42"},
		{"role": "assistant", "content": "A", "reasoning": "R"}]`, "null", "")
	talk.Messages[1].Silent = true
	docs, err := withChat(t, template).Turns(talk)
	if want := "<think>{R}</think>{A}<|im_end|>"; err != nil || len(docs) != 1 || !strings.Contains(learnt(docs)[0], want) {
		t.Errorf("%q, %v; want %q", learnt(docs), err, want)
	}
	// Reasoning is left out of earlier messages: the marks are told by what another content changes.
	thinking := strings.ReplaceAll(marked, "{% generation %}{{ m.content }}", "{% generation %}{% if loop.last %}<think>{{ m.reasoning }}</think>{% endif %}{{ m.content }}")
	talk = row(t, `[{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A", "reasoning": "R"}, {"role": "user", "content": "Q"},
		{"role": "assistant", "content": "B", "reasoning": "S"}]`, "null", "")
	talk.Messages[1].Silent = true
	docs, err = withChat(t, thinking).Turns(talk)
	if err != nil || len(docs) != 1 || !strings.Contains(learnt(docs)[0], "assistant\nA<|im_end|>") || !strings.Contains(learnt(docs)[0], "{<think>S</think>B<|im_end|>}") {
		t.Errorf("%q, %v", learnt(docs), err)
	}
	// Two places change order with the number of messages, so that it cannot be told whose they are.
	turned := "{% for m in messages | reverse %}{{ m.role }}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}" + prompt
	if docs, err = withChat(t, turned).Turns(talk); err == nil || !strings.Contains(err.Error(), "cannot be told") {
		t.Errorf("%q, %v", learnt(docs), err)
	}
}
