package optim

import (
	"fmt"
	"math"
	"slices"
)

// Names of the optimizers.
const (
	AdamW     = "adamw"
	AdamAtan2 = "adam-atan2"
	MoClip    = "moclip"
	AdaTAM    = "adatam"
	MoFO      = "mofo"
	Cautious  = "cautious"
)

// Names lists the optimizers.
var Names = []string{AdamW, AdamAtan2, MoClip, AdaTAM, MoFO, Cautious}

// Config chooses an optimizer. DefaultConfig gives the documented defaults; a zero field means zero.
type Config struct {
	Name        string  `yaml:"optimizer" json:"optimizer"`         // one of Names
	Beta1       float64 `yaml:"beta1" json:"beta1"`                 // decay of the first moment
	Beta2       float64 `yaml:"beta2" json:"beta2"`                 // decay of the second moment
	Eps         float64 `yaml:"eps" json:"eps"`                     // added to √v̂ where that divides, and then more than 0; AdaTAM: also to the damping of the gradient
	A           float64 `yaml:"a" json:"a"`                         // atan2 methods: the step is lr·a·atan2(…); 1.27 ≈ 4/π makes it lr at |m̂| = √v̂
	B           float64 `yaml:"b" json:"b"`                         // atan2 methods: atan2(m̂, b·√v̂)
	WeightDecay float64 `yaml:"weight_decay" json:"weight_decay"`   // θ ← θ − lr·wd·θ
	Decay       string  `yaml:"decay" json:"decay"`                 // which tensors decay: all, matrices (two or more dimensions) or none
	MaxGradNorm float64 `yaml:"max_grad_norm" json:"max_grad_norm"` // global-norm clipping; 0: off

	Delta     float64 `yaml:"delta" json:"delta"`         // MoClip: largest angle between gradient and momentum, degrees in (0, 180]
	Scope     string  `yaml:"scope" json:"scope"`         // MoClip: the angle of each tensor, or one global angle
	Overshoot string  `yaml:"overshoot" json:"overshoot"` // MoClip, obtuse angles: rotate, or project (drop the component along m, then cap)
	VFrom     string  `yaml:"v_from" json:"v_from"`       // MoClip: v from the clipped (capped) or the raw gradient
	CapStart  int     `yaml:"cap_start" json:"cap_start"` // MoClip: first step at which the cap holds; 0: ⌈1/(1−β1)⌉ + 1
	Cap1D     bool    `yaml:"cap_1d" json:"cap_1d"`       // MoClip: cap one-dimensional tensors too
	KeepNorm  bool    `yaml:"keep_norm" json:"keep_norm"` // MoClip: the rotated gradient keeps its norm; otherwise it is the projection on the cone

	Gamma    float64 `yaml:"gamma" json:"gamma,omitempty"`       // AdaTAM: smoothing of the similarity; 0: 0.9
	Fraction float64 `yaml:"fraction" json:"fraction,omitempty"` // MoFO: share of every tensor's entries that moves; 0: 0.15
}

// DefaultConfig is METHOD's default for an optimizer: β 0.9/0.999, weight decay 0.1 on matrices, clipping at 1.
func DefaultConfig(name string) Config {
	return Config{
		Name: name, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, A: 1.27, B: 1, WeightDecay: 0.1, Decay: "matrices", MaxGradNorm: 1,
		Delta: 90, Scope: "tensor", Overshoot: "rotate", VFrom: "clipped", Cap1D: true, KeepNorm: true,
	}
}

// Validate says which field cannot be used and what it may be.
func (c Config) Validate() error {
	oneOf := func(field, value string, allowed ...string) error {
		if slices.Contains(allowed, value) {
			return nil
		}
		return fmt.Errorf("optim: %s: %q, want one of %v", field, value, allowed)
	}
	within := func(field string, x, lo, hi float64) error {
		if x >= lo && x <= hi { // also refuses NaN
			return nil
		}
		return fmt.Errorf("optim: %s: %g, want %g to %g", field, x, lo, hi)
	}
	leastEps := 0.0
	if c.adam() {
		leastEps = 1e-30 // a weight whose gradients were all zero would become 0/0
	}
	for _, err := range []error{
		oneOf("optimizer", c.Name, Names...),
		oneOf("decay", c.Decay, "all", "matrices", "none"),
		oneOf("scope", c.Scope, "tensor", "global"),
		oneOf("overshoot", c.Overshoot, "rotate", "project"),
		oneOf("v_from", c.VFrom, "clipped", "raw"),
		within("beta1", c.Beta1, 0, 0.99999), within("beta2", c.Beta2, 0, 0.9999999),
		within("eps", c.Eps, leastEps, 1), within("a", c.A, 1e-3, 1e3), within("b", c.B, 1e-3, 1e3),
		within("weight_decay", c.WeightDecay, 0, 100), within("max_grad_norm", c.MaxGradNorm, 0, math.MaxFloat32),
		within("delta", c.Delta, 0.1, 180), within("cap_start", float64(c.CapStart), 0, 1e9),
		within("gamma", c.Gamma, 0, 1), within("fraction", c.Fraction, 0, 1),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// capStart is the first step (from 1) at which the cap holds.
func (c Config) capStart() int {
	if c.CapStart > 0 {
		return c.CapStart
	}
	return int(math.Ceil(1/(1-c.Beta1)-1e-9)) + 1
}

// gamma is AdaTAM's smoothing.
func (c Config) gamma() float64 {
	if c.Gamma > 0 {
		return c.Gamma
	}
	return 0.9
}

// moving is how many of n entries MoFO moves.
func (c Config) moving(n int) int {
	share := c.Fraction
	if share == 0 {
		share = 0.15
	}
	return min(n, max(1, int(math.Ceil(float64(share*float64(n))-1e-9))))
}

// adam says whether the step divides by √v̂, as AdamW's does; otherwise it takes the arctangent.
func (c Config) adam() bool { return c.Name != AdamAtan2 && c.Name != MoClip }
