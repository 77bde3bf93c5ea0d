package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"reprise/data"
	"reprise/tokenizer"
)

// generatePrompt are the flags that give what is continued: a text, or a conversation that the model's chat template writes.
type generatePrompt struct {
	Prompt   *string `help:"Text to continue; - reads it from standard input, without its last line end. Empty: start from the begin-of-text token." placeholder:"TEXT"`
	Chat     bool    `help:"Give the prompt as a user's message, written by the model's chat template."`
	System   *string `help:"With --chat: the system's message before it." placeholder:"TEXT"`
	Messages string  `help:"Answer a conversation, written by the model's chat template: a JSON list of messages, or an object with messages, tools and chat_template_kwargs; - reads it from standard input." placeholder:"FILE"`
	Continue bool    `help:"With --messages: go on with the last message, which is the assistant's."`
	ChatDate string  `help:"With --chat or --messages: the day that chat templates get where they ask for today's date." placeholder:"YYYY-MM-DD"`
}

// maxInput bounds what is read as a prompt, far above what a model can hold.
const maxInput = 64 << 20

// chats says whether the prompt is a conversation.
func (c *generatePrompt) chats() bool { return c.Chat || c.Messages != "" }

// check refuses flags that do not go together.
func (c *generatePrompt) check() error {
	switch {
	case c.Prompt == nil && c.Messages == "":
		return errors.New("generate: --prompt is missing: the text to continue")
	case c.Prompt != nil && c.Messages != "":
		return errors.New("generate: --prompt and --messages are both given; put the prompt into the conversation, as the user's last message")
	case c.System != nil && c.Messages != "":
		return errors.New(`generate: --system and --messages are both given; put the system's message first in the conversation: {"role": "system", "content": "…"}`)
	case c.System != nil && !c.Chat:
		return errors.New("generate: --system needs --chat: without the chat template there is no system's message")
	case c.Continue && c.Messages == "":
		return errors.New("generate: --continue needs --messages: it goes on with the conversation's last message")
	case c.ChatDate != "" && !c.chats():
		return errors.New("generate: --chat-date needs --chat or --messages: only chat templates ask for a date")
	case c.Prompt != nil && !utf8.ValidString(*c.Prompt):
		return fmt.Errorf("generate: --prompt %q is not UTF-8", *c.Prompt)
	case c.System != nil && !utf8.ValidString(*c.System):
		return fmt.Errorf("generate: --system %q is not UTF-8", *c.System)
	}
	return nil
}

// read returns the ids of the prompt.
func (c *generatePrompt) read(stdin io.Reader, tok *tokenizer.Tokenizer) ([]int32, error) {
	if c.chats() {
		text, err := c.conversation(stdin, tok)
		if err != nil {
			return nil, err
		}
		if ids := tok.Encode(text, false); len(ids) > 0 { // the template writes the begin-of-text token itself
			return ids, nil
		}
		return nil, errors.New("generate: the chat template writes nothing for this conversation")
	}
	text, err := c.text(stdin)
	if err != nil {
		return nil, err
	}
	ids := tok.EncodePrompt(text)
	if len(ids) == 0 {
		bos, ok := tok.BOS()
		if !ok {
			return nil, errors.New("generate: --prompt is empty, and the model has no begin-of-text token to start from; give a text")
		}
		ids = []int32{bos}
	}
	return ids, nil
}

// text is the prompt, from the flag or from standard input.
func (c *generatePrompt) text(stdin io.Reader) (string, error) {
	if *c.Prompt != "-" {
		return *c.Prompt, nil
	}
	read, err := readInput(stdin, "--prompt -", "standard input")
	if err != nil {
		return "", err
	}
	text, line := strings.CutSuffix(string(read), "\n") // the one that echo and editors add
	if line {
		text = strings.TrimSuffix(text, "\r")
	}
	return text, nil
}

// readInput reads all of a prompt or a conversation.
func readInput(r io.Reader, flag, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("generate: %s: %w", flag, err)
	case len(text) > maxInput:
		return nil, fmt.Errorf("generate: %s: %s has more than %d MiB, which no model can hold; give less", flag, name, maxInput>>20)
	case !utf8.Valid(text):
		return nil, fmt.Errorf("generate: %s: %s is not UTF-8", flag, name)
	}
	return text, nil
}

// conversation is the text of the conversation up to where the model goes on.
func (c *generatePrompt) conversation(stdin io.Reader, tok *tokenizer.Tokenizer) (string, error) {
	date, err := data.Reading{ChatDate: c.ChatDate}.Date()
	if err != nil {
		return "", fmt.Errorf("generate: %w", err)
	}
	if c.Messages == "" {
		text, err := c.text(stdin)
		if err != nil {
			return "", err
		}
		messages := []tokenizer.Message{{Role: "user", Content: text}}
		if c.System != nil {
			messages = slices.Insert(messages, 0, tokenizer.Message{Role: "system", Content: *c.System})
		}
		return tok.RenderChat(tokenizer.Conversation{Messages: messages, Date: date}, true)
	}
	fields, name, err := c.messages(stdin)
	if err != nil {
		return "", err
	}
	messages := fields["messages"]
	// parse reads the conversation as training reads one.
	parse := func(messages json.RawMessage) (tokenizer.Conversation, error) {
		talk, err := tokenizer.ParseConversation(messages, fields["tools"])
		if variables, ok := fields["chat_template_kwargs"]; ok && err == nil {
			if err = talk.SetVariables(variables); err != nil {
				err = fmt.Errorf("chat_template_kwargs: %w", err)
			}
		}
		if err != nil {
			return talk, fmt.Errorf("generate: --messages: %s: %w", name, err)
		}
		talk.DropNulls()
		talk.Date = date
		return talk, nil
	}
	talk, err := parse(messages)
	if err != nil {
		return "", err
	}
	last := talk.Messages[len(talk.Messages)-1]
	if !c.Continue {
		if last.Role == "assistant" {
			return "", fmt.Errorf("generate: --messages: %s: the last message is the assistant's, so that there is nothing to answer; "+
				"leave it out, or go on with it: --continue", name)
		}
		return tok.RenderChat(talk, true)
	}
	if last.Role != "assistant" {
		return "", fmt.Errorf("generate: --continue: the last message in %s has the role %q, not assistant; leave the flag out to have it answered", name, last.Role)
	}
	// Where the content ends in the text is seen by a mark after it. A template that strips white space strips the mark's too, and
	// would have stripped that of the content.
	const mark = "THE-TEXT-GOES-ON-HERE "
	if messages, err = withLastContent(messages, last.Content+mark); err != nil {
		return "", fmt.Errorf("generate: --messages: %s: %w", name, err)
	}
	if talk, err = parse(messages); err != nil {
		return "", err
	}
	text, err := tok.RenderChat(talk, false)
	if err != nil {
		return "", err
	}
	at := strings.LastIndex(text, strings.TrimSpace(mark))
	switch {
	case at < 0:
		return "", errors.New("generate: --continue: the chat template does not write the last message's content as it is; leave the message out")
	case strings.HasPrefix(text[at:], mark):
		return text[:at], nil
	}
	return strings.TrimRightFunc(text[:at], unicode.IsSpace), nil
}

// messages reads the fields of the conversation of --messages; name is where it comes from.
func (c *generatePrompt) messages(stdin io.Reader) (fields map[string]json.RawMessage, name string, err error) {
	in, name := stdin, "standard input"
	if c.Messages != "-" {
		f, err := os.Open(c.Messages)
		if err != nil {
			return nil, "", fmt.Errorf("generate: --messages: %w", err)
		}
		defer f.Close()
		in, name = f, c.Messages
	}
	text, err := readInput(in, "--messages", name)
	if err != nil {
		return nil, "", err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return map[string]json.RawMessage{"messages": text}, name, nil
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, "", fmt.Errorf("generate: --messages: %s: %w", name, err)
	}
	for key, value := range fields {
		switch {
		case string(value) == "null":
			delete(fields, key)
		case !slices.Contains([]string{"messages", "tools", "chat_template_kwargs"}, key):
			return nil, "", fmt.Errorf("generate: --messages: %s: field %q is not read; an object has messages, tools and chat_template_kwargs", name, key)
		}
	}
	return fields, name, nil
}

// withLastContent replaces the content of the last message. The order of its other fields, which a template may write, stays.
func withLastContent(messages json.RawMessage, content string) (json.RawMessage, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(messages, &list); err != nil {
		return nil, err
	}
	last := list[len(list)-1]
	quoted, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(last))
	if _, err := dec.Token(); err != nil { // {
		return nil, err
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if end := int(dec.InputOffset()); key == "content" {
			list[len(list)-1] = slices.Concat(last[:end-len(value)], quoted, last[end:])
			return json.Marshal(list)
		}
	}
	return nil, errors.New("the last message has no content")
}
