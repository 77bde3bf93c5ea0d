package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"reprise/tokenizer"
)

type tokenizeCmd struct {
	Model string `required:"" help:"Model directory or tokenizer.json." placeholder:"DIR"`
	Text  string `help:"Text to tokenise." xor:"input" required:""`
	JSONL string `name:"jsonl" help:"File with a line {\"text\": …} per text; prints a line {\"ids\": […]} per text." xor:"input" required:"" placeholder:"FILE"`
}

func (c *tokenizeCmd) Run(a *app) error {
	tok, err := tokenizer.Load(c.Model)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(a.stdout)
	defer out.Flush()
	if c.JSONL == "" {
		for _, id := range tok.Encode(c.Text, true) {
			fmt.Fprintf(out, "%d\t%q\n", id, tok.Piece(id))
		}
		return nil
	}
	f, err := os.Open(c.JSONL)
	if err != nil {
		return fmt.Errorf("tokenize: %w", err)
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	for line := 1; ; line++ {
		text, readErr := in.ReadBytes('\n')
		if len(text) > 0 && string(text) != "\n" {
			var row struct {
				Text *string `json:"text"`
			}
			if err := json.Unmarshal(text, &row); err != nil {
				return fmt.Errorf("tokenize: %s: line %d: %w", c.JSONL, line, err)
			}
			if row.Text == nil {
				return fmt.Errorf("tokenize: %s: line %d: no field \"text\"", c.JSONL, line)
			}
			ids := tok.Encode(*row.Text, true)
			if ids == nil {
				ids = []int32{}
			}
			b, err := json.Marshal(map[string][]int32{"ids": ids})
			if err != nil {
				return err
			}
			out.Write(append(b, '\n'))
		}
		if readErr != nil {
			return nil
		}
	}
}
