package main

import (
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
	Messages string  `help:"Answer a conversation, written by the model's chat template: a JSON list of messages, or an object with messages, tools and chat_template_kwargs, as a row of data; - reads it from standard input." placeholder:"FILE"`
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
		return errors.New("generate: --system needs --chat: without the chat template there is no system message")
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

// read returns the ids of the prompt. note tells the user what has no effect.
func (c *generatePrompt) read(stdin io.Reader, tok *tokenizer.Tokenizer, note func(format string, args ...any)) ([]int32, error) {
	if c.chats() {
		text, err := c.conversation(stdin, tok, note)
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
func (c *generatePrompt) conversation(stdin io.Reader, tok *tokenizer.Tokenizer, note func(format string, args ...any)) (string, error) {
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
	row, name, err := c.messages(stdin)
	if err != nil {
		return "", err
	}
	row.Chat.Date = date
	talk := row.Chat
	last := talk.Messages[len(talk.Messages)-1]
	if !c.Continue {
		if last.Role == "assistant" {
			return "", fmt.Errorf("generate: --messages: %s: the last message is the assistant's, so that there is nothing to answer; "+
				"leave it out, or go on with it: --continue", name)
		}
		if err := written(row, name, tok, true, note); err != nil {
			return "", err
		}
		return tok.RenderChat(talk, true)
	}
	if last.Role != "assistant" {
		return "", fmt.Errorf("generate: --continue: the last message in %s has the role %q, not assistant; leave the flag out to have it answered", name, last.Role)
	}
	// Where the content ends in the text is seen by a mark after it. A template that strips white space strips the mark's too, and
	// would have stripped that of the content.
	const mark = "THE-TEXT-GOES-ON-HERE "
	if fields := last.Fields(); fields != nil && !slices.Contains(fields, "content") {
		return "", fmt.Errorf("generate: --continue: %s: the last message has no content to go on with", name)
	}
	if err := written(row, name, tok, false, note); err != nil {
		return "", err
	}
	text, err := tok.RenderChat(talk.WithLastContent(last.Content+mark), false)
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

// messages reads the conversation of --messages, as training reads one; name is where it comes from.
func (c *generatePrompt) messages(stdin io.Reader) (row data.Row, name string, err error) {
	in, name := stdin, "standard input"
	if c.Messages != "-" {
		f, err := os.Open(c.Messages)
		if err != nil {
			return row, "", fmt.Errorf("generate: --messages: %w", err)
		}
		defer f.Close()
		in, name = f, c.Messages
	}
	text, err := readInput(in, "--messages", name)
	if err != nil {
		return row, "", err
	}
	if row, err = data.ParseTalk(text); err != nil {
		return row, "", fmt.Errorf("generate: --messages: %s: %w", name, err)
	}
	if len(row.Unknown) > 0 { // here it is more likely that something was meant by it than in a set of data
		return row, "", fmt.Errorf("generate: --messages: %s: field %q is not known; take it out (reprise recipe rows lists all fields)", name, row.Unknown[0])
	}
	return row, name, nil
}

// written refuses what the template leaves out of the conversation, as training does, or tells it.
func written(row data.Row, name string, tok *tokenizer.Tokenizer, header bool, note func(format string, args ...any)) error {
	if err := row.Unwritten(tok, header); err != nil {
		return fmt.Errorf("generate: --messages: %s: %w", name, err)
	}
	var stats data.Stats
	stats.Saw(&row)
	for _, text := range stats.Notices(0) {
		note("notice: %s: %s", name, text)
	}
	return nil
}
