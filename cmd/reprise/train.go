package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"reprise/checkpoint"
	"reprise/internal/keys"
	"reprise/run"
)

type trainCmd struct {
	Recipe string `arg:"" optional:"" help:"YAML recipe; flags override it."`
	Resume bool   `help:"Continue from the newest checkpoint of the run directory."`
	JSON   bool   `name:"json" help:"Print every event as a JSON line, and at the end {\"out\":…,\"steps\":…,\"sha256\":…}."`

	recipeFlags
}

// recipeFlags are the recipe's keys as flags.
type recipeFlags struct{ keyFlags }

func newRecipeFlags() recipeFlags { return recipeFlags{newKeyFlags(run.Keys())} }

// recipe reads the recipe of a file, or takes the defaults if no file is named, and sets the keys whose flags were given.
func (f *recipeFlags) recipe(a *app, path string) (run.Recipe, error) {
	r := run.DefaultRecipe()
	var file []keys.Key
	if path != "" {
		var err error
		if r, err = run.ReadRecipe(path); err != nil {
			return r, err
		}
		file = keys.Of(r)
	}
	f.lay(&r)
	for _, text := range f.idle(r, file) {
		a.note("notice: %s", text)
	}
	return r, nil
}

func (c *trainCmd) Run(a *app) error {
	r, err := c.recipe(a, c.Recipe)
	if err != nil {
		return err
	}
	switch {
	case r.Model == "" && r.Init == "" && c.Resume && c.Recipe == "" && isFile(filepath.Join(r.Out, "recipe.yaml")):
		return fmt.Errorf("train: --model is missing; the run that is there goes on with: reprise train %s --resume", filepath.Join(r.Out, "recipe.yaml"))
	case r.Model == "" && r.Init == "":
		return fmt.Errorf("train: --model is missing (or --init, or model: in the recipe)")
	case r.Out == "":
		return fmt.Errorf("train: --out is missing (or out: in the recipe)")
	}
	job, err := run.Open(r, a.pool(), c.Resume)
	if err != nil {
		return err
	}
	if !c.JSON {
		a.note("training %s, %d steps, loss %s, optimizer %s; full fine-tuning only (weights, gradients and two moments in float32: %.0f MB)",
			job.Model().Config, job.Steps, r.Loss, r.Name, 16*float64(job.Model().Count())/1e6)
	}
	switch from := job.From(); {
	case from != "":
		a.note("going on from %s", from)
	case c.Resume:
		a.note("nothing to resume in %s: starting at step 1", r.Out)
	}
	for _, notice := range slices.Concat(job.Model().Config.Notices, job.Notices) {
		a.note("notice: %s", notice)
	}
	if text := job.NothingToRehearse(); text != "" && c.given("rehearse") && !slices.Contains(job.Notices, text) {
		a.note("notice: %s", text) // the share was given, though as the default
	}
	p := newProgress(a.stderr, "training", c.JSON)
	tokens := 0
	lines := json.NewEncoder(a.stdout)
	for _, e := range job.Events(a.ctx) {
		tokens += e.Tokens
		if c.JSON {
			if err := lines.Encode(e); err != nil {
				return err
			}
			continue
		}
		if e.Step > 0 {
			p.show(e.Step, e.Steps, tokens, remark(e))
		}
		if text := measured(e); text != "" {
			p.clear()
			a.printf("%s", text)
		}
	}
	p.finish()
	if err := job.Err(); err != nil {
		return err
	}
	sum := checkpoint.TensorSHA256(job.Model())
	if c.JSON {
		return lines.Encode(map[string]any{"out": r.Out, "steps": job.Steps, "sha256": sum})
	}
	a.printf("%s/final after %d steps, %.1f s of training; weights %.16s…\n", r.Out, job.Steps, job.Seconds(), sum)
	return nil
}

// isFile says whether a file, and not a directory, is there.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// remark is the loss of a step with the name of its kind.
func remark(e run.Event) string {
	s := ""
	if e.LossReplay != nil {
		s = fmt.Sprintf("loss_replay %.4f", *e.LossReplay)
	}
	if e.LossFull != nil {
		s = fmt.Sprintf("loss_full %.4f", *e.LossFull)
	}
	if e.LossRehearse != nil {
		s += fmt.Sprintf(" loss_rehearse %.4f", *e.LossRehearse)
	}
	return s + fmt.Sprintf(" lr %.2e", e.LR)
}

// measured describes the measurements and warnings of an event.
func measured(e run.Event) string {
	var b strings.Builder
	for _, r := range e.Eval {
		fmt.Fprintf(&b, "step %-5d %s\n", e.Step, describe(r))
		for _, text := range r.Notices {
			fmt.Fprintf(&b, "notice: %s: %s\n", r.Name, text)
		}
	}
	if e.Rho != nil {
		fmt.Fprintf(&b, "step %-5d rho %.4f (mass outside the recorded ids, measured on a sample)\n", e.Step, *e.Rho)
	}
	if f := e.Forgetting; f != nil {
		fmt.Fprintf(&b, "step %-5d forgetting %s nats/token (KL from the base model on text that it wrote)\n", e.Step, plusMinus(f.KL, f.SE))
	}
	if e.Reset != nil {
		fmt.Fprintf(&b, "step %-5d reset: %.1f %% of the weights were pulled back to the base model\n", e.Step, 100**e.Reset)
	}
	if e.Averaged > 1 {
		fmt.Fprintf(&b, "step %-5d measured: the average of %d states of the weights\n", e.Step, e.Averaged)
	}
	if e.Warning != "" {
		fmt.Fprintf(&b, "warning: %s\n", flagged.Replace(e.Warning))
	}
	return b.String()
}
