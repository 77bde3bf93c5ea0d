package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// progress shows the progress of a long job: on a terminal one line that is overwritten, elsewhere a plain line every few
// seconds.
type progress struct {
	out          io.Writer
	what         string
	quiet        bool
	live         bool
	terminalOnly bool // no plain lines elsewhere
	shown        int  // number of characters of the live line on the terminal
	start        time.Time
	last         time.Time // when a line was last written

	first int       // units done at the first update; not 0 if the job was resumed
	since time.Time // time of the first update
}

func newProgress(out io.Writer, what string, quiet bool) *progress {
	p := &progress{out: out, what: what, quiet: quiet, live: isTerminal(out), start: time.Now()}
	if p.live { // the line is overwritten, for which a safeWriter has no character
		p.out = writer(out)
	}
	return p
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := writer(w).(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// writer is the writer under an output and a safeWriter.
func writer(w io.Writer) io.Writer {
	switch o := w.(type) {
	case *output:
		return writer(o.Writer)
	case *safeWriter:
		return writer(o.Writer)
	}
	return w
}

// How often a plain line is printed, and the live one at most.
const (
	plainEvery = 10 * time.Second
	liveEvery  = 100 * time.Millisecond
)

// update reports that done of total units are finished, and how many tokens they had.
func (p *progress) update(done, total, tokens int) { p.show(done, total, tokens, "") }

// show is update with a remark, such as the loss.
func (p *progress) show(done, total, tokens int, remark string) {
	if p.quiet {
		return
	}
	seconds := time.Since(p.start).Seconds()
	rate := float64(tokens) / max(seconds, 1e-9)
	left := ""
	if p.since.IsZero() {
		p.first, p.since = done, time.Now()
	} else if done > p.first {
		each := time.Since(p.since).Seconds() / float64(done-p.first)
		left = ", " + time.Duration(each*float64(total-done)*float64(time.Second)).Round(time.Second).String() + " left"
	}
	line := fmt.Sprintf("%s %d/%d %s %.0f tok/s%s", p.what, done, total, remark, rate, left)
	if p.live {
		if now := time.Now(); done == total || now.Sub(p.last) >= liveEvery {
			p.last = now
			p.overwrite(line)
		}
		return
	}
	if p.terminalOnly {
		return
	}
	if now := time.Now(); done == total || now.Sub(p.last) >= plainEvery {
		p.last = now
		fmt.Fprintln(p.out, line)
	}
}

// overwrite replaces the line on the terminal. The new line is cut to the terminal's width, because of a longer one the first
// row would stay. Blanks hide the rest of the old line; some consoles would print escape codes.
func (p *progress) overwrite(line string) {
	width := 80
	if f, ok := writer(p.out).(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			width = w
		}
	}
	line = fit(safe(line), width-1)
	n := utf8.RuneCountInString(line)
	fmt.Fprintf(p.out, "\r%s%s", line, strings.Repeat(" ", max(0, min(p.shown, width-1)-n)))
	p.shown = n
}

// fit cuts a line to a number of characters.
func fit(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:max(0, width)])
}

// clear removes the live line, so that another one can be printed.
func (p *progress) clear() {
	if p.shown > 0 {
		p.overwrite("")
		fmt.Fprint(p.out, "\r")
	}
}

// finish leaves the last live line where it is.
func (p *progress) finish() {
	if p.shown > 0 {
		fmt.Fprintln(p.out)
		p.shown = 0
	}
}
