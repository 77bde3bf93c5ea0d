package optim

import (
	"reflect"
	"slices"
	"testing"

	"reprise/tensor"
)

// TestKeysOfADefinition changes every key of Config by itself: the bits of the weights change if the optimizer uses the key,
// and only then.
func TestKeysOfADefinition(t *testing.T) {
	changes := map[string]func(*Config){
		"beta1":         func(c *Config) { c.Beta1 = 0.8 },
		"beta2":         func(c *Config) { c.Beta2 = 0.9 },
		"eps":           func(c *Config) { c.Eps = 1e-3 },
		"a":             func(c *Config) { c.A = 1 },
		"b":             func(c *Config) { c.B = 0.9 },
		"weight_decay":  func(c *Config) { c.WeightDecay = 0.2 },
		"decay":         func(c *Config) { c.Decay = "all" },
		"max_grad_norm": func(c *Config) { c.MaxGradNorm = 0.1 },
		"delta":         func(c *Config) { c.Delta = 60 },
		"scope":         func(c *Config) { c.Scope = "global" },
		"overshoot":     func(c *Config) { c.Overshoot = "project" },
		"v_from":        func(c *Config) { c.VFrom = "raw" },
		"cap_start":     func(c *Config) { c.CapStart = 3 },
		"cap_1d":        func(c *Config) { c.Cap1D = false },
		"keep_norm":     func(c *Config) { c.KeepNorm = false },
		"gamma":         func(c *Config) { c.Gamma = 0.5 },
		"fraction":      func(c *Config) { c.Fraction = 0.3 },
	}
	for _, name := range Names() {
		c := DefaultConfig(name)
		c.Delta, c.CapStart = 75, 2
		want := train(t, c, 1, 4, 0)
		for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
			key := f.Tag.Get("yaml")
			if key == "optimizer" {
				continue
			}
			changed := c
			if changes[key] == nil {
				t.Fatalf("no change of %q is tested", key)
			}
			changes[key](&changed)
			if other := !slices.Equal(train(t, changed, 1, 4, 0), want); other != Uses(name, key) {
				t.Errorf("%s: another %s gives other bits: %v; Uses says %v", name, key, other, Uses(name, key))
			}
		}
	}
	if got := UsedBy("gradient"); len(got) > 0 {
		t.Errorf(`UsedBy("gradient") is %v, want none: this is not a key`, got)
	}
}

// TestWhatAStepReports compares Config.Angles and Config.ReadsMomentum with what a second step does: whether it reports
// angles, and whether it reads the momentum.
func TestWhatAStepReports(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	for _, name := range Names() {
		c := DefaultConfig(name)
		params := toy(1)
		o, err := New(c, params)
		if err != nil {
			t.Fatal(err)
		}
		var stats Stats
		for step := range uint64(2) {
			fillGrads(params, step)
			if err := o.Step(pool, 1e-3, &stats); err != nil {
				t.Fatal(err)
			}
		}
		for i, p := range params {
			if got := stats.Tensors[i] != (Angle{}); got != c.Angles() {
				t.Errorf("%s: %s: an angle is reported: %v; Angles says %v", name, p.Name, got, c.Angles())
			}
			if got := o.tensors[i].mm > 0; got != c.ReadsMomentum() {
				t.Errorf("%s: %s: |m|² was taken: %v; ReadsMomentum says %v", name, p.Name, got, c.ReadsMomentum())
			}
		}
	}
}

// A key is checked whether the optimizer uses it or not: files are shared between runs.
func TestIdleKeysAreChecked(t *testing.T) {
	for _, name := range Names() {
		for key, change := range map[string]func(*Config){
			"scope":    func(c *Config) { c.Scope = "layer" },
			"gamma":    func(c *Config) { c.Gamma = 2 },
			"fraction": func(c *Config) { c.Fraction = -1 },
			"a":        func(c *Config) { c.A = 0 },
		} {
			c := DefaultConfig(name)
			change(&c)
			if c.Validate() == nil {
				t.Errorf("%s: a wrong %s was accepted", name, key)
			}
		}
	}
}
