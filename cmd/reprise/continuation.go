package main

import (
	"strings"

	"reprise/tokenizer"
)

// continuation is the text that a model writes after a prompt, as it grows token by token. What has been handed out for printing is
// never taken back: held back is what may still change (bytes of a character that is not complete yet) and what may be the beginning
// of a stop string.
type continuation struct {
	tok    *tokenizer.Tokenizer
	before string   // the prompt as text
	ids    []int32  // prompt and continuation
	from   int      // where the continuation begins in ids
	stops  []string // the text ends before the first of these

	shown   int    // bytes that were handed out
	stopped string // the stop string that was found
	end     int    // where it begins
}

func newContinuation(tok *tokenizer.Tokenizer, prompt []int32, stops []string) *continuation {
	return &continuation{tok: tok, before: tok.Decode(prompt, true), ids: append([]int32(nil), prompt...), from: len(prompt), stops: stops}
}

// until is the text of the continuation's ids before ids[n].
func (c *continuation) until(n int) string {
	if text, ok := strings.CutPrefix(c.tok.Decode(c.ids[:n], true), c.before); ok {
		return text
	}
	// The prompt ends in bytes that form no character together with those of the continuation.
	return c.tok.Decode(c.ids[c.from:n], true)
}

// text is all of the continuation, up to the stop string if there is one.
func (c *continuation) text() string {
	text := c.until(len(c.ids))
	if c.stopped != "" {
		return text[:c.end]
	}
	return text
}

// add appends an id. It returns the text that can be printed now, and whether a stop string has been found.
func (c *continuation) add(id int32) (print string, stopped bool) {
	c.ids = append(c.ids, id)
	// A character whose bytes are not all there is decoded as U+FFFD; more bytes may complete it.
	text := strings.TrimRight(c.until(len(c.ids)), "\uFFFD")
	if c.find(text) {
		return c.upTo(text[:c.end]), true
	}
	settled := len(c.ids)
	for settled > c.from && c.open(c.ids[settled-1]) {
		settled--
	}
	if settled < len(c.ids) {
		text = strings.TrimRight(c.until(settled), "\uFFFD")
	}
	return c.upTo(text[:len(text)-heldBack(text, c.stops)]), false
}

// open says whether what follows an id may change how it is read. A decoder of byte fallback reads a row of bytes as a whole: if
// its last character is cut off, all of them become U+FFFD, so that a row is handed out when it has ended. Special tokens are not
// text, and do not end a row.
func (c *continuation) open(id int32) bool {
	piece := c.tok.Piece(id)
	return c.tok.IsSpecial(id) || len(piece) == 6 && strings.HasPrefix(piece, "<0x") && piece[5] == '>'
}

// finish returns what is left to be printed when no more ids follow.
func (c *continuation) finish() string {
	if c.stopped == "" {
		c.find(c.until(len(c.ids)))
	}
	return c.upTo(c.text())
}

// upTo hands out what text has beyond what was handed out.
func (c *continuation) upTo(text string) string {
	if len(text) <= c.shown {
		return ""
	}
	print := text[c.shown:]
	c.shown = len(text)
	return print
}

// find looks for the stop string that begins first.
func (c *continuation) find(text string) bool {
	for _, stop := range c.stops {
		if at := strings.Index(text, stop); at >= 0 && (c.stopped == "" || at < c.end) {
			c.stopped, c.end = stop, at
		}
	}
	return c.stopped != ""
}

// heldBack is the length of the longest end of text that may be the beginning of one of stops.
func heldBack(text string, stops []string) int {
	longest := 0
	for _, stop := range stops {
		for n := min(len(stop)-1, len(text)); n > longest; n-- {
			if strings.HasPrefix(stop, text[len(text)-n:]) {
				longest = n
				break
			}
		}
	}
	return longest
}
