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
	Date      time.Time // for templates that ask for one (strftime_now); zero: none
	tools     *jinja.List
	toolsText bool // tools came as JSON text
	variables map[string]jinja.Value
}

// ParseConversation reads a list of {"role", "content", …} and the tools beside it, which may be absent: a list of objects, or
// JSON text that holds one. A content is a text or a list of {"type": "text", "text"}, which are joined. Other fields are passed
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
	if _, parts := content.(*jinja.List); parts {
		fields.Set("content", m.Content)
	}
	return m, nil
}

// ReadWeights makes those messages of the assistant Silent whose "weight" is 0 or whose "train" or "loss" is false. Other values
// than 0, 1, true and false are refused, and so is loss on a message that is not the assistant's.
func (c *Conversation) ReadWeights() error {
	for i := range c.Messages {
		m := &c.Messages[i]
		if m.fields == nil {
			continue
		}
		quiet, err := silent(m.Role, m.fields)
		if err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
		m.Silent = m.Silent || quiet
	}
	return nil
}

// silent reads the fields with which datasets say whether a message carries loss.
func silent(role string, fields *jinja.Dict) (bool, error) {
	result := false
	for _, name := range []string{"weight", "train", "loss"} {
		v, ok := fields.Get(name)
		if !ok || v == jinja.None {
			continue
		}
		on := false
		switch v {
		case true, int64(1), 1.0:
			on = true
		case false, int64(0), 0.0:
			result = true
		default:
			return false, fmt.Errorf("field %q: want 1 or true (the message carries loss) or 0 or false (it does not)", name)
		}
		if on && role != "assistant" {
			return false, fmt.Errorf("field %q: the message is not the assistant's, and only those can carry loss; take the field out", name)
		}
	}
	return result, nil
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
func (t *Tokenizer) Unread(c Conversation) (names []string) {
	var fields []string
	for _, m := range c.Messages {
		for _, name := range m.Fields() {
			if !slices.Contains(plainFields, name) && !slices.Contains(fields, name) {
				fields = append(fields, name)
			}
		}
	}
	hasTools := c.tools != nil && len(c.tools.Items) > 0
	if fields == nil && !hasTools && len(c.variables) == 0 {
		return nil
	}
	all, err := t.Turns(c)
	if err != nil {
		return nil
	}
	same := func(c Conversation) bool { // an error says that something reads what is missing
		parts, err := t.Turns(c)
		return err == nil && slices.EqualFunc(parts, all, slices.Equal[[]Part])
	}
	if without := c; hasTools {
		if without.tools = nil; same(without) {
			names = append(names, "tools")
		}
	}
	for _, name := range fields {
		if same(c.withoutField(name)) {
			names = append(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.variables)) {
		without := c
		without.variables = maps.Clone(c.variables)
		if delete(without.variables, name); same(without) {
			names = append(names, "chat_template_kwargs."+name)
		}
	}
	return names
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
