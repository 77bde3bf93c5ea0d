package main

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"reprise/base"
	"reprise/model"
	"reprise/tokenizer"
)

type generateCmd struct {
	Model       string  `required:"" help:"Model directory." placeholder:"DIR"`
	Prompt      *string `help:"Text to continue. Empty: start from the begin-of-text token." placeholder:"TEXT"`
	Chat        bool    `help:"Give the prompt as a user's message, written by the model's chat template."`
	MaxTokens   int     `help:"Longest continuation." default:"64"`
	Temperature float64 `help:"0: always the most probable token." default:"0"`
	TopP        float64 `help:"Draw from the smallest set of tokens with this mass." default:"1"`
	Seed        uint64  `help:"Seed of the draws: the same seed gives the same text." default:"1"`
}

func (c *generateCmd) Run(a *app) error {
	if c.MaxTokens < 1 {
		return fmt.Errorf("generate: --max-tokens %d: want 1 or more", c.MaxTokens)
	}
	if c.Prompt == nil {
		return errors.New("generate: --prompt is missing: the text to continue")
	}
	if !utf8.ValidString(*c.Prompt) {
		return fmt.Errorf("generate: --prompt %q is not UTF-8", *c.Prompt)
	}
	s := model.Sampling{Temperature: c.Temperature, TopP: c.TopP, Seed: c.Seed}
	if err := checkSampling("generate", s); err != nil {
		return err
	}
	b, err := base.Open(c.Model)
	if err != nil {
		return err
	}
	m, tok := b.Model, b.Tokenizer
	prompt := tok.EncodePrompt(*c.Prompt)
	if c.Chat {
		text, err := tok.RenderChat(tokenizer.Conversation{Messages: []tokenizer.Message{{Role: "user", Content: *c.Prompt}}}, true)
		if err != nil {
			return err
		}
		prompt = tok.Encode(text, false) // the template writes the begin-of-text token itself
	}
	if len(prompt) == 0 {
		if bos, ok := tok.BOS(); ok {
			prompt = []int32{bos}
		}
	}
	if len(prompt) == 0 {
		return errors.New("generate: --prompt is empty, and the model has no begin-of-text token to start from; give a text")
	}
	stop := m.Config.EOS
	if id, ok := tok.EOS(); ok {
		stop = append([]int32{id}, stop...)
	}
	if id, ok := tok.EndOfTurn(); ok && c.Chat {
		stop = append([]int32{id}, stop...)
	}
	ids := append([]int32(nil), prompt...)
	shown := len(tok.Decode(ids, true))
	a.printf("%s", tok.Decode(ids, true))
	d := model.NewDecoder(m, a.pool())
	for id, err := range model.Generate(a.ctx, d, prompt, c.MaxTokens, s, stop) {
		if err != nil {
			a.printf("\n")
			return err
		}
		ids = append(ids, id)
		// Print only whole characters: the bytes of the last one may be incomplete.
		text := tok.Decode(ids, true)
		if len(text) > shown && utf8.ValidString(text[shown:]) && text[len(text)-1] != '\xbd' {
			a.printf("%s", text[shown:])
			shown = len(text)
		}
	}
	if text := tok.Decode(ids, true); len(text) > shown {
		a.printf("%s", text[shown:])
	}
	a.printf("\n")
	if made := len(ids) - len(prompt); made < c.MaxTokens && (made == 0 || !slices.Contains(stop, ids[len(ids)-1])) {
		a.note("stopped after %d tokens: the model has %d positions", made, m.Config.MaxPositions)
	}
	return nil
}

// checkSampling checks the sampling flags of a command.
func checkSampling(command string, s model.Sampling) error {
	switch {
	case !(s.Temperature >= 0 && s.Temperature <= 100):
		return fmt.Errorf("%s: --temperature %g: want 0 to 100", command, s.Temperature)
	case !(s.TopP > 0 && s.TopP <= 1):
		return fmt.Errorf("%s: --top-p %g: want more than 0 and at most 1", command, s.TopP)
	}
	return nil
}
