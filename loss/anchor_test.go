package loss

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"reprise/tensor"
)

// probs are the model's probabilities at a position, in float64.
func (p *problem) probs(row int32) []float64 {
	z := make([]float64, p.head.W.Rows)
	var sum float64
	for v := range z {
		for k, x := range p.h.Row(int(row)) {
			z[v] += float64(x) * float64(p.head.W.Row(v)[k])
		}
		sum += math.Exp(z[v])
	}
	for v := range z {
		z[v] = math.Exp(z[v]) / sum
	}
	return z
}

// record fills in what a record of the model itself would hold.
func (p *problem) record(s *Subsets, lambda float32) *Anchor {
	s.LogProb, s.Mass = nil, nil
	for i, row := range s.Rows {
		q := p.probs(row)
		rest := 1.0
		for _, id := range s.IDs[s.Offsets[i]:s.Offsets[i+1]] {
			s.LogProb = append(s.LogProb, float32(math.Log(q[id])))
			rest -= q[id]
		}
		s.Mass = append(s.Mass, 1-float32(max(0, rest)))
	}
	return &Anchor{Lambda: lambda, KL: make([]float64, s.Positions())}
}

func (p *problem) disturb() {
	rng := tensor.NewRNG(12, "disturb", 0)
	for i := range p.head.W.Data {
		p.head.W.Data[i] += float32(0.3 * rng.NormFloat64())
	}
}

// TestAnchorIsTheDivergence compares KL with its definition in float64: full, which is exact; bare, over the subset alone;
// and with a tail that draws every id about equally often and so estimates the rest.
func TestAnchorIsTheDivergence(t *testing.T) {
	p := newProblem(t, 9, 60, 8, 2)
	s := p.subsets(6, 3)
	s.Anchor = p.record(s, 0.7)
	var base [][]float64
	for _, row := range s.Rows {
		base = append(base, p.probs(row))
	}
	check := func(name string, tolerance float64, want func(i int, ids []int32) float64) {
		t.Helper()
		for i := range s.Rows {
			w := want(i, s.IDs[s.Offsets[i]:s.Offsets[i+1]])
			if math.Abs(s.Anchor.KL[i]-w) > tolerance {
				t.Errorf("%s: position %d: KL %.7f, want %.7f", name, i, s.Anchor.KL[i], w)
			}
		}
	}
	zero := func(int, []int32) float64 { return 0 }
	bucketed := func(i int, ids []int32) float64 {
		now := p.probs(s.Rows[i])
		b, q, kl := 1.0, 1.0, 0.0
		for _, id := range ids {
			kl += base[i][id] * math.Log(base[i][id]/now[id])
			b, q = b-base[i][id], q-now[id]
		}
		return kl + b*math.Log(b/q)
	}
	within := func(i int, ids []int32) float64 {
		now := p.probs(s.Rows[i])
		var b, q, kl float64
		for _, id := range ids {
			b, q = b+base[i][id], q+now[id]
		}
		for _, id := range ids {
			kl += base[i][id] / b * math.Log(base[i][id]/b*q/now[id])
		}
		return kl
	}
	p.t.Base = s
	tails := make([]Tail, len(s.Seqs))
	for i := range tails {
		tails[i].Draw(Uniform(60), 1<<17, tensor.NewRNG(1, "tail", uint64(i)))
	}
	run := func(name string, tolerance, tailTolerance float64, exact, bare func(int, []int32) float64) {
		p.full(1)
		check(name+", full", tolerance, exact)
		p.replay(s, nil, 1)
		check(name+", bare", tolerance, bare)
		p.replay(s, tails, 1)
		check(name+", tail", tailTolerance, exact)
	}
	run("the base model", 1e-5, 1e-3, zero, zero)
	p.disturb()
	run("another model", 1e-5, 1e-2, bucketed, within) // 131072 draws: a standard error of about 0.5 % of the rest
}

// TestAnchorGradients compares the gradients of loss + λ·KL with central differences of that sum.
func TestAnchorGradients(t *testing.T) {
	for _, name := range []string{"full", "bare", "tail", "full, whole vocabulary", "tail, whole vocabulary"} {
		t.Run(name, func(t *testing.T) {
			p := newProblem(t, 7, 40, 8, 1)
			k := 6
			if len(name) > 4 {
				k = 40
			}
			s := p.subsets(k, 2)
			s.Anchor = p.record(s, 0.7)
			p.disturb()
			tails := make([]Tail, len(s.Seqs))
			for i := range tails {
				tails[i].Draw(Uniform(40), 12, tensor.NewRNG(1, "tail", uint64(i)))
			}
			run := func() (float64, *tensor.Matrix) {
				var losses []float64
				var dh *tensor.Matrix
				switch name[:4] {
				case "full":
					p.t.Base = s
					losses, dh = p.full(0.25)
				case "bare":
					losses, dh = p.replay(s, nil, 0.25)
				case "tail":
					losses, dh = p.replay(s, tails, 0.25)
				}
				var sum float64
				for i, l := range losses {
					sum += 0.25 * (l + 0.7*s.Anchor.KL[i])
				}
				return sum, dh
			}
			_, dh := run()
			dw := slices.Clone(p.head.G.Data)
			for what, pair := range map[string][2][]float32{"hidden": {p.h.Data, dh.Data}, "head": {p.head.W.Data, dw}} {
				x, g := pair[0], pair[1]
				for i := range x {
					const eps = 1e-2
					old := x[i]
					x[i] = old + eps
					up, _ := run()
					x[i] = old - eps
					down, _ := run()
					x[i] = old
					if want := (up - down) / (2 * eps); math.Abs(want-float64(g[i])) > 2e-4 {
						t.Fatalf("%s %d: gradient %.6f, differences give %.6f", what, i, g[i], want)
					}
				}
			}
		})
	}
}

// TestAnchorOfTheBaseModelAddsNothing: at the base model KL has its minimum, so it does not change the gradients.
func TestAnchorOfTheBaseModelAddsNothing(t *testing.T) {
	p := newProblem(t, 9, 60, 8, 1)
	s := p.subsets(6, 3)
	_, want := p.full(1)
	_, wantBare := p.replay(s, nil, 1)
	s.Anchor = p.record(s, 3)
	p.t.Base = s
	_, got := p.full(1)
	_, gotBare := p.replay(s, nil, 1)
	if d := maxDiff(got.Data, want.Data); d > 1e-5 {
		t.Errorf("full: gradients differ by %g", d)
	}
	if d := maxDiff(gotBare.Data, wantBare.Data); d > 1e-5 {
		t.Errorf("bare: gradients differ by %g", d)
	}
}

// TestAnchorBits: neither the number of workers nor the cut into blocks changes a bit.
func TestAnchorBits(t *testing.T) {
	run := func(workers int) string {
		p := newProblem(t, 700, 1500, 8, workers)
		s := p.subsets(6, 50)
		s.Anchor = p.record(s, 0.5)
		p.disturb()
		tails := make([]Tail, len(s.Seqs))
		for i := range tails {
			tails[i].Draw(Uniform(1500), 64, tensor.NewRNG(1, "tail", uint64(i)))
		}
		_, dh := p.replay(s, tails, 1)
		out := fmt.Sprint(s.Anchor.KL, dh.Data, p.head.G.Data[:500])
		p.t.Base = s
		_, dh = p.full(1)
		return out + fmt.Sprint(s.Anchor.KL, dh.Data, p.head.G.Data[:500])
	}
	want := run(1)
	for _, workers := range []int{2, 5} {
		if run(workers) != want {
			t.Errorf("%d workers: other bits", workers)
		}
	}
}

// TestAnchorOfAVanishingRest: where the model leaves so little mass outside the subset that r/p_R overflows float32, the
// anchor leaves the bucket of the rest out, as it does where no mass is left. The logits of ten ids are 87.2 above that of
// the one id outside.
func TestAnchorOfAVanishingRest(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	const inside, d = 10, 4
	head := &tensor.Param{Name: "head", W: tensor.NewMatrix(inside+1, d), G: tensor.NewMatrix(inside+1, d)}
	h, dh := tensor.NewMatrix(1, d), tensor.NewMatrix(1, d)
	h.Row(0)[0], head.W.Row(inside)[0] = 1, -87.2
	s := &Subsets{Rows: []int32{0}, Offsets: []int32{0, inside}, Gold: []int32{3}, Seqs: []int32{0}}
	s.Anchor = &Anchor{Lambda: 1, KL: make([]float64, 1)}
	s.Mass = []float32{0.5}
	for id := range int32(inside) {
		s.IDs = append(s.IDs, id)
		s.LogProb = append(s.LogProb, float32(math.Log(0.5/inside)))
	}
	losses := make([]float64, 1)
	for name, run := range map[string]func(){
		"full": func() {
			new(Full).Run(pool, head, h, dh, Targets{Rows: s.Rows, Gold: s.Gold, Base: s}, 1, losses)
		},
		"replay": func() {
			new(Replay).Run(pool, head, h, dh, s, []Tail{{IDs: []int32{inside}, Offset: []float32{0}}}, 1, losses)
		},
	} {
		clear(head.G.Data)
		run()
		for _, x := range slices.Concat(dh.Row(0), head.G.Data) {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				t.Fatalf("%s: a gradient is %g", name, x)
			}
		}
		// The subset's own distribution is the base model's.
		if math.Abs(s.Anchor.KL[0]) > 1e-6 {
			t.Errorf("%s: KL %g, want 0", name, s.Anchor.KL[0])
		}
	}
}
