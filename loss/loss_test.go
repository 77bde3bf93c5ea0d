package loss

import (
	"math"
	"slices"
	"testing"

	"reprise/tensor"
)

// problem is a small head with hidden states and targets.
type problem struct {
	pool *tensor.Pool
	head *tensor.Param
	h    *tensor.Matrix
	t    Targets
}

func newProblem(t *testing.T, tokens, vocab, d, workers int) *problem {
	t.Helper()
	p := &problem{pool: tensor.NewPool(workers), h: tensor.NewMatrix(tokens, d)}
	t.Cleanup(p.pool.Close)
	p.head = &tensor.Param{Name: "head", W: tensor.NewMatrix(vocab, d), G: tensor.NewMatrix(vocab, d)}
	rng := tensor.NewRNG(3, "problem", 0)
	for _, m := range []*tensor.Matrix{p.head.W, p.h} {
		for i := range m.Data {
			m.Data[i] = float32(rng.NormFloat64() * 0.6)
		}
	}
	for r := range tokens {
		if r%3 != 2 { // some rows carry no loss
			p.t.Rows = append(p.t.Rows, int32(r))
			p.t.Gold = append(p.t.Gold, int32(rng.Intn(vocab)))
		}
	}
	return p
}

// subsets gives every position k random ids and its gold id, in sequences of some positions.
func (p *problem) subsets(k, perSeq int) *Subsets {
	rng := tensor.NewRNG(4, "subsets", uint64(k))
	s := &Subsets{Rows: p.t.Rows, Offsets: []int32{0}}
	for i, gold := range p.t.Gold {
		if i%perSeq == 0 {
			s.Seqs = append(s.Seqs, int32(i))
		}
		set := []int32{gold}
		for len(set) < k {
			if id := int32(rng.Intn(p.head.W.Rows)); !slices.Contains(set, id) {
				set = append(set, id)
			}
		}
		slices.Sort(set)
		at, _ := slices.BinarySearch(set, gold)
		s.Gold = append(s.Gold, int32(at))
		s.IDs = append(s.IDs, set...)
		s.Offsets = append(s.Offsets, int32(len(s.IDs)))
	}
	return s
}

func (p *problem) full(scale float32) (losses []float64, dh *tensor.Matrix) {
	losses, dh = make([]float64, len(p.t.Rows)), tensor.NewMatrix(p.h.Rows, p.h.Cols)
	clear(p.head.G.Data)
	new(Full).Run(p.pool, p.head, p.h, dh, p.t, scale, losses)
	return losses, dh
}

func (p *problem) replay(s *Subsets, tails []Tail, scale float32) (losses []float64, dh *tensor.Matrix) {
	losses, dh = make([]float64, len(p.t.Rows)), tensor.NewMatrix(p.h.Rows, p.h.Cols)
	clear(p.head.G.Data)
	new(Replay).Run(p.pool, p.head, p.h, dh, s, tails, scale, losses)
	return losses, dh
}

func maxDiff(a, b []float32) float64 {
	var d float64
	for i := range a {
		d = max(d, math.Abs(float64(a[i])-float64(b[i])))
	}
	return d
}

// The full loss over float64 logits, for comparison.
func (p *problem) reference() []float64 {
	var out []float64
	for i, r := range p.t.Rows {
		var z []float64
		for v := range p.head.W.Rows {
			var s float64
			for k, x := range p.h.Row(int(r)) {
				s += float64(x) * float64(p.head.W.Row(v)[k])
			}
			z = append(z, s)
		}
		var sum float64
		for _, x := range z {
			sum += math.Exp(x)
		}
		out = append(out, math.Log(sum)-z[p.t.Gold[i]])
	}
	return out
}

func TestFullAgainstFloat64(t *testing.T) {
	p := newProblem(t, 30, 2100, 16, 2) // more than two tiles
	got, _ := p.full(1)
	for i, want := range p.reference() {
		if math.Abs(got[i]-want) > 1e-5 {
			t.Errorf("position %d: loss %.7f, want %.7f", i, got[i], want)
		}
	}
}

// TestGradientsByDifferences compares every gradient with central differences of the losses themselves. The step is large
// because losses are differences of float32 logits.
func TestGradientsByDifferences(t *testing.T) {
	for _, name := range []string{"full", "bare", "tail"} {
		t.Run(name, func(t *testing.T) {
			p := newProblem(t, 7, 40, 8, 1)
			s := p.subsets(6, 2)
			tails := make([]Tail, len(s.Seqs))
			for i := range tails {
				tails[i].Draw(Uniform(40), 12, tensor.NewRNG(1, "tail", uint64(i)))
			}
			run := func() ([]float64, *tensor.Matrix) {
				switch name {
				case "full":
					return p.full(0.25)
				case "bare":
					return p.replay(s, nil, 0.25)
				}
				return p.replay(s, tails, 0.25)
			}
			sum := func() float64 {
				losses, _ := run()
				var l float64
				for _, x := range losses {
					l += x
				}
				return l * 0.25
			}
			_, dh := run()
			dw := slices.Clone(p.head.G.Data)
			for what, pair := range map[string][2][]float32{"hidden": {p.h.Data, dh.Data}, "head": {p.head.W.Data, dw}} {
				x, g := pair[0], pair[1]
				for i := range x {
					const eps = 1e-2
					old := x[i]
					x[i] = old + eps
					up := sum()
					x[i] = old - eps
					down := sum()
					x[i] = old
					if want := (up - down) / (2 * eps); math.Abs(want-float64(g[i])) > 2e-4 {
						t.Fatalf("%s %d: gradient %.6f, differences give %.6f", what, i, g[i], want)
					}
				}
			}
		})
	}
}

func TestReplayOverTheWholeVocabularyIsFull(t *testing.T) {
	p := newProblem(t, 12, 300, 24, 2)
	want, wantDH := p.full(0.5)
	wantDW := slices.Clone(p.head.G.Data)
	got, gotDH := p.replay(p.subsets(300, 3), nil, 0.5)
	for i := range want {
		if got[i] != want[i] { // the same logits, tiles and order
			t.Errorf("position %d: replay %v, full %v", i, got[i], want[i])
		}
	}
	if d := maxDiff(gotDH.Data, wantDH.Data); d > 1e-6 {
		t.Errorf("hidden gradients differ by %g", d)
	}
	if d := maxDiff(p.head.G.Data, wantDW); d > 1e-6 {
		t.Errorf("head gradients differ by %g", d)
	}
}

// Subsets as Stage 0 gives them name no sequences: all of it is one, and not none.
func TestSubsetsOfOneSequence(t *testing.T) {
	p := newProblem(t, 12, 60, 8, 2)
	s := p.subsets(5, 100)
	want, wantDH := p.replay(s, []Tail{{IDs: []int32{1, 7}, Offset: []float32{0, 0.5}}}, 1)
	s.Seqs = nil
	got, gotDH := p.replay(s, []Tail{{IDs: []int32{1, 7}, Offset: []float32{0, 0.5}}}, 1)
	if !slices.Equal(got, want) || maxDiff(gotDH.Data, wantDH.Data) != 0 || got[0] == 0 {
		t.Errorf("losses %v, want %v", got, want)
	}
}

// TestWhatTruncationDoes checks the identities of docs/METHOD.md, What truncation does: full − replay = −log(1 − ρ), and the
// gradient of the logits is off by 2ρ in the L1 norm. The head is the identity, so that the hidden gradient is the logits'
// gradient.
func TestWhatTruncationDoes(t *testing.T) {
	const vocab = 48
	p := newProblem(t, 9, vocab, vocab, 1)
	clear(p.head.W.Data)
	for i := range vocab {
		p.head.W.Row(i)[i] = 1
	}
	s := p.subsets(5, 4)
	rho := make([]float64, s.Positions())
	new(Full).Rho(p.pool, p.head, p.h, s, rho)
	full, dz := p.full(1)
	bare, dzBare := p.replay(s, nil, 1)
	for i, row := range s.Rows {
		if rho[i] < 0.1 {
			t.Errorf("position %d: rho is %g, too small to test with", i, rho[i])
		}
		if gap, want := full[i]-bare[i], -math.Log(1-rho[i]); math.Abs(gap-want) > 1e-5 {
			t.Errorf("position %d: full − replay = %g, −log(1−ρ) = %g", i, gap, want)
		}
		var l1 float64
		for k, g := range dz.Row(int(row)) {
			l1 += math.Abs(float64(g) - float64(dzBare.Row(int(row))[k]))
		}
		if math.Abs(l1-2*rho[i]) > 1e-5 {
			t.Errorf("position %d: the gradients differ by %g in L1, 2ρ = %g", i, l1, 2*rho[i])
		}
	}
}

// TestSingletonSubset: a position whose subset is its gold id alone has loss 0 and no gradient without a tail.
func TestSingletonSubset(t *testing.T) {
	p := newProblem(t, 6, 50, 8, 1)
	losses, dh := p.replay(p.subsets(1, 2), nil, 1)
	for i, l := range losses {
		if l != 0 {
			t.Errorf("position %d: loss %g, want 0", i, l)
		}
	}
	if d := maxDiff(dh.Data, make([]float32, len(dh.Data))); d != 0 {
		t.Errorf("gradient %g, want 0", d)
	}
}

// TestTailIsUnbiased draws the tail many times: the mean of its sum must be the sum of exp over all ids, within six
// standard errors of that mean.
func TestTailIsUnbiased(t *testing.T) {
	const vocab, n, draws = 200, 32, 4000
	rng := tensor.NewRNG(9, "z", 0)
	z := make([]float64, vocab)
	counts := make([]int64, vocab)
	var want float64
	for j := range z {
		z[j] = rng.NormFloat64()
		counts[j] = int64(rng.Intn(50))
		want += math.Exp(z[j])
	}
	for name, q := range map[string]*Proposal{"uniform": Uniform(vocab), "frequency": Frequency(counts)} {
		var mass float64
		for j := range vocab {
			mass += q.Prob(int32(j))
		}
		if math.Abs(mass-1) > 1e-12 {
			t.Errorf("%s: probabilities add up to %g", name, mass)
		}
		var sum, squares float64
		for i := range draws {
			var tail Tail
			tail.Draw(q, n, tensor.NewRNG(11, "tail", uint64(i)))
			if !slices.IsSorted(tail.IDs) || len(slices.Compact(slices.Clone(tail.IDs))) != len(tail.IDs) {
				t.Fatalf("%s: ids %v are not ascending and distinct", name, tail.IDs)
			}
			var s float64
			for k, id := range tail.IDs {
				s += math.Exp(z[id] + float64(tail.Offset[k]))
			}
			sum += s
			squares += s * s
		}
		mean := sum / draws
		se := math.Sqrt((squares/draws - mean*mean) / draws)
		if math.Abs(mean-want) > 6*se {
			t.Errorf("%s: mean of the sum %g, want %g ± %g", name, mean, want, 6*se)
		}
	}
}

// TestBitsDoNotDependOnCutOrWorkers runs one step as a whole and in several calls that continue the same gradients, with
// several pools.
func TestBitsDoNotDependOnCutOrWorkers(t *testing.T) {
	type result struct {
		losses []float64
		dh, dw []float32
	}
	run := func(workers, cut int) map[string]result {
		p := newProblem(t, 24, 1100, 20, workers)
		s := p.subsets(9, 4)
		tails := make([]Tail, len(s.Seqs))
		for i := range tails {
			tails[i].Draw(Uniform(1100), 40, tensor.NewRNG(1, "tail", uint64(i)))
		}
		out := map[string]result{}
		for _, name := range []string{"full", "replay"} {
			clear(p.head.G.Data)
			r := result{losses: make([]float64, len(p.t.Rows))}
			for lo := 0; lo < len(p.t.Rows); lo += cut {
				hi := min(lo+cut, len(p.t.Rows))
				dh := tensor.NewMatrix(p.h.Rows, p.h.Cols)
				if name == "full" {
					new(Full).Run(p.pool, p.head, p.h, dh, Targets{Rows: p.t.Rows[lo:hi], Gold: p.t.Gold[lo:hi]}, 0.1, r.losses[lo:hi])
				} else {
					part := &Subsets{Rows: s.Rows[lo:hi], Gold: s.Gold[lo:hi], IDs: s.IDs[s.Offsets[lo]:s.Offsets[hi]]}
					for i := lo; i <= hi; i++ {
						part.Offsets = append(part.Offsets, s.Offsets[i]-s.Offsets[lo])
					}
					for i := lo; i < hi; i += 4 {
						part.Seqs = append(part.Seqs, int32(i-lo))
					}
					new(Replay).Run(p.pool, p.head, p.h, dh, part, tails[lo/4:(hi+3)/4], 0.1, r.losses[lo:hi])
				}
				for _, row := range p.t.Rows[lo:hi] {
					r.dh = append(r.dh, dh.Row(int(row))...)
				}
			}
			r.dw = slices.Clone(p.head.G.Data)
			out[name] = r
		}
		return out
	}
	want := run(1, 1000)
	for _, workers := range []int{1, 2, 3, 8} {
		for _, cut := range []int{4, 8, 1000} {
			for name, got := range run(workers, cut) {
				w := want[name]
				if !slices.Equal(got.losses, w.losses) || !slices.Equal(got.dh, w.dh) || !slices.Equal(got.dw, w.dw) {
					t.Errorf("%s: %d workers, %d positions at a time: other bits", name, workers, cut)
				}
			}
		}
	}
}
