package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"reprise/base"
	"reprise/model"
)

type generateCmd struct {
	Model string `required:"" help:"Model directory." placeholder:"DIR"`

	generatePrompt
	generateSettings

	Samples int  `default:"1" help:"Continue the prompt this many times, with draws of their own. They share the passes over the weights, which makes many of them several times faster." placeholder:"N"`
	OnlyNew bool `help:"Print the continuation without the prompt. With --messages, and with several samples, this is always so."`
	JSON    bool `name:"json" help:"Print one JSON object when the text has ended: prompt_ids, ids, text, tokens, and stopped, which says why it ended."`
	JSONL   bool `name:"jsonl" help:"Print such an object for every sample, one a line, with sample, its number from 0."`
}

// generated is what generate --json and --jsonl print. Its shape is kept stable; fields may be added.
type generated struct {
	Sample     *int    `json:"sample,omitempty"` // with --jsonl
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
	if err := c.checkSamples(); err != nil {
		return err
	}
	b, err := base.Open(c.Model)
	if err != nil {
		return err
	}
	m, tok := b.Model, b.Tokenizer
	prompt, err := c.read(os.Stdin, tok, a.note)
	if err != nil {
		return err
	}
	if err := tok.CheckRows(prompt); err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	if n := m.Config.MaxPositions; len(prompt) > n {
		return fmt.Errorf("generate: the prompt has %d tokens, and the model has %d positions; give a shorter one", len(prompt), n)
	}
	s, err := c.settle(a, b.Dir, len(prompt))
	if err != nil {
		return err
	}
	ends := base.Ends(tok, c.chats(), m.Config.EOS...)

	d := model.NewDecoder(m, a.pool())
	if c.Samples > 1 || c.JSONL {
		return c.samples(a, tok, d, prompt, s, ends)
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
	for id, err := range model.Generate(a.ctx, d, prompt, s.maxTokens, s.Sampling, ends) {
		if err != nil {
			show(text.finish() + "\n")
			return err
		}
		r.IDs = append(r.IDs, id)
		if slices.Contains(ends, id) {
			break
		}
		part, stopped := text.add(id)
		show(part)
		if stopped {
			break
		}
	}
	show(text.finish() + "\n")
	r.conclude(text, ends, s.maxTokens)
	if r.Stopped == stoppedPositions {
		a.note("stopped after %d tokens: the model has %d positions", r.Tokens, m.Config.MaxPositions)
	}
	if c.JSON {
		return r.print(a.stdout)
	}
	return nil
}

// conclude fills in the text and why it ended, after text.finish.
func (r *generated) conclude(text *continuation, ends []int32, maxTokens int) {
	r.Text, r.Tokens, r.StopString = text.text(), len(r.IDs), text.stopped
	switch n := len(r.IDs); {
	case text.stopped != "":
		r.Stopped = stoppedText
	case n > 0 && slices.Contains(ends, r.IDs[n-1]):
		r.Stopped, r.EndID = stoppedEnd, &r.IDs[n-1]
	case n == maxTokens:
		r.Stopped = stoppedLength
	default:
		r.Stopped = stoppedPositions
	}
}

func (r *generated) print(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(r)
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
