package run

import (
	"errors"
	"fmt"
	"math"
	"os"

	"reprise/checkpoint"
	"reprise/eval"
	"reprise/internal/yamlfile"
	"reprise/model"
	"reprise/optim"
	"reprise/train"
)

// Recipe is everything that decides a run. A file is YAML with these keys; flags of the same names override it.
type Recipe struct {
	Model  string `yaml:"model" json:"model"`   // base model: a Hugging Face directory
	Replay string `yaml:"replay" json:"replay"` // record of Stage 0; gives the packed sequences
	Data   string `yaml:"data" json:"data"`     // training text instead of a record, for loss: full
	Out    string `yaml:"out" json:"out"`       // run directory

	Init      string `yaml:"init" json:"init,omitempty"`           // config.json to start from with fresh weights of the seed, instead of model
	Tokenizer string `yaml:"tokenizer" json:"tokenizer,omitempty"` // for init: directory of the tokenizer
	DType     string `yaml:"dtype" json:"dtype,omitempty"`         // of the written weights: f32, bf16 or f16; "": the base model's

	Loss         string `yaml:"loss" json:"loss"` // replay or full
	optim.Config `yaml:",inline"`

	LR           float64 `yaml:"lr" json:"lr"`
	Schedule     string  `yaml:"schedule" json:"schedule"`             // cosine, linear or constant
	WarmupRatio  float64 `yaml:"warmup_ratio" json:"warmup_ratio"`     // share of the steps
	FinalLRRatio float64 `yaml:"final_lr_ratio" json:"final_lr_ratio"` // rate at the last step, as a share of lr

	Epochs          int    `yaml:"epochs" json:"epochs"`
	MaxSteps        int    `yaml:"max_steps" json:"max_steps"`                 // 0: as the epochs give
	GlobalBatchSize int    `yaml:"global_batch_size" json:"global_batch_size"` // packed sequences per optimizer step
	MicroBatchSize  int    `yaml:"micro_batch_size" json:"micro_batch_size"`   // packed sequences in memory at a time; cannot be seen in the result
	Recompute       bool   `yaml:"recompute" json:"recompute,omitempty"`       // keep each block's input only and run its forward pass twice: less memory, more time; cannot be seen in the result
	MaxSeqLen       int    `yaml:"max_seq_len" json:"max_seq_len"`             // for data; 0: the model's, at most 512
	Seed            uint64 `yaml:"seed" json:"seed"`

	Tail      string  `yaml:"tail" json:"tail"`             // replay: sampled, or none (the paper's bare loss)
	TailN     int     `yaml:"tail_n" json:"tail_n"`         // replay: draws per sequence; 0: max(128, V/64)
	Proposal  string  `yaml:"proposal" json:"proposal"`     // replay: uniform or frequency
	Mix       string  `yaml:"mix" json:"mix"`               // general text to mix in: a record, or for loss: full also text
	ReplayMix float64 `yaml:"replay_mix" json:"replay_mix"` // share of every batch taken from mix

	KL      float64     `yaml:"kl" json:"kl,omitempty"`          // weight λ of KL(base ‖ model) over the recorded ids and one bucket for the rest
	Refresh RefreshPlan `yaml:"refresh" json:"refresh,omitzero"` // replay: when the record is made anew with the current model

	Record RecordPlan `yaml:"record" json:"record,omitzero"` // full: record the first epoch on the fly

	Eval EvalPlan `yaml:"eval" json:"eval"`
	Save SavePlan `yaml:"save" json:"save"`
}

// EvalPlan says what is measured while training.
type EvalPlan struct {
	Every int      `yaml:"every" json:"every"` // steps; 0: only before the first and after the last
	Data  []string `yaml:"data" json:"data"`   // NAME=FILE[:task]; best/ is chosen by the first one's loss
}

// RefreshPlan says when a run makes its record anew with the model in training: at the end of epochs, or when rho, measured
// on the sample of the evaluations, passes a bound. The new records are kept in the run directory.
type RefreshPlan struct {
	EveryEpochs int     `yaml:"every_epochs" json:"every_epochs,omitempty"` // 0: not by epochs
	RhoAbove    float64 `yaml:"rho_above" json:"rho_above,omitempty"`       // 0: not by rho
	CheckEvery  int     `yaml:"check_every" json:"check_every,omitempty"`   // steps between measurements for rho_above; 0: an eighth of an epoch
}

func (p RefreshPlan) on() bool { return p.EveryEpochs > 0 || p.RhoAbove > 0 }

// SavePlan says when checkpoints are written.
type SavePlan struct {
	Every    int `yaml:"every" json:"every"`         // steps; 0: only at the end and when interrupted
	KeepLast int `yaml:"keep_last" json:"keep_last"` // older checkpoints are removed
}

// DefaultRecipe is what holds where a file and the flags are silent.
func DefaultRecipe() Recipe {
	return Recipe{
		Loss: "replay", Config: optim.DefaultConfig(optim.MoClip), LR: 1e-3, Schedule: "cosine", WarmupRatio: 0.1,
		Epochs: 2, GlobalBatchSize: 8, MicroBatchSize: 8, Seed: 1,
		Tail: "sampled", Proposal: "frequency", ReplayMix: 0.25,
		Save: SavePlan{KeepLast: 2},
	}
}

// ReadRecipe reads a YAML file over the defaults. An unknown key is an error that shows its line.
func ReadRecipe(path string) (Recipe, error) {
	r := DefaultRecipe()
	text, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("run: reading the recipe: %w", err)
	}
	err = yamlfile.Decode(text, &r)
	if errors.Is(err, yamlfile.ErrEmpty) {
		err = fmt.Errorf("%w of a recipe; write for example model: DIR and replay: FILE", err)
	}
	if err != nil {
		return r, fmt.Errorf("run: %s: %w", path, err)
	}
	return r, nil
}

// Validate names the first field that cannot be used.
func (r Recipe) Validate() error {
	field := func(name, format string, args ...any) error {
		return fmt.Errorf("run: %s: %s", name, fmt.Sprintf(format, args...))
	}
	switch {
	case (r.Init == "") == (r.Model == ""):
		return field("model", "want either model or init, and not both")
	case r.Init != "" && r.Tokenizer == "":
		return field("tokenizer", "init needs the directory of a tokenizer.json")
	case r.Init == "" && r.Tokenizer != "":
		return field("tokenizer", "is for init; a model brings its own")
	case r.Init != "" && r.Loss != "full":
		return field("init", "fresh weights have no record; use loss: full with data")
	case r.Loss != "replay" && r.Loss != "full":
		return field("loss", "%q, want replay or full", r.Loss)
	case r.Loss == "replay" && r.Replay == "":
		return field("replay", "loss replay needs a record; make one with: reprise record")
	case r.Loss == "replay" && r.Data != "":
		return field("data", "loss replay trains on the record's own sequences; leave data out, or use loss: full")
	case r.Loss == "full" && (r.Data == "") == (r.Replay == ""):
		return field("data", "loss full needs either data or replay, and not both")
	case r.Tail != "sampled" && r.Tail != "none":
		return field("tail", "%q, want sampled or none", r.Tail)
	case r.Proposal != "uniform" && r.Proposal != "frequency":
		return field("proposal", "%q, want uniform or frequency", r.Proposal)
	case r.TailN < 0 || r.TailN > 1<<20:
		return field("tail_n", "%d, want 0 to %d", r.TailN, 1<<20)
	case r.Epochs < 1 || r.Epochs > 1e6:
		return field("epochs", "%d, want 1 or more", r.Epochs)
	case r.MaxSteps < 0:
		return field("max_steps", "%d, want 0 or more", r.MaxSteps)
	case r.GlobalBatchSize < 1 || r.GlobalBatchSize > 1<<20:
		return field("global_batch_size", "%d, want 1 to %d", r.GlobalBatchSize, 1<<20)
	case r.MicroBatchSize < 1:
		return field("micro_batch_size", "%d, want 1 or more", r.MicroBatchSize)
	case r.MaxSeqLen < 0 || r.MaxSeqLen == 1:
		return field("max_seq_len", "%d, want 2 or more", r.MaxSeqLen)
	case !(r.WarmupRatio >= 0 && r.WarmupRatio <= 1):
		return field("warmup_ratio", "%g, want 0 to 1", r.WarmupRatio)
	case r.Mix != "" && !(r.ReplayMix > 0 && r.ReplayMix < 1):
		return field("replay_mix", "%g, want more than 0 and less than 1", r.ReplayMix)
	case !(r.KL >= 0 && r.KL <= 1e3):
		return field("kl", "%g, want 0 to 1000", r.KL)
	case r.KL > 0 && r.Replay == "":
		return field("kl", "the base model's probabilities come from a record; give replay instead of data")
	case r.KL > 0 && r.Refresh.on():
		return field("kl", "after a refresh the recorded probabilities are no longer the base model's; leave kl or refresh out")
	case r.Refresh.EveryEpochs < 0 || r.Refresh.CheckEvery < 0 || !(r.Refresh.RhoAbove >= 0 && r.Refresh.RhoAbove < 1):
		return field("refresh", "want every_epochs and check_every 0 or more, rho_above 0 to 1")
	case r.Refresh.on() && r.Loss != "replay":
		return field("refresh", "only loss replay depends on the record; leave refresh out")
	case r.Refresh.on() && r.Out == "":
		return field("refresh", "the new records are kept in the run directory; give out")
	case r.Record.Out != "" && (r.Loss != "full" || r.Data == ""):
		return field("record.out", "only loss full on data sees all logits of an epoch; record apart with: reprise record")
	case r.Record.Out != "" && r.Out == "":
		return field("record.out", "what is recorded is collected in the run directory; give out")
	case r.Eval.Every < 0 || r.Save.Every < 0:
		return field("eval.every, save.every", "want 0 or more steps")
	case r.Save.KeepLast < 1:
		return field("save.keep_last", "%d, want 1 or more", r.Save.KeepLast)
	}
	if r.DType != "" {
		if _, err := checkpoint.ParseDType(r.DType); err != nil {
			return field("dtype", "%v", err)
		}
	}
	if err := r.Config.Validate(); err != nil {
		return err
	}
	if _, err := eval.ParseSets(r.Eval.Data); err != nil {
		return fmt.Errorf("run: eval.data: %w", err)
	}
	return optim.Schedule{Kind: r.Schedule, Peak: r.LR, Final: r.FinalLRRatio}.Validate()
}

// seqLen is the longest sequence that text is packed into.
func (r Recipe) seqLen(cfg model.Config) int {
	if r.MaxSeqLen > 0 {
		return r.MaxSeqLen
	}
	return min(512, cfg.MaxPositions)
}

// textLen is seqLen where there is text to pack.
func (r Recipe) textLen(cfg model.Config) (int, error) {
	n := r.seqLen(cfg)
	if n > cfg.MaxPositions {
		return n, fmt.Errorf("run: max_seq_len: %d, want 2 to the model's %d", n, cfg.MaxPositions)
	}
	return n, nil
}

// mixed is how many sequences of a batch come from mix.
func (r Recipe) mixed() int {
	n := int(math.Round(r.ReplayMix * float64(r.GlobalBatchSize)))
	return min(max(n, 1), r.GlobalBatchSize-1)
}

// schedule is the recipe's learning rate over a number of steps.
func (r Recipe) schedule(steps int) optim.Schedule {
	warm := int(r.WarmupRatio * float64(steps))
	return optim.Schedule{Kind: r.Schedule, Peak: r.LR, Final: r.FinalLRRatio, Warmup: warm, Steps: steps}
}

// TailDraws is the number of draws of the sampled tail per sequence; 0: none.
func (r Recipe) TailDraws(vocab int) int {
	switch {
	case r.Tail == "none":
		return 0
	case r.TailN > 0:
		return r.TailN
	}
	return train.DefaultTail(vocab)
}
