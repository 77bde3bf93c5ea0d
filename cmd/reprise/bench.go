package main

import (
	"encoding/json"
	"fmt"

	"reprise/internal/bench"
)

type benchCmd struct {
	Record benchRecordCmd `cmd:"" help:"Stage 0 against the same forward pass and head with the logits thrown away."`
}

type benchRecordCmd struct {
	Repetitions int  `default:"11" help:"Measured repetitions of each side, after three to warm up."`
	JSON        bool `name:"json" help:"Print one JSON object."`
}

func (c *benchRecordCmd) Run(a *app) error {
	if c.Repetitions < 1 {
		return fmt.Errorf("bench: --repetitions %d: want 1 or more", c.Repetitions)
	}
	results, err := bench.Record(a.ctx, a.pool(), c.Repetitions)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"results": results})
	}
	a.printf("%-12s %-7s %-8s %7s %8s %9s %12s %10s %7s\n", "model", "head", "tier", "threads", "mean |S|", "record ms", "thrown away", "tokens/s", "ratio")
	for _, r := range results {
		a.printf("%-12s %-7s %-8s %7d %8.1f %9.0f %12.0f %10.0f %7.3f\n", r.Model, r.Head, r.Tier, r.Threads, r.MeanSubset, r.RecordMS, r.BareMS, r.PerSecond, r.Ratio)
	}
	return nil
}
