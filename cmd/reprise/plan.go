package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reprise/cmd/reprise/internal/bench"
	"reprise/run"
)

type planCmd struct {
	Recipe string `arg:"" optional:"" help:"YAML recipe; flags override it."`
	JSON   bool   `name:"json" help:"Print one JSON object."`

	recipeFlags
}

func (c *planCmd) Run(a *app) error {
	r, err := c.recipe(a, c.Recipe)
	if err != nil {
		return err
	}
	if r.Model == "" && r.Init == "" {
		return errors.New("plan: --model is missing (or --init, or model: in a recipe: reprise plan RECIPE.yaml)")
	}
	p, err := run.NewPlan(a.ctx, r, a.pool())
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(a.stdout).Encode(struct {
			*run.Plan
			Peak int64 `json:"probe_peak,omitempty"` // bytes of memory that the measured steps used
		}{p, bench.PeakMemory()})
	} else {
		printPlan(a, p)
	}
	if err == nil && !p.Fits {
		remedy := "lower micro_batch_size"
		if !r.Recompute {
			remedy = "set recompute: true or " + remedy
		}
		err = fmt.Errorf("plan: the run needs %.0f MB and %.0f MB are free; %s (the result does not depend on it), or shorten the sequences",
			float64(p.Memory.Total)/1e6, float64(p.Free)/1e6, remedy)
	}
	return err
}

func printPlan(a *app, p *run.Plan) {
	mb := func(name string, bytes int, about string) {
		a.printf("  %-12s %9.1f MB  %s\n", name, float64(bytes)/1e6, about)
	}
	a.printf("%s\nmemory, with %d tokens at a time and %d threads\n", p.Model, p.Tokens, p.Threads)
	m := p.Memory
	mb("weights", m.Weights, "")
	mb("gradients", m.Gradients, "")
	mb("moments", m.Moments, "two per weight")
	if m.Kept > 0 {
		mb("kept", m.Kept, "average of the weights, mean of the gradients' magnitudes")
	}
	about := "of forward and backward pass"
	if p.Recompute {
		about = "only the input of each block is kept, the others are computed twice"
	}
	mb("activations", m.Activations, about)
	mb("head", m.Head, "logits, subsets, losses")
	mb("other", m.Other, "packing buffers, evaluations, the program")
	mb("total", m.Total, "")
	if p.Free > 0 {
		mb("free", int(p.Free), "now, within the limits of control groups")
	}
	if t := p.Probe; t != nil {
		a.printf("time\n  %.1f ms per step (median of %d measured), %.0f tokens/s\n", t.StepMS, t.Measured, t.PerSecond)
		a.printf("  %d steps: about %v, without evaluations and saving\n", t.Steps, time.Duration(t.Seconds*float64(time.Second)).Round(time.Second/10))
		a.printf("  peak memory of the measured steps %.1f MB\n", float64(bench.PeakMemory())/1e6)
	}
}
