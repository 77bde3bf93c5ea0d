package replay

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"reprise/data"
	"reprise/loss"
	"reprise/tensor"
)

// recording is what Stage 0 would give to a Writer.
type recording struct {
	h    Header
	seqs []data.Sequence
	subs []loss.Subsets

	packs    []data.Sequence // of the model's own text
	packSubs []loss.Subsets
}

// invent makes a recording of n sequences. Its ids are skewed towards small ones, as in a trained tokenizer.
func invent(seed uint64, n, maxSeqLen, vocab int) recording {
	h := Header{
		BaseModel: "b4", Tokenizer: "70", Seam: "space in the completion", Rule: Rule{Tau: 0.95, KMin: 2, KMax: 6, Always: []int32{3, 0}},
		VocabSize: vocab, MaxSeqLen: maxSeqLen, Seed: seed, Sequences: n,
	}
	r := recording{h: h}
	r.seqs, r.subs = inventSequences(tensor.NewRNG(seed, "test", 0), &h, n)
	r.h.DataDigest = data.Digest(r.seqs)
	return r
}

// rehearsing is invent's recording, to which the model has added packs that it wrote itself, recorded by a rule of their own. Their
// header is of version 2.
func rehearsing(seed uint64, n, packs, gauge, maxSeqLen, vocab int) recording {
	r := invent(seed, n, maxSeqLen, vocab)
	r.h.Config = "c0"
	r.h.Rehearsal = &Rehearsal{
		Packs: packs, Gauge: gauge, Start: Start{ID: -1, BurnIn: 32}, Stop: []int32{2, 1}, Temperature: 1, Prompts: [32]byte{1, 2, 3}, Chat: 0.5,
		Rule: Rule{Tau: 0.9, KMin: 3, KMax: 9, Always: []int32{7}}, Seed: seed + 1, BaseModel: "b5",
	}
	r.packs, r.packSubs = inventSequences(tensor.NewRNG(seed, "own", 0), r.h.own(), packs+gauge)
	return r
}

func inventSequences(rng *tensor.RNG, h *Header, n int) (seqs []data.Sequence, subs []loss.Subsets) {
	for range n {
		var q data.Sequence
		for i := range 2 + rng.Intn(h.MaxSeqLen-1) {
			q.IDs = append(q.IDs, skewed(rng, h.VocabSize))
			begins := i == 0 || rng.Intn(8) == 0
			if begins {
				q.DocStarts = append(q.DocStarts, int32(i))
			}
			q.Target = append(q.Target, !begins && rng.Intn(4) > 0)
		}
		seqs = append(seqs, q)
		subs = append(subs, inventSubsets(rng, h, &q))
	}
	return seqs, subs
}

func skewed(rng *tensor.RNG, vocab int) int32 {
	u := rng.Float64()
	return int32(u * u * float64(vocab))
}

func inventSubsets(rng *tensor.RNG, h *Header, q *data.Sequence) loss.Subsets {
	u := loss.Subsets{Offsets: []int32{0}}
	for t := range len(q.IDs) - 1 {
		if !q.Target[t+1] {
			continue
		}
		gold := q.IDs[t+1]
		prefix := h.KMin + rng.Intn(h.KMax-h.KMin+1)
		var ids []int32
		for len(ids) < prefix {
			if id := skewed(rng, h.VocabSize); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		u.Outside = append(u.Outside, !slices.Contains(ids, gold))
		ids = append(append(ids, gold), h.Always...)
		slices.Sort(ids)
		ids = slices.Compact(ids)
		u.Rows = append(u.Rows, int32(t))
		u.Gold = append(u.Gold, int32(slices.Index(ids, gold)))
		for range ids {
			u.LogProb = append(u.LogProb, float32(-12*rng.Float64()))
		}
		u.IDs = append(u.IDs, ids...)
		u.Offsets = append(u.Offsets, int32(len(u.IDs)))
		u.Mass = append(u.Mass, float32(rng.Float64()))
	}
	return u
}

// write writes the sequences of the header's shard into a record and returns the file's path.
func (r recording) write(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.replay")
	w, err := Create(path, r.h)
	if err != nil {
		t.Fatal(err)
	}
	lo, hi := r.h.Range()
	r.append(t, w, lo, hi)
	lo, hi = r.h.RehearsalRange()
	r.rehearse(t, w, lo, hi)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func (r recording) append(t testing.TB, w *Writer, lo, hi int) {
	t.Helper()
	for i := lo; i < hi; i++ {
		if err := w.Append(i, r.seqs[i].With(&r.subs[i])); err != nil {
			t.Fatal(err)
		}
	}
}

// rehearse writes packs of the model's own text.
func (r recording) rehearse(t testing.TB, w *Writer, lo, hi int) {
	t.Helper()
	for i := lo; i < hi; i++ {
		if err := w.Rehearse(i, r.packs[i].With(&r.packSubs[i])); err != nil {
			t.Fatal(err)
		}
	}
}

func (r recording) bytes(t testing.TB) []byte { return contents(t, r.write(t)) }

func contents(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put writes bytes to a file and returns its path.
func put(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.replay")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
