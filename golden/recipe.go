package golden

import (
	"encoding/json"
	"fmt"

	"reprise/optim"
)

// maxSteps bounds a run: rounding errors grow from step to step, and the bounds would have to grow with them.
const maxSteps = 5

// recipe is one run: a few steps from the directory's weights.
type recipe struct {
	Name    string   `json:"name"`
	Outputs []string `json:"outputs"` // of losses, gradients, weights
	Steps   int      `json:"steps"`

	Loss      string  `json:"loss"` // full or replay
	Global    int     `json:"global_batch_size"`
	Micro     int     `json:"micro_batch_size"` // 0: the whole batch
	Seed      uint64  `json:"seed"`
	Tail      string  `json:"tail"` // none or sampled
	TailN     int     `json:"tail_n"`
	Proposal  string  `json:"proposal"` // uniform or frequency
	KL        float64 `json:"kl"`
	LR        float64 `json:"lr"`
	Schedule  string  `json:"schedule"`
	Warmup    float64 `json:"warmup_ratio"`
	FinalLR   float64 `json:"final_lr_ratio"`
	End       string  `json:"schedule_end"`
	Optimizer optim.Config
}

// UnmarshalJSON reads a run strictly. A missing field has the optimizer's default, or the default of scripts/goldens.py; but
// schedule_end is missing only in files of an earlier script, whose schedules ended at the last step.
func (r *recipe) UnmarshalJSON(text []byte) error {
	type plain recipe
	var both struct {
		plain
		optim.Config
	}
	name := struct {
		Optimizer string `json:"optimizer"`
	}{optim.AdamW}
	if err := json.Unmarshal(text, &name); err != nil {
		return err
	}
	both.plain = plain{Outputs: []string{"losses", "gradients", "weights"}, Steps: maxSteps, Loss: "full", Seed: 1, Tail: "none", TailN: 8,
		Proposal: "frequency", LR: 1e-3, Schedule: "constant", End: "last"}
	both.Config = optim.DefaultConfig(name.Optimizer)
	if err := strict(text, &both); err != nil {
		return err
	}
	*r = recipe(both.plain)
	r.Optimizer = both.Config
	return nil
}

func (r *recipe) check(sequences int) error {
	switch {
	case r.Steps < 1 || r.Steps > maxSteps:
		return fmt.Errorf("steps: %d, want 1 to %d", r.Steps, maxSteps)
	case r.Loss != "full" && r.Loss != "replay":
		return fmt.Errorf("loss: %q, want full or replay", r.Loss)
	case r.Tail != "none" && (r.Tail != "sampled" || r.Loss != "replay"):
		return fmt.Errorf("tail: %q, want none, or sampled with loss: replay", r.Tail)
	case r.Proposal != "uniform" && r.Proposal != "frequency":
		return fmt.Errorf("proposal: %q, want uniform or frequency", r.Proposal)
	case r.TailN < 1 || r.TailN > 1<<20:
		return fmt.Errorf("tail_n: %d, want 1 to %d", r.TailN, 1<<20)
	case !(r.KL >= 0 && r.KL <= 1e3):
		return fmt.Errorf("kl: %g, want 0 to 1000", r.KL)
	case r.Global < 0 || r.Global > 1<<20 || r.Micro < 0:
		return fmt.Errorf("global_batch_size: %d, micro_batch_size: %d, want 0 to %d", r.Global, r.Micro, 1<<20)
	case !(r.Warmup >= 0 && r.Warmup <= 1):
		return fmt.Errorf("warmup_ratio: %g, want 0 to 1", r.Warmup)
	}
	for _, o := range r.Outputs {
		if o != "losses" && o != "gradients" && o != "weights" {
			return fmt.Errorf("outputs: %q, want losses, gradients or weights", o)
		}
	}
	if r.Global == 0 {
		r.Global = sequences
	}
	if r.Micro == 0 {
		r.Micro = r.Global
	}
	if err := r.schedule().Validate(); err != nil {
		return err
	}
	return r.Optimizer.Validate()
}

func (r *recipe) schedule() optim.Schedule {
	return optim.Schedule{Kind: r.Schedule, Peak: r.LR, Final: r.FinalLR, Warmup: int(r.Warmup * float64(r.Steps)), Steps: r.Steps, End: r.End}
}

// subsets says whether the run reads recorded subsets.
func (r *recipe) subsets() bool { return r.Loss == "replay" || r.KL > 0 }
