package data

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"reprise/internal/parquet"
)

// Limits on files. JSON is read whole; of text only one document at a time is in memory, and of JSON Lines, CSV and TSV one row,
// besides the tokens.
const (
	maxTextBytes = 1 << 30
	maxLineBytes = 64 << 20
	maxWindow    = 2 << 30 // of zstd: what the standard tool can make
)

// kind is the kind of a file, as its name says.
type kind int

const (
	textFile kind = iota
	jsonLines
	jsonFile
	csvFile
	tsvFile
	parquetFile
)

// kinds maps the extensions of names to what the files hold.
var kinds = map[string]kind{
	".txt": textFile, ".text": textFile, ".md": textFile,
	".jsonl": jsonLines, ".ndjson": jsonLines, ".json": jsonFile,
	".csv": csvFile, ".tsv": tsvFile, ".parquet": parquetFile,
}

// compressions maps the extensions of names to what the files are compressed with.
var compressions = map[string]string{".gz": "gzip", ".bz2": "bzip2", ".zst": "zstd"}

// fileNames ends the message about a name that says nothing.
const fileNames = ".txt, .jsonl, .json, .csv, .tsv or .parquet, or all but the last with .gz, .bz2 or .zst after it"

// source is an open file, decompressed.
type source struct {
	io.Reader
	path    string
	kind    kind
	file    *os.File
	size    int64
	columns *columns // nil: names stay
	longest int      // row of CSV, in bytes
	close   []func()
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
	compression = compressions[filepath.Ext(name)]
	k, ok = kinds[filepath.Ext(uncompressed(name))]
	return k, compression, ok && !(k == parquetFile && compression != "")
}

// openSource is openStoppable without a context.
func openSource(path string, columns *columns) (*source, error) {
	return openStoppable(context.Background(), path, columns)
}

// openStoppable opens a file as its name says; an unknown extension is an error, and so are contents that are plainly something else.
// When the context is cancelled, opening and reading fail, also where they wait for what is to come out of a pipe.
func openStoppable(ctx context.Context, path string, columns *columns) (*source, error) {
	what, compression, ok := kindOf(path)
	if _, err := os.Stat(path); !ok && errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no such file or directory")
	}
	f, err := open(ctx, path)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err // the caller names the path
		}
		return nil, err
	}
	s := &source{path: path, kind: what, file: f, columns: columns, longest: maxLineBytes, close: []func(){func() { f.Close() }}}
	if ctx != nil {
		stop := context.AfterFunc(ctx, func() { f.Close() })
		s.close = append(s.close, func() { stop() })
	}
	if err := s.start(compression, ok); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// open is os.Open that gives up when the context is cancelled: a pipe is opened only when something writes into it.
func open(ctx context.Context, path string) (*os.File, error) {
	if info, err := os.Stat(path); ctx == nil || err != nil || info.Mode().IsRegular() {
		return os.Open(path)
	}
	type opened struct {
		f   *os.File
		err error
	}
	result := make(chan opened, 1)
	go func() {
		f, err := os.Open(path)
		result <- opened{f, err}
	}()
	select {
	case o := <-result:
		return o.f, o.err
	case <-ctx.Done(): // the opening is left alone; it ends with the process
		return nil, ctx.Err()
	}
}

// start looks at the file's first bytes and prepares its decompression.
func (s *source) start(compression string, known bool) error {
	r := bufio.NewReaderSize(s.file, 1<<16)
	head, _ := r.Peek(sniffed) // fewer if the file is shorter; a reading error comes again below
	if err := misnamed(s.path, known, s.kind, compression, head); err != nil {
		return err
	}
	s.Reader = r
	if s.kind == parquetFile {
		info, err := s.file.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("a Parquet file cannot be read from a pipe; write it to the disk")
		}
		if err == nil {
			s.size = info.Size()
		}
		return err
	}
	switch compression {
	case "":
		return nil
	case "gzip":
		z, err := gzip.NewReader(s.Reader)
		if err != nil {
			return fmt.Errorf("decompressing: %w", err)
		}
		s.Reader = z
	case "bzip2":
		s.Reader = bzip2.NewReader(s.Reader)
	case "zstd":
		var h zstd.Header
		if h.Decode(head) == nil && h.WindowSize > maxWindow {
			return fmt.Errorf("decompressing: its zstd window is %d MiB, at most %d can be read; decompress the file where it was made and compress it with a smaller window",
				h.WindowSize>>20, maxWindow>>20)
		}
		z, err := zstd.NewReader(s.Reader, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return fmt.Errorf("decompressing: %w", err)
		}
		s.Reader, s.close = z, append(s.close, z.Close)
	}
	inner := bufio.NewReaderSize(s.Reader, 1<<16)
	s.Reader = inner
	head, _ = inner.Peek(sniffed)
	return misnamedInside(s.path, compression, head)
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// text reads the whole file. A byte order mark is left out.
func (s *source) text() (string, error) {
	var chunks [][]byte // not one buffer: a buffer that grows takes more than twice its contents
	n := 0
	for {
		chunk, m, err := make([]byte, 1<<20), 0, error(nil)
		for m < len(chunk) && err == nil { // io.ReadFull would not tell a file that is cut off from one that ends
			var k int
			k, err = s.Read(chunk[m:])
			m += k
		}
		chunks = append(chunks, chunk[:m])
		if n += m; n > maxTextBytes {
			remedy := "split it into several files"
			if s.kind == jsonFile {
				remedy += ", or write it as JSON Lines, of which only one row is in memory"
			}
			return "", fmt.Errorf("more than %d GiB of text; %s", maxTextBytes>>30, remedy)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", fmt.Errorf("after byte %d: %w: the file is cut off or damaged", n, err)
		}
	}
	var b strings.Builder
	b.Grow(n)
	for i, chunk := range chunks {
		b.Write(chunk)
		chunks[i] = nil
	}
	text := strings.TrimPrefix(b.String(), string(byteOrderMark))
	if i := notUTF8(text); i >= 0 {
		line := 1 + strings.Count(text[:i], "\n")
		return "", s.at(line, fmt.Errorf("byte %d of the text is 0x%02x, not UTF-8; convert the file to UTF-8", i+1, text[i]))
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		line := 1 + strings.Count(text[:i], "\n")
		return "", s.at(line, fmt.Errorf("byte %d of the text is 0x00, which text does not have: the file is damaged, or something else than text", i+1))
	}
	if strings.TrimSpace(text) == "" {
		return "", errEmpty
	}
	return text, nil
}

var errEmpty = errors.New("the file is empty; give it at least one document")

// rows calls use for every row of a file, as a JSON object with the line that it starts in. The bytes are valid until use returns.
func (s *source) rows(use func(line int, b []byte) error) error {
	if s.columns != nil {
		use = s.columns.renaming(use)
	}
	switch s.kind {
	case jsonFile:
		return s.jsonFile(use)
	case csvFile:
		return s.table(',', use)
	case tsvFile:
		return s.table('\t', use)
	case parquetFile:
		return s.parquet(use)
	}
	return s.lines(s, use)
}

// parquet calls use for every row of a Parquet file. What it counts as a line is a row.
func (s *source) parquet(use func(line int, b []byte) error) error {
	f, err := parquet.Open(s.file, s.size)
	if err != nil {
		return err
	}
	found := false
	err = f.Rows(func(row int, b []byte) error {
		found = true
		if err := use(row, b); err != nil {
			return s.at(row, err)
		}
		return nil
	})
	if err == nil && !found {
		return errEmpty
	}
	if bad, ok := errors.AsType[*parquet.RowError](err); ok {
		if err = bad.Err; bad.Field != "" {
			err = &fieldError{bad.Field, err}
		}
		return s.at(bad.Row, err)
	}
	return err
}

// lines calls use for every line of r that is not blank, with its number from 1.
func (s *source) lines(r io.Reader, use func(line int, b []byte) error) error {
	sc := bufio.NewScanner(r)
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
		if !found && b[0] == '[' && sc.Err() == nil {
			return bad(fmt.Errorf("want a JSON object, found a list; if the file is one list of objects, name it %s", renamed(s.path, ".json")))
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
