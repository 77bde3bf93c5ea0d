package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"reprise/tokenizer"
)

type tokenizeCmd struct {
	Encode tokenizeEncodeCmd `cmd:"" default:"withargs" help:"Text to token ids (the default)."`
	Decode tokenizeDecodeCmd `cmd:"" help:"Token ids to text."`
	Train  tokenizeTrainCmd  `cmd:"" help:"Learn a byte-level BPE vocabulary from text."`
}

type tokenizeEncodeCmd struct {
	Model string `required:"" help:"Model directory or tokenizer.json." placeholder:"DIR"`
	Text  string `help:"Text to tokenise." xor:"input" required:""`
	JSONL string `name:"jsonl" help:"File with a line {\"text\": …} per text; prints a line {\"ids\": […]} per text." xor:"input" required:"" placeholder:"FILE"`
}

func (c *tokenizeEncodeCmd) Run(a *app) error {
	tok, err := tokenizer.Load(c.Model)
	if err != nil {
		return err
	}
	if c.JSONL == "" {
		if !utf8.ValidString(c.Text) {
			return fmt.Errorf("tokenize: --text %q is not UTF-8", c.Text)
		}
		for _, id := range tok.Encode(c.Text, true) {
			a.printf("%d\t%q\n", id, tok.Piece(id))
		}
		return nil
	}
	return jsonLines(a, c.JSONL, func(line []byte) (any, error) {
		var row struct {
			Text *string `json:"text"`
		}
		if err := json.Unmarshal(line, &row); err != nil {
			return nil, err
		}
		if row.Text == nil {
			return nil, errors.New(`no field "text"`)
		}
		return map[string][]int32{"ids": tok.Encode(*row.Text, true)}, nil
	})
}

type tokenizeDecodeCmd struct {
	Model       string `required:"" help:"Model directory or tokenizer.json." placeholder:"DIR"`
	IDs         string `name:"ids" help:"Ids, separated by spaces or commas." xor:"input" required:""`
	JSONL       string `name:"jsonl" help:"File with a line {\"ids\": […]} per text; prints a line {\"text\": …} per text." xor:"input" required:"" placeholder:"FILE"`
	SkipSpecial bool   `help:"Leave special tokens out."`
}

func (c *tokenizeDecodeCmd) Run(a *app) error {
	tok, err := tokenizer.Load(c.Model)
	if err != nil {
		return err
	}
	decode := func(ids []int32) (string, error) {
		for _, id := range ids {
			if tok.Piece(id) == "" {
				return "", fmt.Errorf("no piece has id %d; the vocabulary has %d ids", id, tok.VocabSize())
			}
		}
		return tok.Decode(ids, c.SkipSpecial), nil
	}
	if c.JSONL == "" {
		var ids idList
		list := strings.Join(strings.FieldsFunc(c.IDs, func(r rune) bool { return strings.ContainsRune(" ,[]\t\n", r) }), ",")
		if err := json.Unmarshal([]byte("["+list+"]"), &ids); err != nil {
			return fmt.Errorf("tokenize: --ids %q: want numbers, separated by spaces or commas", c.IDs)
		}
		text, err := decode(ids)
		if err != nil {
			return fmt.Errorf("tokenize: --ids: %w", err)
		}
		a.printf("%s\n", text)
		return nil
	}
	return jsonLines(a, c.JSONL, func(line []byte) (any, error) {
		var row struct {
			IDs idList `json:"ids"`
		}
		if err := json.Unmarshal(line, &row); err != nil {
			return nil, err
		}
		if row.IDs == nil {
			return nil, errors.New(`no field "ids"`)
		}
		text, err := decode(row.IDs)
		return map[string]string{"text": text}, err
	})
}

// maxLine bounds a line of --jsonl, in bytes.
const maxLine = 64 << 20

// readLine reads a line with its end; the error is bufio.ErrTooLong if it is longer than maxLine.
func readLine(in *bufio.Reader) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxLine {
			return nil, bufio.ErrTooLong
		}
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// jsonLines calls each for every line of a file that is not blank, and prints the results as JSON Lines.
func jsonLines(a *app, path string, each func(line []byte) (any, error)) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("tokenize: %w", err)
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	buffered := bufio.NewWriter(a.stdout)
	out := json.NewEncoder(buffered)
	out.SetEscapeHTML(false)
	for n := 1; ; n++ {
		line, readErr := readLine(in)
		if errors.Is(readErr, bufio.ErrTooLong) {
			return fmt.Errorf("tokenize: %s: line %d has more than %d MiB", path, n, maxLine>>20)
		}
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")) // a byte order mark
		}
		if !utf8.Valid(line) { // encoding/json would replace the invalid bytes
			return fmt.Errorf("tokenize: %s: line %d is not UTF-8; convert the file", path, n)
		}
		if strings.TrimSpace(string(line)) != "" {
			v, err := each(line)
			if err != nil {
				return fmt.Errorf("tokenize: %s: line %d: %w", path, n, err)
			}
			if err := out.Encode(v); err != nil {
				return err
			}
		}
		if readErr == io.EOF {
			return buffered.Flush()
		}
		if readErr != nil {
			return fmt.Errorf("tokenize: %s: line %d: %w", path, n, readErr)
		}
	}
}
