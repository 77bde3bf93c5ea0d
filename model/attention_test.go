package model

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"reprise/asm"
	"reprise/tensor"
)

// naiveAttention is attention and its gradients as docs/NUMERICS.md defines them, pair by pair with a portable fma, for one
// document and one key/value head: q, o, do, dq hold the heads of its group side by side.
type naiveAttention struct {
	window, dim, group int
	scale              float32
	q, k, v, do        *tensor.Matrix
	o, dq, dk, dv      *tensor.Matrix
}

func (a *naiveAttention) first(i int) int {
	if a.window == 0 {
		return 0
	}
	return max(0, i-a.window+1)
}

// chain is acc + Σ x_c y_c, one fma after another.
func chain(acc float32, x, y []float32) float32 {
	for c := range x {
		acc = asm.FMA(x[c], y[c], acc)
	}
	return acc
}

// lanes is the sum of x over 32 lanes; lane is that of the first element.
func lanes(x []float32, lane int) float32 {
	var l [32]float32
	for i, v := range x {
		l[(lane+i)%32] += v
	}
	for w := 16; w > 0; w /= 2 {
		for i := range w {
			l[i] += l[i+w]
		}
	}
	return l[0]
}

func (a *naiveAttention) run() {
	for h := range a.group {
		c0, c1 := h*a.dim, (h+1)*a.dim
		for i := range a.q.Rows {
			first := a.first(i)
			q, do, o, dq := a.q.Row(i)[c0:c1], a.do.Row(i)[c0:c1], a.o.Row(i)[c0:c1], a.dq.Row(i)[c0:c1]
			var s, e []float32
			for j := first; j <= i; j++ {
				s = append(s, a.scale*chain(0, q, a.k.Row(j)))
			}
			top := asm.Max(s)
			for j := range s {
				one := []float32{s[j] - top}
				asm.Exp(one, one)
				e = append(e, one[0])
			}
			sum := lanes(e, first)
			for c := range o {
				var acc float32
				for j := range e {
					acc = asm.FMA(e[j], a.v.Row(first + j)[c], acc)
				}
				o[c] = acc / sum
			}
			dot := asm.Dot(do, o)
			for j := range e {
				k, v, dk, dv := a.k.Row(first+j), a.v.Row(first+j), a.dk.Row(first+j), a.dv.Row(first+j)
				p := e[j] * (1 / sum)
				ds := p * (chain(0, do, v) - dot) * a.scale
				for c := range q {
					dv[c] = asm.FMA(p, do[c], dv[c])
					dk[c] = asm.FMA(ds, q[c], dk[c])
					dq[c] = asm.FMA(ds, k[c], dq[c])
				}
			}
		}
	}
}

// TestAttentionIsTheNaiveChain compares on every tier, for documents and windows below and above the block sizes, with one
// worker and with enough workers that the work of a document is divided. The second document has values that are not finite,
// where only some queries see them.
func TestAttentionIsTheNaiveChain(t *testing.T) {
	cfg := with(t, "llama", nil)
	cfg.MaxPositions = 1000
	lengths := []int{300, 70, 1, 135, 20}
	b := Batch{}
	for _, n := range lengths {
		b.DocStarts = append(b.DocStarts, int32(len(b.IDs)))
		b.IDs = append(b.IDs, make([]int32, n)...)
	}
	n, width, kvWidth := len(b.IDs), cfg.Heads*cfg.HeadDim, cfg.KVHeads*cfg.HeadDim
	q, k, v, do := randomMatrix(n, width, 1), randomMatrix(n, kvWidth, 2), randomMatrix(n, kvWidth, 3), randomMatrix(n, width, 4)
	k.Row(360)[2], v.Row(340)[1], v.Row(355)[0], v.Row(365)[4] = float32(math.Inf(1)), float32(math.NaN()), float32(math.Inf(-1)), float32(math.Copysign(0, -1))
	q.Row(369)[3], do.Row(350)[2] = math.MaxFloat32, 1e-45
	for _, window := range []int{0, 1, 2, 7, 13, 64, 129, 200, 500} {
		o, dq := tensor.NewMatrix(n, width), tensor.NewMatrix(n, width)
		dk, dv := tensor.NewMatrix(n, kvWidth), tensor.NewMatrix(n, kvWidth)
		for doc := range lengths {
			lo, hi := b.document(doc)
			for kv := range cfg.KVHeads {
				group := cfg.Heads / cfg.KVHeads
				heads := func(m *tensor.Matrix) *tensor.Matrix {
					v := m.View(lo, hi, kv*group*cfg.HeadDim, (kv+1)*group*cfg.HeadDim)
					return &v
				}
				head := func(m *tensor.Matrix) *tensor.Matrix {
					v := m.View(lo, hi, kv*cfg.HeadDim, (kv+1)*cfg.HeadDim)
					return &v
				}
				naive := naiveAttention{window: window, dim: cfg.HeadDim, group: group, scale: float32(1 / math.Sqrt(float64(cfg.HeadDim))),
					q: heads(q), k: head(k), v: head(v), do: heads(do), o: heads(o), dq: heads(dq), dk: head(dk), dv: head(dv)}
				naive.run()
			}
		}
		for _, tier := range asm.Available() {
			for _, workers := range []int{1, 2, 7} {
				t.Run(fmt.Sprintf("window %d, %v, %d workers", window, tier, workers), func(t *testing.T) {
					defer asm.Force(tier)()
					pool := tensor.NewPool(workers)
					defer pool.Close()
					p := NewPass(New(cfg), pool, true)
					p.start(b, 0)
					p.att.plan(b)
					a, g := p.layer(0), &p.grads
					copy(a.q.Data, q.Data)
					copy(a.k.Data, k.Data)
					copy(a.v.Data, v.Data)
					copy(g.do.Data, do.Data)
					for _, m := range []*tensor.Matrix{&a.o, &g.dq, &g.dk, &g.dv} {
						for i := range m.Data {
							m.Data[i] = float32(math.NaN())
						}
					}
					p.attend(a, window)
					p.attentionBackward(a, window)
					for name, pair := range map[string][2]*tensor.Matrix{"o": {&a.o, o}, "dq": {&g.dq, dq}, "dk": {&g.dk, dk}, "dv": {&g.dv, dv}} {
						for r := range n {
							if !slices.EqualFunc(pair[0].Row(r), pair[1].Row(r), func(x, y float32) bool {
								return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
							}) {
								t.Fatalf("%s, token %d: %v, want %v", name, r, pair[0].Row(r), pair[1].Row(r))
							}
						}
					}
				})
			}
		}
	}
}

// TestAttentionIsDivided: a batch goes in waves when its documents and key/value heads would leave workers idle.
func TestAttentionIsDivided(t *testing.T) {
	for _, c := range []struct {
		kvHeads, workers int
		documents        []int32
		want             bool
	}{
		{6, 1, []int32{0}, false}, {6, 2, []int32{0}, false}, {3, 2, []int32{0}, true}, {3, 2, []int32{0, 256}, false}, {1, 8, []int32{0}, true}, {12, 64, []int32{0, 100, 200, 300}, true},
	} {
		a := newAttention(Config{HeadDim: 4, Heads: c.kvHeads, KVHeads: c.kvHeads}, c.workers)
		if a.plan(Batch{IDs: make([]int32, 512), DocStarts: c.documents}); a.waves != c.want {
			t.Errorf("%+v: waves %v", c, a.waves)
		}
		next := 0
		for _, p := range a.parts {
			if p.first+p.q0 != next {
				t.Fatalf("%+v: parts %v", c, a.parts)
			}
			next = p.first + p.q1
		}
		if next != 512 {
			t.Errorf("%+v: parts %v", c, a.parts)
		}
	}
}

// held is how many values the buffers of a worker have room for.
func (b *attnBuffers) held() int {
	n := len(b.scores.Data) + len(b.grads.Data)
	for _, panels := range []*tensor.Panels{&b.keys, &b.keysT, &b.vals, &b.valsT, &b.q, &b.do} {
		n += panels.Floats()
	}
	return n
}

// TestAttentionReserves: what is reserved for a batch is enough for it on every worker, and is what attnSizes says.
func TestAttentionReserves(t *testing.T) {
	cfg := with(t, "llama", nil)
	cfg.MaxPositions = 1000
	pool := tensor.NewPool(3)
	defer pool.Close()
	for _, b := range []Batch{{IDs: make([]int32, 300), DocStarts: []int32{0, 7, 290}}, {IDs: make([]int32, 90), DocStarts: []int32{0}}} {
		p := NewPass(New(cfg), pool, true)
		p.Model.AllocGrads()
		dh := randomMatrix(len(b.IDs), cfg.HiddenSize, 1)
		longest := 0
		for i := range b.DocStarts {
			lo, hi := b.document(i)
			longest = max(longest, hi-lo)
		}
		p.att.reserve(longest, len(b.IDs))
		want := cfg.attnSizes(longest).total()
		for _, when := range []string{"reserved", "used"} {
			for w := range p.att.workers {
				if got := p.att.workers[w].held(); got != want {
					t.Errorf("%d tokens, longest document %d, worker %d: %d values are %s, want %d", len(b.IDs), longest, w, got, when, want)
				}
			}
			p.Forward(b)
			p.Backward(dh)
		}
	}
}
