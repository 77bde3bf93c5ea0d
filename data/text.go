package data

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"reprise/tokenizer"
)

// maxDocument bounds a document of a text file, in bytes. It is a variable for the tests.
var maxDocument = 512 << 20

// separator says which lines separate the documents of a text file: the usual end markers and the tokenizer's, and blank lines if
// split asks for them.
func separator(tok *tokenizer.Tokenizer, split string) func(line []byte) bool {
	markers := []string{"<|endoftext|>", "</s>"}
	if id, ok := tok.EOS(); ok {
		markers = append(markers, tok.Piece(id))
	}
	return func(line []byte) bool {
		line = bytes.TrimSpace(line)
		for _, m := range markers {
			if string(line) == m {
				return true
			}
		}
		return len(line) == 0 && split == SplitBlankLine
	}
}

// documents calls use for every document of a text file that is not blank, with the line that it starts in. One document at a time
// is in memory. A byte order mark is left out.
func (s *source) documents(separates func(line []byte) bool, use func(line int, text string) error) error {
	r := bufio.NewReaderSize(s, 1<<16)
	d := textReader{source: s, first: 1, line: 1}
	found := false
	end := func(part []byte) error {
		if len(bytes.TrimSpace(part)) == 0 {
			return nil
		}
		found = true
		if err := use(d.first, string(part)); err != nil {
			return s.at(d.first, err)
		}
		return nil
	}
	for start := true; ; start = false {
		part, err := r.ReadSlice('\n')
		if start {
			part = bytes.TrimPrefix(part, byteOrderMark)
		}
		whole := err == nil || err == io.EOF
		if !whole && err != bufio.ErrBufferFull {
			return fmt.Errorf("after byte %d: %w: the file is cut off or damaged", d.before+len(d.text)+len(part), err)
		}
		if err := d.add(part, whole); err != nil {
			return err
		}
		if !whole {
			continue
		}
		if separates(d.text[d.begins:]) && len(d.text) > d.begins {
			before := d.text[:d.begins] // the line break before a separator is not part of the text
			before = bytes.TrimSuffix(bytes.TrimSuffix(before, []byte("\n")), []byte("\r"))
			if err := end(before); err != nil {
				return err
			}
			d.reset()
		}
		d.line++
		d.begins = len(d.text)
		if err == io.EOF {
			break
		}
	}
	if err := end(d.text); err != nil {
		return err
	}
	if !found {
		return errEmpty
	}
	return nil
}

// textReader gathers the lines of a document.
type textReader struct {
	*source
	text    []byte // of the document, up to what has been read
	before  int    // bytes of the file before it
	begins  int    // where its last line begins
	checked int    // bytes of it that are known to be text
	first   int    // the line that it begins in
	line    int    // the line that is being read
}

// reset begins the next document after the last line.
func (d *textReader) reset() {
	d.before += len(d.text)
	d.text, d.begins, d.checked, d.first = d.text[:0], 0, 0, d.line+1
}

// add appends a part of a line; whole says that the line ends with it. What is not text is an error as soon as it comes.
func (d *textReader) add(part []byte, whole bool) error {
	d.text = append(d.text, part...)
	if len(d.text) > maxDocument {
		return d.at(d.first, fmt.Errorf("a document of more than %d MiB begins here; separate documents by lines that say <|endoftext|>, or split the file", maxDocument>>20))
	}
	next := d.text[d.checked:]
	if !whole {
		if last := lastRune(next); len(next) > 0 && !utf8.FullRune(next[last:]) { // the rest comes with the next part
			next = next[:last]
		}
	}
	if !utf8.Valid(next) {
		i := notUTF8(string(next))
		return d.at(d.line, fmt.Errorf("byte %d of the text is 0x%02x, not UTF-8; convert the file to UTF-8", d.before+d.checked+i+1, next[i]))
	}
	if i := bytes.IndexByte(next, 0); i >= 0 {
		return d.at(d.line, fmt.Errorf("byte %d of the text is 0x00, which text does not have: the file is damaged, or something else than text", d.before+d.checked+i+1))
	}
	d.checked += len(next)
	return nil
}

// lastRune is where the last character of a text begins, as far as it can be told from its first byte.
func lastRune(b []byte) int {
	for i := len(b) - 1; i >= max(0, len(b)-utf8.UTFMax); i-- {
		if utf8.RuneStart(b[i]) {
			return i
		}
	}
	return len(b) - 1
}
