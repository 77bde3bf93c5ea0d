package replay

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"reprise/data"
	"reprise/loss"
	"reprise/model"
	"reprise/tensor"
)

// The keys have the order of the rule: falling logit, ties to the smaller id, −0 equal to +0.
func TestLogitKeyOrder(t *testing.T) {
	inf := float32(math.Inf(1))
	values := []float32{inf, math.MaxFloat32, 2, 1, math.SmallestNonzeroFloat32, 0, -math.SmallestNonzeroFloat32, -1, -math.MaxFloat32, -inf}
	last := uint64(0)
	for i, z := range values {
		for _, id := range []int32{0, 1, 1 << 24} {
			k := logitKey(z, id)
			if (i > 0 || id > 0) && k <= last {
				t.Errorf("logit %g, id %d: its key does not ascend", z, id)
			}
			if got := logitOf(k); got != z || int32(uint32(k)) != id {
				t.Errorf("logit %g, id %d became %g, %d", z, id, got, int32(uint32(k)))
			}
			last = k
		}
	}
	if minus := float32(math.Copysign(0, -1)); logitKey(minus, 5) != logitKey(0, 5) {
		t.Error("−0 and +0 differ")
	}
}

func TestSmallest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfNDistinct(rapid.Uint64(), 1, 300, rapid.ID[uint64]).Draw(t, "keys")
		n := rapid.IntRange(1, len(keys)).Draw(t, "n")
		want := slices.Sorted(slices.Values(keys))
		smallest(keys, n)
		if keys[n-1] != want[n-1] {
			t.Fatalf("key %d is %d, want %d", n, keys[n-1], want[n-1])
		}
		slices.Sort(keys[:n])
		if !slices.Equal(keys[:n], want[:n]) {
			t.Fatalf("the first %d keys are not the smallest", n)
		}
	})
}

// For all kinds of logits (ties, rising or falling with the id, large ones exactly where the first threshold is sampled), the
// picker finds the same ids as sorting all logits.
func TestPickerEqualsSorting(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	shapes := []struct {
		name  string
		logit func(rng *tensor.RNG, id, vocab int) float32
	}{
		{"normal", func(rng *tensor.RNG, _, _ int) float32 { return float32(3 * rng.NormFloat64()) }},
		{"few values", func(rng *tensor.RNG, _, _ int) float32 { return float32(rng.Intn(4)) - 1.5 }},
		{"all equal", func(*tensor.RNG, int, int) float32 { return -2 }},
		{"signed zeros", func(rng *tensor.RNG, _, _ int) float32 { return float32(math.Copysign(0, float64(rng.Intn(2))-0.5)) }},
		{"rising", func(_ *tensor.RNG, id, vocab int) float32 { return 20 * float32(id) / float32(vocab) }},
		{"falling", func(_ *tensor.RNG, id, vocab int) float32 { return -20 * float32(id) / float32(vocab) }},
		{"peaked", func(rng *tensor.RNG, _, _ int) float32 { return float32(1 / (rng.Float64() + 0.02)) }},
		{"large where it is sampled", func(rng *tensor.RNG, id, _ int) float32 {
			if id%16 == 0 {
				return 10 + float32(rng.Float64())
			}
			return float32(rng.Float64())
		}},
	}
	for _, shape := range shapes {
		for n := range 24 {
			rng := tensor.NewRNG(uint64(n), shape.name, 0)
			vocab := 1 + rng.Intn(4000)
			rule := Rule{Tau: 0.5 + 0.5*rng.Float64(), KMax: 1 + rng.Intn(200)}
			rule.KMin = 1 + rng.Intn(rule.KMax)
			if n%2 == 0 {
				rule.Always = []int32{int32(rng.Intn(vocab)), int32(rng.Intn(vocab))}
			}
			z := make([]float32, vocab)
			for i := range z {
				z[i] = shape.logit(rng, i, vocab)
			}
			gold := int32(rng.Intn(vocab))
			p := NewPicker(rule, vocab, 1, 1)
			p.begin(0)
			p.add(nil, &data.Sequence{IDs: []int32{0, gold}, Target: []bool{false, true}, DocStarts: []int32{0}})
			p.block(0, 1)
			for first := 0; first < vocab; first += loss.Tile {
				p.Visit(0, 0, first, z[first:min(first+loss.Tile, vocab)])
			}
			got := newSubsets(1)
			if err := p.end(pool, 1, got); err != nil {
				t.Fatal(err)
			}
			want, outside := bySorting(z, rule, gold)
			if u := got[0]; !slices.Equal(u.IDs, want) || u.Outside[0] != outside || want[u.Gold[0]] != gold {
				t.Errorf("%s, V %d, %+v, gold %d: %v (outside %v), want %v (%v)", shape.name, vocab, rule, gold, u.IDs, u.Outside[0], want, outside)
			}
		}
	}
}

// bySorting is the rule of docs/METHOD.md, Stage 0, on the whole sorted softmax, in the recorder's arithmetic.
func bySorting(z []float32, rule Rule, gold int32) (set []int32, outside bool) {
	l := loss.LogSumExp(z, make([]float32, loss.Tile))
	order := make([]int32, len(z))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Or(cmp.Compare(z[b], z[a]), cmp.Compare(a, b)) })
	mass := 0.0
	for len(set) < min(rule.KMax, len(z)) && (len(set) < rule.KMin || mass < rule.Tau) {
		id := order[len(set)]
		mass += float64(l.Prob(z[id]))
		set = append(set, id)
	}
	outside = !slices.Contains(set, gold)
	set = append(append(set, gold), rule.Always...)
	slices.Sort(set)
	return slices.Compact(set), outside
}

// The memory that a recorder allocates does not depend on the vocabulary: 32,000 and 256,000 ids take the same, and no more than
// its tiles, candidates and results need.
func TestMemoryIsIndependentOfTheVocabulary(t *testing.T) {
	const sequences, length, kMax, width = 4, 128, 64, 16
	allocated := func(vocab int) uint64 {
		cfg, err := model.ParseConfig(fmt.Appendf(nil, `{"model_type":"llama","vocab_size":%d,"hidden_size":%d,"intermediate_size":24,
			"num_hidden_layers":1,"num_attention_heads":2,"max_position_embeddings":%d,"tie_word_embeddings":true}`, vocab, width, length))
		if err != nil {
			t.Fatal(err)
		}
		m := model.New(cfg)
		w := m.Head().W
		for i := range w.Data { // cheaper to draw than a normal distribution, and probabilities are as flat
			w.Data[i] = float32(i*7919%1009)/1009 - 0.5
		}
		for p := range m.Params() {
			if len(p.Shape) == 1 {
				for i := range p.W.Data {
					p.W.Data[i] = 1
				}
			}
		}
		rng := tensor.NewRNG(1, "memory", 0)
		var seqs []data.Sequence
		for range sequences {
			q := data.Sequence{DocStarts: []int32{0}}
			for i := range length {
				q.IDs, q.Target = append(q.IDs, int32(rng.Intn(vocab))), append(q.Target, i > 0)
			}
			seqs = append(seqs, q)
		}
		pool := tensor.NewPool(1)
		defer pool.Close()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := NewRecorder(m, pool, Rule{Tau: 0.99, KMin: 1, KMax: kMax}).Sequences(t.Context(), seqs)
		runtime.ReadMemStats(&after)
		if err != nil || len(got) != sequences || len(got[0].IDs) < 100*kMax {
			t.Fatalf("%d sequences, %v: the test tests nothing", len(got), err)
		}
		return after.TotalAlloc - before.TotalAlloc // no less than the peak
	}
	small, large := allocated(32000), allocated(256000)
	t.Logf("%d bytes with 32,000 ids, %d with 256,000 (a row of logits: %d)", small, large, 4*256000)
	if float64(large) > 1.02*float64(small) {
		t.Errorf("%d bytes with 256,000 ids, %d with 32,000", large, small)
	}
	positions := sequences * (length - 1)
	tile := 4 * (loss.Block + 64) * (loss.Tile + 64)
	subsets := positions * kMax * (2*8 + 4*8) // candidates, and results in slices that double as they grow
	packing := 4 << 20                        // the products' panels, bounded by package tensor
	passes := positions * width * 4 * 64
	if limit := tile + subsets + packing + passes; large > uint64(limit) {
		t.Errorf("%d bytes allocated, want at most %d", large, limit)
	}
}
