package tokenizer

import (
	"fmt"
	"slices"

	"reprise/internal/jinja"
)

// owners says of every marked span of a text which message it is of. The spans that come with a message are its own: the messages
// before it are rendered, and then with it. Where the earlier spans are not the same in both, as with a template that leaves out
// earlier reasoning, another content of the message must change its spans and no others. It is an error where this cannot be told.
func (t *Tokenizer) owners(c Conversation, text string, spans []jinja.Span) ([]int, error) {
	assistants := 0
	for _, m := range c.Messages {
		if m.Role == "assistant" {
			assistants++
		}
	}
	unknown := func(why string) error {
		return fmt.Errorf("its {%% generation %%} marks %d places for %d messages of the assistant, so that those that carry no loss cannot be told: %s; "+
			"let it mark what each message of the assistant writes, and nothing else", len(spans), assistants, why)
	}
	var owner []int
	var before []string // the spans of the messages so far
	sure := true
	for i, m := range c.Messages {
		if m.Role != "assistant" {
			continue
		}
		for _, n := range []int{i, i + 1} {
			out, err := t.render(c, n, false)
			if n == 0 { // a template may need a message
				out, err = jinja.Output{}, nil
			}
			if err != nil {
				return nil, unknown(fmt.Sprintf("the first %d messages cannot be written alone: %v", n, err))
			}
			now := texts(out.Text, outermost(out.Generation))
			if len(now) < len(before) {
				return nil, unknown(fmt.Sprintf("there are fewer with the first %d messages than before", n))
			}
			if n == i && len(now) > len(before) {
				return nil, unknown(fmt.Sprintf("there is one that no message of the assistant before message %d brings", i))
			}
			sure = sure && slices.Equal(now[:len(before)], before)
			for len(owner) < len(now) {
				owner = append(owner, i)
			}
			before = now
		}
	}
	if len(owner) != len(spans) {
		return nil, unknown("their number is not that of the messages one by one")
	}
	if sure {
		return owner, nil
	}
	was := texts(text, spans)
	for i, m := range c.Messages {
		if m.Role != "assistant" || !slices.Contains(owner, i) {
			continue
		}
		other := c
		other.Messages = slices.Clone(c.Messages)
		other.Messages[i] = m.saying("Another " + m.Content + " text")
		out, err := t.render(other, len(c.Messages), false)
		if err != nil {
			return nil, unknown(fmt.Sprintf("message %d cannot be written with another content: %v", i, err))
		}
		now := texts(out.Text, outermost(out.Generation))
		changed := len(now) != len(was)
		own := false
		for k := range min(len(now), len(was)) {
			if now[k] != was[k] {
				own = own || owner[k] == i
				changed = changed || owner[k] != i
			}
		}
		if changed || !own {
			return nil, unknown(fmt.Sprintf("which are of message %d is not clear", i))
		}
	}
	return owner, nil
}

func texts(text string, spans []jinja.Span) (list []string) {
	for _, s := range spans {
		list = append(list, text[s.From:s.To])
	}
	return list
}
