package main

import (
	"encoding/json"
	"fmt"

	"reprise/golden"
)

type verifyCmd struct {
	Dir   string   `arg:"" help:"Directory of reference outputs, as scripts/goldens.py writes it." placeholder:"DIR"`
	Write bool     `help:"Store the hashes of the engine's output in DIR/hashes.json, labelled as its own; refused if the output is wrong."`
	Tier  []string `help:"Tiers to compute on: names, or all. Default: the tier in use. --threads N computes with N workers." placeholder:"NAME,…"`
	Only  string   `help:"Compare only tensors whose names begin with this, such as logits." placeholder:"TEXT"`
	JSON  bool     `name:"json" help:"Print one JSON object."`
}

func (c *verifyCmd) Run(a *app) error {
	tiers, err := chosenTiers(c.Tier)
	if err != nil {
		return err
	}
	o := golden.Options{Tiers: tiers, Only: c.Only}
	if a.threads > 0 {
		o.Workers = []int{a.threads}
	}
	check := golden.Run
	if c.Write {
		check = golden.Write
	}
	r, err := check(a.ctx, c.Dir, o)
	if r == nil {
		return err
	}
	if c.JSON {
		if err := json.NewEncoder(a.stdout).Encode(struct {
			OK bool `json:"ok"`
			*golden.Report
		}{r.OK(), r}); err != nil {
			return err
		}
	} else {
		a.printf("%v\n", r)
		if r.Reference != "" {
			a.printf("reference   %s\n", r.Reference)
		}
	}
	switch {
	case err != nil:
		return err
	case !r.OK():
		return fmt.Errorf("verify: %s: the engine's output is wrong or has changed", c.Dir)
	case c.Write && !c.JSON:
		a.printf("hashes      stored in hashes.json: the engine's own output, which finds changes and is not a reference\n")
	}
	return nil
}
