package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// safe is a text as a terminal may get it: control characters other than the line break and the tab are written as escapes, so that
// what a file holds cannot move the cursor, change colours or the window's title, or make the terminal answer. Bytes that are not
// UTF-8 are escaped if a terminal of eight bits would take them for control characters. In JSON the escapes mean the same.
func safe(text string) string {
	if !strings.ContainsFunc(text, isControl) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && n == 1 && text[i] < 0xA0:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r == '\r':
			b.WriteString(`\r`)
		case isControl(r) && r < ' ':
			fmt.Fprintf(&b, `\x%02x`, r)
		case isControl(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	return b.String()
}

func isControl(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || 0x7F <= r && r <= 0x9F
}

// safeWriter makes everything safe that is written to it. A character may come in parts.
type safeWriter struct {
	io.Writer
	rest []byte // the beginning of a character whose end has not come yet
}

func (w *safeWriter) Write(b []byte) (int, error) {
	text := append(w.rest, b...)
	w.rest = nil
	for i := len(text) - 1; i >= max(0, len(text)-utf8.UTFMax+1); i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				w.rest, text = append([]byte(nil), text[i:]...), text[:i]
			}
			break
		}
	}
	if _, err := io.WriteString(w.Writer, safe(string(text))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// flush writes the beginning of a character that never ended.
func (w *safeWriter) flush() error {
	text := safe(string(w.rest))
	w.rest = nil
	if text == "" {
		return nil
	}
	_, err := io.WriteString(w.Writer, text)
	return err
}
