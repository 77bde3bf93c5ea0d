package optim

import (
	"math"
	"slices"
	"strings"
	"testing"

	"reprise/tensor"
)

// TestCapGeometry checks g' = grad·g + mix·m in the plane of g and m: the angle is never above Δ, the norm is kept.
func TestCapGeometry(t *testing.T) {
	for _, delta := range []float64{20, 60, 90, 120} {
		for _, overshoot := range []string{"rotate", "project"} {
			for i := range 26 {
				phi := 7.2 * float64(i) // 0 to 180, never Δ itself
				c := DefaultConfig(MoClip)
				c.Delta, c.Overshoot, c.CapStart = delta, overshoot, 1
				o := &Optimizer{Config: c, Steps: 5}
				const g, m, clip = 3.0, 0.25, 0.5
				sin, cos := math.Sincos(phi * math.Pi / 180)
				grad, mix, seen := o.cap(products{gg: g * g, gm: g * m * cos, mm: m * m}, clip, 2)
				// m along x, g in the upper half plane.
				x := float64(grad)*g*cos + float64(mix)*m
				y := float64(grad) * g * sin
				norm, angle := math.Hypot(x, y), math.Atan2(y, x)*180/math.Pi
				if math.Abs(seen.Phi-phi) > 1e-4 {
					t.Errorf("Δ %g, φ %g: reported φ %g", delta, phi, seen.Phi)
				}
				if want := phi > delta; seen.Capped != want {
					t.Errorf("Δ %g, φ %g: capped %v, want %v", delta, phi, seen.Capped, want)
				}
				if norm > 1e-6 && angle > delta+1e-4 {
					t.Errorf("Δ %g, %s, φ %g: angle %g after the cap", delta, overshoot, phi, angle)
				}
				want := clip * g
				switch {
				case !seen.Capped:
				case overshoot == "project" && phi > 90:
					want *= sin // the component along m was dropped
				case phi == 180:
					want *= max(0, math.Cos(delta*math.Pi/180)) // the plane is not defined
				}
				if math.Abs(norm-want) > 1e-6 {
					t.Errorf("Δ %g, %s, φ %g: norm %g, want %g", delta, overshoot, phi, norm, want)
				}
			}
		}
	}
}

func TestCapLeavesAlone(t *testing.T) {
	obtuse := products{gg: 1, gm: -0.9, mm: 1}
	for name, c := range map[string]struct {
		change func(*Config)
		s      products
		dims   int
		capped bool
	}{
		"an obtuse angle is capped": {func(*Config) {}, obtuse, 2, true},
		"zero momentum":             {func(*Config) {}, products{gg: 1}, 2, false},
		"zero gradient":             {func(*Config) {}, products{mm: 1}, 2, false},
		"before cap_start":          {func(c *Config) { c.CapStart = 100 }, obtuse, 2, false},
		"vectors with cap_1d off":   {func(c *Config) { c.Cap1D = false }, obtuse, 1, false},
		"matrices with cap_1d off":  {func(c *Config) { c.Cap1D = false }, obtuse, 2, true},
	} {
		cfg := DefaultConfig(MoClip)
		c.change(&cfg)
		o := &Optimizer{Config: cfg, Steps: 50}
		grad, mix, seen := o.cap(c.s, 0.5, c.dims)
		if seen.Capped != c.capped || !c.capped && (grad != 0.5 || mix != 0) {
			t.Errorf("%s: grad %g, mix %g, capped %v", name, grad, mix, seen.Capped)
		}
	}
	if s := DefaultConfig(MoClip).FirstCap(); s != 11 { // ⌈1/(1−0.9)⌉ + 1
		t.Errorf("cap_start is %d by default, want 11", s)
	}
}

// TestCapOfAVanishingMomentum: where the momentum has decayed to the smallest float32 numbers, |g|/|m| overflows float32.
// The gradient is then not capped, as if there were no momentum.
func TestCapOfAVanishingMomentum(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	params := toy(1)
	c := DefaultConfig(MoClip)
	c.Delta, c.CapStart = 60, 1
	o, err := New(c, params)
	if err != nil {
		t.Fatal(err)
	}
	fillGrads(params, 1)
	for i := range params {
		m, _ := o.Moments(i)
		for k := range m.Data {
			m.Data[k] = math.SmallestNonzeroFloat32
		}
	}
	var stats Stats
	if err := o.Step(pool, 1e-3, &stats); err != nil {
		t.Fatal(err)
	}
	for i, p := range params {
		m, _ := o.Moments(i)
		for k, x := range m.Data {
			if want := 0.1 * stats.Clip * float64(p.G.Data[k]); !(math.Abs(float64(x)-want) <= 1e-6*math.Abs(want)) {
				t.Fatalf("%s: momentum %g, want %g", p.Name, x, want)
			}
		}
		if stats.Tensors[i].Capped {
			t.Errorf("%s: counted as capped", p.Name)
		}
	}
}

// toy is a set of parameters with fixed pseudo-random gradients.
func toy(seed uint64) []*tensor.Param {
	var params []*tensor.Param
	for i, shape := range [][]int{{70, 90}, {33}, {5, 3}} {
		n := 1
		for _, d := range shape {
			n *= d
		}
		p := &tensor.Param{Name: string(rune('a' + i)), W: tensor.NewMatrix(1, n), G: tensor.NewMatrix(1, n), Shape: shape}
		rng := tensor.NewRNG(seed, p.Name, 0)
		for k := range n {
			p.W.Data[k] = float32(rng.NormFloat64())
		}
		params = append(params, p)
	}
	return params
}

func fillGrads(params []*tensor.Param, step uint64) {
	for _, p := range params {
		rng := tensor.NewRNG(77, "g/"+p.Name, step)
		for k := range p.G.Data {
			p.G.Data[k] = float32(rng.NormFloat64() * 0.01)
		}
	}
}

// train takes n steps and returns the weights, saving and restoring the state after step pause.
func train(t *testing.T, c Config, workers, n, pause int) []float32 {
	t.Helper()
	pool := tensor.NewPool(workers)
	defer pool.Close()
	params := toy(1)
	o, err := New(c, params)
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= n; step++ {
		fillGrads(params, uint64(step))
		if err := o.Step(pool, 1e-2, new(Stats)); err != nil {
			t.Fatal(err)
		}
		if step == pause {
			fresh, err := New(c, params)
			if err != nil {
				t.Fatal(err)
			}
			for i := range params {
				m, v := o.Moments(i)
				fm, fv := fresh.Moments(i)
				copy(fm.Data, m.Data)
				copy(fv.Data, v.Data)
			}
			copy(fresh.Similarity(), o.Similarity())
			fresh.Restore(step)
			o = fresh
		}
	}
	var w []float32
	for _, p := range params {
		w = append(w, p.W.Data...)
	}
	return w
}

func TestBitsDoNotDependOnWorkersOrPauses(t *testing.T) {
	for _, name := range Names() {
		c := DefaultConfig(name)
		c.Delta, c.CapStart = 75, 2
		want := train(t, c, 1, 12, 0)
		for _, workers := range []int{1, 2, 3, 8} {
			for _, pause := range []int{0, 5} {
				if got := train(t, c, workers, 12, pause); !slices.Equal(got, want) {
					t.Errorf("%s: %d workers, pause after %d: other bits", name, workers, pause)
				}
			}
		}
	}
}

func TestDecayAndClipping(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	params := toy(1)
	before := slices.Clone(params[0].W.Data)
	vector := slices.Clone(params[1].W.Data)
	c := DefaultConfig(MoClip)
	c.WeightDecay = 0.5
	o, err := New(c, params)
	if err != nil {
		t.Fatal(err)
	}
	var stats Stats
	if err := o.Step(pool, 0.1, &stats); err != nil { // zero gradients: only decay acts
		t.Fatal(err)
	}
	for i, w := range params[0].W.Data {
		if want := before[i] * float32(0.95); w != want {
			t.Fatalf("weight %d: %g, want %g", i, w, want)
		}
	}
	if !slices.Equal(params[1].W.Data, vector) {
		t.Error("a vector decayed")
	}
	for _, p := range params {
		for i := range p.G.Data {
			p.G.Data[i] = 1
		}
	}
	if err := o.Step(pool, 0.1, &stats); err != nil {
		t.Fatal(err)
	}
	n := math.Sqrt(70*90 + 33 + 15)
	if math.Abs(stats.GradNorm-n) > 1e-9 || math.Abs(stats.Clip-1/n) > 1e-12 {
		t.Errorf("norm %g, clip %g; want %g, %g", stats.GradNorm, stats.Clip, n, 1/n)
	}
}

func TestNonFiniteGradientChangesNothing(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	params := toy(1)
	before := slices.Clone(params[0].W.Data)
	o, err := New(DefaultConfig(AdamW), params)
	if err != nil {
		t.Fatal(err)
	}
	params[2].G.Data[4] = float32(math.NaN())
	if err := o.Step(pool, 0.1, new(Stats)); err == nil || !strings.Contains(err.Error(), "step 1") {
		t.Errorf("error %v, want one that names step 1", err)
	}
	if !slices.Equal(params[0].W.Data, before) || o.Steps != 0 {
		t.Error("the refused step changed something")
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		s    Schedule
		want map[int]float64
	}{
		{Schedule{Kind: "cosine", Peak: 1, Warmup: 10, Steps: 110, End: "last"}, map[int]float64{1: 0.1, 10: 1, 60: 0.5, 110: 0}},
		{Schedule{Kind: "cosine", Peak: 1, Final: 0.2, Steps: 100, End: "last"}, map[int]float64{50: 0.6, 100: 0.2}},
		{Schedule{Kind: "linear", Peak: 2, Warmup: 4, Steps: 24, End: "last"}, map[int]float64{2: 1, 4: 2, 14: 1, 24: 0}},
		{Schedule{Kind: "cosine", Peak: 1, Warmup: 10, Steps: 109}, map[int]float64{1: 0.1, 10: 1, 60: 0.5, 109: 0.5 * (1 + math.Cos(0.99*math.Pi))}},
		{Schedule{Kind: "cosine", Peak: 1, Final: 0.2, Steps: 99, End: "after"}, map[int]float64{50: 0.6, 99: 0.2 + 0.4*(1+math.Cos(0.99*math.Pi)), 100: 0.2}},
		{Schedule{Kind: "linear", Peak: 2, Warmup: 4, Steps: 23}, map[int]float64{2: 1, 4: 2, 14: 1, 23: 0.1}},
		{Schedule{Kind: "cosine", Peak: 1, Steps: 1}, map[int]float64{1: 0.5}},
		{Schedule{Kind: "linear", Peak: 1, Steps: 2}, map[int]float64{1: 2. / 3, 2: 1. / 3}},
		{Schedule{Kind: "cosine", Peak: 1, Warmup: 3, Steps: 3}, map[int]float64{1: 1. / 3, 3: 1}},
		{Schedule{Kind: "constant", Peak: 3, Warmup: 2, Steps: 9}, map[int]float64{1: 1.5, 2: 3, 9: 3}},
	} {
		for step, want := range c.want {
			if got := c.s.At(step); math.Abs(got-want) > 1e-12 {
				t.Errorf("%+v at step %d: %g, want %g", c.s, step, got, want)
			}
		}
	}
}

// TestNoStepHasRateZero: whatever the kind, the warm-up and the number of steps, every step of a run learns, and the rate falls
// to the end.
func TestNoStepHasRateZero(t *testing.T) {
	for _, kind := range []string{"cosine", "linear", "constant"} {
		for _, steps := range []int{1, 2, 3, 7, 100, 99_999} {
			for _, share := range []float64{0, 0.02, 0.1, 0.5, 0.999, 1} {
				s := Schedule{Kind: kind, Peak: 1e-3, Warmup: int(share * float64(steps)), Steps: steps}
				before := math.Inf(1)
				for step := 1; step <= steps; step++ {
					rate := s.At(step)
					if !(rate > 0 && rate <= s.Peak) {
						t.Fatalf("%+v: rate %g at step %d", s, rate, step)
					}
					if step > s.Warmup+1 && (rate > before || rate == before && kind != "constant") {
						t.Fatalf("%+v: rate %g at step %d, %g before it", s, rate, step, before)
					}
					before = rate
				}
			}
		}
	}
}

// With the smallest eps that an optimizer accepts, a weight whose gradient is always zero changes only by its decay.
func TestZeroGradientMovesNothing(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	for _, name := range Names() {
		params := toy(1)
		before := slices.Clone(params[0].W.Data)
		c := DefaultConfig(name)
		c.WeightDecay, c.Eps = 0, 0
		for c.Validate() != nil && c.Eps < 1e-20 {
			c.Eps = max(1e-40, 10*c.Eps)
		}
		o, err := New(c, params)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := o.Step(pool, 0.1, new(Stats)); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(params[0].W.Data, before) {
			t.Errorf("%s, eps %g: weight 0 went from %g to %g", name, c.Eps, before[0], params[0].W.Data[0])
		}
	}
}

func TestConfigErrorsNameTheField(t *testing.T) {
	for field, change := range map[string]func(*Config){
		"optimizer": func(c *Config) { c.Name = "sgd" }, "delta": func(c *Config) { c.Delta = 0 },
		"beta2": func(c *Config) { c.Beta2 = 1 }, "scope": func(c *Config) { c.Scope = "layer" },
		"weight_decay": func(c *Config) { c.WeightDecay = math.NaN() },
	} {
		c := DefaultConfig(MoClip)
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: error %v does not name it", field, err)
		}
	}
}

// A step on a gradient that is not whole, or a second step on the same one, would silently give a different training.
func TestStepWantsAWholeGradient(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	p := &tensor.Param{Name: "w", W: tensor.NewMatrix(1, 2), G: tensor.NewMatrix(1, 2), Shape: []int{2}}
	o, err := New(DefaultConfig(AdamW), []*tensor.Param{p})
	if err != nil {
		t.Fatal(err)
	}
	step := func() (refused string) {
		defer func() { refused, _ = recover().(string) }()
		if err := o.Step(pool, 1e-3, new(Stats)); err != nil {
			t.Fatal(err)
		}
		return ""
	}
	for range 2 { // gradients set by hand may be used any number of times
		if text := step(); text != "" {
			t.Errorf("panic %q", text)
		}
	}
	p.Grad = tensor.GradOpen
	if text := step(); !strings.Contains(text, "EndStep") {
		t.Errorf("open: panic %q", text)
	}
	p.Grad = tensor.GradWhole
	if text := step(); text != "" || p.Grad != tensor.GradUsed {
		t.Errorf("whole: panic %q, state %d", text, p.Grad)
	}
	if text := step(); !strings.Contains(text, "ZeroGrads") {
		t.Errorf("used: panic %q", text)
	}
}

func TestScheduleOfAnUnknownEndPanics(t *testing.T) {
	s := Schedule{Kind: "cosine", Peak: 1, Steps: 3, End: "before"}
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), `schedule_end: "before"`) {
		t.Errorf("Validate: %v", err)
	}
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, `"before"`) {
			t.Errorf("panicked with %q", text)
		}
	}()
	s.At(2)
}

func TestScheduleOfAnUnknownKindPanics(t *testing.T) {
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, `kind "cosin"`) {
			t.Errorf("panic %q", text)
		}
	}()
	Schedule{Kind: "cosin", Peak: 1, Steps: 3}.At(2)
}
