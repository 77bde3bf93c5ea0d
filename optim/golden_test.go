package optim

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"reprise/tensor"
)

// goldens is testdata/goldens.json, made by testdata/make_goldens.py with PyTorch in float64.
type goldens struct {
	Steps   int                  `json:"steps"`
	LR      float64              `json:"lr"`
	Shapes  map[string][]int     `json:"shapes"`
	Weights map[string][]float32 `json:"weights"`
	Grads   []map[string][]float32
	Cases   []struct {
		Optimizer string          `json:"optimizer"`
		Options   json.RawMessage `json:"options"`
		Weights   map[string][]float64
		M, V      map[string][]float64
		Capped    []int
	}
}

// TestOptimizersAgainstPyTorch takes 20 steps over three tensors. They include acute, obtuse and exactly antiparallel
// angles, ties, zero gradients and clipped norms.
func TestOptimizersAgainstPyTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/goldens.json")
	if err != nil {
		t.Fatal(err)
	}
	var g goldens
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	names := []string{"a", "b", "c"}
	for _, want := range g.Cases {
		name := want.Optimizer + " " + string(want.Options)
		c := DefaultConfig(want.Optimizer)
		c.Delta, c.CapStart = 75, 2
		if err := json.Unmarshal(want.Options, &c); err != nil {
			t.Fatal(err)
		}
		for _, order := range [][]int{{0, 1, 2}, {2, 0, 1}} { // the order of the tensors does not matter
			var params []*tensor.Param
			for _, i := range order {
				n := names[i]
				p := &tensor.Param{Name: n, Shape: g.Shapes[n], W: tensor.NewMatrix(1, len(g.Weights[n])), G: tensor.NewMatrix(1, len(g.Weights[n]))}
				copy(p.W.Data, g.Weights[n])
				params = append(params, p)
			}
			pool := tensor.NewPool(2)
			o, err := New(c, params)
			if err != nil {
				t.Fatal(err)
			}
			for step := range g.Steps {
				for _, p := range params {
					copy(p.G.Data, g.Grads[step][p.Name])
				}
				var stats Stats
				if err := o.Step(pool, g.LR, &stats); err != nil {
					t.Fatal(err)
				}
				capped := 0
				for _, a := range stats.Tensors {
					if a.Capped {
						capped++
					}
				}
				if capped != want.Capped[step] {
					t.Errorf("%s: step %d: %d tensors capped, want %d", name, step+1, capped, want.Capped[step])
				}
			}
			pool.Close()
			for i, p := range params {
				m, v := o.Moments(i)
				for what, pair := range map[string]struct {
					got  []float32
					want []float64
				}{"weights": {p.W.Data, want.Weights[p.Name]}, "m": {m.Data, want.M[p.Name]}, "v": {v.Data, want.V[p.Name]}} {
					var worst float64
					for k, x := range pair.want {
						worst = max(worst, math.Abs(float64(pair.got[k])-x))
					}
					if !(worst <= 1e-5) {
						t.Errorf("%s: %s of %s: off by %.2g, want at most 1e-5", name, what, p.Name, worst)
					}
				}
			}
		}
	}
}

// TestCapKeepsNormAndAngle checks the capped gradients of several tensors, at random angles and Δ: with β1 = 0 the new
// momentum is g'. Where g and m are nearly antiparallel (sin φ < 0.1) the plane is ill-conditioned and the coefficients'
// rounding to float32 is magnified by 1/sin φ, so those angles are left to TestCapGeometry.
func TestCapKeepsNormAndAngle(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	rng := tensor.NewRNG(8, "cap", 0)
	capped := 0
	for range 400 {
		c := DefaultConfig(MoClip)
		c.CapStart, c.MaxGradNorm = 1, 0
		c.Delta = 1 + 178*rng.Float64()
		if rng.Intn(2) == 0 {
			c.Overshoot = "project"
		}
		params := toy(1)
		o, err := New(c, params)
		if err != nil {
			t.Fatal(err)
		}
		o.Config.Beta1 = 0
		var before [][]float32
		for i, p := range params {
			m, _ := o.Moments(i)
			along := 4*rng.Float64() - 2
			for k := range m.Data {
				m.Data[k] = float32(rng.NormFloat64())
				p.G.Data[k] = float32(0.1 * (along*float64(m.Data[k]) + rng.NormFloat64()))
			}
			before = append(before, append([]float32(nil), m.Data...))
		}
		var stats Stats
		if err := o.Step(pool, 1e-3, &stats); err != nil {
			t.Fatal(err)
		}
		for i, p := range params {
			seen := stats.Tensors[i]
			if math.Sin(seen.Phi*math.Pi/180) < 0.1 {
				continue
			}
			after, _ := o.Moments(i)
			var gg, aa, mm, am float64
			for k, m := range before[i] {
				g, a := float64(p.G.Data[k]), float64(after.Data[k])
				gg, aa, mm, am = gg+g*g, aa+a*a, mm+float64(m)*float64(m), am+a*float64(m)
			}
			norm := math.Sqrt(gg)
			if seen.Capped {
				capped++
				if c.Overshoot == "project" && seen.Phi > 90 {
					norm *= math.Sin(seen.Phi * math.Pi / 180)
				}
			}
			if math.Abs(math.Sqrt(aa)/norm-1) > 1e-6 {
				t.Errorf("Δ %.2f, φ %.2f, %s: norm %g, want %g", c.Delta, seen.Phi, c.Overshoot, math.Sqrt(aa), norm)
			}
			if angle := math.Acos(am / math.Sqrt(aa*mm)); angle > c.Delta*math.Pi/180+1e-6 {
				t.Errorf("Δ %.2f, φ %.2f, %s: angle %.6f° after the cap", c.Delta, seen.Phi, c.Overshoot, angle*180/math.Pi)
			}
		}
	}
	if capped < 100 {
		t.Errorf("only %d tensors were capped", capped)
	}
}

// TestTopOfTheMomentum compares the radix selection with sorting, at sizes around block and task bounds and with many ties.
func TestTopOfTheMomentum(t *testing.T) {
	for _, n := range []int{1, 6, 7, 100, blockSize, blockSize + 1, 9*blockSize + 17} {
		for _, levels := range []int{1, 5, 1 << 20} {
			p := &tensor.Param{Name: "p", Shape: []int{n}, W: tensor.NewMatrix(1, n), G: tensor.NewMatrix(1, n)}
			rng := tensor.NewRNG(uint64(levels), "top", uint64(n))
			for k := range n {
				p.W.Data[k] = 1
				p.G.Data[k] = float32(rng.Intn(2*levels)-levels) / float32(levels)
			}
			c := DefaultConfig(MoFO)
			c.MaxGradNorm = 0
			pool := tensor.NewPool(3)
			o, err := New(c, []*tensor.Param{p})
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Step(pool, 0.25, new(Stats)); err != nil {
				t.Fatal(err)
			}
			pool.Close()
			k := int(math.Ceil(0.15*float64(n) - 1e-9))
			m, _ := o.Moments(0)
			rank := func(i int) (r int) { // entries before i in the order
				for j, x := range m.Data {
					if a, b := math.Abs(float64(x)), math.Abs(float64(m.Data[i])); a > b || a == b && j < i {
						r++
					}
				}
				return r
			}
			step := max(1, n/200)
			for i := 0; i < n; i += step {
				selected, moved := rank(i) < k, p.W.Data[i] != 1
				if moved && !selected || selected && !moved && m.Data[i] != 0 {
					t.Fatalf("%d entries of %d levels: entry %d of rank %d: moved %v, want the first %d to move", n, levels, i, rank(i), moved, k)
				}
			}
		}
	}
}
