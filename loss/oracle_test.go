package loss

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"reprise/tensor"
)

// oracle is testdata/rehearsal/cases.json, which PyTorch's autograd computed (testdata/rehearsal/make.py).
type oracle struct {
	H, W           [][]float32
	From           int
	SecondSequence int     `json:"second_sequence"`
	Scale          float32 `json:"scale"`
	RehearsalScale float32 `json:"rehearsal_scale"`
	Positions      []struct {
		Row, Gold int32
		IDs       []int32
		LogProb   []float32 `json:"log_prob"`
		Rest      float32
		Outside   bool
	}
	Tails []struct {
		IDs    []int32
		Offset []float32
	}
	Cases []oracleCase
}

type oracleCase struct {
	Normaliser, Kind string
	KL               float32 `json:"kl"`
	Form             string  `json:"kl_form"`
	Weights          string  `json:"token_weights"`
	Losses, KLs      []float64
	DH, DW           []float64
}

// batch is what Replay takes, and Full as Targets.Base.
func (o *oracle) batch(c oracleCase) *Subsets {
	kind := map[string]Kind{"ce": CE, "soft": Soft, "kl": KL}[c.Kind]
	s := &Subsets{Offsets: []int32{0}, Seqs: []int32{0, int32(o.SecondSequence)}, Rehearsal: &Rehearsal{From: o.From, Kind: kind, Scale: o.RehearsalScale}}
	if c.KL > 0 {
		s.Anchor = &Anchor{Lambda: c.KL, Masked: c.Form == "masked", KL: make([]float64, o.From)}
	}
	for _, p := range o.Positions {
		s.Rows, s.IDs, s.LogProb = append(s.Rows, p.Row), append(s.IDs, p.IDs...), append(s.LogProb, p.LogProb...)
		s.Offsets, s.Gold = append(s.Offsets, int32(len(s.IDs))), append(s.Gold, int32(slices.Index(p.IDs, p.Gold)))
		s.Mass, s.Outside = append(s.Mass, 1-p.Rest), append(s.Outside, p.Outside)
	}
	return s
}

// run computes a case.
func (o *oracle) run(c oracleCase, workers int) (losses, kls []float64, dh, dw []float32) {
	pool := tensor.NewPool(workers)
	defer pool.Close()
	matrix := func(rows [][]float32) *tensor.Matrix {
		m := tensor.NewMatrix(len(rows), len(rows[0]))
		for i, r := range rows {
			copy(m.Row(i), r)
		}
		return m
	}
	h, w := matrix(o.H), matrix(o.W)
	head := &tensor.Param{Name: "head", W: w, G: tensor.NewMatrix(w.Rows, w.Cols)}
	d := tensor.NewMatrix(h.Rows, h.Cols)
	s := o.batch(c)
	losses = make([]float64, len(s.Rows))
	switch c.Normaliser {
	case "full":
		t := Targets{Rows: s.Rows, Base: s, Rehearsal: s.Rehearsal, Weights: map[string]Weights{"dft": DFT, "eaft": EAFT}[c.Weights]}
		for _, p := range o.Positions {
			t.Gold = append(t.Gold, p.Gold)
		}
		new(Full).Run(pool, head, h, d, t, o.Scale, losses)
	case "tail":
		var tails []Tail
		for _, t := range o.Tails {
			tails = append(tails, Tail{IDs: t.IDs, Offset: t.Offset})
		}
		new(Replay).Run(pool, head, h, d, s, tails, o.Scale, losses)
	default:
		new(Replay).Run(pool, head, h, d, s, nil, o.Scale, losses)
	}
	if s.Anchor != nil {
		kls = s.Anchor.KL
	}
	return losses, kls, d.Data, head.G.Data
}

// TestAgainstAutograd compares losses and gradients of every combination of terms with PyTorch's in float64.
func TestAgainstAutograd(t *testing.T) {
	text, err := os.ReadFile("../testdata/rehearsal/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var o oracle
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	var worst float64
	for _, c := range o.Cases {
		name := fmt.Sprintf("%s, %s, kl %g %s, weights %s", c.Normaliser, c.Kind, c.KL, c.Form, c.Weights)
		losses, kls, dh, dw := o.run(c, 2)
		check := func(what string, got, want []float64) {
			t.Helper()
			if len(got) != len(want) {
				t.Fatalf("%s: %d %s, want %d", name, len(got), what, len(want))
			}
			for i, w := range want {
				off := math.Abs(got[i]-w) / max(1, math.Abs(w))
				worst = max(worst, off)
				if !(off < 2e-6) { // a few roundings of float32 logits of up to 8
					t.Errorf("%s: %s %d: %.8g, want %.8g", name, what, i, got[i], w)
				}
			}
		}
		check("losses", losses, c.Losses)
		check("divergences", kls, c.KLs)
		check("gradients of h", wide(dh), c.DH)
		check("gradients of w", wide(dw), c.DW)
		if l, _, h, w := o.run(c, 1); !slices.Equal(l, losses) || !slices.Equal(h, dh) || !slices.Equal(w, dw) {
			t.Errorf("%s: one worker gives other bits than two", name)
		}
	}
	t.Logf("%d cases; the greatest difference is %.2g", len(o.Cases), worst)
}

func wide(x []float32) (out []float64) {
	for _, v := range x {
		out = append(out, float64(v))
	}
	return out
}
