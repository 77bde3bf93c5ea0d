package loss

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"reprise/asm"
	"reprise/tensor"
)

// drawn gives every position of p a gold id, and what Stage 0 records there of the distributions in base: the prefix of mass tau
// and, if it is not in that, the gold id.
func (p *problem) drawn(base [][]float64, tau float64, gold func(i int) int32) *Subsets {
	s := &Subsets{Rows: p.t.Rows, Offsets: []int32{0}}
	for i, b := range base {
		order := make([]int32, len(b))
		for id := range order {
			order[id] = int32(id)
		}
		slices.SortStableFunc(order, func(x, y int32) int { return cmp.Compare(b[y], b[x]) })
		n, mass := 0, 0.0
		for mass < tau {
			mass += b[order[n]]
			n++
		}
		y := gold(i)
		outside := !slices.Contains(order[:n], y)
		if outside {
			order[n] = y
			n++
		}
		set := slices.Sorted(slices.Values(order[:n]))
		at, _ := slices.BinarySearch(set, y)
		for _, id := range set {
			s.LogProb = append(s.LogProb, float32(math.Log(b[id])))
		}
		s.IDs, s.Gold, s.Outside = append(s.IDs, set...), append(s.Gold, int32(at)), append(s.Outside, outside)
		s.Offsets = append(s.Offsets, int32(len(s.IDs)))
	}
	return s
}

// bases are the distributions of a model that is not p's, at p's positions.
func (p *problem) bases() (base [][]float64) {
	now := slices.Clone(p.head.W.Data)
	p.disturb()
	for _, row := range p.t.Rows {
		base = append(base, p.probs(row))
	}
	copy(p.head.W.Data, now)
	return base
}

// TestDivergenceIsUnbiased takes every id in turn as the one that the base model drew. The mean, weighted by the base model's
// probabilities, must be KL(base ‖ now), and the part inside the prefix must not depend on the draw. A gold id that is not told apart
// from the prefix it was added to must spoil the mean: the test can fail.
func TestDivergenceIsUnbiased(t *testing.T) {
	const vocab = 40
	p := newProblem(t, 7, vocab, 8, 2)
	base := p.bases()
	n := len(base)
	mean, spoilt, first := make([]float64, n), make([]float64, n), make([]float64, n)
	inside, drawn := make([]float64, n), make([]float64, n)
	in := 0
	for y := range int32(vocab) {
		s := p.drawn(base, 0.7, func(int) int32 { return y })
		new(Full).Divergence(p.pool, p.head, p.h, s, inside, drawn)
		if y == 0 {
			copy(first, inside)
		}
		if !slices.Equal(inside, first) {
			t.Errorf("drawn %d: inside %v, before %v", y, inside, first)
		}
		for i, b := range base {
			mean[i] += b[y] * (inside[i] + drawn[i])
			if !s.Outside[i] {
				in++
			}
			if !s.Outside[i] && drawn[i] != 0 {
				t.Errorf("position %d: %g for an id of the prefix", i, drawn[i])
			}
		}
		clear(s.Outside)
		new(Full).Divergence(p.pool, p.head, p.h, s, inside, drawn)
		for i, b := range base {
			spoilt[i] += b[y] * (inside[i] + drawn[i])
		}
	}
	if in < n || in > n*vocab/2 {
		t.Fatalf("%d of %d ids were in the prefixes: the test wants some in and more out", in, n*vocab)
	}
	worst := 0.0
	for i, b := range base {
		var want float64
		for id, q := range p.probs(p.t.Rows[i]) {
			want += b[id] * (math.Log(b[id]) - math.Log(q))
		}
		if math.Abs(mean[i]-want) > 2e-6 { // logits and log-probabilities are float32
			t.Errorf("position %d: the mean is %.8f, KL is %.8f", i, mean[i], want)
		}
		worst = max(worst, math.Abs(spoilt[i]-want))
	}
	if worst < 0.02 {
		t.Errorf("with the gold id counted into the prefix the means are off by at most %g", worst)
	}
}

// TestMeasuresHaveTheSameBits: neither the tier, nor the number of workers, nor whose memory it is can be seen in rho and in the
// divergence. There are more positions than a block takes and more ids than two tiles.
func TestMeasuresHaveTheSameBits(t *testing.T) {
	var want []float64
	for _, tier := range asm.Available() {
		for _, workers := range []int{1, 2, 3, 8} {
			restore := asm.Force(tier)
			p := newProblem(t, 450, 2100, 16, workers)
			s := p.measured()
			for _, space := range [][]float32{nil, tensor.NewMatrix(1, FullMemory(len(s.Rows), 2100, 16)/4).Data} {
				f := Full{Space: space}
				n := len(s.Rows)
				got := make([]float64, 3*n)
				f.Rho(p.pool, p.head, p.h, s, got[:n])
				f.Divergence(p.pool, p.head, p.h, s, got[n:2*n], got[2*n:])
				if want == nil {
					want = got
				}
				if !slices.Equal(got, want) {
					t.Errorf("%v, %d workers, %d values lent: not the bits of the first", tier, workers, len(space))
				}
				if own := len(f.own[0].Data) + len(f.own[1].Data); own > 0 && space != nil {
					t.Errorf("%d values were lent, and yet %d are its own", len(space), own)
				}
			}
			restore()
		}
	}
}

// measured are subsets with made-up log-probabilities, some with the gold id outside.
func (p *problem) measured() *Subsets {
	s := p.subsets(6, 8)
	rng := tensor.NewRNG(6, "measured", 0)
	for range s.IDs {
		s.LogProb = append(s.LogProb, float32(-0.1-8*rng.Float64()))
	}
	for i := range s.Rows {
		s.Outside = append(s.Outside, i%3 == 0)
	}
	return s
}
