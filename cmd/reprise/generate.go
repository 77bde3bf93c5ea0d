package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"reprise/base"
	"reprise/model"
)

type generateCmd struct {
	Model string `required:"" help:"Model directory." placeholder:"DIR"`

	generatePrompt
	generateSettings

	OnlyNew bool `help:"Print the continuation without the prompt. With --messages this is always so."`
	JSON    bool `name:"json" help:"Print one JSON object when the text has ended: prompt_ids, ids, text, tokens, and stopped, which says why it ended."`
}

// generated is what generate --json prints. Its shape is kept stable; fields may be added.
type generated struct {
	PromptIDs  []int32 `json:"prompt_ids"`
	IDs        []int32 `json:"ids"`  // with the end id, and with those of a stop string
	Text       string  `json:"text"` // the continuation, without both
	Tokens     int     `json:"tokens"`
	Stopped    string  `json:"stopped"`               // one of the reasons below
	EndID      *int32  `json:"end_id,omitempty"`      // for stoppedEnd
	StopString string  `json:"stop_string,omitempty"` // for stoppedText
}

// Why a continuation ended.
const (
	stoppedEnd       = "end"       // the model chose an id that ends a text or a turn
	stoppedText      = "stop"      // a stop string came
	stoppedLength    = "length"    // it has --max-tokens tokens
	stoppedPositions = "positions" // the model has no more positions
)

func (c *generateCmd) Run(a *app) error {
	if err := c.generatePrompt.check(); err != nil {
		return err
	}
	if err := c.generateSettings.check(); err != nil {
		return err
	}
	b, err := base.Open(c.Model)
	if err != nil {
		return err
	}
	m, tok := b.Model, b.Tokenizer
	prompt, err := c.read(os.Stdin, tok)
	if err != nil {
		return err
	}
	if n := m.Config.MaxPositions; len(prompt) > n {
		return fmt.Errorf("generate: the prompt has %d tokens, and the model has %d positions; give a shorter one", len(prompt), n)
	}
	s, err := c.settle(a, b.Dir, len(prompt))
	if err != nil {
		return err
	}
	ends := m.Config.EOS
	if id, ok := tok.EOS(); ok {
		ends = append([]int32{id}, ends...)
	}
	if id, ok := tok.EndOfTurn(); ok && c.chats() {
		ends = append([]int32{id}, ends...)
	}

	text := newContinuation(tok, prompt, s.stops)
	show := func(part string) {
		if !c.JSON {
			a.printf("%s", part)
		}
	}
	if !c.OnlyNew && c.Messages == "" {
		show(text.before)
	}
	r := generated{PromptIDs: prompt, IDs: []int32{}}
	d := model.NewDecoder(m, a.pool())
	for id, err := range model.Generate(a.ctx, d, prompt, s.maxTokens, s.Sampling, ends) {
		if err != nil {
			show(text.finish() + "\n")
			return err
		}
		r.IDs = append(r.IDs, id)
		if slices.Contains(ends, id) {
			r.Stopped, r.EndID = stoppedEnd, &id
			break
		}
		part, stopped := text.add(id)
		show(part)
		if stopped {
			break
		}
	}
	show(text.finish() + "\n")
	r.Text, r.Tokens, r.StopString = text.text(), len(r.IDs), text.stopped
	switch {
	case text.stopped != "":
		r.Stopped, r.EndID = stoppedText, nil
	case r.Stopped == stoppedEnd:
	case r.Tokens == s.maxTokens:
		r.Stopped = stoppedLength
	default:
		r.Stopped = stoppedPositions
		a.note("stopped after %d tokens: the model has %d positions", r.Tokens, m.Config.MaxPositions)
	}
	if c.JSON {
		out := json.NewEncoder(a.stdout)
		out.SetEscapeHTML(false)
		return out.Encode(r)
	}
	return nil
}

// checkSampling checks sampling settings. name gives the flag or the field for a setting's name in a generation_config.json.
// A top-p of 0, which stands for all in the package, is refused.
func checkSampling(command string, s model.Sampling, name func(key string) string) error {
	if s.TopP == 0 {
		return fmt.Errorf("%s: %s 0: want more than 0 and at most 1", command, name("top_p"))
	}
	if wrong, ok := errors.AsType[*model.SamplingError](s.Check()); ok {
		return fmt.Errorf("%s: %s %s", command, name(wrong.Key), wrong.Problem)
	}
	return nil
}
