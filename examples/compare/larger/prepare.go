// Prepare writes the texts of the larger study: those on which its base model is trained, and those that show forgetting.
//
//	go run ./examples/compare/larger ../shared/data runs/larger
//
// It reads the folder of reference data and writes JSON Lines with one document each: train.jsonl (State of the Union
// addresses, Moby Dick, Shakespeare, TinyStories, nine tenths of the RFCs) and the held-out valid-sotu.jsonl,
// valid-shakespeare.jsonl, valid-tinystories.jsonl, valid-rfc.jsonl (every tenth RFC by name) and unseen-wikitext2.jsonl.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: prepare DATA OUT")
		os.Exit(2)
	}
	if err := prepare(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "prepare:", err)
		os.Exit(1)
	}
}

func prepare(from, out string) error {
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	var train []string
	for _, source := range []struct{ name, train, valid string }{
		{"sotu", "sotu/train.txt.bz2", "sotu/valid.txt.bz2"},
		{"moby-dick", "moby-dick/train.txt.bz2", ""},
		{"shakespeare", "tinyshakespeare/train.txt", "tinyshakespeare/valid.txt"},
		{"tinystories", "tinystories/train.txt", "tinystories/valid.txt"},
	} {
		blankLines := source.name == "sotu" || source.name == "tinystories" // a blank line ends a document in these
		learn, err := read(filepath.Join(from, source.train), blankLines)
		if err != nil {
			return err
		}
		train = append(train, learn...)
		if source.valid == "" {
			continue
		}
		held, err := read(filepath.Join(from, source.valid), blankLines)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(out, "valid-"+source.name+".jsonl"), held); err != nil {
			return err
		}
	}
	learn, held, err := rfcs(filepath.Join(from, "rfc/rfc-ct-228.tar.bz2"))
	if err != nil {
		return err
	}
	unseen, err := read(filepath.Join(from, "wikitext2/valid.txt"), false)
	if err != nil {
		return err
	}
	return errors.Join(
		write(filepath.Join(out, "train.jsonl"), append(train, learn...)),
		write(filepath.Join(out, "valid-rfc.jsonl"), held),
		write(filepath.Join(out, "unseen-wikitext2.jsonl"), unseen))
}

// read returns the documents of a text file, which may be compressed: the whole file, or the parts between blank lines.
func read(path string, blankLines bool) ([]string, error) {
	text, err := os.ReadFile(path)
	if err == nil && strings.HasSuffix(path, ".bz2") {
		text, err = io.ReadAll(bzip2.NewReader(bytes.NewReader(text)))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !blankLines {
		return []string{string(text)}, nil
	}
	var documents []string
	for part := range strings.SplitSeq(string(text), "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			documents = append(documents, part)
		}
	}
	return documents, nil
}

// rfcs divides the RFCs of an archive: every tenth by name is held out.
func rfcs(path string) (learn, held []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	texts := map[string]string{}
	archive := tar.NewReader(bzip2.NewReader(bufio.NewReader(f)))
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %s: %w", path, h.Name, err)
		}
		texts[h.Name] = strings.ToValidUTF8(string(text), "\uFFFD")
	}
	var names []string
	for name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i%10 == 9 {
			held = append(held, texts[name])
		} else {
			learn = append(learn, texts[name])
		}
	}
	return learn, held, nil
}

// write makes a file with one {"text": …} per line.
func write(path string, documents []string) error {
	var b bytes.Buffer
	encode := json.NewEncoder(&b)
	encode.SetEscapeHTML(false)
	for _, text := range documents {
		if err := encode.Encode(map[string]string{"text": text}); err != nil {
			return err
		}
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}
