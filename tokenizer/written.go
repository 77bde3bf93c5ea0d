package tokenizer

import (
	"fmt"
	"strings"

	"reprise/internal/jinja"
)

// copied is a message whose fields can be changed.
func (m Message) copied() Message { return m.without("") }

// without is a copy of a message without a field.
func (m Message) without(name string) Message {
	if m.fields == nil {
		return m
	}
	fields := jinja.NewDict()
	for _, key := range m.fields.Names() {
		if v, _ := m.fields.Get(key); key != name {
			fields.Set(key, v)
		}
	}
	m.fields = fields
	return m
}

// saying is a copy of a message with another content, of the same form: a text or a list of one part.
func (m Message) saying(text string) Message {
	m = m.copied()
	m.Content = text
	if m.fields == nil {
		return m
	}
	was, _ := m.fields.Get("content")
	if _, isList := was.(*jinja.List); isList {
		m.fields.Set("content", textParts(text))
	} else {
		m.fields.Set("content", text)
	}
	return m
}

// parts are the texts of a content that is a list; nil if it is not.
func (m Message) parts() (texts []string) {
	if m.fields == nil {
		return nil
	}
	content, _ := m.fields.Get("content")
	list, ok := content.(*jinja.List)
	if !ok {
		return nil
	}
	texts = []string{}
	for _, part := range list.Items {
		text, _ := part.(*jinja.Dict).Get("text")
		s, _ := text.(string)
		texts = append(texts, s)
	}
	return texts
}

// settle decides how contents that are lists of parts are given to the template. A template that writes the parts gets the lists, as
// in transformers. Any other gets the parts joined: one that fails on a list, leaves parts out, or writes the list as Python would
// print it; and so does one to which it makes no difference.
func (t *Tokenizer) settle(c Conversation) Conversation {
	lists := false
	joined, tagged := c, c
	joined.Messages = make([]Message, len(c.Messages))
	tagged.Messages = make([]Message, len(c.Messages))
	for i, m := range c.Messages {
		joined.Messages[i], tagged.Messages[i] = m, m
		if m.parts() == nil {
			continue
		}
		lists = true
		joined.Messages[i] = m.copied()
		joined.Messages[i].fields.Set("content", m.Content)
		// Another key in a part shows only where a part is printed whole.
		content, _ := m.fields.Get("content")
		list := &jinja.List{}
		for _, part := range content.(*jinja.List).Items {
			more := Message{fields: part.(*jinja.Dict)}.copied().fields
			more.Set("reprise_mark", "reprise_mark")
			list.Items = append(list.Items, more)
		}
		tagged.Messages[i] = m.copied()
		tagged.Messages[i].fields.Set("content", list)
	}
	if !lists {
		return c
	}
	n := len(c.Messages)
	asLists, err := t.render(c, n, false)
	if err != nil {
		return joined
	}
	if printed, err := t.render(tagged, n, false); err != nil || printed.Text != asLists.Text {
		return joined
	}
	if asText, err := t.render(joined, n, false); err == nil && asText.Text == asLists.Text {
		return joined
	}
	for _, m := range c.Messages {
		for _, text := range m.parts() {
			if !strings.Contains(asLists.Text, strings.TrimSpace(text)) {
				return joined
			}
		}
	}
	return c
}

// shortContent is a length of contents, in bytes, that may well stand in a text without being written: "user", "2".
const shortContent = 16

// allWritten refuses a message that the template leaves out, because the text would be one of another conversation. text is the
// rendering of c with or without the header. A message is written if its content is in the text, or if the text is another one with
// another content: a template may write it escaped, indented or in part. Of the assistant's messages only the last one is looked
// at, and not if it calls tools: templates leave out what was thought earlier, and what is said beside calls.
func (t *Tokenizer) allWritten(c Conversation, text string, header bool) error {
	at := 0
	for i, m := range c.Messages {
		if m.Role == "assistant" && (i < len(c.Messages)-1 || m.Calls()) {
			continue
		}
		content := strings.TrimSpace(m.Content)
		if content == "" {
			continue
		}
		if found := strings.Index(text[at:], content); found >= 0 && len(content) > shortContent {
			at += found + len(content)
			continue
		}
		if !t.reads(c, i, text, header) {
			return fmt.Errorf("it does not write what message %d says, whose role is %q, so that the text would be one without it: "+
				"take another template, or remove the message", i, m.Role)
		}
	}
	return nil
}

// reads says that the text of a conversation depends on what message i says.
func (t *Tokenizer) reads(c Conversation, i int, text string, header bool) bool {
	messages := c.Messages
	for _, other := range []string{"Another " + messages[i].Content + " text", ""} {
		c.Messages = append(append(messages[:i:i], messages[i].saying(other)), messages[i+1:]...)
		if out, err := t.render(c, len(c.Messages), header); err != nil || out.Text != text {
			return true
		}
	}
	return false
}
