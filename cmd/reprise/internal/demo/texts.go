package demo

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"reprise/cmd/reprise/internal/synth"
	"reprise/internal/atomicfile"
)

// WriteTexts writes the demonstration's texts into dir, for a reader who wants to train on them: domain/train.jsonl and
// domain/valid.jsonl, general-train.txt and general-valid.txt.
//
// A row of the domain is a prompt with its completion and can hold one question, so each document of the demonstration gives
// three rows: the schema, one of the questions, and its query. The ids are those of the document, and every row has the end id.
//
// A line with the end marker separates the documents of the general texts. general-train.txt has the first of the
// documents that arm d mixes in.
func WriteTexts(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "domain"), 0o777); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := errors.Join(
		writeRows(filepath.Join(dir, "domain", "train.jsonl"), synth.Train, trainDocs),
		writeRows(filepath.Join(dir, "domain", "valid.jsonl"), synth.Valid, validDocs),
		writeTexts(filepath.Join(dir, "general-train.txt"), mixTexts(keptDocs)),
		writeTexts(filepath.Join(dir, "general-valid.txt"), generalTexts("valid", generalDocs)),
	); err != nil {
		return fmt.Errorf("demo: writing the texts: %w", err)
	}
	return nil
}

// writeRows writes n documents of a split of the domain.
func writeRows(path string, split synth.Split, n int) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false) // queries compare with < and >
		for i := range n {
			for _, row := range pairs(synth.Domain(domainSeed, uint64(i), split)) {
				if err := e.Encode(row); err != nil {
					return err
				}
			}
		}
		return b.Flush()
	})
}

// pair is a row of a file of the domain.
type pair struct {
	Prompt     string `json:"prompt"`
	Completion string `json:"completion"`
}

// pairs repeats the schema of a document in front of each of its questions. The space between prompt and completion is not
// written, because package data puts it there.
func pairs(segments []synth.Segment) []pair {
	schema, _, _ := strings.Cut(segments[0].Text, "\n")
	var rows []pair
	for i := 0; i < len(segments); i += 2 {
		_, question, _ := strings.Cut(segments[i].Text, "\n")
		rows = append(rows, pair{schema + "\n" + question, strings.TrimPrefix(segments[i+1].Text, " ")})
	}
	return rows
}

// from leaves out the first n texts.
func from(n int, texts iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		i := 0
		for text := range texts {
			if i++; i > n && !yield(text) {
				return
			}
		}
	}
}
