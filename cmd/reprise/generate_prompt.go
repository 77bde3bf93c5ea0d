package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"reprise/tokenizer"
)

// generatePrompt are the flags that give what is continued: a text, or a conversation that the model's chat template writes.
type generatePrompt struct {
	Prompt   *string `help:"Text to continue; - reads it from standard input, without its last line end. Empty: start from the begin-of-text token." placeholder:"TEXT"`
	Chat     bool    `help:"Give the prompt as a user's message, written by the model's chat template."`
	System   *string `help:"With --chat: the system's message before it." placeholder:"TEXT"`
	Messages string  `help:"Answer a conversation, written by the model's chat template: a JSON list of messages, or an object with messages and tools; - reads it from standard input." placeholder:"FILE"`
	Continue bool    `help:"With --messages: go on with the last message, which is the assistant's."`
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
	if c.Messages == "" {
		text, err := c.text(stdin)
		if err != nil {
			return "", err
		}
		messages := []tokenizer.Message{{Role: "user", Content: text}}
		if c.System != nil {
			messages = slices.Insert(messages, 0, tokenizer.Message{Role: "system", Content: *c.System})
		}
		return tok.RenderChat(tokenizer.Conversation{Messages: messages}, true)
	}
	talk, err := c.messages(stdin)
	if err != nil {
		return "", err
	}
	last := talk.Messages[len(talk.Messages)-1]
	if assistant := last.Role == "assistant"; assistant != c.Continue {
		if assistant {
			return "", fmt.Errorf("generate: --messages %s: the last message is the assistant's, so that there is nothing to answer; "+
				"leave it out, or go on with it: --continue", c.Messages)
		}
		return "", fmt.Errorf("generate: --continue: the last message in %s has the role %q, not assistant; leave the flag out to have it answered", c.Messages, last.Role)
	}
	text, err := tok.RenderChat(talk, !c.Continue)
	if err != nil || !c.Continue {
		return text, err
	}
	return cutAfter(text, last.Content)
}

// messages reads the conversation of --messages.
func (c *generatePrompt) messages(stdin io.Reader) (tokenizer.Conversation, error) {
	var none tokenizer.Conversation
	in, name := stdin, "standard input"
	if c.Messages != "-" {
		f, err := os.Open(c.Messages)
		if err != nil {
			return none, fmt.Errorf("generate: --messages: %w", err)
		}
		defer f.Close()
		in, name = f, c.Messages
	}
	text, err := readInput(in, "--messages", name)
	if err != nil {
		return none, err
	}
	fields := map[string]json.RawMessage{"messages": text}
	if trimmed := strings.TrimSpace(string(text)); strings.HasPrefix(trimmed, "{") {
		fields = nil
		if err := json.Unmarshal(text, &fields); err != nil {
			return none, fmt.Errorf("generate: --messages: %s: %w", name, err)
		}
		for key, value := range fields {
			if key != "messages" && key != "tools" && string(value) != "null" {
				return none, fmt.Errorf("generate: --messages: %s: field %q is not read; an object has messages and tools", name, key)
			}
		}
	}
	talk, err := tokenizer.ParseConversation(fields["messages"], fields["tools"])
	if err != nil {
		return none, fmt.Errorf("generate: --messages: %s: %w", name, err)
	}
	return talk, nil
}

// cutAfter cuts a rendered conversation after the content of its last message, so that the model goes on with it. Templates may
// strip white space from a content; what they keep of it at the end is kept.
func cutAfter(text, content string) (string, error) {
	bare := strings.TrimSpace(content)
	at := strings.LastIndex(text, bare)
	if bare == "" || at < 0 {
		return "", errors.New("generate: --continue: the chat template does not write the last message's content as it is; leave the message out")
	}
	if whole := strings.TrimLeft(content, " \t\r\n"); strings.HasPrefix(text[at:], whole) {
		return text[:at+len(whole)], nil
	}
	return text[:at+len(bare)], nil
}
