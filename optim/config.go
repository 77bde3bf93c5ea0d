package optim

import (
	"fmt"

	"reprise/internal/keys"
)

// Config chooses an optimizer. DefaultConfig gives the documented defaults. A zero field means zero, except where its tag zero
// says what it stands for. The tag bound says what a value may be; Names lists what Name may be.
type Config struct {
	Name        string  `yaml:"optimizer" json:"optimizer" bound:"any" group:"Optimizer" also:"optim" help:"How gradients become steps."`
	Beta1       float64 `yaml:"beta1" json:"beta1" bound:"[0,0.99999]" old:"beta-1" also:"adam_beta1" help:"Decay of the first moment."`
	Beta2       float64 `yaml:"beta2" json:"beta2" bound:"[0,0.9999999]" old:"beta-2" also:"adam_beta2" help:"Decay of the second moment."`
	Eps         float64 `yaml:"eps" json:"eps" bound:"[0,1]" also:"adam_epsilon epsilon" help:"Added to the divisor √v; more than 0. With adatam also to the damping of the gradient."`
	A           float64 `yaml:"a" json:"a" bound:"[0.001,1000]" help:"Factor of the step lr·a·atan2(m, b·√v), of the moments m and v; 1.27, about 4/π, makes it lr where |m| = √v."`
	B           float64 `yaml:"b" json:"b" bound:"[0.001,1000]" help:"Factor of √v in that arctangent."`
	WeightDecay float64 `yaml:"weight_decay" json:"weight_decay" bound:"[0,100]" help:"Every step takes lr·weight_decay·θ off the weights θ."`
	Decay       string  `yaml:"decay" json:"decay" bound:"matrices|all|none" help:"Which tensors decay; a matrix has two or more dimensions."`
	MaxGradNorm float64 `yaml:"max_grad_norm" json:"max_grad_norm" bound:"[0,3.4028234e38]" zero:"off" also:"grad_clip clip_grad_norm gradient_clipping" help:"Global-norm clipping of the gradient."`

	Delta     float64 `yaml:"delta" json:"delta" bound:"[0.1,180]" help:"Largest angle between gradient and momentum, in degrees."`
	Scope     string  `yaml:"scope" json:"scope" bound:"tensor|global" help:"An angle of each tensor, or one of all together."`
	Overshoot string  `yaml:"overshoot" json:"overshoot" bound:"rotate|project" help:"At an obtuse angle: rotate the gradient, or first drop its component along the momentum."`
	VFrom     string  `yaml:"v_from" json:"v_from" bound:"clipped|raw" help:"Gradient that the second moment is made from."`
	CapStart  int     `yaml:"cap_start" json:"cap_start" bound:"[0,1000000000]" zero:"⌈1/(1−beta1)⌉ + 1" help:"First step with the cap on the angle."`
	Cap1D     bool    `yaml:"cap_1d" json:"cap_1d" bound:"any" help:"Cap one-dimensional tensors too."`
	KeepNorm  bool    `yaml:"keep_norm" json:"keep_norm" bound:"any" help:"The rotated gradient keeps its norm; otherwise it is its projection on the cone."`

	Gamma    float64 `yaml:"gamma" json:"gamma,omitempty" bound:"[0,1]" zero:"0.9" help:"Smoothing of the similarity."`
	Fraction float64 `yaml:"fraction" json:"fraction,omitempty" bound:"[0,1]" zero:"0.15" help:"Share of every tensor's entries that moves."`
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

// Validate reports the first field that has an unusable value, and the values that it may have. Keys that the optimizer
// ignores are checked too.
func (c Config) Validate() error {
	d := find(c.Name)
	if d == nil {
		return fmt.Errorf("optim: optimizer: %q, want %s", c.Name, keys.Or(Names()))
	}
	if err := keys.Check(c); err != nil {
		return fmt.Errorf("optim: %w", err)
	}
	if d.uses("eps") && c.Eps < leastEps {
		return fmt.Errorf("optim: eps: %g, want %g to 1 with %s", c.Eps, leastEps, c.Name)
	}
	return nil
}

// leastEps keeps the step of a weight whose gradients were all zero from being 0/0.
const leastEps = 1e-30

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
