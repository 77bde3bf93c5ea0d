package loss

import (
	"slices"
	"testing"

	"reprise/internal/allocs"
	"reprise/tensor"
)

// TestFullInSpace: memory that is lent does not change the result, and if it is as large as FullMemory says, Full allocates
// none of its own.
func TestFullInSpace(t *testing.T) {
	p := newProblem(t, 700, 1500, 24, 2)
	losses, dh := p.full(0.5)
	grad := slices.Clone(p.head.G.Data)
	need := FullMemory(len(p.t.Rows), 1500, 24) / 4
	for _, n := range []int{need, need / 2, 100} {
		f := Full{Space: tensor.NewMatrix(1, n).Data}
		got, dst := make([]float64, len(losses)), tensor.NewMatrix(dh.Rows, dh.Cols)
		clear(p.head.G.Data)
		f.Run(p.pool, p.head, p.h, dst, p.t, 0.5, got)
		if !slices.Equal(got, losses) || !slices.Equal(dst.Data, dh.Data) || !slices.Equal(p.head.G.Data, grad) {
			t.Errorf("with %d values lent the result differs", n)
		}
		own := len(f.own[0].Data) + len(f.own[1].Data) + len(f.own[2].Data)
		if (own > 0) != (n < need) {
			t.Errorf("with %d values lent, of %d that are needed, %d are its own", n, need, own)
		}
	}
}

// TestReplayReserve: Reserve allocates what ReplayMemory says, and no batch within it allocates more.
func TestReplayReserve(t *testing.T) {
	const vocab, d, tokens, subset, perSeq, draws = 1500, 24, 96, 8, 16, 40
	p := newProblem(t, tokens, vocab, d, 1)
	s := p.subsets(subset, perSeq)
	z := Sizes{Positions: s.Positions(), SeqLen: perSeq, Subset: subset, Tail: draws}
	tails := make([]Tail, len(s.Seqs))
	for i := range tails {
		tails[i].Draw(Uniform(vocab), draws, tensor.NewRNG(1, "tail", uint64(i)))
	}
	var r Replay
	r.Reserve(1, z, vocab, d)
	c := &r.csr
	held := len(r.hidden.Data) + len(r.dhidden.Data) + len(r.z) + len(r.tailW.Data) + len(r.tailG.Data) + len(r.tailZ.Data) +
		len(c.start) + cap(c.rows) + cap(c.coef) + cap(c.ids) + cap(c.first)
	if want := ReplayMemory(z, vocab, d) / 4; held < want || held > want+want/50 { // the allocator rounds up
		t.Errorf("%d values are held, ReplayMemory says %d", held, want)
	}
	losses, dh := make([]float64, s.Positions()), tensor.NewMatrix(tokens, d)
	p.pool.Reserve()
	allocs.None(t, func() []func() {
		var r Replay
		r.Reserve(1, z, vocab, d)
		return []func(){func() { r.Run(p.pool, p.head, p.h, dh, s, tails, 0.5, losses) }}
	})
}
