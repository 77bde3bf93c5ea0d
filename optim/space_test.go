package optim

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"reprise/asm"
	"reprise/tensor"
)

// spaceGoldens is testdata/space.json, made by testdata/make_space.py with PyTorch in float64.
type spaceGoldens struct {
	Steps              int
	LR                 float64
	L2SP               float64 `json:"l2_sp"`
	At                 int
	Keep, Alpha, Decay float64
	Shapes             map[string][]int
	Weights, Reference map[string][]float32
	Grads              []map[string][]float32
	Cases              map[string]struct {
		Last, Mean, EMA map[string][]float64
		Kept            map[string][]int
	}
}

func readSpace(t *testing.T) (g spaceGoldens) {
	t.Helper()
	text, err := os.ReadFile("testdata/space.json")
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// reference reads from values of each parameter.
func reference(values [][]float32) Reference {
	return func(_, i, first int, dst []float32) error {
		copy(dst, values[i][first:])
		return nil
	}
}

// TestSpaceAgainstPyTorch: L2-SP, the reset with both scores, and both averages, beside AdamW's steps, as torch.optim.AdamW, topk,
// where and AveragedModel compute them in float64.
func TestSpaceAgainstPyTorch(t *testing.T) {
	g := readSpace(t)
	names := []string{"a", "b"}
	for name, want := range g.Cases {
		for _, workers := range []int{1, 3} {
			pool := tensor.NewPool(workers)
			c := DefaultConfig(AdamW)
			c.MaxGradNorm, c.Decay = 0, "all"
			var params []*tensor.Param
			var ref [][]float32
			for _, n := range names {
				p := &tensor.Param{Name: n, Shape: g.Shapes[n], W: tensor.NewMatrix(1, len(g.Weights[n])), G: tensor.NewMatrix(1, len(g.Weights[n]))}
				copy(p.W.Data, g.Weights[n])
				params, ref = append(params, p), append(ref, g.Reference[n])
			}
			o, err := New(c, params)
			if err != nil {
				t.Fatal(err)
			}
			if name == "reset_abs" {
				o.TrackMagnitudes()
			}
			mean, ema := o.NewAverage(), o.NewAverage()
			for step := 1; step <= g.Steps; step++ {
				for i, p := range params {
					copy(p.G.Data, g.Grads[step-1][names[i]])
				}
				if err := o.Step(pool, g.LR, new(Stats)); err != nil {
					t.Fatal(err)
				}
				if name == "l2_sp" {
					if err := o.PullTo(pool, reference(ref), g.LR*g.L2SP); err != nil {
						t.Fatal(err)
					}
				}
				if strings.HasPrefix(name, "reset") && step == g.At {
					before := [][]float32{slices.Clone(params[0].W.Data), slices.Clone(params[1].W.Data)}
					changed, err := o.Reset(pool, reference(ref), Reset{Keep: g.Keep, Alpha: g.Alpha, Abs: name == "reset_abs"})
					if err != nil {
						t.Fatal(err)
					}
					for i, p := range params {
						var kept []int
						for k, w := range p.W.Data {
							if w == before[i][k] {
								kept = append(kept, k)
							}
						}
						if !slices.Equal(kept, want.Kept[p.Name]) {
							t.Errorf("%s: %s keeps %v, want %v", name, p.Name, kept, want.Kept[p.Name])
						}
						changed -= len(p.W.Data) - len(kept)
					}
					if changed != 0 {
						t.Errorf("%s: the number of changed weights is off by %d", name, changed)
					}
				}
				if n := step - g.At; n >= 0 {
					mean.Add(pool, 1/float64(n+1))
					if n == 0 {
						ema.Add(pool, 1)
					} else {
						ema.Add(pool, 1-g.Decay)
					}
				}
			}
			pool.Close()
			for i, p := range params {
				for what, pair := range map[string]struct {
					got  []float32
					want []float64
				}{"weights": {p.W.Data, want.Last[p.Name]}, "mean": {mean.W[i].Data, want.Mean[p.Name]}, "ema": {ema.W[i].Data, want.EMA[p.Name]}} {
					worst := 0.0
					for k, x := range pair.want {
						worst = max(worst, math.Abs(float64(pair.got[k])-x))
					}
					if !(worst <= 1e-6) || len(pair.want) != len(pair.got) { // float32's rounding of weights below 4, over 12 steps
						t.Errorf("%s: %s of %s: off by %.2g, want at most 1e-6", name, what, p.Name, worst)
					}
				}
			}
		}
	}
}

// TestPull: the formula, to the bit, with β 0 and 1 exact, at lengths around those of vectors, on every tier.
func TestPull(t *testing.T) {
	rng := tensor.NewRNG(4, "pull", 0)
	for _, n := range []int{0, 1, 7, 33, 4096, 40000} {
		dst, ref := make([]float32, n), make([]float32, n)
		for i := range n {
			dst[i], ref[i] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
		}
		if n > 2 {
			dst[0], ref[1], dst[2] = float32(math.Copysign(0, -1)), float32(math.Copysign(0, -1)), math.MaxFloat32
		}
		for _, tier := range asm.Available() {
			restore := asm.Force(tier)
			for _, beta := range []float32{0, 1e-7, 0.25, 0.5, 0.999, 1} {
				got := slices.Clone(dst)
				Pull(got, ref, beta, make([]float32, n))
				for i, x := range got {
					want := asm.FMA(beta, ref[i]-dst[i], dst[i])
					switch beta {
					case 0:
						want = dst[i]
					case 1:
						want = ref[i]
					}
					if math.Float32bits(x) != math.Float32bits(want) {
						t.Fatalf("%v, β %g: element %d of %d is %g, want %g", tier, beta, i, n, x, want)
					}
				}
			}
			restore()
		}
	}
}

// spaced takes five steps of AdamW over toy's tensors.
func spaced(t *testing.T, pool *tensor.Pool, steps int) (*Optimizer, []*tensor.Param) {
	t.Helper()
	params := toy(1)
	o, err := New(DefaultConfig(AdamW), params)
	if err != nil {
		t.Fatal(err)
	}
	o.TrackMagnitudes()
	for step := 1; step <= steps; step++ {
		fillGrads(params, uint64(step))
		if err := o.Step(pool, 1e-2, new(Stats)); err != nil {
			t.Fatal(err)
		}
	}
	return o, params
}

// TestScoresAreThoseOfCorrectedMoments: the order by |m|·v is that of the bias-corrected |m̂|·v̂ in float64, early and late.
func TestScoresAreThoseOfCorrectedMoments(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	for _, steps := range []int{1, 10, 1000} {
		o, params := spaced(t, pool, steps)
		for i, p := range params {
			m, v := o.Moments(i)
			corrected := make([]float64, len(m.Data))
			for k := range m.Data {
				c1, c2 := 1-math.Pow(o.Config.Beta1, float64(steps)), 1-math.Pow(o.Config.Beta2, float64(steps))
				corrected[k] = math.Abs(float64(m.Data[k])/c1) * (float64(v.Data[k]) / c2)
			}
			order := func(less func(a, b int) bool) []int {
				list := make([]int, len(m.Data))
				for k := range list {
					list[k] = k
				}
				slices.SortStableFunc(list, func(a, b int) int {
					if less(a, b) {
						return -1
					} else if less(b, a) {
						return 1
					}
					return 0
				})
				return list
			}
			got := order(func(a, b int) bool { return score(m.Data[a], v.Data[a]) > score(m.Data[b], v.Data[b]) })
			want := order(func(a, b int) bool { return corrected[a] > corrected[b]*(1+1e-15) })
			if !slices.Equal(got, want) {
				t.Errorf("step %d: %s: the orders differ", steps, p.Name)
			}
		}
	}
}

// TestReset: exactly ⌈keep·n⌉ entries of every tensor keep their bits, −0 among them, chosen as sorting would; all others equal
// fma(1−α, ref−θ, θ); the moments stay. On the way, sizes around blocks and many equal scores, where the lowest index wins.
func TestReset(t *testing.T) {
	for _, n := range []int{1, 6, 7, 100, blockSize + 1, 9*blockSize + 17} {
		for _, levels := range []int{1, 5, 1 << 20} {
			for _, keep := range []float64{0, 0.2, 0.5, 1} {
				for _, measure := range []bool{false, true} {
					testReset(t, n, levels, keep, measure)
				}
			}
		}
	}
}

func testReset(t *testing.T, n, levels int, keep float64, abs bool) {
	t.Helper()
	pool := tensor.NewPool(3)
	defer pool.Close()
	p := &tensor.Param{Name: "p", Shape: []int{n}, W: tensor.NewMatrix(1, n), G: tensor.NewMatrix(1, n)}
	o, err := New(DefaultConfig(AdamW), []*tensor.Param{p})
	if err != nil {
		t.Fatal(err)
	}
	o.TrackMagnitudes()
	rng := tensor.NewRNG(uint64(levels), "reset", uint64(n))
	m, v := o.Moments(0)
	ref := make([]float32, n)
	for k := range n {
		p.W.Data[k], ref[k] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
		if k%11 == 0 {
			p.W.Data[k] = float32(math.Copysign(0, -1))
		}
		if levels > 1 { // with one level all scores are 0, and the lowest indices are kept
			m.Data[k], v.Data[k] = float32(rng.Intn(2*levels)-levels)/float32(levels), float32(1+rng.Intn(2))
		}
		o.Magnitude(0).Data[k] = float32(math.Abs(float64(m.Data[k])))
	}
	before, moments := slices.Clone(p.W.Data), slices.Clone(m.Data)
	const alpha = 0.25
	changed, err := o.Reset(pool, reference([][]float32{ref}), Reset{Keep: keep, Alpha: alpha, Abs: abs})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Data, moments) {
		t.Error("the moments changed")
	}
	k := int(math.Ceil(keep*float64(n) - 1e-9))
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	value := func(i int) float64 { return math.Abs(float64(m.Data[i])) * float64(v.Data[i]) }
	slices.SortStableFunc(list, func(a, b int) int {
		switch {
		case value(a) > value(b):
			return -1
		case value(a) < value(b):
			return 1
		}
		return 0
	})
	differ := 0
	for rank, i := range list {
		want := before[i]
		if rank >= k {
			want = asm.FMA(1-alpha, ref[i]-want, want)
		}
		if math.Float32bits(p.W.Data[i]) != math.Float32bits(want) {
			t.Fatalf("n %d, %d levels, keep %g: entry %d of rank %d is %g, want %g", n, levels, keep, i, rank, p.W.Data[i], want)
		}
		if math.Float32bits(want) != math.Float32bits(before[i]) {
			differ++
		}
	}
	if changed != differ || keep < 1 && n > 6 && changed == 0 {
		t.Errorf("n %d, keep %g: %d weights changed, want %d", n, keep, changed, differ)
	}
}

// TestMagnitudes: a is the running mean of |g| after clipping, and steps are the same with and without it.
func TestMagnitudes(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	params := toy(1)
	c := DefaultConfig(MoClip)
	c.MaxGradNorm, c.Delta, c.CapStart = 0.3, 60, 2
	o, err := New(c, params)
	if err != nil {
		t.Fatal(err)
	}
	o.TrackMagnitudes()
	want := make([]float64, len(params[0].W.Data))
	clipped := 0
	for step := uint64(1); step <= 6; step++ {
		fillGrads(params, step)
		var stats Stats
		if err := o.Step(pool, 1e-2, &stats); err != nil {
			t.Fatal(err)
		}
		if stats.Clip < 1 {
			clipped++
		}
		for k, g := range params[0].G.Data {
			want[k] = 0.9*want[k] + 0.1*math.Abs(stats.Clip*float64(g))
		}
	}
	if clipped == 0 {
		t.Error("no gradient was clipped")
	}
	for k, a := range o.Magnitude(0).Data {
		if !(math.Abs(float64(a)-want[k]) <= 1e-6*want[k]) {
			t.Fatalf("a[%d] is %g, want %g", k, a, want[k])
		}
	}
}

// TestAverages: the mean of k states is theirs within an ulp each, equal states give equal bits, and swapping twice changes nothing.
func TestAverages(t *testing.T) {
	pool := tensor.NewPool(3)
	defer pool.Close()
	o, params := spaced(t, pool, 1)
	same := o.NewAverage()
	for n := range 20 {
		same.Add(pool, 1/float64(n+1))
	}
	for i, p := range params {
		if !slices.Equal(same.W[i].Data, p.W.Data) {
			t.Errorf("%s: the mean of equal states has other bits", p.Name)
		}
	}
	a := o.NewAverage()
	sums := make([]float64, len(params[0].W.Data))
	const states = 40
	for n := range states {
		fillGrads(params, uint64(n+2))
		if err := o.Step(pool, 1e-2, new(Stats)); err != nil {
			t.Fatal(err)
		}
		a.Add(pool, 1/float64(n+1))
		for k, w := range params[0].W.Data {
			sums[k] += float64(w)
		}
	}
	for k, x := range a.W[0].Data {
		largest := 4.0 // no weight of toy is greater
		if ulps := math.Abs(float64(x)-sums[k]/states) / (largest * 0x1p-23); ulps > states {
			t.Fatalf("the mean of weight %d is %g, want %g", k, x, sums[k]/states)
		}
	}
	weights, mean := slices.Clone(params[0].W.Data), slices.Clone(a.W[0].Data)
	a.Swap(pool)
	if !slices.Equal(params[0].W.Data, mean) || !slices.Equal(a.W[0].Data, weights) {
		t.Error("Swap does not exchange the weights and the average")
	}
	a.Swap(pool)
	if !slices.Equal(params[0].W.Data, weights) || !slices.Equal(a.W[0].Data, mean) {
		t.Error("swapping twice is not neutral")
	}
}

// TestPulledToAFixedPoint: gradient descent on ½(θ−θ*)ᵀH(θ−θ*) with the decoupled pull ends, for small rates, where H(θ−θ*) = λ(θ0−θ).
func TestPulledToAFixedPoint(t *testing.T) {
	h, target, first := []float32{1, 3, 0.2}, []float32{2, -1, 4}, []float32{0, 1, -1}
	const rate, lambda = 1e-3, 0.5
	theta, spare := slices.Clone(first), make([]float32, 3)
	for range 40000 {
		for i := range theta {
			theta[i] -= rate * h[i] * (theta[i] - target[i])
		}
		Pull(theta, first, float32(rate*lambda), spare)
	}
	for i, x := range theta {
		want := float64(h[i]*target[i]+lambda*first[i]) / float64(h[i]+lambda)
		if math.Abs(float64(x)-want) > 2e-3 { // of the order of the rate
			t.Errorf("weight %d ends at %g, want %g", i, x, want)
		}
	}
}

// TestReferenceErrors: an error of the reference is returned.
func TestReferenceErrors(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	o, _ := spaced(t, pool, 1)
	broken := errors.New("the file is gone")
	bad := func(_, i, _ int, _ []float32) error {
		if i == 2 {
			return broken
		}
		return nil
	}
	if err := o.PullTo(pool, bad, 0.5); !errors.Is(err, broken) {
		t.Errorf("PullTo: %v", err)
	}
	if _, err := o.Reset(pool, bad, Reset{Keep: 0.2, Alpha: 0.5}); !errors.Is(err, broken) {
		t.Errorf("Reset: %v", err)
	}
	if err := o.PullTo(pool, bad, 0); err != nil {
		t.Errorf("a share of 0 reads nothing: %v", err)
	}
}

// TestSpaceHasTheSameBitsEverywhere: steps, pulls, a reset and an average, on every tier with several numbers of workers.
func TestSpaceHasTheSameBitsEverywhere(t *testing.T) {
	var want []float32
	for _, tier := range asm.Available() {
		restore := asm.Force(tier)
		for _, workers := range []int{1, 2, 3, 8} {
			pool := tensor.NewPool(workers)
			params := toy(1)
			o, err := New(DefaultConfig(MoClip), params)
			if err != nil {
				t.Fatal(err)
			}
			var ref [][]float32
			for _, p := range toy(2) {
				ref = append(ref, p.W.Data)
			}
			a := o.NewAverage()
			for step := range uint64(8) {
				fillGrads(params, step)
				if err := o.Step(pool, 1e-2, new(Stats)); err != nil {
					t.Fatal(err)
				}
				if err := o.PullTo(pool, reference(ref), 1e-3); err != nil {
					t.Fatal(err)
				}
				if step == 4 {
					if _, err := o.Reset(pool, reference(ref), Reset{Keep: 0.2, Alpha: 0.5}); err != nil {
						t.Fatal(err)
					}
				}
				a.Add(pool, 1/float64(step+1))
			}
			var got []float32
			for i, p := range params {
				got = append(append(got, p.W.Data...), a.W[i].Data...)
			}
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v, %d workers: other bits", tier, workers)
			}
			pool.Close()
		}
		restore()
	}
}
