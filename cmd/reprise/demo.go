package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"reprise/asm"
	"reprise/cmd/reprise/internal/demo"
	"reprise/model"
	"reprise/run"
	"reprise/train"
)

type demoCmd struct {
	Keep    string    `help:"Keep the demo's files (model, texts, records) in this directory, which must not exist or be empty." placeholder:"DIR" xor:"keep"`
	Sweep   []float64 `help:"Instead: train every arm with each of these learning rates and print a table (the source of the demo's rates)." placeholder:"LR,…" xor:"instead"`
	Rebuild string    `help:"Instead: train the embedded base model again from random weights in DIR, to the same SHA-256; continues an interrupted attempt." placeholder:"DIR" xor:"instead,keep"`
}

func (c *demoCmd) Run(a *app) error {
	if c.Rebuild != "" {
		return c.rebuild(a)
	}
	for _, lr := range c.Sweep {
		if !(lr > 0 && lr < 10) {
			return fmt.Errorf("demo: --sweep %g: want learning rates of more than 0 and less than 10", lr)
		}
	}
	dir := c.Keep
	if entries, err := os.ReadDir(dir); dir != "" && err == nil && len(entries) > 0 {
		return fmt.Errorf("demo: --keep %s: the directory is not empty; choose another name or remove it", dir)
	}
	if dir == "" {
		tmp, err := os.MkdirTemp("", "reprise-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		dir = tmp
	}
	if c.Keep != "" {
		if err := demo.WriteTexts(dir); err != nil {
			return err
		}
	}
	start := time.Now()
	d, err := demo.Open(a.ctx, dir, a.pool(), len(c.Sweep) > 0)
	if err != nil {
		return err
	}
	a.printf("A small llama (1.8 million weights, trained by this engine on invented stories) learns to write SQL.\n")
	a.printf("Processor tier %s, %d workers. Losses are full cross-entropy in nats per token on held-out text;\n", asm.Active(), a.pool().Workers())
	a.printf("exact match counts whole queries about unseen schemas with unseen names.\n\n")
	r := d.Record
	a.printf("Stage 0: %d sequences, %d tokens recorded in %.1f s: mean |S| %.1f of %d ids, covered mass %.3f, gold_outside %.1f %%;\n",
		r.Sequences, r.Tokens, d.Stage0, r.MeanSubset, 8192, r.Coverage, 100*r.GoldOutside)
	own, err := ownText(d.OwnRecord(), d.Tokenizer)
	if err != nil {
		return err
	}
	a.printf("and the base model wrote %d tokens to rehearse, in %.1f s:\n", own.Tokens, d.Writing)
	own.printSamples(a)
	a.printf("\n")
	if len(c.Sweep) > 0 {
		return c.sweep(a, d)
	}
	header(a)
	a.printf("%-42s %8.3f %12s %10.3f\n", "   base model", d.Base.Domain, match(d.Base), d.Base.General)
	var trained []*model.Model
	for _, arm := range demo.Arms {
		o, err := c.train(a, d, arm)
		if err != nil {
			return err
		}
		row(a, d, o)
		trained = append(trained, o.Model)
	}
	ceiling, f, head := d.Ceiling(r.MeanSubset)
	withTail, _, _ := d.Ceiling(r.MeanSubset + 128)
	a.printf("\nThe most that replay can save here, by counting multiply-adds: %.0f %% bare, %.0f %% with the tail\n"+
		"(%.0f %% of the positions carry loss, the head is %.0f %% of the model's weights).\n", 100*ceiling, 100*withTail, 100*f, 100*head)
	samples, err := d.Samples(a.ctx, trained[0], trained[2])
	if err != nil {
		return err
	}
	before, err := d.BaseAnswers(a.ctx)
	if err != nil {
		return err
	}
	for i, s := range samples {
		a.printf("\n%s\n  wanted %s\n  before %s\n  (a)    %s\n  (c)    %s\n", s.Question, s.Want, before[i], s.Got[0], s.Got[1])
	}
	a.printf("\n%.0f s in all. The same numbers come out on every processor and with any --threads; only the seconds differ.\n", time.Since(start).Seconds())
	return nil
}

func header(a *app) {
	a.printf("%-42s %8s %12s %10s %8s %6s %8s %8s\n", "", "domain", "exact match", "general", "rise", "rho", "seconds", "tok/s")
}

func match(s demo.Score) string {
	return fmt.Sprintf("%5.1f %%", 100*float64(s.SQL.Right)/float64(s.SQL.Total))
}

func row(a *app, d *demo.Demo, o demo.Outcome) {
	rho := "-"
	if o.Rho != nil {
		rho = fmt.Sprintf("%.3f", *o.Rho)
	}
	a.printf("%-42s %8.3f %12s %10.3f %+8.3f %6s %8.1f %8.0f\n", o.Arm.Key+"  "+o.Arm.Name, o.Score.Domain, match(o.Score),
		o.Score.General, o.Score.General-d.Base.General, rho, o.Seconds, o.Rate)
}

// train runs an arm with a progress line.
func (c *demoCmd) train(a *app, d *demo.Demo, arm demo.Arm) (demo.Outcome, error) {
	p := newProgress(a.stderr, "training ("+arm.Key+")", false)
	p.terminalOnly = true
	tokens := 0
	o, err := d.Train(a.ctx, arm, func(e run.Event) {
		tokens += e.Tokens
		if e.Step > 0 {
			p.show(e.Step, e.Steps, tokens, remark(e))
		}
	})
	p.clear()
	return o, err
}

func (c *demoCmd) sweep(a *app, d *demo.Demo) error {
	header(a)
	for _, arm := range demo.Arms {
		for _, lr := range c.Sweep {
			arm.LR = lr
			o, err := c.train(a, d, arm)
			if _, ok := errors.AsType[*train.DivergedError](err); ok { // in a sweep this is a result
				a.printf("%s  lr %.1e: %v\n", arm.Key, lr, err)
				continue
			}
			if err != nil {
				return err
			}
			o.Arm.Name = fmt.Sprintf("lr %.1e  %.24s", lr, arm.Name)
			row(a, d, o)
		}
	}
	return nil
}

func (c *demoCmd) rebuild(a *app) error {
	p := newProgress(a.stderr, "training the base model", false)
	tokens := 0
	sum, err := demo.Rebuild(a.ctx, c.Rebuild, a.pool(), func(e run.Event) {
		tokens += e.Tokens
		if e.Step > 0 {
			p.show(e.Step, e.Steps, tokens, remark(e))
		}
		if text := measured(e); text != "" {
			p.clear()
			a.printf("%s", text)
		}
	})
	p.finish()
	if err != nil {
		return err
	}
	a.printf("%s/base: weights %s\n", c.Rebuild, sum)
	if sum != demo.BaseSHA256 {
		return fmt.Errorf("demo: the embedded model's weights are %s", demo.BaseSHA256)
	}
	a.printf("The weights are those of the embedded model.\n")
	return nil
}
