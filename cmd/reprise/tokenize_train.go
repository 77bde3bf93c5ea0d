package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"reprise/data"
	"reprise/internal/atomicfile"
	"reprise/tokenizer"
)

type tokenizeTrainCmd struct {
	Data      []string `required:"" sep:"none" help:"Text to learn from: files or directories of any shape that record reads; may be given several times." placeholder:"FILE"`
	Columns   string   `help:"Names of columns in the files for the fields that Reprise knows, as in record." placeholder:"FIELD=COLUMN,..."`
	VocabSize int      `required:"" help:"Number of ids: special tokens, 256 bytes, and merges."`
	Special   []string `sep:"none" default:"<|endoftext|>" help:"Special token, with the ids 0, 1, … in order; may be given several times."`
	EOS       string   `name:"eos" help:"Special token that ends a text; the first one if not given." placeholder:"TOKEN"`
	Pattern   string   `default:"gpt2" help:"How text is cut into words: gpt2, llama3, qwen2, or a regular expression."`
	Out       string   `required:"" help:"New directory for tokenizer.json and tokenizer_config.json." placeholder:"DIR"`
}

func (c *tokenizeTrainCmd) Run(a *app) error {
	eos := c.EOS
	if eos == "" {
		eos = c.Special[0]
	}
	if !slices.Contains(c.Special, eos) {
		return fmt.Errorf("tokenize: --eos %q is not one of the special tokens %q", eos, c.Special)
	}
	if least := len(c.Special) + 256; c.VocabSize < least {
		return fmt.Errorf("tokenize: --vocab-size %d: want at least %d, for the special tokens and 256 bytes", c.VocabSize, least)
	}
	pattern := c.Pattern
	switch pattern {
	case "gpt2":
		pattern = tokenizer.GPT2Pattern
	case "llama3":
		pattern = tokenizer.Llama3Pattern
	case "qwen2":
		pattern = tokenizer.Qwen2Pattern
	}
	var config bytes.Buffer
	e := json.NewEncoder(&config)
	e.SetEscapeHTML(false) // write <|endoftext|> with plain < and >
	e.SetIndent("", "  ")
	if err := e.Encode(map[string]any{
		"bos_token": nil, "eos_token": eos, "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false,
	}); err != nil {
		return err
	}
	var readErr error
	err := atomicfile.CreateDir(c.Out, func(dir string) error {
		size := 0
		texts := func(yield func(string) bool) {
			for _, path := range c.Data {
				readErr = data.EachText(path, data.Reading{Columns: c.Columns}, func(text string) error {
					size += len(text)
					yield(text) // Train takes every text
					return a.ctx.Err()
				})
				if readErr != nil {
					return
				}
			}
		}
		file, err := tokenizer.Train(texts, tokenizer.TrainOptions{VocabSize: c.VocabSize, Special: c.Special, Pattern: pattern})
		if readErr != nil {
			return readErr
		}
		if err != nil {
			return err
		}
		tok, err := tokenizer.Parse(file, config.Bytes())
		if err != nil {
			return err
		}
		if err := atomicfile.WriteFile(filepath.Join(dir, "tokenizer.json"), file); err != nil {
			return err
		}
		if err := atomicfile.WriteFile(filepath.Join(dir, "tokenizer_config.json"), config.Bytes()); err != nil {
			return err
		}
		a.printf("%s: %d ids from %d bytes of text, end of text %s\n", c.Out, tok.VocabSize(), size, eos)
		if tok.VocabSize() < c.VocabSize {
			a.note("no more pairs occur twice in the text: %d ids instead of %d; give more text to get more", tok.VocabSize(), c.VocabSize)
		}
		return nil
	})
	if readErr != nil {
		return readErr // and not as an error of writing
	}
	return err
}
