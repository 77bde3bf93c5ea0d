package main

import (
	"errors"
	"fmt"
	"slices"

	"reprise/model"
	"reprise/tokenizer"
)

// mostSamples is below the number of samples that a seed has streams for.
const mostSamples = 1 << 30

// checkSamples refuses flags that do not go together with several samples.
func (c *generateCmd) checkSamples() error {
	switch {
	case c.Samples < 1 || c.Samples > mostSamples:
		return fmt.Errorf("generate: --samples %d: want 1 to %d", c.Samples, mostSamples)
	case c.JSON && c.JSONL:
		return errors.New("generate: --json and --jsonl are both given; --jsonl prints an object a line, --json one alone")
	case c.JSON && c.Samples > 1:
		return errors.New("generate: --json prints one object; for several samples give --jsonl")
	}
	return nil
}

// samples continues the prompt several times and prints each continuation when it and those before it have ended.
func (c *generateCmd) samples(a *app, tok *tokenizer.Tokenizer, d *model.Decoder, prompt []int32, s settled, ends []int32) error {
	if c.Samples > 1 && s.Temperature == 0 {
		a.note("notice: without a temperature above 0 all samples are the same; give for example --temperature 1")
	}
	texts := map[int]*continuation{} // of samples that have not been printed
	o := model.SamplesOptions{N: c.Samples, MaxTokens: s.maxTokens, Sampling: s.Sampling, Stop: ends}
	o.Ended = func(got model.Sample) bool {
		text := texts[got.Number]
		if text == nil {
			text = newContinuation(tok, prompt, s.stops)
			texts[got.Number] = text
		}
		id := got.IDs[len(got.IDs)-1]
		if slices.Contains(ends, id) {
			return true
		}
		_, stopped := text.add(id)
		return stopped
	}
	for got, err := range model.Samples(a.ctx, d, prompt, o) {
		if err != nil {
			return err
		}
		text := texts[got.Number]
		delete(texts, got.Number)
		text.finish()
		r := generated{Sample: &got.Number, PromptIDs: prompt, IDs: got.IDs}
		r.conclude(text, ends, s.maxTokens)
		if c.JSONL {
			if err := r.print(a.stdout); err != nil {
				return err
			}
			continue
		}
		a.printf("[sample %d, ended by %s]\n%s\n", got.Number, r.Stopped, r.Text)
	}
	return nil
}
