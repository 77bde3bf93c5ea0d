package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"reprise/internal/jinja"
)

// Message is one message of a conversation.
type Message struct {
	Role, Content string
	Silent        bool        // the assistant's: carries no loss
	fields        *jinja.Dict // the object that it came from, with all its other fields; nil without one
}

// Conversation is what a chat template renders.
type Conversation struct {
	Messages  []Message
	Date      time.Time       // for templates that ask for one (strftime_now); zero: none
	Done      <-chan struct{} // once it is closed, Turns stops with ErrStopped; nil: never
	tools     *jinja.List
	toolsText bool // tools came as JSON text
	variables map[string]jinja.Value
}

// stopped says that Done is closed.
func (c *Conversation) stopped() bool {
	select {
	case <-c.Done:
		return true
	default:
		return false
	}
}

// ParseConversation reads a list of {"role", "content", …} and the tools beside it, which may be absent: a list of objects, or
// JSON text that holds one. A content is a text or a list of {"type": "text", "text"}, whose texts are
// joined for a template that cannot write the parts. Other fields are passed
// to the template unchanged.
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
		m, err := parseMessage(fields)
		if err != nil {
			return c, fmt.Errorf("[%d]: %w", i, err)
		}
		c.Messages = append(c.Messages, m)
	}
	if err := c.SetTools(tools); err != nil {
		return c, fmt.Errorf(`field "tools": %w`, err)
	}
	return c, nil
}

func parseMessage(fields *jinja.Dict) (m Message, err error) {
	m.fields = fields
	role, _ := fields.Get("role")
	if m.Role, _ = role.(string); m.Role == "" {
		return m, errors.New(`field "role" is missing or no text`)
	}
	content, present := fields.Get("content")
	if m.Content, err = contentText(content); err != nil {
		return m, fmt.Errorf(`field "content": %w`, err)
	}
	calls, hasCalls := fields.Get("tool_calls")
	if !present && !hasCalls {
		return m, errors.New(`field "content" is missing`)
	}
	if _, isList := calls.(*jinja.List); hasCalls && calls != jinja.None && !isList {
		return m, errors.New(`field "tool_calls": want a list`)
	}
	return m, nil
}

// SetTools sets the tools: a list of objects, or JSON text that holds one. Null and an empty text mean none.
func (c *Conversation) SetTools(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	v, err := jinja.DecodeJSON(raw)
	if text, ok := v.(string); ok && err == nil {
		if strings.TrimSpace(text) == "" {
			return nil
		}
		c.toolsText = true
		if v, err = jinja.DecodeJSON([]byte(text)); err == nil && v == jinja.None {
			return nil
		}
	}
	list, ok := v.(*jinja.List)
	if err != nil || !ok {
		return errors.New(`want a list of objects, or JSON text that holds one`)
	}
	for i, tool := range list.Items {
		if _, ok := tool.(*jinja.Dict); !ok {
			return fmt.Errorf("[%d]: want an object", i)
		}
	}
	c.tools = list
	return nil
}

// reserved are the variables that a template has from elsewhere.
var reserved = []string{"messages", "tools", "documents", "add_generation_prompt", "strftime_now", "raise_exception"}

// SetVariables gives the template variables of its own, such as enable_thinking: a JSON object by their names.
func (c *Conversation) SetVariables(object json.RawMessage) error {
	v, err := jinja.DecodeJSON(object)
	d, ok := v.(*jinja.Dict)
	if err != nil || !ok {
		return errors.New("want an object: the names and values of the template's variables")
	}
	c.variables = map[string]jinja.Value{}
	for _, name := range d.Names() {
		if slices.Contains(reserved, name) {
			return fmt.Errorf("%q is not a variable that can be set here", name)
		}
		c.variables[name], _ = d.Get(name)
	}
	return nil
}

// DropNulls takes keys whose value is null out of all objects, in messages, tools and variables, but not out of JSON text. Tables
// give every object the keys of all others, with null, and many templates ask only whether a key is there.
func (c *Conversation) DropNulls() {
	for _, m := range c.Messages {
		if m.fields != nil {
			m.fields.DropNone()
		}
	}
	if c.tools != nil && !c.toolsText {
		for _, tool := range c.tools.Items {
			tool.(*jinja.Dict).DropNone()
		}
	}
	for name, v := range c.variables {
		switch v := v.(type) {
		case *jinja.Dict:
			v.DropNone()
		case *jinja.List:
			v.DropNone()
		}
		if v == jinja.None {
			delete(c.variables, name)
		}
	}
}

// Fields are the names of the fields that a message has, in their order; none for a message that was not parsed.
func (m Message) Fields() []string {
	if m.fields == nil {
		return nil
	}
	return m.fields.Names()
}

// Unread names what the template does not write, so that the parts of Turns are the same without it: "tools", "tool_calls" and other
// fields of messages, and variables as "chat_template_kwargs.name". Nothing is named if the conversation cannot be rendered.
func (t *Tokenizer) Unread(c Conversation) []string {
	var all [][]Part
	return t.unread(c, c.learntEnd(), false, func(without Conversation) bool {
		if all == nil {
			if all, _ = t.Turns(c); all == nil {
				return false
			}
		}
		parts, err := t.Turns(without)
		return err == nil && slices.EqualFunc(parts, all, slices.Equal[[]Part])
	})
}

// UnreadText is Unread for the text of RenderChat.
func (t *Tokenizer) UnreadText(c Conversation, header bool) []string {
	return t.unread(c, len(c.Messages), header, func(Conversation) bool { return true })
}

// unread names what makes no difference to the text of the first n messages, nor by the judgement of same, which is asked only then,
// because it may render the conversation many times.
func (t *Tokenizer) unread(c Conversation, n int, header bool, same func(without Conversation) bool) (names []string) {
	var fields []string
	for _, m := range c.Messages {
		for _, name := range m.Fields() {
			if !slices.Contains(plainFields, name) && !slices.Contains(fields, name) {
				fields = append(fields, name)
			}
		}
	}
	hasTools := c.tools != nil && len(c.tools.Items) > 0
	if fields == nil && !hasTools && len(c.variables) == 0 || n == 0 || t.compile() != nil {
		return nil
	}
	whole, err := t.render(c, n, header)
	if err != nil {
		return nil
	}
	isUnread := func(without Conversation) bool { // an error says that something reads what is missing
		out, err := t.render(without, n, header)
		return err == nil && out.Text == whole.Text && same(without)
	}
	if without := c; hasTools {
		if without.tools = nil; isUnread(without) {
			names = append(names, "tools")
		}
	}
	for _, name := range fields {
		if isUnread(c.withoutField(name)) {
			names = append(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.variables)) {
		without := c
		without.variables = maps.Clone(c.variables)
		if delete(without.variables, name); isUnread(without) {
			names = append(names, "chat_template_kwargs."+name)
		}
	}
	return names
}

// learntEnd is the number of messages up to the last one that carries loss.
func (c Conversation) learntEnd() int {
	n := len(c.Messages)
	for n > 0 && (c.Messages[n-1].Role != "assistant" || c.Messages[n-1].Silent) {
		n--
	}
	return n
}

// plainFields are those fields of a message of which Unread does not speak: it has them all, or they say what is learnt, or they only
// refer to another message.
var plainFields = []string{"role", "content", "weight", "train", "loss", "tool_call_id"}

// withoutField is the conversation without a field of its messages.
func (c Conversation) withoutField(name string) Conversation {
	c.Messages = slices.Clone(c.Messages)
	for i, m := range c.Messages {
		if m.fields == nil {
			continue
		}
		fields := jinja.NewDict()
		for _, key := range m.fields.Names() {
			if v, _ := m.fields.Get(key); key != name {
				fields.Set(key, v)
			}
		}
		c.Messages[i].fields = fields
	}
	return c
}

// WithLastContent is the conversation with another content of its last message. The order of the message's fields stays.
func (c Conversation) WithLastContent(content string) Conversation {
	c.Messages = slices.Clone(c.Messages)
	last := &c.Messages[len(c.Messages)-1]
	last.Content = content
	if last.fields == nil {
		return c
	}
	fields := jinja.NewDict()
	for _, key := range last.fields.Names() {
		v, _ := last.fields.Get(key)
		fields.Set(key, v)
	}
	fields.Set("content", content)
	last.fields = fields
	return c
}

// spoken are the fields of a message, besides its content, that hold what the assistant writes.
var spoken = []string{"tool_calls", "function_call", "reasoning_content", "reasoning", "thinking"}

// Empty says that a message has neither content nor calls nor reasoning.
func (m Message) Empty() bool {
	if strings.TrimSpace(m.Content) != "" {
		return false
	}
	if m.fields == nil {
		return true
	}
	for _, name := range spoken {
		switch v, _ := m.fields.Get(name); v := v.(type) {
		case string:
			if strings.TrimSpace(v) != "" {
				return false
			}
		case *jinja.List:
			if len(v.Items) > 0 {
				return false
			}
		case *jinja.Dict:
			if v.Len() > 0 {
				return false
			}
		}
	}
	return true
}

// Calls says that a message calls tools.
func (m Message) Calls() bool {
	if m.fields == nil {
		return false
	}
	v, _ := m.fields.Get("tool_calls")
	calls, _ := v.(*jinja.List)
	return calls != nil && len(calls.Items) > 0
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
