package tokenizer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// marked writes the assistant's messages within marks: with the token that ends a turn, but without the header.
const marked = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}\n" +
	"\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

func TestMarksDecide(t *testing.T) {
	dialogue := say("user", "Q", "assistant", "A", "user", "R", "assistant", "B", "user", "left out")
	quiet := say("user", "Q", "assistant", "A", "user", "R", "assistant", "B")
	quiet.Messages[1].Silent = true
	last := say("user", "Q", "assistant", "A", "user", "R", "assistant", "B")
	last.Messages[3].Silent = true
	// The text before an answer depends on what follows, so that no rendering is the beginning of another one.
	counted := "{{ messages | length }}" + marked
	const q, a = "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n", "A<|im_end|>"
	for _, c := range []struct {
		name, template string
		talk           Conversation
		want           string
	}{
		{"two turns", marked, dialogue, q + "{" + a + "}\n<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n{B<|im_end|>}\n"},
		{"no rendering begins another", counted, dialogue, "4" + q + "{" + a + "}\n<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n{B<|im_end|>}\n"},
		{"a silent message", marked, quiet, q + a + "\n<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n{B<|im_end|>}\n"},
		{"the last one is silent", marked, last, q + "{" + a + "}\n"},
		{"no marks, a silent message", strings.NewReplacer("{% generation %}", "", "{% endgeneration %}", "").Replace(marked), quiet, q + a + "\n<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n{B<|im_end|>\n}"},
		{"marks within marks", "{{ messages[0].content }}{% generation %}a{% generation %}b{% endgeneration %}{{ messages[1].content }}{% endgeneration %}d", say("user", "Q", "assistant", "A"), "Q{abA}d"},
		{"nothing marked", "{% if messages | length > 9 %}{% generation %}x{% endgeneration %}{% endif %}{{ messages[0].content + messages[1].content }}", say("user", "Q", "assistant", "A"), "QA"},
	} {
		docs, err := withChat(t, c.template).Turns(c.talk)
		if got := learnt(docs); err != nil || !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	for template, want := range map[string]string{
		"{% macro m(x) %}{% generation %}{{ x }}{% endgeneration %}{% endmacro %}{% for x in messages %}{{ m(x.content) }}{% endfor %}": "inside a macro",
		marked + "{% generation %}more{% endgeneration %}": "marks 3 places for 2 messages",
	} {
		if docs, err := withChat(t, template).Turns(quiet); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want %q", template, learnt(docs), err, want)
		}
	}
}

// Turns that are documents of their own, because the template writes earlier ones differently, leave out the silent ones.
func TestSilentTurnsOfTheirOwn(t *testing.T) {
	talk := say("user", "Q", "assistant", "A", "user", "R", "assistant", "B")
	talk.Messages[0].Silent = true // says nothing of the user's
	docs, err := withChat(t, readChatGoldens(t).Templates["thinking"]).Turns(talk)
	if err != nil || len(docs) != 2 {
		t.Fatalf("%q, %v", learnt(docs), err)
	}
	talk.Messages[1].Silent = true
	if docs, err = withChat(t, readChatGoldens(t).Templates["thinking"]).Turns(talk); err != nil || len(docs) != 1 || !strings.Contains(learnt(docs)[0], "{<think>\n\n</think>\n\nB") {
		t.Errorf("%q, %v", learnt(docs), err)
	}
}

// A template that asks for today's date gets the conversation's, and is refused without one.
func TestDate(t *testing.T) {
	tok := withChat(t, "{{ strftime_now('%d %b %Y') }}\n"+marked)
	talk := say("user", "Q", "assistant", "A")
	if _, err := tok.Turns(talk); !errors.Is(err, ErrNeedsDate) || !strings.Contains(err.Error(), "set chat_date to a day (YYYY-MM-DD)") {
		t.Errorf("without a date: %v", err)
	}
	talk.Date = time.Date(2025, 1, 31, 0, 0, 0, 0, time.UTC)
	if text, err := tok.RenderChat(talk, false); err != nil || !strings.HasPrefix(text, "31 Jan 2025\n<|im_start|>user") {
		t.Errorf("%q, %v", text, err)
	}
	if id, ok := tok.EndOfTurn(); !ok || tok.Piece(id) != "<|im_end|>" {
		t.Errorf("the end of a turn: %q, %v", tok.Piece(id), ok)
	}
}

// The template for conversations with tools may lie in a folder beside the others.
func TestAdditionalTemplates(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("tokenizer.json", string(marshal(t, sentencePieceSpec())))
	check := func(tools, want string) {
		t.Helper()
		tok, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		talk, err := ParseConversation([]byte(`[{"role": "user", "content": "Q"}]`), []byte(tools))
		if err != nil {
			t.Fatal(err)
		}
		text, err := tok.RenderChat(talk, false)
		if err != nil || text != want {
			t.Errorf("%q, %v, want %q", text, err, want)
		}
	}
	put("tokenizer_config.json", `{"chat_template": "config {% for m in messages %}{{ m.content }}{% endfor %}"}`)
	check("null", "config Q")
	put("additional_chat_templates/tool_use.jinja", "new tools {% for m in messages %}{{ m.content }}{% endfor %}")
	put("additional_chat_templates/other.jinja", "{% broken")
	put("chat_template.jinja", "file {% for m in messages %}{{ m.content }}{% endfor %}")
	check("null", "file Q")
	put("tokenizer_config.json", `{"chat_template": [{"name": "default", "template": "config"}, {"name": "tool_use", "template": "old tools"}]}`)
	check(`[{"name": "f"}]`, "new tools Q")
}

// Unread says the same as leaving a field out and looking, and a field that is written is told from one rendering, not from those of
// all turns.
func TestUnread(t *testing.T) {
	const names = `{% for m in messages %}{{ m.role }}{% if m.name %}{{ m.name }}{% endif %}: {{ m.content }}|{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}`
	tok := withChat(t, names)
	var list []string
	for range 30 {
		list = append(list, `{"role": "user", "content": "Q", "name": "N"}, {"role": "assistant", "content": "A"}`)
	}
	talk, err := ParseConversation([]byte("["+strings.Join(list, ", ")+"]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Unread(talk); got != nil {
		t.Errorf("%q is not read", got)
	}
	all := testing.AllocsPerRun(1, func() {
		if _, err := tok.Turns(talk); err != nil {
			t.Error(err)
		}
	})
	if one := testing.AllocsPerRun(1, func() { tok.Unread(talk) }); one > all/4 {
		t.Errorf("%v allocations to see that a field is written, %v to find the turns", one, all)
	}
	// What only messages after the last learnt one have is not in the sample; it is in the text for generation.
	talk, err = ParseConversation([]byte(`[{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A", "mood": "x"}, {"role": "user", "content": "R", "name": "N"}]`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Unread(talk); !slices.Equal(got, []string{"mood", "name"}) {
		t.Errorf("of the sample: %q", got)
	}
	if got := tok.UnreadText(talk, true); !slices.Equal(got, []string{"mood"}) {
		t.Errorf("of the text: %q", got)
	}
	// A template that writes earlier turns otherwise: the field stands only in a text before the last.
	tok = withChat(t, `{% for m in messages %}{{ m.role }}: {% if loop.last and m.thinking %}{{ m.thinking }} {% endif %}{{ m.content }}|{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}`)
	talk, err = ParseConversation([]byte(`[{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A", "thinking": "T"}, {"role": "user", "content": "R"}, {"role": "assistant", "content": "B"}]`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Unread(talk); got != nil {
		t.Errorf("%q is not read", got)
	}
	if got := tok.UnreadText(talk, false); !slices.Equal(got, []string{"thinking"}) {
		t.Errorf("of the text: %q", got)
	}
}
