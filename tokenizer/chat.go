package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"reprise/internal/jinja"
)

// Message is one message of a conversation.
type Message struct {
	Role, Content string
	fields        *jinja.Dict // the object that it came from, with all its other fields; nil without one
}

// Conversation is what a chat template renders.
type Conversation struct {
	Messages []Message
	tools    *jinja.List // nil without tools
}

// Part is a part of a rendered conversation. Learn says that the assistant wrote it.
type Part struct {
	Text  string
	Learn bool
}

// ParseConversation reads a list of {"role", "content", …} and the list of tools beside it, which may be absent. A content
// is a text or a list of {"type": "text", "text"}, which are joined. Other fields are passed to the template unchanged.
func ParseConversation(messages, tools json.RawMessage) (Conversation, error) {
	var c Conversation
	v, err := jinja.DecodeJSON(messages)
	list, ok := v.(*jinja.List)
	if err != nil || !ok || len(list.Items) == 0 {
		return c, errors.New(`want a list of {"role": …, "content": …}`)
	}
	for i, v := range list.Items {
		fields, ok := v.(*jinja.Dict)
		if !ok {
			return c, fmt.Errorf(`[%d]: want an object {"role": …, "content": …}`, i)
		}
		m := Message{fields: fields}
		role, _ := fields.Get("role")
		if m.Role, _ = role.(string); m.Role == "" {
			return c, fmt.Errorf(`[%d]: field "role" is missing or no text`, i)
		}
		content, present := fields.Get("content")
		if m.Content, err = contentText(content); err != nil {
			return c, fmt.Errorf(`[%d]: field "content": %w`, i, err)
		}
		if _, calls := fields.Get("tool_calls"); !present && !calls {
			return c, fmt.Errorf(`[%d]: field "content" is missing`, i)
		}
		if _, parts := content.(*jinja.List); parts {
			fields.Set("content", m.Content)
		}
		c.Messages = append(c.Messages, m)
	}
	if !isNull(tools) {
		v, err := jinja.DecodeJSON(tools)
		if c.tools, ok = v.(*jinja.List); err != nil || !ok {
			return c, errors.New(`field "tools": want a list`)
		}
	}
	return c, nil
}

// contentText is the text of a message's content; v is nil where there is none.
func contentText(v jinja.Value) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case *jinja.List:
		var text strings.Builder
		for i, part := range v.Items {
			object, ok := part.(*jinja.Dict)
			if !ok {
				return "", fmt.Errorf("[%d]: want an object", i)
			}
			kind, _ := object.Get("type")
			s, _ := object.Get("text")
			t, ok := s.(string)
			if kind != "text" || !ok {
				return "", fmt.Errorf(`[%d]: only {"type": "text", "text": …} is supported`, i)
			}
			text.WriteString(t)
		}
		return text.String(), nil
	}
	if v == nil || v == jinja.None {
		return "", nil
	}
	return "", errors.New("want a text")
}

// chat is a tokenizer's chat template. It is compiled when it is first used, so a template that cannot be compiled is an
// error only for callers that use it.
type chat struct {
	source    string
	withTools string                 // the template for conversations with tools, if it is a different one
	variables map[string]jinja.Value // the special tokens, by the names in specialNames
	template  *jinja.Template
	toolUse   *jinja.Template // of withTools
	toolErr   error
	err       error
	ending    string // the text after the last assistant turn
}

// specialNames are the special tokens in tokenizer_config.json that a template may write.
var specialNames = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// parseChat finds the template. A file of its own (nil if absent) takes precedence over tokenizer_config.json, which has a
// text or a list of named templates; of these "default" is used, and "tool_use" for a conversation with tools.
func (t *Tokenizer) parseChat(config, file []byte) error {
	var c map[string]json.RawMessage
	if len(config) > 0 {
		if err := json.Unmarshal(config, &c); err != nil {
			return err
		}
	}
	t.chat.variables = map[string]jinja.Value{}
	for _, name := range specialNames {
		var plain string
		var added struct{ Content string }
		if json.Unmarshal(c[name], &plain) == nil && plain != "" {
			t.chat.variables[name] = plain
		} else if json.Unmarshal(c[name], &added) == nil && added.Content != "" {
			t.chat.variables[name] = added.Content
		}
	}
	t.chat.source, t.chat.withTools = string(file), ""
	if raw := c["chat_template"]; file == nil && !isNull(raw) {
		var named []struct{ Name, Template string }
		if json.Unmarshal(raw, &t.chat.source) == nil {
			return nil
		}
		if err := json.Unmarshal(raw, &named); err != nil {
			return errors.New("chat_template: want a text, or a list of {name, template}")
		}
		for _, n := range named {
			switch n.Name {
			case "default":
				t.chat.source = n.Template
			case "tool_use":
				t.chat.withTools = n.Template
			}
		}
	}
	return nil
}

// compile prepares the template and finds out how it ends a turn.
func (t *Tokenizer) compile() error {
	t.chatOnce.Do(func() {
		c := &t.chat
		if c.source == "" {
			c.err = errors.New("the tokenizer has no chat_template, so that messages cannot be written as text: put a chat_template.jinja into the model's directory, or give the data as prompt and completion")
			return
		}
		c.template, c.err = jinja.Parse(c.source)
		if c.withTools != "" {
			c.toolUse, c.toolErr = jinja.Parse(c.withTools)
		}
		if c.err == nil {
			c.err = t.probeEnding()
		}
	})
	if t.chat.err != nil {
		return fmt.Errorf("chat template: %w", t.chat.err)
	}
	return nil
}

// probeEnding finds the text that the template puts after an assistant's turn, at the end of a conversation and before
// another message. A template that adds the assistant's header even without add_generation_prompt is refused, because the
// header would be learnt as part of the turn.
func (t *Tokenizer) probeEnding() error {
	const mark = "Mark"
	two := Conversation{Messages: []Message{{Role: "user", Content: "Ask"}, {Role: "assistant", Content: mark}}}
	three := Conversation{Messages: append(two.Messages, Message{Role: "user", Content: "Ask"})}
	after := func(c Conversation, header bool) (string, error) {
		text, err := t.render(c, len(c.Messages), header)
		at := strings.LastIndex(text, mark)
		if err == nil && at < 0 {
			err = errors.New("it leaves out what the assistant says")
		}
		if err != nil {
			return "", err
		}
		return text[at+len(mark):], nil
	}
	ending, err := after(two, false)
	if err != nil {
		return err
	}
	t.chat.ending = ending
	withHeader, err := after(two, true)
	if err != nil {
		return err
	}
	// A template may need more than the probe has, for instance a system message. Its error here proves nothing and is
	// ignored.
	if longer, err := after(three, false); err == nil && ending == withHeader && !strings.HasPrefix(longer, ending) {
		return fmt.Errorf("it ignores add_generation_prompt, and what it puts after an assistant's turn, %q, is not there before another message: "+
			"let it add the assistant's header only {%% if add_generation_prompt %%}", ending)
	}
	return nil
}

// render writes the first n messages as text. header asks for the beginning of an assistant's turn after them.
func (t *Tokenizer) render(c Conversation, n int, header bool) (string, error) {
	messages := &jinja.List{Items: make([]jinja.Value, n)}
	for i, m := range c.Messages[:n] {
		fields := m.fields
		if fields == nil {
			fields = jinja.NewDict()
			fields.Set("role", m.Role)
			fields.Set("content", m.Content)
		}
		messages.Items[i] = fields
	}
	// strftime_now is left undefined: with today's date, the same training would differ tomorrow. Templates have a fixed date
	// for that case, and the error of one that has none says what to do.
	variables := map[string]jinja.Value{
		"messages": messages, "add_generation_prompt": header, "tools": jinja.None, "documents": jinja.None,
	}
	for name, v := range t.chat.variables {
		variables[name] = v
	}
	template := t.chat.template
	if c.tools != nil {
		variables["tools"] = c.tools
		if t.chat.withTools != "" {
			if t.chat.toolErr != nil {
				return "", fmt.Errorf("tool_use: %w", t.chat.toolErr)
			}
			template = t.chat.toolUse
		}
	}
	out, err := template.Render(variables)
	return out.Text, err
}

// RenderChat writes a conversation as text; header asks for the beginning of an assistant's turn after it, which is what a
// model continues.
func (t *Tokenizer) RenderChat(c Conversation, header bool) (string, error) {
	if err := t.compile(); err != nil {
		return "", err
	}
	text, err := t.render(c, len(c.Messages), header)
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	return text, nil
}

// EndOfTurn is the id that ends an assistant's turn: the first special token that the template puts after its text. ok is
// false without a template or such a token.
func (t *Tokenizer) EndOfTurn() (id int32, ok bool) {
	if t.compile() != nil {
		return 0, false
	}
	for _, id := range t.EncodeParts([]string{"Mark", t.chat.ending})[1] {
		if t.IsSpecial(id) {
			return id, true
		}
	}
	return 0, false
}

// Turns renders a conversation and says which parts of it the assistant wrote. Messages after the assistant's last one are
// left out.
//
// The text before assistant message i is the rendering of the messages before it with the generation prompt, which is the
// text that a model would be given. Render the messages up to and including message i: its turn is the part after the first
// text. The first text must be a prefix of the second, otherwise the template is refused. If every such rendering is also a
// prefix of the last, the conversation is one document. If not, because the template writes earlier turns differently once
// more messages follow (Qwen 3 leaves out their reasoning), every assistant message is a document of its own, after the
// history that a model would be given.
func (t *Tokenizer) Turns(c Conversation) ([][]Part, error) {
	if err := t.compile(); err != nil {
		return nil, err
	}
	type turn struct{ before, with string }
	var turns []turn
	for i, m := range c.Messages {
		if m.Role != "assistant" {
			continue
		}
		before, err := t.render(c, i, true)
		if err != nil {
			return nil, fmt.Errorf("chat template: the messages before message %d: %w", i, err)
		}
		with, err := t.render(c, i+1, false)
		if err != nil {
			return nil, fmt.Errorf("chat template: the messages up to message %d: %w", i, err)
		}
		if !strings.HasPrefix(with, before) {
			return nil, fmt.Errorf("chat template: message %d: the text of the messages before it (with the generation prompt) is not the beginning of the text with it, so that the assistant's part cannot be told; the one ends in %q, where the other has %q", i, tail(before, with), tail(with, before))
		}
		turns = append(turns, turn{before, with})
	}
	if len(turns) == 0 {
		return nil, errors.New(`no message has the role "assistant", so there is nothing to learn`)
	}
	whole := turns[len(turns)-1].with
	var one []Part
	done := 0
	for _, u := range turns {
		if !strings.HasPrefix(whole, u.with) || len(u.before) < done {
			one = nil
			break
		}
		one = append(one, Part{Text: u.before[done:]}, Part{Text: u.with[len(u.before):], Learn: true})
		done = len(u.with)
	}
	if one != nil {
		return [][]Part{one}, nil
	}
	var all [][]Part
	for _, u := range turns {
		all = append(all, []Part{{Text: u.before}, {Text: u.with[len(u.before):], Learn: true}})
	}
	return all, nil
}

// tail returns the beginning of a from the first byte that differs from b.
func tail(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	a = strings.ToValidUTF8(a[n:min(len(a), n+40)], "")
	return a
}
