package model

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"reprise/asm"
	"reprise/internal/allocs"
	"reprise/tensor"
)

// allFamilies has small members of every family that use all of its parts.
func allFamilies(t testing.TB) map[string]Config {
	return map[string]Config{
		"llama": with(t, "llama", nil),
		"llama3 rope": with(t, "llama", obj{"rope_scaling": obj{"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
			"high_freq_factor": 4, "original_max_position_embeddings": 64}}),
		"linear rope":    with(t, "llama", obj{"rope_scaling": obj{"type": "linear", "factor": 2}}),
		"mistral":        with(t, "llama", obj{"model_type": "mistral", "sliding_window": 7}),
		"mistral, wider": with(t, "llama", obj{"model_type": "mistral", "sliding_window": 45}),
		"qwen2": with(t, "llama", obj{"model_type": "qwen2", "tie_word_embeddings": true, "sliding_window": 20,
			"use_sliding_window": true, "max_window_layers": 1}),
		"qwen3":         with(t, "llama", obj{"model_type": "qwen3", "head_dim": 8}),
		"llama, biases": with(t, "llama", obj{"attention_bias": true, "mlp_bias": true}),
		"qwen3, biases": with(t, "llama", obj{"model_type": "qwen3", "head_dim": 8, "attention_bias": true}),
		"gpt2":          with(t, "gpt2", nil),
		"gpt2, exact":   with(t, "gpt2", obj{"activation_function": "gelu"}),
	}
}

// randomModel has random weights; no gain or bias is at a special value such as 0 or 1.
func randomModel(cfg Config, seed uint64) *Model {
	m := New(cfg)
	m.Init(seed)
	for p := range m.Params() {
		if len(p.Shape) == 1 {
			rng := tensor.NewRNG(seed, "vector/"+p.Name, 0)
			for i := range p.W.Data {
				p.W.Data[i] += float32(0.3 * rng.NormFloat64())
			}
		}
	}
	return m
}

func randomIDs(n, vocab int, seed uint64) []int32 {
	rng := tensor.NewRNG(seed, "ids", 0)
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(rng.Intn(vocab))
	}
	return ids
}

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// TestDecoderHasTheBitsOfAPass feeds a sequence in pieces of many sizes, which cross the bounds of windows and query blocks.
func TestDecoderHasTheBitsOfAPass(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	for name, cfg := range allFamilies(t) {
		m := randomModel(cfg, 1)
		ids := randomIDs(110, cfg.VocabSize, 2)
		h := NewPass(m, pool, false).Forward(Batch{IDs: ids, DocStarts: []int32{0}})
		d := NewDecoder(m, pool)
		for n, at := 0, 0; at < len(ids); n++ {
			size := min([]int{1, 1, 37, 5, 1, 33, 1}[n%7], len(ids)-at)
			got, err := d.Step(ids[at : at+size])
			if err != nil {
				t.Fatal(err)
			}
			for r := range size {
				if !sameBits(got.Row(r), h.Row(at+r)) {
					t.Fatalf("%s: position %d (of a piece of %d) differs", name, at+r, size)
				}
			}
			at += size
		}
	}
}

// runBackward runs forward and backward with fixed upstream gradients, in micro-batches of micro documents, and returns the
// final states and all gradients.
func runBackward(p *Pass, documents [][]int32, up *tensor.Matrix, micro int) (states []float32, grads map[string][]float32) {
	m := p.Model
	m.AllocGrads()
	m.ZeroGrads()
	row := 0
	for lo := 0; lo < len(documents); lo += micro {
		var b Batch
		for _, s := range documents[lo:min(lo+micro, len(documents))] {
			b.DocStarts = append(b.DocStarts, int32(len(b.IDs)))
			b.IDs = append(b.IDs, s...)
		}
		h := p.Forward(b)
		states = append(states, h.Data...)
		// A loss may overwrite the spare memory between the passes.
		for i := range p.Spare() {
			p.Spare()[i] = float32(math.NaN())
		}
		dh := p.StateGrad()
		copy(dh.Data, up.RowRange(row, row+h.Rows).Data)
		p.Backward(dh)
		row += dh.Rows
	}
	p.EndStep()
	grads = map[string][]float32{}
	for q := range m.Params() {
		grads[q.Name] = slices.Clone(q.G.Data)
	}
	return states, grads
}

func randomMatrix(rows, cols int, seed uint64) *tensor.Matrix {
	m := tensor.NewMatrix(rows, cols)
	rng := tensor.NewRNG(seed, "matrix", 0)
	for i := range m.Data {
		m.Data[i] = float32(rng.NormFloat64())
	}
	return m
}

// TestBitsOfEveryFamily: states and gradients do not depend on the tier, the number of workers, the cut into micro-batches,
// or on whether the backward pass finds the activations or recomputes them.
func TestBitsOfEveryFamily(t *testing.T) {
	for name, cfg := range allFamilies(t) {
		m := randomModel(cfg, 1)
		var documents [][]int32
		rows := 0
		for i, n := range []int{40, 1, 67, 12} {
			documents = append(documents, randomIDs(n, cfg.VocabSize, uint64(i)))
			rows += n
		}
		up := randomMatrix(rows, cfg.HiddenSize, 3)
		var states []float32
		var grads map[string][]float32
		check := func(workers, micro int, recompute bool) {
			pool := tensor.NewPool(workers)
			defer pool.Close()
			s, g := runBackward(newPass(m, pool, true, recompute), documents, up, micro)
			if states == nil {
				states, grads = s, g
			}
			if !sameBits(s, states) {
				t.Errorf("%s: %v, %d workers, micro-batches of %d, recompute %t: other states", name, asm.Active(), workers, micro, recompute)
			}
			for tensor := range grads {
				if !sameBits(g[tensor], grads[tensor]) {
					t.Errorf("%s: %v, %d workers, micro-batches of %d, recompute %t: another gradient of %s", name, asm.Active(), workers, micro, recompute, tensor)
				}
			}
		}
		for _, tier := range asm.Available() {
			restore := asm.Force(tier)
			check(2, 4, false)
			check(1, 1, false)
			check(5, 3, false)
			check(2, 3, true)
			restore()
		}
	}
}

// TestGradientsByCentralDifferences moves every tensor of every family in a random direction d. With a random upstream
// gradient u and L = Σ u·h, the difference (L(w + εd) − L(w − εd))/2ε has to be Σ G·d.
//
// The states are float32, so L is known to about 1e-7·√(terms) of their size; with ε = 2⁻⁷ of the direction's length 1 the
// quotient is off by some 1e-4, and the third derivative adds as much. A wrong gradient is off by its own size.
func TestGradientsByCentralDifferences(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	for name, cfg := range allFamilies(t) {
		m := randomModel(cfg, 5)
		documents := [][]int32{randomIDs(37, cfg.VocabSize, 6), randomIDs(9, cfg.VocabSize, 7)}
		up := randomMatrix(46, cfg.HiddenSize, 8)
		_, grads := runBackward(NewPass(m, pool, true), documents, up, 2)
		pass := NewPass(m, pool, false)
		b := Batch{IDs: slices.Concat(documents...), DocStarts: []int32{0, 37}}
		value := func() float64 {
			h := pass.Forward(b)
			var l float64
			for r := range h.Rows {
				for c, v := range h.Row(r) {
					l += float64(v) * float64(up.Row(r)[c])
				}
			}
			return l
		}
		for p := range m.Params() {
			if p == m.head && p != m.embed {
				continue // the head belongs to the loss
			}
			direction := randomMatrix(1, len(p.W.Data), 9).Data
			var length, want, scale float64
			for _, d := range direction {
				length += float64(d) * float64(d)
			}
			for i, d := range direction {
				direction[i] = float32(float64(d) / math.Sqrt(length))
				want += float64(direction[i]) * float64(grads[p.Name][i])
				scale += float64(grads[p.Name][i]) * float64(grads[p.Name][i])
			}
			before := slices.Clone(p.W.Data)
			const eps = 1.0 / 128
			move := func(e float32) float64 {
				for i := range p.W.Data {
					p.W.Data[i] = before[i] + e*direction[i]
				}
				return value()
			}
			got := (move(eps) - move(-eps)) / (2 * eps)
			copy(p.W.Data, before)
			// relative to what a gradient of this length gives in a random direction
			if bound := 0.02*math.Sqrt(scale/float64(len(direction))) + 5e-3; !(math.Abs(got-want) <= bound) {
				t.Errorf("%s: %s: difference quotient %.5f, gradient %.5f, bound %.5f", name, p.Name, got, want, bound)
			}
		}
	}
}

// TestRopeScaling compares with the formulas in their plain form; the goldens of llama3-rope test the result in a model.
func TestRopeScaling(t *testing.T) {
	cfg := with(t, "llama", obj{"head_dim": 32, "rope_scaling": obj{"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
		"high_freq_factor": 4, "original_max_position_embeddings": 64}})
	bands := map[string]int{}
	for i, f := range newRope(cfg).freq {
		plain := math.Exp(-float64(2*i) / 32 * math.Log(10000))
		wavelength := 2 * math.Pi / plain
		want, band := plain, "high"
		if wavelength > 64 {
			want, band = plain/8, "low"
		} else if wavelength >= 16 {
			s := (64/wavelength - 1) / 3
			want, band = (1-s)*plain/8+s*plain, "medium"
		}
		bands[band]++
		if math.Abs(f/want-1) > 1e-14 {
			t.Errorf("llama3: frequency %d is %g, want %g", i, f, want)
		}
	}
	if len(bands) != 3 {
		t.Errorf("bands %v", bands)
	}
	cfg = with(t, "llama", obj{"rope_scaling": obj{"type": "linear", "factor": 2.5}})
	for i, f := range newRope(cfg).freq {
		if want := math.Exp(-float64(2*i)/6*math.Log(10000)) / 2.5; math.Abs(f/want-1) > 1e-14 {
			t.Errorf("linear: frequency %d is %g, want %g", i, f, want)
		}
	}
}

// TestInit checks deviation and special values of fresh weights, family by family.
func TestInit(t *testing.T) {
	for _, base := range []string{"llama", "gpt2"} {
		m := New(with(t, base, obj{"initializer_range": 0.02}))
		m.Init(1)
		for p := range m.Params() {
			var sum, squares float64
			for _, v := range p.W.Data {
				sum += float64(v)
				squares += float64(v) * float64(v)
			}
			n := float64(len(p.W.Data))
			want := 0.02
			if strings.HasSuffix(p.Name, "c_proj.weight") {
				want /= 2 // √(2 · 2 layers)
			}
			switch isBias := strings.HasSuffix(p.Name, ".bias"); {
			case isBias && squares != 0:
				t.Errorf("%s is not 0", p.Name)
			case !isBias && len(p.Shape) == 1 && (sum != n || squares != n):
				t.Errorf("%s is not 1", p.Name)
			case len(p.Shape) == 2:
				// 6 deviations of the estimate
				if got := math.Sqrt(squares / n); math.Abs(got/want-1) > 6/math.Sqrt(2*n) {
					t.Errorf("%s: deviation %.4f, want %.4f", p.Name, got, want)
				}
			}
		}
		other := New(m.Config)
		other.Init(2)
		for i, p := range other.params {
			if len(p.Shape) == 2 && slices.Equal(p.W.Data, m.params[i].W.Data) {
				t.Errorf("%s does not depend on the seed", p.Name)
			}
		}
	}
}

// TestOutline: an outline has the names and shapes of the model, and no memory for weights.
func TestOutline(t *testing.T) {
	for name, cfg := range allFamilies(t) {
		o, m := Outline(cfg), New(cfg)
		if o.Count() != m.Count() {
			t.Errorf("%s: %d weights, want %d", name, o.Count(), m.Count())
		}
		n := 0
		for p := range m.Params() {
			n += len(p.W.Data)
			if len(p.Shape) == 2 && !slices.Equal(p.Shape, []int{p.W.Rows, p.W.Cols}) {
				t.Errorf("%s: %s: shape %v, matrix %dx%d", name, p.Name, p.Shape, p.W.Rows, p.W.Cols)
			}
		}
		if n != m.Count() {
			t.Errorf("%s: Count is %d, want %d", name, m.Count(), n)
		}
		matmul := 0
		for p := range m.Params() {
			if len(p.Shape) == 2 && p != m.embed && p != m.positions {
				matmul += len(p.W.Data)
			}
		}
		if cfg.TieEmbeddings {
			matmul += len(m.embed.W.Data)
		}
		if matmul != cfg.MatmulParams() {
			t.Errorf("%s: MatmulParams is %d, want %d", name, cfg.MatmulParams(), matmul)
		}
	}
}

// TestReservedPassesAllocateNothing: batches within what was reserved allocate nothing, not even the first one.
func TestReservedPassesAllocateNothing(t *testing.T) {
	for name, cfg := range allFamilies(t) {
		for _, recompute := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, recompute %t", name, recompute), func(t *testing.T) {
				allocs.None(t, func() []func() {
					pool := tensor.NewPool(2)
					t.Cleanup(pool.Close)
					pool.Reserve()
					m := randomModel(cfg, 1)
					m.AllocGrads()
					p := newPass(m, pool, true, recompute)
					p.Reserve(Work{Tokens: 80, SeqLen: 50, StepTokens: 160})
					batches := []Batch{
						{IDs: randomIDs(40, cfg.VocabSize, 1), DocStarts: []int32{0, 10, 11, 12, 13}},
						{IDs: randomIDs(80, cfg.VocabSize, 2), DocStarts: []int32{0, 30}},
					}
					up := []*tensor.Matrix{randomMatrix(40, cfg.HiddenSize, 1), randomMatrix(80, cfg.HiddenSize, 1)}
					var parts []func()
					for i, b := range batches {
						parts = append(parts, func() { p.Forward(b) }, func() { p.Backward(up[i]) })
					}
					return append(parts, p.EndStep)
				})
			})
		}
	}
}

// TestTrainingMemory compares the planned memory with what a pass has allocated.
func TestTrainingMemory(t *testing.T) {
	for name, cfg := range allFamilies(t) {
		for _, recompute := range []bool{false, true} {
			pool := tensor.NewPool(2)
			m := randomModel(cfg, 1)
			m.AllocGrads()
			p := newPass(m, pool, true, recompute)
			w := Work{Tokens: 50, SeqLen: 40, StepTokens: 100, Workers: 2, Recompute: recompute, Spare: 5000}
			p.Reserve(w)
			p.Forward(Batch{IDs: randomIDs(50, cfg.VocabSize, 1), DocStarts: []int32{0, 40}})
			p.Backward(p.StateGrad())
			n := len(p.memory) + 2*len(p.stats) + cap(p.embedding.rows) + len(p.embedding.slot)
			for i := range p.att.workers {
				n += p.att.workers[i].held()
			}
			if p.rope != nil {
				n += cap(p.rope.cos) + cap(p.rope.sin) + cap(p.rope.neg)
			}
			// Go rounds allocations up to its size classes.
			got := cfg.TrainingMemory(w)
			if math.Abs(float64(got.Activations-4*n)) > 0.03*float64(4*n) || got.Weights != 4*m.Count() || got.Total() != 16*m.Count()+got.Activations {
				t.Errorf("%s, recompute %t: %+v, but the pass holds %d bytes", name, recompute, got, 4*n)
			}
			if len(p.Spare()) < w.Spare {
				t.Errorf("%s, recompute %t: %d values to spare, want %d", name, recompute, len(p.Spare()), w.Spare)
			}
			pool.Close()
		}
	}
}

// TestRecomputingTakesLessMemory: only the input of a block is kept, so memory hardly depends on the number of blocks.
func TestRecomputingTakesLessMemory(t *testing.T) {
	cfg := allFamilies(t)["llama"]
	const tokens = 1000
	perLayer := func(recompute bool) int {
		more := cfg
		more.Layers += 10
		of := func(c Config) int { return c.TrainingMemory(Work{Tokens: tokens, Recompute: recompute}).Activations }
		return (of(more) - of(cfg)) / 10
	}
	if got, want := perLayer(true), 4*tokens*cfg.HiddenSize; got != want {
		t.Errorf("recomputing, a block takes %d bytes, want %d", got, want)
	}
	if got, least := perLayer(false), 4*tokens*(2*cfg.HiddenSize+2*cfg.IntermediateSize); got < least {
		t.Errorf("a block takes %d bytes, want %d or more", got, least)
	}
}

// TestBorrowedMemory: a pass in the memory of another gives the bits of a pass with memory of its own, and allocates its own
// for a batch for which the other's is too small.
func TestBorrowedMemory(t *testing.T) {
	pool := tensor.NewPool(1)
	defer pool.Close()
	for name, cfg := range allFamilies(t) {
		m := randomModel(cfg, 1)
		lender := NewPass(m, pool, true)
		lender.Reserve(Work{Tokens: 12})
		p, own := NewPass(m, pool, false), NewPass(m, pool, false)
		p.Borrow(lender, 100)
		for _, n := range []int{10, 110, 5} {
			b := Batch{IDs: randomIDs(n, cfg.VocabSize, 1), DocStarts: []int32{0}}
			h := p.Forward(b)
			if len(p.Spare()) < 100 {
				t.Errorf("%s, %d tokens: %d values to spare, want 100", name, n, len(p.Spare()))
			}
			clear(p.Spare())
			if !sameBits(h.Data, own.Forward(b).Data) {
				t.Errorf("%s, %d tokens: other states", name, n)
			}
			if n == 10 && len(p.memory) > 0 || n == 110 && len(p.memory) == 0 {
				t.Errorf("%s, %d tokens: %d values of its own", name, n, len(p.memory))
			}
		}
	}
}
