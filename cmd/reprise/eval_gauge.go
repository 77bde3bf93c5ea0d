package main

import (
	"fmt"
	"math"

	"reprise/base"
	"reprise/data"
	"reprise/eval"
	"reprise/replay"
)

// heldOut reads the packs of the record that its base model wrote, to measure forgetting of b on them; from is nil without --base.
func (c *evalCmd) heldOut(b, from *base.Base) ([]data.Sequence, error) {
	if c.Replay == "" {
		return nil, nil
	}
	r, err := replay.Open(c.Replay)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	h := r.Header()
	switch {
	case r.Gauged() == 0:
		return nil, fmt.Errorf("eval: --replay %s holds no text that the base model wrote, to measure forgetting on; %w", c.Replay, replay.ErrRecordAgain)
	case h.Tokenizer != b.Tokenizer.Fingerprint() || h.VocabSize != b.Model.Config.VocabSize:
		return nil, fmt.Errorf("eval: --replay %s was made with another tokenizer or vocabulary than that of %s; give the record that the model was trained on", c.Replay, c.Model)
	case from != nil && h.Rehearsal.BaseModel != from.Fingerprint:
		return nil, fmt.Errorf("eval: --replay %s: its text was written by another model (weights %.12s…) than --base %s (%.12s…); give that model's directory",
			c.Replay, h.Rehearsal.BaseModel, c.Base, from.Fingerprint)
	}
	return r.GaugePacks()
}

// describeForgetting is a measurement of forgetting as one or two lines of text.
func describeForgetting(f eval.Forgetting) string {
	s := fmt.Sprintf("%-12s KL(base||now) %s nats/token on %d packs that the base model wrote (%d positions), estimated from the record",
		"forgetting", plusMinus(f.KL, f.SE), f.Packs, f.Positions)
	if x := f.Exact; x != nil {
		s += fmt.Sprintf("\n%-12s KL(base||now) %s nats/token from the base model's weights; the estimate is off by %s",
			"  exact", plusMinus(x.KL, x.SE), plusMinus(x.Difference, x.DiffSE))
	}
	return s
}

// plusMinus is a number with its standard error, if that is known.
func plusMinus(x, se float64) string {
	s := fmt.Sprintf("%.4f", math.Round(x*1e4)/1e4+0) // + 0: without the sign of −0
	if se > 0 {
		s += fmt.Sprintf(" ± %.4f", se)
	}
	return s
}
