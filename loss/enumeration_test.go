package loss

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"reprise/tensor"
)

// enumeration is a model of two tokens over eight ids: hidden row 0 is the context of the first token, row 1+y that of the second
// after the first was y. The base model has other weights.
type enumeration struct {
	p    *problem
	base [][]float64 // probabilities, per context
	keep int         // ids of a prefix
}

func newEnumeration(t *testing.T) *enumeration {
	e := &enumeration{p: newProblem(t, 9, 8, 5, 1), keep: 3}
	for row := range int32(9) {
		e.base = append(e.base, e.p.probs(row))
	}
	e.p.disturb()
	return e
}

// prefix are the most probable ids of a context, ascending.
func (e *enumeration) prefix(context int32) []int32 {
	ids := []int32{0, 1, 2, 3, 4, 5, 6, 7}
	b := e.base[context]
	slices.SortFunc(ids, func(x, y int32) int { return cmp.Compare(b[y], b[x]) })
	ids = ids[:e.keep]
	slices.Sort(ids)
	return ids
}

// sequence is what a record holds of the text y0 y1, and what Full takes.
func (e *enumeration) sequence(y0, y1 int32, kind Kind) Targets {
	t := Targets{Rows: []int32{0, 1 + y0}, Gold: []int32{y0, y1}, Rehearsal: &Rehearsal{Kind: kind, Scale: 1}}
	s := &Subsets{Rows: t.Rows, Offsets: []int32{0}, Rehearsal: t.Rehearsal}
	for i, context := range t.Rows {
		ids := e.prefix(context)
		outside := !slices.Contains(ids, t.Gold[i])
		if outside {
			ids = append(ids, t.Gold[i])
			slices.Sort(ids)
		}
		mass := 0.0
		for k, id := range ids {
			if id == t.Gold[i] {
				s.Gold = append(s.Gold, int32(k))
			}
			s.IDs = append(s.IDs, id)
			s.LogProb = append(s.LogProb, float32(math.Log(e.base[context][id]))) // not rounded to float16
			mass += e.base[context][id]
		}
		s.Offsets, s.Mass, s.Outside = append(s.Offsets, int32(len(s.IDs))), append(s.Mass, float32(mass)), append(s.Outside, outside)
	}
	t.Base = s
	return t
}

// moments are the mean and the variance of the gradient over all 64 texts, each as probable as the base model makes it: of the nine
// hidden rows and of the head.
func (e *enumeration) moments(kind Kind) (mean, variance []float64) {
	p := e.p
	dh := tensor.NewMatrix(p.h.Rows, p.h.Cols)
	n := len(dh.Data) + len(p.head.G.Data)
	mean, variance = make([]float64, n), make([]float64, n)
	square := make([]float64, n)
	for y0 := range int32(8) {
		for y1 := range int32(8) {
			clear(p.head.G.Data)
			new(Full).Run(p.pool, p.head, p.h, dh, e.sequence(y0, y1, kind), 100, make([]float64, 2))
			weight := e.base[0][y0] * e.base[1+y0][y1]
			for i, g := range slices.Concat(dh.Data, p.head.G.Data) {
				mean[i] += weight * float64(g)
				square[i] += weight * float64(g) * float64(g)
			}
		}
	}
	for i := range variance {
		variance[i] = square[i] - mean[i]*mean[i]
	}
	return mean, variance
}

// exact is the gradient of KL(base ‖ model) over the texts, in float64: the KL of every context, weighted by its probability.
func (e *enumeration) exact() []float64 {
	p := e.p
	d, stride := p.h.Cols, p.h.Stride
	out := make([]float64, len(p.h.Data)+len(p.head.W.Data))
	dh, dw := out[:len(p.h.Data)], out[len(p.h.Data):]
	for context := range int32(9) {
		weight := 1.0
		if context > 0 {
			weight = e.base[0][context-1]
		}
		now := p.probs(context)
		for id := range 8 {
			dz := weight * (now[id] - e.base[context][id])
			for k := range d {
				dh[int(context)*stride+k] += dz * float64(p.head.W.Row(id)[k])
				dw[id*p.head.W.Stride+k] += dz * float64(p.h.Row(int(context))[k])
			}
		}
	}
	return out
}

// TestRehearsalIsUnbiased goes through every text of two tokens over eight ids. The mean gradients of cross-entropy on drawn texts and
// of the soft loss are that of KL(base ‖ model), and the soft loss never varies more. The mean of the KL loss, which ids outside
// the prefix pull along the model's own distribution, is another.
func TestRehearsalIsUnbiased(t *testing.T) {
	e := newEnumeration(t)
	want := e.exact()
	off := func(mean []float64) (worst float64) {
		for i := range want {
			worst = max(worst, math.Abs(mean[i]-want[i]))
		}
		return worst
	}
	ce, ceVar := e.moments(CE)
	soft, softVar := e.moments(Soft)
	kl, _ := e.moments(KL)
	t.Logf("the mean gradients are off by at most %.2g (ce), %.2g (soft), %.2g (kl)", off(ce), off(soft), off(kl))
	if off(ce) > 1e-6 || off(soft) > 1e-6 {
		t.Errorf("the mean gradients are off by %g and %g, want less than 1e-6", off(ce), off(soft))
	}
	if off(kl) < 1e-3 {
		t.Errorf("the mean gradient of kl is off by only %g: then it is not biased", off(kl))
	}
	less := 0
	for i := range ceVar {
		if softVar[i] > ceVar[i]+1e-6 {
			t.Errorf("coordinate %d: the soft loss has variance %g, cross-entropy %g", i, softVar[i], ceVar[i])
		}
		if softVar[i] < 0.9*ceVar[i] {
			less++
		}
	}
	if less == 0 {
		t.Error("the soft loss varies as much as cross-entropy")
	}
}
