package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"reprise/internal/jinja"
)

// Part is a part of a rendered conversation.
type Part struct {
	Text string
	// Learn says that the assistant wrote it, and that it carries loss. All of it if it is Marked, by the template's
	// {% generation %}; otherwise up to the token that ends a turn.
	Learn, Marked bool
}

// maxTurns bounds the text that Turns renders, which grows with the square of the number of messages.
const maxTurns = 512 << 20

// maxTurnSteps bounds the steps of the template in all renderings of Turns together, which grow in the same way. It is a
// variable for the tests.
var maxTurnSteps = 100_000_000

// ErrStopped is the error of a conversation whose Done was closed.
var ErrStopped = errors.New("stopped")

// Turns renders a conversation and says which parts of it carry loss: what the assistant wrote, but not its Silent messages.
// Messages after the last one that carries loss are left out.
//
// If the template has {% generation %} marks, they decide: the text is one rendering, and what they enclose carries loss, as with
// return_assistant_tokens_mask in transformers. It is an error if their place is not known (inside a macro), or if there are
// Silent messages and it cannot be told which messages the marks are of.
//
// Otherwise the text before assistant message i is the rendering of the messages before it with the generation prompt, which is the
// text that a model would be given. Render the messages up to and including message i: its turn is the part after the first
// text. The first text must be a prefix of the second, otherwise the template is refused. If every such rendering is also a
// prefix of the last, the conversation is one document. If not, because the template writes earlier turns differently once
// more messages follow (Qwen 3 leaves out their reasoning), every assistant message is a document of its own, after the
// history that a model would be given.
func (t *Tokenizer) Turns(c Conversation) ([][]Part, error) {
	if err := t.compile(); err != nil {
		return nil, err
	}
	n := c.learntEnd()
	if n == 0 {
		return nil, errors.New(`no message has the role "assistant" and carries loss, so there is nothing to learn`)
	}
	c.Messages = c.Messages[:n]
	c = t.settle(c)
	template, err := t.templateOf(c)
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	if template.Marks() {
		return t.marked(c)
	}
	type turn struct {
		before, with string
		learn        bool
	}
	var turns []turn
	size, steps := 0, 0
	for i, m := range c.Messages {
		if m.Role != "assistant" {
			continue
		}
		if c.stopped() {
			return nil, ErrStopped
		}
		rendered, err := t.render(c, i, true)
		if err != nil {
			return nil, fmt.Errorf("chat template: the messages before message %d: %w", i, err)
		}
		before := rendered.Text
		steps += rendered.Steps
		if rendered, err = t.render(c, i+1, false); err != nil {
			return nil, fmt.Errorf("chat template: the messages up to message %d: %w", i, err)
		}
		with := rendered.Text
		if !strings.HasPrefix(with, before) {
			return nil, fmt.Errorf("chat template: message %d: the text of the messages before it (with the generation prompt) is not the beginning of the text with it, so that the assistant's part cannot be told; the one ends in %q, where the other has %q", i, tail(before, with), tail(with, before))
		}
		turns = append(turns, turn{before, with, !m.Silent})
		if steps += rendered.Steps; steps > maxTurnSteps {
			return nil, fmt.Errorf("the conversation is too long: its %d messages take the chat template more than %d steps, when each is written with those before it; split it", len(c.Messages), maxTurnSteps)
		}
		if size += len(before) + len(with); size > maxTurns {
			return nil, fmt.Errorf("the conversation is too long: its %d messages make more than %d MiB of text, when each is written with those before it; split it", len(c.Messages), maxTurns>>20)
		}
	}
	whole := turns[len(turns)-1].with
	if err := t.learnEnding(c); err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	if err := t.allWritten(c, whole, false); err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	var one []Part
	done := 0
	for _, u := range turns {
		if !strings.HasPrefix(whole, u.with) || len(u.before) < done {
			one = nil
			break
		}
		one = append(one, Part{Text: u.before[done:]}, Part{Text: u.with[len(u.before):], Learn: u.learn})
		done = len(u.with)
	}
	if one != nil {
		return [][]Part{one}, nil
	}
	var all [][]Part
	for _, u := range turns {
		if u.learn {
			all = append(all, []Part{{Text: u.before}, {Text: u.with[len(u.before):], Learn: true}})
		}
	}
	return all, nil
}

// marked is Turns for a template that marks what the assistant writes.
func (t *Tokenizer) marked(c Conversation) ([][]Part, error) {
	out, err := t.render(c, len(c.Messages), false)
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	if out.Untracked {
		return nil, errors.New("chat template: a {% generation %} block stands inside a macro or a captured text, so that its place in the text is not known: move the block out of it")
	}
	if err := t.learnEnding(c); err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	if err := t.allWritten(c, out.Text, false); err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	spans := outermost(out.Generation)
	var owners []int // nil: all spans carry loss
	if slices.ContainsFunc(c.Messages, func(m Message) bool { return m.Role == "assistant" && m.Silent }) {
		if owners, err = t.owners(c, out.Text, spans); err != nil {
			return nil, fmt.Errorf("chat template: %w", err)
		}
	}
	var parts []Part
	done := 0
	for i, s := range spans {
		learn := owners == nil || !c.Messages[owners[i]].Silent
		parts = append(parts, Part{Text: out.Text[done:s.From]}, Part{Text: out.Text[s.From:s.To], Learn: learn, Marked: true})
		done = s.To
	}
	return [][]Part{append(parts, Part{Text: out.Text[done:]})}, nil
}

// outermost sorts spans and leaves out those that lie within others.
func outermost(spans []jinja.Span) (list []jinja.Span) {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b jinja.Span) int {
		if a.From != b.From {
			return a.From - b.From
		}
		return b.To - a.To
	})
	for _, s := range spans {
		if len(list) == 0 || s.From >= list[len(list)-1].To {
			list = append(list, s)
		}
	}
	return list
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
