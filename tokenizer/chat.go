package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"

	"reprise/internal/jinja"
)

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
	ending    ending
}

// specialNames are the special tokens in tokenizer_config.json that a template may write.
var specialNames = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// parseChat finds the templates: "default", and "tool_use" for a conversation with tools. Files of their own (nil if absent) take
// precedence over tokenizer_config.json, which has a text or a list of named templates.
func (t *Tokenizer) parseChat(config, file, toolFile []byte) error {
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
	t.chat.source, t.chat.withTools = string(file), string(toolFile)
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
				if toolFile == nil {
					t.chat.withTools = n.Template
				}
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
			c.err = t.probe()
		}
	})
	if t.chat.err != nil {
		return fmt.Errorf("chat template: %w", t.chat.err)
	}
	return nil
}

// render writes the first n messages as text. header asks for the beginning of an assistant's turn after them.
func (t *Tokenizer) render(c Conversation, n int, header bool) (jinja.Output, error) {
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
	variables := map[string]jinja.Value{
		"messages": messages, "add_generation_prompt": header, "tools": jinja.None, "documents": jinja.None,
	}
	for name, v := range t.chat.variables {
		variables[name] = v
	}
	for name, v := range c.variables {
		variables[name] = v
	}
	// Without a date of the caller strftime_now is left undefined: with today's date, the same training would differ tomorrow.
	// Templates have a fixed date for that case, and the error of one that has none says what to do.
	if !c.Date.IsZero() {
		variables["strftime_now"] = jinja.StrftimeNow(c.Date)
	}
	if c.tools != nil {
		variables["tools"] = c.tools
	}
	template, err := t.templateOf(c)
	if err != nil {
		return jinja.Output{}, err
	}
	out, err := template.Render(variables)
	if fault, ok := errors.AsType[*jinja.Error](err); ok && fault.NeedsDate {
		err = needsDate{fault}
	}
	return out, err
}

// templateOf is the template that writes a conversation: the one for tools if it has tools and there is one.
func (t *Tokenizer) templateOf(c Conversation) (*jinja.Template, error) {
	if c.tools == nil || t.chat.withTools == "" {
		return t.chat.template, nil
	}
	if t.chat.toolErr != nil {
		return nil, fmt.Errorf("tool_use: %w", t.chat.toolErr)
	}
	return t.chat.toolUse, nil
}

// ErrNeedsDate is the error of a template that calls strftime_now for a conversation without a date.
var ErrNeedsDate = errors.New("the chat template asks for a date")

type needsDate struct{ error }

func (e needsDate) Is(target error) bool { return target == ErrNeedsDate }
func (e needsDate) Unwrap() error        { return e.error }

// RenderChat writes a conversation as text; header asks for the beginning of an assistant's turn after it, which is what a
// model continues. A message that the template leaves out is an error, but for the assistant's.
func (t *Tokenizer) RenderChat(c Conversation, header bool) (string, error) {
	c, text, err := t.write(c, header)
	if err == nil {
		if err = t.allWritten(c, text, header); err != nil {
			err = fmt.Errorf("chat template: %w", err)
		}
	}
	if err != nil {
		return "", err
	}
	return text, nil
}

// write is RenderChat with nothing asked of the text; it also returns the conversation as the template was given it.
func (t *Tokenizer) write(c Conversation, header bool) (Conversation, string, error) {
	if err := t.compile(); err != nil {
		return c, "", err
	}
	c = t.settle(c)
	out, err := t.render(c, len(c.Messages), header)
	if err == nil {
		err = t.learnEnding(c)
	}
	if err != nil {
		return c, "", fmt.Errorf("chat template: %w", err)
	}
	return c, out.Text, nil
}
