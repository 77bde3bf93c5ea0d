package optim

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Config chooses an optimizer. DefaultConfig gives the documented defaults. A zero field means zero, except where its
// comment says otherwise.
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

// DefaultConfig is the documented default of an optimizer (docs/METHOD.md). It also holds the defaults of the keys that only
// other optimizers use, so that Name alone can be changed afterwards.
func DefaultConfig(name string) Config {
	c := Config{Name: name, Beta1: 0.9, Beta2: 0.999, WeightDecay: 0.1, Decay: "matrices", MaxGradNorm: 1}
	for _, d := range definitions {
		if d.defaults != nil {
			d.defaults(&c)
		}
	}
	return c
}

// Validate says which field cannot be used and what it may be. Keys that the optimizer ignores are checked too.
func (c Config) Validate() error {
	d := find(c.Name)
	if d == nil {
		return oneOf("optimizer", c.Name, Names()...)
	}
	leastEps := 0.0
	if d.uses("eps") {
		leastEps = 1e-30 // a weight whose gradients were all zero would become 0/0
	}
	err := first(
		oneOf("decay", c.Decay, "all", "matrices", "none"),
		within("beta1", c.Beta1, 0, 0.99999), within("beta2", c.Beta2, 0, 0.9999999), within("eps", c.Eps, leastEps, 1),
		within("weight_decay", c.WeightDecay, 0, 100), within("max_grad_norm", c.MaxGradNorm, 0, math.MaxFloat32),
	)
	for _, d := range definitions {
		if err == nil && d.check != nil {
			err = d.check(&c)
		}
	}
	return err
}

// Angles says whether a step reports the angle of every parameter in Stats.Tensors.
func (c Config) Angles() bool {
	d := find(c.Name)
	return d != nil && d.angles
}

// ReadsMomentum says whether the first pass of a step, which takes the gradient's norm, reads the first moment too.
func (c Config) ReadsMomentum() bool {
	d := find(c.Name)
	return d != nil && d.momentum
}

func oneOf(key, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("optim: %s: %q, want one of %v", key, value, allowed)
}

func within(key string, x, lo, hi float64) error {
	if x >= lo && x <= hi { // also refuses NaN
		return nil
	}
	return fmt.Errorf("optim: %s: %g, want %g to %g", key, x, lo, hi)
}

// first returns the first error that is one.
func first(errs ...error) error { return cmp.Or(errs...) }
