package run

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/eval"
	"reprise/internal/keys"
	"reprise/internal/yamlfile"
	"reprise/model"
	"reprise/optim"
	"reprise/replay"
	"reprise/train"
)

// Recipe is everything that decides a run, and what the run does beside. A file is YAML with these keys. What the tags say is in
// package internal/keys; a zero field is zero, unless its tag zero says what 0 stands for. docs/RECIPE.md is made from them.
type Recipe struct {
	Model  string `yaml:"model" bound:"any" group:"Model and data" bits:"contents" grid:"own" holder:"DIR" also:"model_name_or_path base_model" help:"Base model: a Hugging Face directory."`
	Replay string `yaml:"replay" bound:"any" bits:"contents" grid:"own" holder:"FILE" help:"Record of Stage 0, with the packed sequences to train on."`
	Data   string `yaml:"data" bound:"any" bits:"contents" grid:"own" holder:"FILE" also:"train_file dataset dataset_path" help:"With loss full: training data instead of a record, in any shape that Stage 0 reads."`
	Out    string `yaml:"out" bound:"any" bits:"no" grid:"own" holder:"DIR" also:"output_dir output" help:"Run directory; new or empty."`

	data.Reading `yaml:",inline" when:"data|mix|eval.data; a record keeps the sequences that it was made with" grid:"own"`

	Init      string `yaml:"init" bound:"any" bits:"contents" holder:"FILE" help:"Instead of model: config.json of a model to train from fresh weights, which the seed decides."`
	Tokenizer string `yaml:"tokenizer" bound:"any" bits:"contents" holder:"DIR" help:"With init: directory of the tokenizer.json."`
	DType     string `yaml:"dtype" bound:"any" bits:"no" also:"torch_dtype" help:"Type of the written weights: f32, bf16 or f16; empty: the base model's."`

	Loss         string `yaml:"loss" bound:"replay|full" group:"Loss" help:"Loss over the recorded subsets, or full cross-entropy."`
	optim.Config `yaml:",inline"`

	LR           float64 `yaml:"lr" bound:"(0,10)" group:"Learning rate" grid:"own" also:"learning_rate max_lr peak_lr" help:"Peak learning rate."`
	Schedule     string  `yaml:"schedule" bound:"cosine|linear|constant" also:"lr_scheduler_type lr_scheduler lr_schedule" help:"How the rate falls after the warm-up."`
	WarmupRatio  float64 `yaml:"warmup_ratio" bound:"[0,1]" also:"warmup_steps warmup" help:"Share of the steps in which the rate rises."`
	FinalLRRatio float64 `yaml:"final_lr_ratio" bound:"[0,1]" also:"min_lr min_lr_ratio" help:"Rate that the fall ends at, as a share of lr."`
	ScheduleEnd  string  `yaml:"schedule_end" bound:"after|last" when:"schedule=cosine|linear" help:"Where the fall ends: one step after the last, so that no step has rate 0, or at the last step."`

	Epochs          int    `yaml:"epochs" bound:"[1,1000000]" group:"Steps" grid:"budget" also:"num_epochs num_train_epochs" help:"Times over the data."`
	MaxSteps        int    `yaml:"max_steps" bound:"[0,)" zero:"as many as epochs gives" grid:"own" help:"End after this many steps."`
	GlobalBatchSize int    `yaml:"global_batch_size" bound:"[1,1048576]" grid:"budget" also:"batch_size train_batch_size" help:"Packed sequences of an optimizer step."`
	MicroBatchSize  int    `yaml:"micro_batch_size" bound:"[1,)" bits:"no" also:"per_device_train_batch_size gradient_accumulation_steps" help:"Packed sequences in memory at a time; the result does not depend on it."`
	Recompute       bool   `yaml:"recompute" bound:"any" bits:"no" also:"gradient_checkpointing activation_checkpointing" help:"Keep only each block's input and run its forward pass twice: less memory, more time, the same result."`
	MaxSeqLen       int    `yaml:"max_seq_len" bound:"[2,)" zero:"the model's, at most 512" grid:"own" when:"data|mix|eval.data; a record keeps the sequence length that it was made with" also:"max_length max_seq_length cutoff_len block_size" help:"Tokens of a sequence that text is packed into."`
	Seed            uint64 `yaml:"seed" bound:"any" grid:"own" help:"Decides the order of the data, random draws and fresh weights."`

	Tail      string  `yaml:"tail" bound:"sampled|none" group:"Loss" when:"loss=replay" help:"What stands for the ids outside the subsets; none gives the paper's bare loss."`
	TailN     int     `yaml:"tail_n" bound:"[0,1048576]" zero:"max(128, V/64)" when:"loss=replay tail=sampled" help:"Draws of the tail for a sequence; V is the vocabulary."`
	Proposal  string  `yaml:"proposal" bound:"frequency|uniform" when:"loss=replay tail=sampled" help:"How ids are drawn for the tail; frequency counts the record's gold ids."`
	Mix       string  `yaml:"mix" bound:"any" group:"Mixing" bits:"contents" grid:"own" holder:"FILE" help:"General text to mix into every batch: a record; with loss full also text."`
	ReplayMix float64 `yaml:"replay_mix" bound:"[0,1)" when:"mix" help:"Share of a batch that comes from mix; more than 0."`

	Rehearse       float64 `yaml:"rehearse" bound:"[0,1)" zero:"none" group:"Rehearsal" when:"replay" help:"Share of a step's packs that the base model wrote itself, where the record holds such packs; they come on top of global_batch_size."`
	RehearseLoss   string  `yaml:"rehearse_loss" bound:"ce|soft|kl" group:"Rehearsal" when:"replay|mix rehearse|mix" help:"Loss on those packs: cross-entropy on the drawn ids, on the recorded distribution, or KL to it over the recorded ids and one bucket (biased)."`
	RehearseWeight float64 `yaml:"rehearse_weight" bound:"[0,1000]" zero:"one mean over all positions of a step" group:"Rehearsal" when:"replay|mix rehearse|mix" help:"Weight of their mean loss beside the domain's mean loss."`
	MixLoss        string  `yaml:"mix_loss" bound:"domain|rehearsal" group:"Mixing" when:"mix" help:"Whether text to mix in is a part of global_batch_size, with the domain's loss and in one mean with it, or comes on top as rehearsal does, with rehearse_loss and rehearse_weight."`

	KL           float64     `yaml:"kl" bound:"[0,1000]" zero:"off" group:"Loss" help:"Weight of KL(base ‖ model) over the recorded ids and one bucket for the rest; it keeps the model near the base model."`
	KLForm       string      `yaml:"kl_form" bound:"anchor|masked" group:"Loss" when:"kl" help:"What kl compares: masked leaves the gold id out of both distributions (TMKL)."`
	TokenWeights string      `yaml:"token_weights" bound:"none|dft|eaft" group:"Loss" when:"loss=full" help:"Weights of the domain's positions in the mean, by the model in training: the gold id's probability (DFT), or the entropy of its 20 most probable ids (EAFT)."`
	Refresh      RefreshPlan `yaml:"refresh" group:"Refresh"`

	L2SP    float64     `yaml:"l2_sp" bound:"[0,100]" zero:"off" group:"Weight space" also:"l2sp" help:"Every step takes lr·l2_sp of the way from the base model off the weights."`
	Reset   ResetPlan   `yaml:"reset" group:"Weight space"`
	Average AveragePlan `yaml:"average" group:"Weight space"`

	Record RecordPlan `yaml:"record" group:"Record on the fly" bits:"no"`

	Eval EvalPlan `yaml:"eval" group:"Evaluation" bits:"no" grid:"own"`
	Save SavePlan `yaml:"save" group:"Saving" bits:"no" grid:"own"`
}

// EvalPlan says what is measured while training.
type EvalPlan struct {
	Every int      `yaml:"every" bound:"[0,)" zero:"before the first and after the last" also:"eval_steps eval_interval" help:"Steps between measurements."`
	Data  []string `yaml:"data" bound:"any" holder:"NAME=FILE" also:"eval_file validation_file" help:"NAME=FILE[:task] to measure while training; best/ follows the loss of the first."`
}

// RefreshPlan says when a run makes its record again with the model in training: at the end of epochs, or when rho, measured
// on the same sample as in evaluations, exceeds a bound. The new records are kept in the run directory.
type RefreshPlan struct {
	EveryEpochs int     `yaml:"every_epochs" bound:"[0,)" zero:"never" help:"Record again with the current model after this many epochs."`
	RhoAbove    float64 `yaml:"rho_above" bound:"[0,1)" zero:"never" help:"Record again when rho, the mass outside the recorded ids, exceeds this."`
	CheckEvery  int     `yaml:"check_every" bound:"[0,)" zero:"an eighth of an epoch" when:"refresh.rho_above" help:"Steps between measurements of rho."`
}

func (p RefreshPlan) on() bool { return p.EveryEpochs > 0 || p.RhoAbove > 0 }

// SavePlan says when checkpoints are written.
type SavePlan struct {
	Every    int `yaml:"every" bound:"[0,)" zero:"at the end and when interrupted" also:"save_steps save_interval" help:"Steps between checkpoints."`
	KeepLast int `yaml:"keep_last" bound:"[1,)" old:"keep-last" also:"save_total_limit" help:"Checkpoints to keep; older ones are removed."`
}

// DefaultRecipe holds the value of every key that neither a file nor a flag sets.
func DefaultRecipe() Recipe {
	return Recipe{
		Reading: data.DefaultReading(),
		Loss:    "replay", Config: optim.DefaultConfig(optim.MoClip), LR: 1e-3, Schedule: "cosine", WarmupRatio: 0.1, ScheduleEnd: "after",
		Epochs: 2, GlobalBatchSize: 8, MicroBatchSize: 8, Seed: 1,
		Tail: "sampled", Proposal: "frequency", ReplayMix: 0.25,
		Rehearse: 0.25, RehearseLoss: "soft", RehearseWeight: 0.3, MixLoss: "domain", KLForm: "anchor", TokenWeights: "none",
		Reset: ResetPlan{Keep: 0.2, Alpha: 0.5, Score: "moments"}, Average: AveragePlan{Kind: "none", Start: 0.5, Decay: 0.999, LR: 0.5},
		Record: RecordPlan{Rule: replay.DefaultRule()}, Save: SavePlan{KeepLast: 2},
	}
}

// ReadRecipe reads a YAML file over the defaults. An unknown key is an error that shows its line.
func ReadRecipe(path string) (Recipe, error) {
	r := DefaultRecipe()
	text, err := yamlfile.Read(path)
	if err != nil {
		return r, fmt.Errorf("run: reading the recipe: %w", err)
	}
	err = yamlfile.Decode(text, &r)
	if errors.Is(err, yamlfile.ErrEmpty) {
		err = fmt.Errorf("%w of a recipe; write for example model: DIR and replay: FILE", err)
	}
	if err != nil {
		return r, fmt.Errorf("run: %s: %w", path, named(err))
	}
	return r, nil
}

// named changes the hint of an error about an unknown key that is another program's name for one of ours.
func named(err error) error {
	if unknown, ok := errors.AsType[*yamlfile.UnknownKey](err); ok {
		leaf := unknown.Key[strings.LastIndex(unknown.Key, ".")+1:]
		if k, ok := keys.Guess(Keys(), leaf); ok {
			unknown.Near = k.Name
		}
	}
	return err
}

// Validate returns an error for the first field that is out of bounds, or else for the first that contradicts another field.
func (r Recipe) Validate() error {
	if err := keys.Check(r); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	field := func(name, format string, args ...any) error {
		return fmt.Errorf("run: %s: %s", name, fmt.Sprintf(format, args...))
	}
	switch {
	case (r.Init == "") == (r.Model == ""):
		return field("model", "want either model or init, and not both")
	case r.Init != "" && r.Tokenizer == "":
		return field("tokenizer", "init needs the directory of a tokenizer.json")
	case r.Init == "" && r.Tokenizer != "":
		return field("tokenizer", "is only for init; a model has its own")
	case r.Init != "" && r.Loss != "full":
		return field("init", "fresh weights have no record; use loss: full with data")
	case r.Loss == "replay" && r.Replay == "" && r.Data != "":
		return field("data", "loss replay trains on a record; make one of the data with: reprise record, or train on the data itself with loss: full")
	case r.Loss == "replay" && r.Replay == "":
		return field("replay", "loss replay needs a record; make one with: reprise record")
	case r.Loss == "replay" && r.Data != "":
		return field("data", "loss replay trains on the record's own sequences; leave data out, or use loss: full")
	case r.Loss == "full" && (r.Data == "") == (r.Replay == ""):
		return field("data", "loss full needs either data or replay, and not both")
	case r.Loss == "replay" && r.TokenWeights != "none":
		return field("token_weights", "%s weighs positions by probabilities over the whole vocabulary; use loss: full", r.TokenWeights)
	case r.Mix != "" && r.ReplayMix == 0:
		return field("replay_mix", "0, want more than 0 with mix")
	case r.Refresh.on() && r.mixRehearsed() && r.RehearseLoss != "ce":
		return field("mix_loss", "rehearsal with rehearse_loss %s: after a refresh the recorded probabilities of mix are no longer the base model's; leave refresh out, or use rehearse_loss: ce", r.RehearseLoss)
	case r.KL > 0 && r.Replay == "":
		return field("kl", "the base model's probabilities are read from a record; give replay instead of data")
	case r.KL > 0 && r.Refresh.on():
		return field("kl", "after a refresh the recorded probabilities are no longer the base model's; leave kl or refresh out")
	case r.Refresh.on() && r.Loss != "replay":
		return field("refresh", "only loss replay depends on the record; leave refresh out")
	case r.Refresh.on() && r.Out == "":
		return field("refresh", "the new records are kept in the run directory; give out")
	case r.Record.Out != "" && (r.Loss != "full" || r.Data == ""):
		return field("record.out", "only loss full on data computes all logits of an epoch; make the record with: reprise record")
	case r.Record.Out != "" && r.Out == "":
		return field("record.out", "the recording is collected in the run directory; give out")
	}
	if r.DType != "" {
		if _, err := checkpoint.ParseDType(r.DType); err != nil {
			return field("dtype", "%v", err)
		}
	}
	if err := errors.Join(r.checkSpace(), r.Config.Validate()); err != nil {
		return err
	}
	if _, err := eval.ParseSets(r.Eval.Data); err != nil {
		return fmt.Errorf("run: eval.data: %w", err)
	}
	return nil
}

// seqLen is the longest sequence that text is packed into.
func (r Recipe) seqLen(cfg model.Config) int {
	if r.MaxSeqLen > 0 {
		return r.MaxSeqLen
	}
	return min(data.DefaultMaxSeqLen, cfg.MaxPositions)
}

// textLen is seqLen, checked against the model's limit; it is needed only where text is packed.
func (r Recipe) textLen(cfg model.Config) (int, error) {
	n := r.seqLen(cfg)
	if n > cfg.MaxPositions {
		return n, fmt.Errorf("run: max_seq_len: %d, want 2 to the model's %d", n, cfg.MaxPositions)
	}
	return n, nil
}

// Batch is how many sequences a full step takes from a domain of the given number of them, from mix if there is any (mixes), and from
// the packs that the base model wrote if the record holds any (writes). Those that are rehearsed come on top of global_batch_size.
func (r Recipe) Batch(sequences int, mixes, writes bool) (domain, mixed, written int) {
	domain = r.GlobalBatchSize
	switch {
	case mixes && r.MixLoss == "rehearsal":
		mixed = onTop(r.ReplayMix, min(domain, sequences))
	case mixes:
		mixed = min(max(int(math.Round(r.ReplayMix*float64(domain))), 1), domain-1)
		domain -= mixed
	}
	if writes && r.Rehearse > 0 {
		written = onTop(r.Rehearse, min(r.GlobalBatchSize, sequences))
	}
	return domain, mixed, written
}

// onTop is the number of sequences that have a share of a step if n others are in it; at least 1.
func onTop(share float64, n int) int { return max(1, int(math.Round(float64(n)*share/(1-share)))) }

// schedule is the recipe's learning rate over a number of steps.
func (r Recipe) schedule(steps int) optim.Schedule {
	warm := int(r.WarmupRatio * float64(steps))
	return optim.Schedule{Kind: r.Schedule, Peak: r.LR, Final: r.FinalLRRatio, Warmup: warm, Steps: steps, End: r.ScheduleEnd}
}

// TailDraws is the number of draws of the sampled tail per sequence; 0 without a tail.
func (r Recipe) TailDraws(vocab int) int {
	switch {
	case r.Tail == "none":
		return 0
	case r.TailN > 0:
		return r.TailN
	}
	return train.DefaultTail(vocab)
}
