package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"reprise/base"
	"reprise/eval"
)

type evalCmd struct {
	Model     string   `required:"" help:"Model directory." placeholder:"DIR"`
	Base      string   `help:"Base model directory: adds drift, how far the model's predictions are from the base model's." placeholder:"DIR"`
	Data      []string `sep:"none" help:"NAME=FILE, NAME=FILE:choice or NAME=FILE:match; may be given several times." placeholder:"NAME=FILE"`
	Replay    string   `help:"Record with text that the base model wrote: how far the model has moved on it. With --base, also from the base model's weights." placeholder:"FILE"`
	MaxSeqLen int      `help:"Longest sequence in tokens; 0: the model's number of positions."`
	JSON      bool     `name:"json" help:"Print one JSON object."`

	Reading readingFlags `embed:""`
}

func (c *evalCmd) Run(a *app) error {
	if len(c.Data) == 0 && c.Replay == "" {
		return fmt.Errorf("eval: nothing to measure on; give --data NAME=FILE, --replay FILE, or both")
	}
	sets, err := evalSets(c.Data)
	if err != nil {
		return err
	}
	b, err := base.Open(c.Model)
	if err != nil {
		return err
	}
	if err := a.checkSeqLen(c.MaxSeqLen, b.Model.Config.MaxPositions); err != nil {
		return fmt.Errorf("eval: %w", err)
	}
	e := &eval.Evaluator{Model: b.Model, Pool: a.pool(), Tokenizer: b.Tokenizer, MaxSeqLen: c.MaxSeqLen, Reading: c.Reading.reading()}
	var from *base.Base
	if c.Base != "" {
		if from, err = base.Open(c.Base); err != nil {
			return err
		}
		if from.Tokenizer.Fingerprint() != b.Tokenizer.Fingerprint() || from.Model.Config.VocabSize != b.Model.Config.VocabSize {
			return fmt.Errorf("eval: --base %s has another tokenizer or vocabulary than %s; drift compares the same ids", c.Base, c.Model)
		}
		e.Base = from.Model
	}
	packs, err := c.heldOut(b, from)
	if err != nil {
		return err
	}
	results := []eval.Result{}
	for _, s := range sets {
		r, err := e.Run(a.ctx, s)
		if err != nil {
			return err
		}
		results = append(results, r)
		for _, text := range r.Notices {
			a.note("notice: %s: %s", s.Name, text)
		}
		if !c.JSON {
			a.printf("%s\n", describe(r))
			if r.Drift != nil {
				a.printf("%s\n", describeDrift(r.Drift))
			}
		}
	}
	all := map[string]any{"results": results}
	if c.Replay != "" {
		f, err := e.Forgetting(a.ctx, packs)
		if err != nil {
			return err
		}
		if !c.JSON {
			a.printf("%s\n", describeForgetting(f))
		}
		all["forgetting"] = f
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(all)
	}
	return nil
}

// evalSets reads the flags --data, and reports a mistake in the last one before the first is measured.
func evalSets(data []string) ([]eval.Set, error) {
	sets, err := eval.ParseSets(data)
	if err != nil {
		return nil, err
	}
	for _, s := range sets {
		if _, err := os.Stat(s.Path); err != nil {
			hint := ""
			if i := strings.LastIndexByte(s.Path, ':'); i > 1 {
				hint = fmt.Sprintf("; if %s is meant as the task: known are loss, choice, match", s.Path[i:])
			}
			return nil, fmt.Errorf("eval: %s: %w%s", s.Name, err, hint)
		}
	}
	return sets, nil
}

// checkSeqLen refuses a --max-seq-len that makes no sense, and says where the model's positions are fewer.
func (a *app) checkSeqLen(n, most int) error {
	switch {
	case n < 0 || n == 1:
		return fmt.Errorf("--max-seq-len %d: want 2 to the model's %d", n, most)
	case n > most:
		a.note("notice: --max-seq-len %d: the model has %d positions, so sequences are at most that long", n, most)
	}
	return nil
}

// describe is a result as a line of text.
func describe(r eval.Result) string {
	s := describeTask(r)
	if r.Truncated > 0 {
		s += fmt.Sprintf(" (%d samples cut to the longest sequence)", r.Truncated)
	}
	return s
}

func describeTask(r eval.Result) string {
	switch r.Task {
	case eval.Choice:
		return fmt.Sprintf("%-12s choice      %d of %d right (%.1f %%; chance %.1f %%), per byte %d, choice loss %.4f",
			r.Name, *r.Correct, r.Total, 100*float64(*r.Correct)/float64(r.Total), 100**r.Chance, *r.CorrectPerByte, *r.ChoiceLoss)
	case eval.Match:
		return fmt.Sprintf("%-12s exact match %d of %d (%.1f %%)", r.Name, *r.Correct, r.Total, 100*float64(*r.Correct)/float64(r.Total))
	}
	s := fmt.Sprintf("%-12s loss_full %.4f nats/token  perplexity %.3f", r.Name, *r.Loss, *r.Perplexity)
	if r.BitsPerByte != nil {
		s += fmt.Sprintf("  bits/byte %.4f", *r.BitsPerByte)
	}
	return s + fmt.Sprintf("  over %d tokens", r.Tokens)
}

// describeDrift is the drift as a line of text.
func describeDrift(d *eval.Drift) string {
	return fmt.Sprintf("%-12s KL(base||now) %.5f ± %.5f nats (p50 %.4f, p95 %.4f, p99 %.4f)  same top-1 %.2f %%  perplexity ×%.4f  Δp rms %.2f %% (p5 %+.2f, p95 %+.2f)",
		"  drift", d.MeanKL, d.KLSE, d.KLP50, d.KLP95, d.KLP99, 100*d.SameTop1, d.PPLRatio, 100*d.DeltaRMS, 100*d.DeltaP5, 100*d.DeltaP95)
}
