package data

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"reprise/tokenizer"
)

// shareGPT maps the names of speakers in "conversations" to roles. A function_call is a message of the assistant that calls.
var shareGPT = map[string]string{
	"system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant", "model": "assistant",
	"tool": "tool", "observation": "tool", "function_response": "tool", "function_call": "assistant",
}

const speakers = "human, user, gpt, assistant, chatgpt, model, system, tool, observation, function_response, function_call"

// readTalk reads a conversation.
func readTalk(r *raw, row *Row) error {
	name := r.own[0]
	list, err := roles(r.fields[name])
	if err != nil {
		return badField(name, ": %w", err)
	}
	return r.readChat(row, name, list, nil)
}

// ownLists: a prompt and a completion of which one is a list.
func ownLists(r *raw) []string {
	if r.has("prompt") && r.has("completion") && (r.kind("prompt") == "a list" || r.kind("completion") == "a list") {
		return []string{"prompt", "completion"}
	}
	return nil
}

// readLists reads a prompt and a completion that are lists of messages. Only the completion carries loss.
func readLists(r *raw, row *Row) error {
	var lists [2]json.RawMessage
	for i, name := range r.own {
		if r.kind(name) != "a list" {
			return badField(name, ": want a list of messages, as the other of prompt and completion is, or two strings; found %s", r.kind(name))
		}
		var err error
		if lists[i], err = roles(r.fields[name]); err != nil {
			return badField(name, ": %w", err)
		}
	}
	return r.readChat(row, "completion", lists[1], lists[0])
}

// readChat reads messages and the fields that belong to a conversation. The messages of prompt, if there are any, come first and
// carry no loss.
func (r *raw) readChat(row *Row, name string, messages, prompt json.RawMessage) error {
	tools, field, err := r.tools()
	if err != nil {
		return err
	}
	if row.Chat.Messages, err = parseMessages(messages, false); err != nil {
		return badField(name, ": %w", err)
	}
	asked := 0 // messages of the prompt
	if prompt != nil {
		before, err := parseMessages(prompt, true)
		if err != nil {
			return badField("prompt", ": %w", err)
		}
		if asked = len(before); before[asked-1].Role == "assistant" {
			return badField("prompt", `: its last message is the assistant's, which the completion would go on with; put it into "completion"`)
		}
		row.Chat.Messages = append(before, row.Chat.Messages...)
	}
	if err := row.Chat.SetTools(tools); err != nil {
		return badField(field, ": %w", err)
	}
	if value, ok := r.fields["chat_template_kwargs"]; ok {
		if err := row.Chat.SetVariables(value); err != nil {
			return badField("chat_template_kwargs", ": %w", err)
		}
	}
	row.Chat.DropNulls()
	if err := row.checkMessages(name, asked, r.asks); err != nil {
		return err
	}
	for _, name := range systems {
		text, err := r.text(name)
		if err != nil {
			return err
		}
		if _, has := row.content("system", false); text != "" && !has {
			row.Chat.Messages = slices.Insert(row.Chat.Messages, 0, tokenizer.Message{Role: "system", Content: text})
		}
	}
	return nil
}

// unread refuses tools and calls that the chat template does not write, because the sample would be another one without them. Other
// fields that it does not write become unknown ones.
func (row *Row) unread(tok *tokenizer.Tokenizer) error {
	return row.unwritten(tok.Unread(row.Chat), "the sample would be learnt without", "the row")
}

// unwritten is unread for what is not written.
func (row *Row) unwritten(names []string, effect, from string) error {
	for _, name := range names {
		switch {
		case name == "tools" || name == "tool_calls":
			return badField(name, ": the tokenizer's chat template does not write it, so that %s; take another template, or remove it from %s", effect, from)
		case strings.Contains(name, "."):
			row.Unknown = append(row.Unknown, name)
		default:
			row.Unknown = append(row.Unknown, "messages[]."+name)
		}
	}
	return nil
}

// parseMessages reads a list of messages, and what the table of a message's fields says about them. Those of a prompt carry no loss.
func parseMessages(messages json.RawMessage, inPrompt bool) ([]tokenizer.Message, error) {
	c, err := tokenizer.ParseConversation(messages, nil)
	if err != nil {
		return nil, err
	}
	var objects []map[string]json.RawMessage
	if err := json.Unmarshal(messages, &objects); err != nil {
		return nil, err
	}
	for i := range c.Messages {
		m := &c.Messages[i]
		m.Silent = inPrompt
		r := &raw{fields: objects[i], inPrompt: inPrompt}
		for _, name := range slices.Sorted(maps.Keys(r.fields)) {
			if r.kind(name) == "null" {
				continue
			}
			for _, f := range messageShape.rules(name) {
				if f.holds == nil || f.holds(r, nil, r.fields[name]) {
					if f.Use == Refused {
						return nil, fmt.Errorf("[%d]: field %q: %s", i, name, f.Note)
					}
					m.Silent = m.Silent || f.silent
					break
				}
			}
		}
	}
	return c.Messages, nil
}

// checkMessages looks at what is learnt, and that every message has a content. The first messages, as many as asked, are of the field
// prompt, the others of the field name. If the conversation is one to be answered, nothing in it has to be learnt.
func (row *Row) checkMessages(name string, asked int, answered bool) error {
	learnt := answered
	for i, m := range row.Chat.Messages {
		field, at := name, i-asked
		if i < asked {
			field, at = "prompt", i
		}
		if m.Role == "assistant" && !m.Silent {
			if learnt = true; m.Empty() && !answered {
				return emptyField(field, fmt.Sprintf(`: [%d]: the assistant says nothing, so there is nothing to learn; remove the message, or give it "weight": 0`, at))
			}
		}
		if fields := m.Fields(); fields != nil && m.Role != "assistant" && !slices.Contains(fields, "content") {
			return badField(field, `: [%d]: field "content" is missing`, at)
		}
	}
	if !learnt {
		return emptyField(name, `: no message is the assistant's and carries loss, so there is nothing to learn`)
	}
	return nil
}

// ParseTalk reads a conversation that a model is to answer, as a row of data is read: a list of messages, or an object that holds one
// with its tools, its template's variables and other fields. Nothing in it has to be learnt. [Row.Unwritten] has to be asked too.
func ParseTalk(text []byte) (Row, error) {
	text = bytes.TrimSpace(text)
	if err := json.Unmarshal(text, new(any)); err != nil {
		return Row{}, fmt.Errorf(`want a list of {"role": …, "content": …}, or an object that holds one as "messages": %w`, err)
	}
	if text[0] != '{' {
		text = slices.Concat([]byte(`{"messages":`), text, []byte("}"))
	}
	row, err := parseRawRow(text, &raw{asks: true})
	if empty, ok := errors.AsType[noTargets](err); ok {
		err = errors.New(string(empty)) // nothing would be left out here
	}
	if err == nil && row.Chat.Messages == nil {
		err = errors.New(`want a list of {"role": …, "content": …} as "messages" or "conversations", found a row of another kind`)
	}
	return row, err
}

// Unwritten refuses tools and calls that the chat template does not write in the conversation's text, as training does. Other fields that
// it does not write are added to row.Unknown. header asks for the beginning of an assistant's turn after the messages.
func (row *Row) Unwritten(tok *tokenizer.Tokenizer, header bool) error {
	return row.unwritten(tok.UnreadText(row.Chat, header), "it would have no effect", "the conversation")
}

// tools are those of "tools", or those that "functions" describes, and the field that they come from.
func (r *raw) tools() (tools json.RawMessage, field string, err error) {
	value, ok := r.fields["functions"]
	if !ok || hollow(value) {
		return r.fields["tools"], "tools", nil
	}
	if t, ok := r.fields["tools"]; ok && !hollow(t) {
		return nil, "", badField("functions", ` beside "tools"; %s`, leaveOut)
	}
	var text string
	isText := json.Unmarshal(value, &text) == nil
	if isText {
		value = json.RawMessage(text)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(value, &list); err != nil {
		return nil, "", badField("functions", ": want a list of objects, or JSON text that holds one")
	}
	for i, f := range list {
		if jsonKind(f) != "an object" {
			return nil, "", badField("functions", ": [%d]: want an object", i)
		}
		list[i] = slices.Concat([]byte(`{"type":"function","function":`), f, []byte("}"))
	}
	tools = slices.Concat([]byte("["), bytes.Join(asBytes(list), []byte(",")), []byte("]"))
	if isText {
		tools, err = json.Marshal(string(tools))
	}
	return tools, "functions", err
}

func asBytes(list []json.RawMessage) (out [][]byte) {
	for _, b := range list {
		out = append(out, b)
	}
	return out
}

// roles turns messages of {"from", "value"} into {"role", "content"}. Other fields follow in the order of their names. Messages that
// have a role stay as they are.
func roles(messages json.RawMessage) (json.RawMessage, error) {
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(messages, &list); err != nil || len(list) == 0 {
		return nil, errors.New(`want a list of {"role": …, "content": …}, or of {"from": …, "value": …}`)
	}
	speaks := func(m map[string]json.RawMessage) bool {
		return jsonKind(m["from"]) == "a string" && jsonKind(m["role"]) != "a string"
	}
	if !slices.ContainsFunc(list, speaks) {
		return messages, nil
	}
	var out bytes.Buffer
	for i, m := range list {
		var from string
		var value *string
		if json.Unmarshal(m["from"], &from) != nil || jsonKind(m["value"]) != "a string" || json.Unmarshal(m["value"], &value) != nil {
			return nil, fmt.Errorf(`[%d]: "from" or "value" is missing, or no text`, i)
		}
		role := shareGPT[from]
		if role == "" {
			return nil, fmt.Errorf("[%d]: from %q is not known; known are %s", i, from, speakers)
		}
		content, calls := m["value"], json.RawMessage(nil)
		if from == "function_call" {
			var err error
			if calls, err = functionCalls(*value); err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
			content = json.RawMessage(`""`)
		}
		fmt.Fprintf(&out, `,{"role":%q,"content":%s`, role, content)
		if calls != nil {
			fmt.Fprintf(&out, `,"tool_calls":%s`, calls)
		}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			switch name {
			case "from", "value":
			case "role", "content", "tool_calls":
				if name == "tool_calls" && calls == nil {
					fmt.Fprintf(&out, `,"tool_calls":%s`, m[name])
				} else if jsonKind(m[name]) != "null" {
					return nil, fmt.Errorf(`[%d]: %q beside "from"; leave one of them out`, i, name)
				}
			default:
				quoted, err := json.Marshal(name)
				if err != nil {
					return nil, err
				}
				fmt.Fprintf(&out, ",%s:%s", quoted, m[name])
			}
		}
		out.WriteByte('}')
	}
	return slices.Concat([]byte("["), out.Bytes()[1:], []byte("]")), nil
}

// functionCalls reads the value of a function_call: JSON text of {"name", "arguments"}, or of a list of them.
func functionCalls(text string) (json.RawMessage, error) {
	type call struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	list := []call{{}}
	err := json.Unmarshal([]byte(text), &list[0])
	if err != nil {
		err = json.Unmarshal([]byte(text), &list)
	}
	if err != nil || len(list) == 0 || slices.ContainsFunc(list, func(c call) bool { return c.Name == "" || c.Arguments == nil }) {
		return nil, errors.New(`the value of a function_call: want JSON text of {"name": …, "arguments": …}, or of a list of them`)
	}
	var out bytes.Buffer
	for _, c := range list {
		name, err := json.Marshal(c.Name)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, `,{"type":"function","function":{"name":%s,"arguments":%s}}`, name, c.Arguments)
	}
	return slices.Concat([]byte("["), out.Bytes()[1:], []byte("]")), nil
}

// Ask is the last message of the assistant as a question and its answer: the ids that a model is given, which are those of the
// messages before it with the generation prompt, as in training; the ids of the answer; and the answer. It is an error if the
// conversation does not end with such a message, or if its answer is not a text alone.
func (row *Row) Ask(tok *tokenizer.Tokenizer) (prompt, want []int32, answer string, err error) {
	c := row.Chat
	if len(c.Messages) == 0 {
		return nil, nil, "", errors.New("the row is not a conversation")
	}
	last := c.Messages[len(c.Messages)-1]
	switch {
	case last.Role != "assistant" || last.Silent:
		return nil, nil, "", errors.New("the last message is not the assistant's, or carries no loss, so that there is no expected answer")
	case last.Calls():
		return nil, nil, "", errors.New("the last message calls tools, and only texts can be compared")
	case strings.TrimSpace(last.Content) == "":
		return nil, nil, "", errors.New("the last message has no content to compare with")
	}
	if err := row.unread(tok); err != nil {
		return nil, nil, "", err
	}
	c.Messages = c.Messages[:len(c.Messages)-1]
	text, err := tok.RenderChat(c, true)
	if err != nil {
		return nil, nil, "", err
	}
	ids := tok.EncodeParts([]string{text, last.Content})
	return ids[0], ids[1], last.Content, nil
}
