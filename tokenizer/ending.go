package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"reprise/internal/jinja"
)

// ending is the text that a template puts after an assistant's turn at the end of a conversation.
type ending struct {
	text   string
	probed bool // text was found with a made-up conversation and holds for all

	// Otherwise each conversation has its own, and this is that of the first one that was rendered.
	first struct {
		sync.Mutex
		text  string
		known bool
	}
}

// endMark stands for what the assistant says where the ending is looked for.
const endMark = "Mark"

var (
	errLeavesOut     = errors.New("it leaves out what the assistant says")
	errIgnoresPrompt = errors.New("it ignores add_generation_prompt")
)

// probe finds the ending with made-up conversations. Many templates need more than those have: tools, variables, fields of messages.
// Their errors prove nothing; the ending is then found from the conversations that are rendered.
func (t *Tokenizer) probe() error {
	parts := func(role, text string) Message {
		m := Message{Role: role, Content: text, fields: jinja.NewDict()}
		m.fields.Set("role", role)
		m.fields.Set("content", textParts(text))
		return m
	}
	plain := []Message{{Role: "system", Content: "Be"}, {Role: "user", Content: "Ask"}, {Role: "assistant", Content: endMark}}
	lists := []Message{parts("system", "Be"), parts("user", "Ask"), parts("assistant", endMark)}
	for _, messages := range [][]Message{plain[1:], plain, lists[1:], lists} {
		// The date does not matter: what is asked is how a turn ends.
		text, err := t.endingOf(Conversation{Messages: messages, Date: time.Date(2024, 7, 26, 0, 0, 0, 0, time.UTC)})
		switch {
		case err == nil:
			t.chat.ending.text, t.chat.ending.probed = text, true
			return nil
		case errors.Is(err, errIgnoresPrompt):
			return err
		}
	}
	return nil
}

// textParts is a content of one part.
func textParts(text string) *jinja.List {
	part := jinja.NewDict()
	part.Set("type", "text")
	part.Set("text", text)
	return &jinja.List{Items: []jinja.Value{part}}
}

// endingOf is the text after the last message of a conversation, which is an assistant's and says endMark. A template that adds the
// assistant's header even without add_generation_prompt is refused, because the header would be learnt as part of the turn, unless
// the template marks what the assistant writes.
func (t *Tokenizer) endingOf(c Conversation) (string, error) {
	after := func(c Conversation, header bool) (string, error) {
		out, err := t.render(c, len(c.Messages), header)
		if err != nil {
			return "", err
		}
		at := strings.LastIndex(out.Text, endMark)
		if at < 0 {
			return "", errLeavesOut
		}
		return out.Text[at+len(endMark):], nil
	}
	text, err := after(c, false)
	if err != nil {
		return "", err
	}
	template, err := t.templateOf(c)
	if err != nil {
		return "", err
	}
	// A template may not take a header after an assistant's turn, or this message after it. Such an error proves nothing.
	withHeader, err := after(c, true)
	if err != nil || text != withHeader || template.Marks() {
		return text, nil
	}
	longer := c
	next := Message{Role: "user", Content: "Ask"}
	if last := c.Messages[len(c.Messages)-1]; last.fields != nil {
		next = last.copied()
		next.Role = "user"
		next.fields.Set("role", "user")
		next = next.saying("Ask")
	}
	longer.Messages = append(slices.Clone(c.Messages), next)
	if more, err := after(longer, false); err == nil && !strings.HasPrefix(more, text) {
		return "", fmt.Errorf("%w, and what it puts after an assistant's turn, %q, is not there before another message: "+
			"let it add the assistant's header only {%% if add_generation_prompt %%}", errIgnoresPrompt, text)
	}
	return text, nil
}

// ownEnding finds the ending from a conversation: what it has is kept, and only what an assistant says is replaced. known is false
// where that cannot be rendered. It is an error if the template cannot be used.
func (t *Tokenizer) ownEnding(c Conversation) (text string, known bool, err error) {
	if len(c.Messages) == 0 {
		return "", false, nil
	}
	leavesOut := false
	try := func(before []Message, m Message) bool {
		probe := c
		probe.Messages = append(slices.Clone(before), m.saying(endMark))
		text, err = t.endingOf(probe)
		leavesOut = leavesOut || errors.Is(err, errLeavesOut)
		return err == nil || errors.Is(err, errIgnoresPrompt)
	}
	spoke := false
	for i, m := range slices.Backward(c.Messages) {
		if m.Role != "assistant" {
			continue
		}
		spoke = true
		if bare := m.without("tool_calls"); try(c.Messages[:i], bare) || m.Calls() && try(c.Messages[:i], m) {
			return text, err == nil, err
		}
	}
	if last := c.Messages[len(c.Messages)-1]; !spoke {
		m := Message{Role: "assistant"}
		if last.fields != nil {
			m = last.copied()
			m.Role = "assistant"
			m.fields.Set("role", "assistant")
		}
		if try(c.Messages, m) {
			return text, err == nil, err
		}
	}
	if leavesOut {
		return "", false, errLeavesOut
	}
	return "", false, nil
}

// learnEnding keeps the ending of the first conversation that is rendered, if the probe found none.
func (t *Tokenizer) learnEnding(c Conversation) error {
	if t.chat.ending.probed {
		return nil
	}
	text, known, err := t.ownEnding(c)
	if first := &t.chat.ending.first; known {
		first.Lock()
		if !first.known {
			first.text, first.known = text, true
		}
		first.Unlock()
	}
	return err
}

// EndOfTurn is the id that ends an assistant's turn: the first special token that the template puts after its text. ok is
// false without a template or such a token. A template that needs more than a plain conversation, such as variables or fields of
// messages, says it with the first conversation that is written: before that ok is false.
func (t *Tokenizer) EndOfTurn() (id int32, ok bool) {
	if t.compile() != nil {
		return 0, false
	}
	e := &t.chat.ending
	if e.probed {
		return t.firstSpecial(e.text)
	}
	e.first.Lock()
	defer e.first.Unlock()
	return t.firstSpecial(e.first.text)
}

// EndOfTurnIn is the EndOfTurn of a conversation, whichever others were written before.
func (t *Tokenizer) EndOfTurnIn(c Conversation) (id int32, ok bool) {
	if t.compile() != nil || t.chat.ending.probed {
		return t.EndOfTurn()
	}
	text, _, err := t.ownEnding(t.settle(c))
	if err != nil {
		return 0, false
	}
	return t.firstSpecial(text)
}

// firstSpecial is the first special token of a text that follows another one.
func (t *Tokenizer) firstSpecial(text string) (id int32, ok bool) {
	for _, id := range t.EncodeParts([]string{endMark, text})[1] {
		if t.IsSpecial(id) {
			return id, true
		}
	}
	return 0, false
}
