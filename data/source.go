package data

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

// Limits on files. Text is read whole; of JSON Lines only one line at a time is in memory, besides the tokens.
const (
	maxTextBytes = 2 << 30
	maxLineBytes = 64 << 20
)

// kind is the kind of a file, as its name says.
type kind int

const (
	textFile kind = iota
	jsonLines
	jsonList
)

// source is an open file, decompressed.
type source struct {
	io.Reader
	path  string
	kind  kind
	close []func()
}

// at adds to an error the line in which its row begins.
func (s *source) at(line int, err error) error {
	e := &RowError{File: s.path, Line: line, Err: err}
	if f, ok := errors.AsType[*fieldError](err); ok {
		e.Field = f.name
	}
	return e
}

func (s *source) Close() {
	for i := len(s.close) - 1; i >= 0; i-- {
		s.close[i]()
	}
}

// KnownName says whether LoadDocuments reads a path: a directory, or a file with a known extension.
func KnownName(path string) bool {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return true
	}
	_, _, ok := kindOf(path)
	return ok
}

// kindOf tells from a file's name what the file holds and how it is compressed.
func kindOf(path string) (k kind, compression string, ok bool) {
	name := strings.ToLower(filepath.Base(path))
	compression = filepath.Ext(name)
	switch compression {
	case ".gz", ".bz2", ".zst":
		name = strings.TrimSuffix(name, compression)
	default:
		compression = ""
	}
	switch filepath.Ext(name) {
	case ".txt", ".text", ".md":
		return textFile, compression, true
	case ".jsonl", ".ndjson":
		return jsonLines, compression, true
	case ".json":
		return jsonList, compression, true
	}
	return 0, compression, false
}

// openSource opens a file as its name says; an unknown extension is an error.
func openSource(path string) (*source, error) {
	what, compression, ok := kindOf(path)
	s := &source{path: path, kind: what}
	if _, err := os.Stat(path); !ok && errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no such file or directory")
	}
	if !ok {
		return nil, errors.New("the name says neither text nor JSON Lines; name it .txt or .jsonl (.json if it is one list of objects; and .gz, .bz2 or .zst if it is compressed)")
	}
	f, err := os.Open(path)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err // the caller names the path
		}
		return nil, err
	}
	s.close = append(s.close, func() { f.Close() })
	s.Reader = bufio.NewReaderSize(f, 1<<16)
	switch compression {
	case ".gz":
		var z *gzip.Reader
		if z, err = gzip.NewReader(s.Reader); err == nil {
			s.Reader = z
		}
	case ".bz2":
		s.Reader = bzip2.NewReader(s.Reader)
	case ".zst":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(s.Reader, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxTextBytes)); err == nil {
			s.Reader, s.close = z, append(s.close, z.Close)
		}
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("decompressing: %w", err)
	}
	return s, nil
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// text reads the whole file. A byte order mark is left out.
func (s *source) text() (string, error) {
	var b strings.Builder
	n, err := io.Copy(&b, io.LimitReader(s, maxTextBytes+1))
	if err != nil {
		return "", err
	}
	if n > maxTextBytes {
		return "", fmt.Errorf("more than %d GiB of text; split it into several files", maxTextBytes>>30)
	}
	text := strings.TrimPrefix(b.String(), string(byteOrderMark))
	if i := notUTF8(text); i >= 0 {
		line := 1 + strings.Count(text[:i], "\n")
		return "", s.at(line, fmt.Errorf("byte %d of the text is 0x%02x, not UTF-8; convert the file to UTF-8", i+1, text[i]))
	}
	if strings.TrimSpace(text) == "" {
		return "", errEmpty
	}
	return text, nil
}

var errEmpty = errors.New("the file is empty; give it at least one document")

// rows calls use for every object of a JSON Lines file or of a JSON list, with the line that it starts in.
func (s *source) rows(use func(line int, b []byte) error) error {
	if s.kind == jsonList {
		return s.listed(use)
	}
	return s.lines(use)
}

// listed calls use for every element of a JSON list, with its line from 1.
func (s *source) listed(use func(line int, b []byte) error) error {
	text, err := s.text()
	if err != nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(text))
	line, at := 1, 0 // the decoder's line and byte
	advance := func(to int) {
		line += strings.Count(text[at:to], "\n")
		at = to
	}
	bad := func(err error) error {
		to := int(d.InputOffset()) // the end of what could be read; the error is in what follows
		advance(len(text) - len(strings.TrimLeft(text[to:], ", \t\r\n")))
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return s.at(line, errors.New("the list is not closed"))
		}
		return s.at(line, fmt.Errorf("bad JSON: %w", err))
	}
	if open, err := d.Token(); err != nil {
		return bad(err)
	} else if open != json.Delim('[') {
		return errors.New("want one list of objects; name the file .jsonl if it has an object a line")
	}
	found := false
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return bad(err)
		}
		found = true
		end := int(d.InputOffset())
		advance(end - len(raw))
		if err := use(line, raw); err != nil {
			return s.at(line, err)
		}
		advance(end)
	}
	if _, err := d.Token(); err != nil {
		return bad(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return bad(errors.New("something follows the list"))
	}
	if !found {
		return errEmpty
	}
	return nil
}

// lines calls use for every line that is not blank, with its number from 1. The bytes are valid until use returns.
func (s *source) lines(use func(line int, b []byte) error) error {
	sc := bufio.NewScanner(s)
	sc.Buffer(make([]byte, 1<<16), maxLineBytes)
	n, found := 0, false
	bad := func(err error) error {
		if cut := sc.Err(); cut != nil { // the line was cut where reading failed; the error does not blame it
			return fmt.Errorf("after line %d: %w: the file is cut off or damaged", n-1, cut)
		}
		return s.at(n, err)
	}
	for sc.Scan() {
		n++
		b := sc.Bytes()
		if n == 1 {
			b = bytes.TrimPrefix(b, byteOrderMark)
		}
		if b = bytes.TrimSpace(b); len(b) == 0 {
			continue
		}
		found = true
		if i := notUTF8(string(b)); i >= 0 {
			return bad(fmt.Errorf("byte %d of the line is 0x%02x, not UTF-8; convert the file to UTF-8", i+1, b[i]))
		}
		if err := use(n, b); err != nil {
			return bad(err)
		}
	}
	if err := sc.Err(); errors.Is(err, bufio.ErrTooLong) {
		return s.at(n+1, fmt.Errorf("longer than %d MiB; JSON Lines need one object a line", maxLineBytes>>20))
	} else if err != nil {
		return fmt.Errorf("after line %d: %w: the file is cut off or damaged", n, err)
	}
	if !found {
		return errEmpty
	}
	return nil
}

// notUTF8 is the index of the first byte that is not UTF-8; −1 if there is none.
func notUTF8(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	at := 0
	for {
		r, n := utf8.DecodeRuneInString(s[at:])
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
}
