package replay_test

import (
	"math"
	"slices"
	"testing"

	"reprise/checkpoint"
	"reprise/data"
	"reprise/internal/testfiles"
	"reprise/loss"
	"reprise/replay"
	"reprise/tensor"
)

// boxRule is a rule as testdata/replay writes it.
type boxRule struct {
	Tau    float64
	KMin   int `json:"k_min"`
	KMax   int `json:"k_max"`
	Always []int32
}

func (r boxRule) rule() replay.Rule {
	return replay.Rule{Tau: r.Tau, KMin: r.KMin, KMax: r.KMax, Always: r.Always}
}

// boxRow is the expected recording of a position, computed by NumPy in float64 from all its logits (testdata/replay/make.py).
type boxRow struct {
	Row      int // number of the row of synthetic logits
	Position int // of a document
	Gold     int32
	IDs      []int32
	LogProb  []float64 `json:"log_prob"`
	Mass     float64
	Index    int32
	Outside  bool
}

// boxErrors keeps the largest errors of log-probabilities and covered masses.
type boxErrors struct{ logProb, mass float64 }

// compare compares recorded position p with a row.
func (e *boxErrors) compare(t *testing.T, name string, u *loss.Subsets, p int, want *boxRow) {
	t.Helper()
	lo, hi := u.Offsets[p], u.Offsets[p+1]
	if !slices.Equal(u.IDs[lo:hi], want.IDs) || u.Gold[p] != want.Index || want.IDs[want.Index] != want.Gold || u.Outside[p] != want.Outside {
		t.Errorf("%s: %v (gold index %d, outside %v), want %v (%d, %v)", name, u.IDs[lo:hi], u.Gold[p], u.Outside[p], want.IDs, want.Index, want.Outside)
		return
	}
	for i, l := range u.LogProb[lo:hi] {
		e.logProb = max(e.logProb, math.Abs(float64(l)-want.LogProb[i])/max(1, math.Abs(want.LogProb[i])))
	}
	e.mass = max(e.mass, math.Abs(float64(u.Mass[p])-want.Mass))
}

// boxLogit is a synthetic logit: the same formula as in testdata/replay/make.py. Every value is exact in float32.
func boxLogit(shape string, row, id int) float32 {
	u := uint64(20261130) + uint64(row)<<32 + uint64(id) + 0x9E3779B97F4A7C15
	u = (u ^ u>>30) * 0xBF58476D1CE4E5B9
	u = (u ^ u>>27) * 0x94D049BB133111EB
	u ^= u >> 31
	switch shape {
	case "spread":
		return float32(int(u&4095+u>>12&4095+u>>24&4095+u>>36&4095)-8190) / 512
	case "ties":
		return float32(u%7) - 3
	case "equal":
		return -2
	case "signed zeros":
		return float32(math.Copysign(0, 0.5-float64(u&1)))
	case "peaked":
		return float32((u&255)*(u>>8&255)>>8) / 8
	case "rising":
		return float32(id) / 8
	case "falling":
		return -float32(id) / 8
	}
	panic(shape)
}

// TestBoxSubsetsOfSyntheticLogits: ties, prefixes that tau ends and that k_max ends, gold ids just inside and just outside them,
// vocabularies smaller than a tile, of one tile, and of several.
func TestBoxSubsetsOfSyntheticLogits(t *testing.T) {
	var sets []struct {
		Shape string
		Vocab int
		Rule  boxRule
		Rows  []boxRow
	}
	testfiles.ReadBoxJSON(t, &sets, "replay", "synthetic.json")
	pool := tensor.NewPool(2)
	defer pool.Close()
	var e boxErrors
	rows, outside := 0, 0
	for _, s := range sets {
		w := replay.NewWatcher(pool, s.Rule.rule(), s.Vocab)
		z := tensor.NewMatrix(len(s.Rows), s.Vocab)
		q := data.Sequence{IDs: []int32{0}, Target: []bool{false}, DocStarts: []int32{0}}
		for i, r := range s.Rows {
			for id := range s.Vocab {
				z.Row(i)[id] = boxLogit(s.Shape, r.Row, id)
			}
			q.IDs, q.Target = append(q.IDs, r.Gold), append(q.Target, true)
		}
		w.Begin()
		w.Sequences([]*data.Sequence{&q})
		w.Logits(0, len(s.Rows), z)
		got, err := w.Subsets()
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Rows {
			e.compare(t, s.Shape, &got[0], i, &s.Rows[i])
			rows++
			if s.Rows[i].Outside {
				outside++
			}
		}
	}
	t.Logf("%d positions, %d with gold outside the prefix; log-probabilities within %.2g of max(1, |log p|), masses within %.2g", rows, outside, e.logProb, e.mass)
	// float32: half a unit in the last place of a value, and a few of them in the sum of exponentials.
	if e.logProb > 1e-6 || e.mass > 2e-6 {
		t.Errorf("log-probabilities are off by %.2g, masses by %.2g; want at most 1e-6 and 2e-6", e.logProb, e.mass)
	}
	if rows < 276 || outside < 178 {
		t.Errorf("%d positions, %d with gold outside, want 276 and 178 or more", rows, outside)
	}
}

// TestBoxSubsetsOfAModel records documents, two per sequence, with a small llama.
func TestBoxSubsetsOfAModel(t *testing.T) {
	var want struct {
		Rule      boxRule
		Documents []struct {
			IDs  []int32
			Rows []boxRow
		}
	}
	testfiles.ReadBoxJSON(t, &want, "replay", "model.json")
	loaded, err := checkpoint.Load(testfiles.Box(t, "gguf", "llama"))
	if err != nil {
		t.Fatal(err)
	}
	pool := tensor.NewPool(2)
	defer pool.Close()
	var seqs []data.Sequence
	var rows [][]*boxRow // of every sequence, in order
	for i, d := range want.Documents {
		if i%2 == 0 {
			seqs, rows = append(seqs, data.Sequence{}), append(rows, nil)
		}
		q := &seqs[len(seqs)-1]
		first := len(q.IDs)
		q.DocStarts = append(q.DocStarts, int32(first))
		q.IDs, q.Target = append(q.IDs, d.IDs...), append(q.Target, make([]bool, len(d.IDs))...)
		for k := range d.Rows {
			d.Rows[k].Position += first
			q.Target[d.Rows[k].Position+1] = true
			rows[len(seqs)-1] = append(rows[len(seqs)-1], &d.Rows[k])
		}
	}
	got, err := replay.NewRecorder(loaded.Model, pool, want.Rule.rule()).Sequences(t.Context(), seqs)
	if err != nil {
		t.Fatal(err)
	}
	var e boxErrors
	positions, inside := 0, 0
	for n := range got {
		if len(got[n].Rows) != len(rows[n]) {
			t.Fatalf("sequence %d: %d positions, want %d", n, len(got[n].Rows), len(rows[n]))
		}
		for p, r := range rows[n] {
			if int(got[n].Rows[p]) != r.Position {
				t.Errorf("sequence %d: position %d, want %d", n, got[n].Rows[p], r.Position)
			}
			e.compare(t, "llama", &got[n], p, r)
			positions++
			if !r.Outside {
				inside++
			}
		}
	}
	t.Logf("%d positions, %d with gold inside the prefix; log-probabilities within %.2g of max(1, |log p|), masses within %.2g", positions, inside, e.logProb, e.mass)
	// Logits of a forward pass in float32 are compared with those of one in float64.
	if e.logProb > 1e-5 || e.mass > 1e-5 {
		t.Errorf("log-probabilities are off by %.2g, masses by %.2g; want at most 1e-5", e.logProb, e.mass)
	}
	if positions < 201 || inside < 18 {
		t.Errorf("%d positions, %d with gold inside, want 201 and 18 or more", positions, inside)
	}
}
