package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"reprise/internal/hub"
	"reprise/model"
)

// generateSettings are the flags that say how a text goes on and when it ends. A flag that is not given is nil, and
// leaves its setting to the model's generation_config.json.
type generateSettings struct {
	MaxTokens         *int     `placeholder:"N" help:"Longest continuation (the model's generation_config.json, else 64)."`
	Stop              []string `sep:"none" help:"End the text before this one, which is not printed; may be given several times." placeholder:"TEXT"`
	Temperature       *float64 `placeholder:"X" help:"0: always the most probable token (the model's generation_config.json, else 0)."`
	TopK              *int     `placeholder:"N" help:"Draw from this many of the most probable tokens; 0: from all."`
	TopP              *float64 `placeholder:"X" help:"Draw from the smallest set of most probable tokens with this mass; 1: from all."`
	MinP              *float64 `placeholder:"X" help:"Draw from the tokens with at least this share of the greatest probability; 0: from all."`
	RepetitionPenalty *float64 `placeholder:"X" help:"Above 1: tokens of the prompt and the continuation become less probable; 1: no change."`
	PresencePenalty   *float64 `placeholder:"X" help:"Taken from the logit of every token that the continuation has; 0: no change."`
	FrequencyPenalty  *float64 `placeholder:"X" help:"Taken from it for every time that it is there; 0: no change."`
	Seed              uint64   `help:"Seed of the draws: the same seed gives the same text." default:"1"`
}

// settled are the settings after flags and generation_config.json.
type settled struct {
	model.Sampling
	maxTokens int
	stops     []string
}

// defaultMaxTokens is the longest continuation where neither flag nor file says another.
const defaultMaxTokens = 64

// defaultTopK is what transformers takes where a file asks for draws and names no top_k.
const defaultTopK = 50

// samplingFlag is the flag for a setting's name in a generation_config.json.
func samplingFlag(key string) string { return "--" + strings.ReplaceAll(key, "_", "-") }

// given returns the value of a flag, or other if the flag is not given.
func given[T any](flag *T, other T) T {
	if flag != nil {
		return *flag
	}
	return other
}

// flags are the settings of the flags alone.
func (c *generateSettings) flags() model.Sampling {
	return model.Sampling{
		Temperature: given(c.Temperature, 0), TopK: given(c.TopK, 0), TopP: given(c.TopP, 1), MinP: given(c.MinP, 0),
		RepetitionPenalty: given(c.RepetitionPenalty, 1), PresencePenalty: given(c.PresencePenalty, 0),
		FrequencyPenalty: given(c.FrequencyPenalty, 0), Seed: c.Seed,
	}
}

// check refuses what is wrong with the flags, before the model is opened.
func (c *generateSettings) check() error {
	if n := given(c.MaxTokens, 1); n < 1 {
		return fmt.Errorf("generate: --max-tokens %d: want 1 or more", n)
	}
	for _, stop := range c.Stop {
		if stop == "" {
			return errors.New("generate: --stop is empty: every text would end at once; give the text to stop at, or leave the flag out")
		}
	}
	if c.RepetitionPenalty != nil && *c.RepetitionPenalty == 0 {
		return errors.New("generate: --repetition-penalty 0: want 0.01 to 100; 1 changes nothing")
	}
	return checkSampling("generate", c.flags(), samplingFlag)
}

// maxSettings bounds a model's config.json and generation_config.json, in bytes.
const maxSettings = 16 << 20

// settle joins the flags with the generation_config.json in dir, if there is one, as transformers does: what the file says holds
// unless a flag says something else. It says what it took from the file, and which settings have no effect.
func (c *generateSettings) settle(a *app, dir string, promptTokens int) (s settled, err error) {
	var g model.Generation
	path := filepath.Join(dir, "generation_config.json")
	text, err := hub.ReadFile(dir, "generation_config.json", maxSettings)
	if err == nil {
		g, err = model.ParseGeneration(text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("generate: %s: %w", dir, err)
	}
	var took []string
	say := func(format string, args ...any) { took = append(took, fmt.Sprintf(format, args...)) }

	s.Sampling = c.flags()
	if c.Temperature == nil && g.DoSample {
		s.Temperature = given(g.Temperature, 1)
		say("temperature %g", s.Temperature)
	}
	if s.Temperature > 0 {
		switch {
		case c.TopK != nil:
		case g.TopK != nil:
			s.TopK = *g.TopK
			say("top-k %d", s.TopK)
		case g.DoSample:
			s.TopK = defaultTopK
			say("top-k %d (what transformers takes where the file has none)", s.TopK)
		}
		if c.TopP == nil && g.TopP != nil {
			s.TopP = *g.TopP
			say("top-p %g", s.TopP)
		}
		if c.MinP == nil && g.MinP != nil {
			s.MinP = *g.MinP
			say("min-p %g", s.MinP)
		}
	}
	if c.RepetitionPenalty == nil && g.RepetitionPenalty != nil {
		s.RepetitionPenalty = *g.RepetitionPenalty
		say("repetition penalty %g", s.RepetitionPenalty)
	}
	if s.stops = c.Stop; s.stops == nil && g.StopStrings != nil {
		s.stops = g.StopStrings
		say("stop strings %q", s.stops)
	}
	switch {
	case c.MaxTokens != nil:
		s.maxTokens = *c.MaxTokens
	case g.MaxNewTokens != nil:
		s.maxTokens = *g.MaxNewTokens
		say("at most %d new tokens", s.maxTokens)
	case g.MaxLength != nil:
		s.maxTokens = *g.MaxLength - promptTokens
		say("at most %d tokens with the prompt's %d", *g.MaxLength, promptTokens)
	default:
		s.maxTokens = defaultMaxTokens
	}

	// The flags alone were right, so what is wrong now is the file's.
	if s.maxTokens < 1 {
		return s, fmt.Errorf("generate: %s: max_new_tokens or max_length leaves no new token after a prompt of %d; give --max-tokens", path, promptTokens)
	}
	if s.RepetitionPenalty == 0 {
		return s, fmt.Errorf("generate: %s: repetition_penalty 0: want 0.01 to 100; or give --repetition-penalty", path)
	}
	wrong := ""
	if err := checkSampling("generate", s.Sampling, func(key string) string { wrong = key; return path + ": " + key }); err != nil {
		return s, fmt.Errorf("%w; or give %s", err, samplingFlag(wrong))
	}

	if len(took) > 0 {
		a.note("as %s has it: %s (flags override it)", path, strings.Join(took, ", "))
	}
	if len(g.Unsupported) > 0 {
		a.note("notice: %s: not supported and without effect here, so that other programs may write something else: %s", path, strings.Join(g.Unsupported, ", "))
	}
	if s.Temperature == 0 {
		for _, flag := range []struct {
			name  string
			given bool
		}{{"--top-k", c.TopK != nil}, {"--top-p", c.TopP != nil}, {"--min-p", c.MinP != nil}} {
			if flag.given {
				a.note("notice: %s has no effect at temperature 0, where the most probable token is taken; give --temperature", flag.name)
			}
		}
	}
	return s, nil
}
