package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"reprise/checkpoint"
	"reprise/optim"
	"reprise/run"
)

type trainCmd struct {
	Recipe string `arg:"" optional:"" help:"YAML recipe; flags override it."`
	Resume bool   `help:"Go on from the newest checkpoint of the run directory."`
	JSON   bool   `name:"json" help:"Print every event as a JSON line, and last {\"out\":…,\"steps\":…,\"sha256\":…}."`

	recipeFlags
}

// recipeFlags are the recipe's keys as flags; what is not given leaves the recipe as it is.
type recipeFlags struct {
	Model     *string `group:"Recipe" help:"Base model directory." placeholder:"DIR"`
	Init      *string `group:"Recipe" help:"config.json to begin from with fresh weights, instead of --model." placeholder:"FILE"`
	Tokenizer *string `group:"Recipe" help:"For --init: directory of the tokenizer.json." placeholder:"DIR"`
	Replay    *string `group:"Recipe" help:"Record made by reprise record." placeholder:"FILE"`
	Data      *string `group:"Recipe" help:"Training data in any shape that record reads, for --loss full without a record." placeholder:"FILE"`
	Out       *string `group:"Recipe" help:"Run directory; must not exist or be empty." placeholder:"DIR"`

	DType        *string  `name:"dtype" group:"Recipe" help:"Type of the written weights: f32, bf16 or f16 (the base model's)."`
	Loss         *string  `group:"Recipe" help:"replay (default) or full."`
	Optimizer    *string  `group:"Recipe" help:"One of ${optimizers} (moclip)."`
	LR           *float64 `name:"lr" group:"Recipe" help:"Peak learning rate (0.001)."`
	Schedule     *string  `group:"Recipe" help:"cosine (default), linear or constant."`
	WarmupRatio  *float64 `group:"Recipe" help:"Share of the steps spent warming up (0.1)."`
	FinalLRRatio *float64 `name:"final-lr-ratio" group:"Recipe" help:"Learning rate at the end, as a share of --lr (0)."`
	Epochs       *int     `group:"Recipe" help:"Times over the data (2)."`
	MaxSteps     *int     `group:"Recipe" help:"Stop after so many steps."`

	GlobalBatchSize *int    `group:"Recipe" help:"Packed sequences per step (8)."`
	MicroBatchSize  *int    `group:"Recipe" help:"Packed sequences in memory at a time (8); cannot be seen in the result."`
	Recompute       *bool   `group:"Recipe" negatable:"" help:"Keep each block's input only and run its forward pass twice: less memory, more time, the same result."`
	MaxSeqLen       *int    `group:"Recipe" help:"Tokens per sequence, for --data."`
	Seed            *uint64 `group:"Recipe" help:"Seed of order and draws (1)."`

	Tail      *string  `group:"Recipe" help:"sampled (default), or none for the paper's bare loss."`
	TailN     *int     `group:"Recipe" help:"Draws of the tail per sequence; 0: max(128, V/64)."`
	Proposal  *string  `group:"Recipe" help:"Where the tail is drawn from: frequency (default: the ids that the record has as gold, the more often the likelier) or uniform."`
	Mix       *string  `group:"Recipe" help:"Record (with --loss full also text) of general text to mix into every batch." placeholder:"FILE"`
	ReplayMix *float64 `group:"Recipe" help:"Share of a batch that comes from --mix (0.25)."`

	KL                 *float64 `name:"kl" group:"Recipe" help:"Weight of KL(base || model) over the recorded ids and the rest; holds on to the base model (0)."`
	RefreshEveryEpochs *int     `group:"Recipe" help:"Make the record anew with the current model after so many epochs; 0: never."`
	RefreshRhoAbove    *float64 `group:"Recipe" help:"Make the record anew when the mass outside it passes this; 0: never."`
	RefreshCheckEvery  *int     `group:"Recipe" help:"Steps between looks at that mass; 0: an eighth of an epoch."`

	RecordOut *string  `group:"Recipe" help:"With --loss full --data: also record the first epoch, on the fly. The model moves meanwhile; the record says so." placeholder:"FILE"`
	Tau       *float64 `group:"Recipe" help:"For --record-out: mass that a position's ids must cover (0.95)."`
	KMin      *int     `group:"Recipe" help:"For --record-out: at least so many ids (4)."`
	KMax      *int     `group:"Recipe" help:"For --record-out: at most so many ids (64)."`
	Always    []int32  `group:"Recipe" help:"For --record-out: ids that every position holds."`

	Beta1       *float64 `group:"Optimizer"`
	Beta2       *float64 `group:"Optimizer"`
	WeightDecay *float64 `group:"Optimizer"`
	Decay       *string  `group:"Optimizer" help:"Which tensors decay: matrices (default), all or none."`
	MaxGradNorm *float64 `group:"Optimizer" help:"Global-norm clipping (1); 0: off."`
	Delta       *float64 `group:"Optimizer" help:"MoClip: largest angle between gradient and momentum, in degrees (90)."`
	Scope       *string  `group:"Optimizer" help:"MoClip: an angle per tensor (default) or one global angle."`
	Overshoot   *string  `group:"Optimizer" help:"MoClip, obtuse angles: rotate (default) or project."`
	VFrom       *string  `group:"Optimizer" help:"MoClip: second moment from the clipped (default) or raw gradient."`
	CapStart    *int     `group:"Optimizer" help:"MoClip: first step with the cap; 0: 1/(1-beta1) + 1."`
	Cap1D       *bool    `name:"cap-1d" group:"Optimizer" negatable:"" help:"MoClip: cap one-dimensional tensors too (default)."`
	KeepNorm    *bool    `group:"Optimizer" negatable:"" help:"MoClip: the rotated gradient keeps its norm (default)."`

	Gamma    *float64 `group:"Optimizer" help:"AdaTAM: smoothing of the similarity (0.9)."`
	Fraction *float64 `group:"Optimizer" help:"MoFO: share of every tensor that moves (0.15)."`

	EvalData  []string `group:"Recipe" sep:"none" help:"NAME=FILE[:task] to measure while training; best/ follows the first." placeholder:"NAME=FILE"`
	EvalEvery *int     `group:"Recipe" help:"Steps between measurements; 0: before the first and after the last."`
	SaveEvery *int     `group:"Recipe" help:"Steps between checkpoints; 0: at the end and when interrupted."`
	KeepLast  *int     `group:"Recipe" help:"Checkpoints to keep (2)."`
}

// set copies a flag that was given.
func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// apply lays the flags over a recipe.
func (f *recipeFlags) apply(r *run.Recipe) {
	set(&r.Model, f.Model)
	set(&r.Init, f.Init)
	set(&r.Tokenizer, f.Tokenizer)
	set(&r.DType, f.DType)
	set(&r.Replay, f.Replay)
	set(&r.Data, f.Data)
	set(&r.Out, f.Out)
	set(&r.Loss, f.Loss)
	set(&r.Name, f.Optimizer)
	set(&r.LR, f.LR)
	set(&r.Schedule, f.Schedule)
	set(&r.WarmupRatio, f.WarmupRatio)
	set(&r.FinalLRRatio, f.FinalLRRatio)
	set(&r.Epochs, f.Epochs)
	set(&r.MaxSteps, f.MaxSteps)
	set(&r.GlobalBatchSize, f.GlobalBatchSize)
	set(&r.MicroBatchSize, f.MicroBatchSize)
	set(&r.Recompute, f.Recompute)
	set(&r.MaxSeqLen, f.MaxSeqLen)
	set(&r.Seed, f.Seed)
	set(&r.Tail, f.Tail)
	set(&r.TailN, f.TailN)
	set(&r.Proposal, f.Proposal)
	set(&r.Mix, f.Mix)
	set(&r.ReplayMix, f.ReplayMix)
	set(&r.KL, f.KL)
	set(&r.Refresh.EveryEpochs, f.RefreshEveryEpochs)
	set(&r.Refresh.RhoAbove, f.RefreshRhoAbove)
	set(&r.Refresh.CheckEvery, f.RefreshCheckEvery)
	set(&r.Gamma, f.Gamma)
	set(&r.Fraction, f.Fraction)
	set(&r.Record.Out, f.RecordOut)
	set(&r.Record.Tau, f.Tau)
	set(&r.Record.KMin, f.KMin)
	set(&r.Record.KMax, f.KMax)
	if len(f.Always) > 0 {
		r.Record.Always = f.Always
	}
	set(&r.Beta1, f.Beta1)
	set(&r.Beta2, f.Beta2)
	set(&r.WeightDecay, f.WeightDecay)
	set(&r.Decay, f.Decay)
	set(&r.MaxGradNorm, f.MaxGradNorm)
	set(&r.Delta, f.Delta)
	set(&r.Scope, f.Scope)
	set(&r.Overshoot, f.Overshoot)
	set(&r.VFrom, f.VFrom)
	set(&r.CapStart, f.CapStart)
	set(&r.Cap1D, f.Cap1D)
	set(&r.KeepNorm, f.KeepNorm)
	if len(f.EvalData) > 0 {
		r.Eval.Data = f.EvalData
	}
	set(&r.Eval.Every, f.EvalEvery)
	set(&r.Save.Every, f.SaveEvery)
	set(&r.Save.KeepLast, f.KeepLast)
}

// recipe is the recipe of a file, or the defaults where none is named, with the flags laid over it.
func (f *recipeFlags) recipe(a *app, path string) (run.Recipe, error) {
	r := run.DefaultRecipe()
	if path != "" {
		var err error
		if r, err = run.ReadRecipe(path); err != nil {
			return r, err
		}
	}
	f.apply(&r)
	for _, text := range f.idle(r) {
		a.note("notice: %s", text)
	}
	return r, nil
}

// idle names the flags that were given and that the recipe has no use for: more often a misunderstanding than not. Keys of a
// file may lie idle; files are shared between runs.
func (f *recipeFlags) idle(r run.Recipe) (texts []string) {
	subsets := r.Loss == "replay"
	for _, c := range []struct {
		given, used   bool
		flag, without string
	}{
		{f.Tail != nil, subsets, "tail", "--loss replay"},
		{f.TailN != nil, subsets && r.Tail == "sampled", "tail-n", "--loss replay and --tail sampled"},
		{f.Proposal != nil, subsets && r.Tail == "sampled", "proposal", "--loss replay and --tail sampled"},
		{f.ReplayMix != nil, r.Mix != "", "replay-mix", "--mix"},
		{f.RefreshCheckEvery != nil, r.Refresh.RhoAbove > 0, "refresh-check-every", "--refresh-rho-above"},
		{f.MaxSeqLen != nil, r.Data != "" || r.Mix != "" || len(r.Eval.Data) > 0, "max-seq-len", "--data, --mix or --eval-data: a record's sequences are as long as it was made"},
		{f.Tau != nil, r.Record.Out != "", "tau", "--record-out: a record was made with its own"},
		{f.KMin != nil, r.Record.Out != "", "k-min", "--record-out: a record was made with its own"},
		{f.KMax != nil, r.Record.Out != "", "k-max", "--record-out: a record was made with its own"},
		{len(f.Always) > 0, r.Record.Out != "", "always", "--record-out: a record was made with its own"},
	} {
		if c.given && !c.used {
			texts = append(texts, fmt.Sprintf("--%s has no effect without %s", c.flag, c.without))
		}
	}
	for _, c := range []struct {
		given bool
		flag  string
	}{
		{f.Delta != nil, "delta"}, {f.Scope != nil, "scope"}, {f.Overshoot != nil, "overshoot"}, {f.VFrom != nil, "v-from"},
		{f.CapStart != nil, "cap-start"}, {f.Cap1D != nil, "cap-1d"}, {f.KeepNorm != nil, "keep-norm"},
		{f.Gamma != nil, "gamma"}, {f.Fraction != nil, "fraction"},
	} {
		if key := strings.ReplaceAll(c.flag, "-", "_"); c.given && !optim.Uses(r.Name, key) {
			users := strings.Join(optim.UsedBy(key), " or ")
			texts = append(texts, fmt.Sprintf("--%s has no effect without --optimizer %s", c.flag, users))
		}
	}
	return texts
}

func (c *trainCmd) Run(a *app) error {
	r, err := c.recipe(a, c.Recipe)
	if err != nil {
		return err
	}
	switch {
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
	for _, notice := range job.Model().Config.Notices {
		a.note("notice: %s", notice)
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

// remark is the loss of a step under its right name.
func remark(e run.Event) string {
	s := ""
	if e.LossReplay != nil {
		s = fmt.Sprintf("loss_replay %.4f", *e.LossReplay)
	}
	if e.LossFull != nil {
		s = fmt.Sprintf("loss_full %.4f", *e.LossFull)
	}
	return s + fmt.Sprintf(" lr %.2e", e.LR)
}

// measured tells what an event measured, or warned of.
func measured(e run.Event) string {
	var b strings.Builder
	for _, r := range e.Eval {
		fmt.Fprintf(&b, "step %-5d %s\n", e.Step, describe(r))
	}
	if e.Rho != nil {
		fmt.Fprintf(&b, "step %-5d rho %.4f (mass outside the recorded ids, measured on a sample)\n", e.Step, *e.Rho)
	}
	if e.Warning != "" {
		fmt.Fprintf(&b, "warning: %s\n", flagged.Replace(e.Warning))
	}
	return b.String()
}
