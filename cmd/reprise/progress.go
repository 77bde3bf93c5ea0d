package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far a long job is: a live bar on a terminal, a plain line every few seconds elsewhere.
type progress struct {
	out          io.Writer
	what         string
	quiet        bool
	live         bool
	terminalOnly bool // no plain lines elsewhere
	bar          *progressbar.ProgressBar
	start        time.Time
	last         time.Time

	first int       // units that were through when they were first told: a resumed job does not begin with none
	since time.Time // and when
}

func newProgress(out io.Writer, what string, quiet bool) *progress {
	return &progress{out: out, what: what, quiet: quiet, live: isTerminal(out), start: time.Now()}
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	if o, ok := w.(*output); ok {
		w = o.Writer
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// plainEvery is how often a plain line is printed.
const plainEvery = 10 * time.Second

// update says that done of total units are through and how many tokens that were.
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
	if p.live {
		if p.bar == nil {
			p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(p.what),
				progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false), progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionFullWidth())
		}
		p.bar.Describe(fmt.Sprintf("%s %s %.0f tok/s%s", p.what, remark, rate, left))
		_ = p.bar.Set(done)
		return
	}
	if p.terminalOnly {
		return
	}
	if now := time.Now(); done == total || now.Sub(p.last) >= plainEvery {
		p.last = now
		fmt.Fprintf(p.out, "%s %d/%d %s %.0f tok/s%s\n", p.what, done, total, remark, rate, left)
	}
}

// clear takes the live bar away, so that a line can be printed.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
		fmt.Fprintln(p.out)
	}
}
