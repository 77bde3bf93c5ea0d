package replay_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/asm"
	"reprise/checkpoint"
	"reprise/data"
	"reprise/internal/exact"
	"reprise/internal/testfiles"
	"reprise/loss"
	"reprise/model"
	"reprise/replay"
	"reprise/tensor"
	"reprise/tokenizer"
)

// TestRecorderPicksTheGoldenSubsets compares with PyTorch in float64 (the goldens' manifest: tau 0.95, at most 32 ids). In these
// goldens no gold id is outside a full prefix, and no cumulative sum is so near tau that rounding could decide.
func TestRecorderPicksTheGoldenSubsets(t *testing.T) {
	dir := testfiles.Path(t, "models", "stories260K")
	g, err := checkpoint.Open(testfiles.Path(t, "goldens", "stories260K", "replay.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	f, err := checkpoint.Open(testfiles.Path(t, "goldens", "stories260K", "forward.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Info("tokens")
	if err != nil {
		t.Fatal(err)
	}
	tokens, err1 := f.ReadInt64("tokens")
	want, err2 := g.ReadInt32("subset_ids")
	lens, err3 := g.ReadInt32("subset_len")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	mass := make([]float32, len(lens))
	if err := g.ReadFloat32("inside_mass", mass); err != nil {
		t.Fatal(err)
	}
	loaded, err := checkpoint.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	pool := tensor.NewPool(2)
	defer pool.Close()
	rec := replay.NewRecorder(loaded.Model, pool, replay.Rule{Tau: 0.95, KMin: 1, KMax: 32})
	var seqs []data.Sequence
	for part := range slices.Chunk(tokens, info.Shape[1]) {
		q := data.Sequence{DocStarts: []int32{0}}
		for i, id := range part {
			q.IDs, q.Target = append(q.IDs, int32(id)), append(q.Target, i > 0)
		}
		seqs = append(seqs, q)
	}
	got, err := rec.Sequences(t.Context(), seqs)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for n, u := range got {
		for p := range u.Rows {
			set := slices.Sorted(slices.Values(want[i*32 : i*32+int(lens[i])]))
			ids := u.IDs[u.Offsets[p]:u.Offsets[p+1]]
			if !slices.Equal(ids, set) {
				t.Errorf("sequence %d, position %d: %v, want %v", n, p, ids, set)
			}
			if d := math.Abs(float64(u.Mass[p] - mass[i])); d > 2e-6 {
				t.Errorf("sequence %d, position %d: covered mass off by %g", n, p, d)
			}
			if gold := ids[u.Gold[p]]; gold != seqs[n].IDs[u.Rows[p]+1] {
				t.Errorf("sequence %d, position %d: gold %d", n, p, gold)
			}
			i++
		}
	}
	if i != len(lens) {
		t.Errorf("%d positions, want %d", i, len(lens))
	}
}

// randomModel has more ids than two vocabulary tiles. Every row of its embedding occurs twice, so that every probability
// is a tie.
func randomModel(t *testing.T) *model.Model {
	t.Helper()
	cfg, err := model.ParseConfig([]byte(`{"model_type":"llama","vocab_size":2100,"hidden_size":16,"intermediate_size":24,
		"num_hidden_layers":1,"num_attention_heads":2,"max_position_embeddings":64,"tie_word_embeddings":true,"initializer_range":0.5}`))
	if err != nil {
		t.Fatal(err)
	}
	m := model.New(cfg)
	m.Init(3)
	w := m.Head().W
	for r := range w.Rows / 2 {
		copy(w.Row(w.Rows-1-r), w.Row(r))
	}
	return m
}

func randomSequences(n int) []data.Sequence {
	var seqs []data.Sequence
	rng := tensor.NewRNG(8, "sequences", 0)
	for i := range n {
		q := data.Sequence{DocStarts: []int32{0}}
		for k := range 5 + i%7*4 {
			q.IDs, q.Target = append(q.IDs, int32(rng.Intn(2100))), append(q.Target, k > 0 && rng.Intn(4) > 0)
		}
		q.Target[len(q.Target)-1] = true
		seqs = append(seqs, q)
	}
	return seqs
}

// sorted applies the rule to the whole sorted softmax.
func sorted(z []float32, rule replay.Rule, gold int32) (set []int32, outside bool) {
	order := make([]int32, len(z))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Or(cmp.Compare(z[b], z[a]), cmp.Compare(a, b)) })
	var total, mass float64
	for _, x := range z {
		total += exact.Exp(float64(x))
	}
	for len(set) < min(rule.KMax, len(z)) && (len(set) < rule.KMin || mass < rule.Tau) {
		id := order[len(set)]
		mass += exact.Exp(float64(z[id])) / total
		set = append(set, id)
	}
	outside = !slices.Contains(set, gold)
	for _, id := range append([]int32{gold}, rule.Always...) {
		if !slices.Contains(set, id) {
			set = append(set, id)
		}
	}
	slices.Sort(set)
	return set, outside
}

func TestRecorderEqualsSortedSoftmax(t *testing.T) {
	m := randomModel(t)
	pool := tensor.NewPool(3)
	defer pool.Close()
	seqs := randomSequences(9)
	outside, full := 0, 0
	for _, rule := range []replay.Rule{
		{Tau: 0.95, KMin: 1, KMax: 32}, {Tau: 0.5, KMin: 4, KMax: 9, Always: []int32{7, 2000}}, {Tau: 0.999, KMin: 1, KMax: 3000}, {Tau: 0.01, KMin: 1, KMax: 1},
	} {
		got, err := replay.NewRecorder(m, pool, rule).Sequences(t.Context(), seqs)
		if err != nil {
			t.Fatal(err)
		}
		pass := model.NewPass(m, pool, false)
		z := tensor.NewMatrix(1, 2100)
		for n, q := range seqs {
			h := pass.Forward(model.Batch{IDs: q.IDs, DocStarts: q.DocStarts})
			u := got[n]
			p := 0
			for at := range len(q.IDs) - 1 {
				if !q.Target[at+1] {
					continue
				}
				row := h.RowRange(at, at+1)
				pool.MatMulNT(z, &row, m.Head().W, false)
				want, out := sorted(z.Data, rule, q.IDs[at+1])
				ids := u.IDs[u.Offsets[p]:u.Offsets[p+1]]
				if !slices.Equal(ids, want) || u.Outside[p] != out || int(u.Rows[p]) != at {
					t.Errorf("rule %+v, sequence %d, token %d: %v (outside %v), want %v (%v)", rule, n, at, ids, u.Outside[p], want, out)
				}
				if out {
					outside++
					if len(want) > rule.KMax {
						full++
					}
				}
				p++
			}
			if p != len(u.Rows) {
				t.Errorf("sequence %d: %d positions, want %d", n, len(u.Rows), p)
			}
		}
	}
	if outside == 0 || full == 0 {
		t.Errorf("%d golds outside, %d of them outside a full prefix: the test tests nothing", outside, full)
	}
}

// TestBlocksThatAreNoMultipleOfATask: a batch of several blocks, whose last tasks have fewer positions than others, gives what its
// sequences give alone, also with ids that are always recorded.
func TestBlocksThatAreNoMultipleOfATask(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	rec := replay.NewRecorder(randomModel(t), pool, replay.Rule{Tau: 0.5, KMin: 2, KMax: 9, Always: []int32{7, 2000}})
	seqs := randomSequences(69)
	positions := 0
	for i := range seqs {
		positions += seqs[i].Targets()
	}
	if positions <= loss.Block || positions%16 == 0 {
		t.Fatalf("%d positions are one block, or two of whole tasks", positions)
	}
	together, err := rec.Sequences(t.Context(), seqs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range seqs {
		alone, err := rec.Sequences(t.Context(), seqs[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(alone[0].IDs, together[i].IDs) || !slices.Equal(alone[0].Mass, together[i].Mass) {
			t.Errorf("sequence %d differs", i)
		}
	}
}

// Positions without loss do not go through the head: with a head of NaNs, a sequence without loss is recorded without an error,
// and a single position with loss gives an error.
func TestNoHeadWithoutLoss(t *testing.T) {
	m := randomModel(t)
	pool := tensor.NewPool(1)
	defer pool.Close()
	rec := replay.NewRecorder(m, pool, replay.DefaultRule())
	seqs := randomSequences(2)
	for i := range seqs {
		clear(seqs[i].Target)
	}
	for _, row := range []int{0, 1000, 2099} { // ids that are not in the sequences, whose embedding would otherwise be NaN
		m.Head().W.Row(row)[0] = float32(math.NaN())
	}
	for i := range seqs {
		for k := range seqs[i].IDs {
			seqs[i].IDs[k] = 5
		}
	}
	got, err := rec.Sequences(t.Context(), seqs)
	if err != nil || len(got) != 2 || len(got[0].Rows)+len(got[1].Rows) > 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	seqs[1].Target[3] = true
	if _, err := rec.Sequences(t.Context(), seqs); err == nil || !strings.Contains(err.Error(), "not finite at token 2") {
		t.Errorf("the head was not used, or its NaN not noticed: %v", err)
	}
}

// job is a recording of some English sentences with the small llama of testdata/gguf.
func job(t *testing.T, out string, workers int) replay.Job {
	t.Helper()
	dir := testfiles.Box(t, "gguf", "llama")
	loaded, err := checkpoint.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(testfiles.Box(t, "data", "prose.txt"))
	if err != nil {
		t.Fatal(err)
	}
	docs := data.Text(tok, string(text[:9000]), data.Options{MaxSeqLen: 128})
	pool := tensor.NewPool(workers)
	t.Cleanup(pool.Close)
	return replay.Job{Model: loaded.Model, ModelFingerprint: loaded.Fingerprint, Tokenizer: tok, Pool: pool,
		Rule: replay.DefaultRule(), Documents: docs, MaxSeqLen: 128, Seed: 1, Out: out}
}

// TestRecordIsOneFile: a record has the same bytes if it is interrupted and resumed, merged from shards, or made on other tiers
// or with other numbers of workers.
func TestRecordIsOneFile(t *testing.T) {
	dir := t.TempDir()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	whole := job(t, filepath.Join(dir, "whole"), 2)
	if _, err := replay.Record(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	if err := replay.Verify(whole.Out); err != nil {
		t.Error(err)
	}
	want := read("whole")
	if _, err := replay.Record(t.Context(), whole); err != nil || read("whole") != want {
		t.Errorf("recording again: %v, or other bytes", err)
	}

	j := job(t, filepath.Join(dir, "resumed"), 1)
	ctx, cancel := context.WithCancel(t.Context())
	j.Progress = func(done, total, _ int) {
		if done < total {
			cancel()
		}
	}
	if _, err := replay.Record(ctx, j); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted recording: %v", err)
	}
	if _, err := os.Stat(j.Out); err == nil {
		t.Error("an unfinished record has its final name")
	}
	j.Progress = nil
	if _, err := replay.Record(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if read("resumed") != want {
		t.Error("a resumed recording has other bytes")
	}

	// Shards from all tiers, each with another number of workers, merged in another order.
	tiers := asm.Available()
	for _, n := range []int{2, 3, 7} {
		var shards []string
		for _, i := range tensor.NewRNG(1, "order", uint64(n)).Perm(n) {
			restore := asm.Force(tiers[(i+n)%len(tiers)])
			j := job(t, filepath.Join(dir, fmt.Sprintf("shard%d-of-%d", i, n)), 1+(i+n)%3)
			j.Shard, j.Shards = i, n
			_, err := replay.Record(t.Context(), j)
			restore()
			if err != nil {
				t.Fatal(err)
			}
			shards = append(shards, j.Out)
		}
		slices.Reverse(shards)
		merged := fmt.Sprintf("merged%d", n)
		if err := replay.Merge(filepath.Join(dir, merged), shards); err != nil {
			t.Fatal(err)
		}
		if read(merged) != want {
			t.Errorf("%d merged shards have other bytes", n)
		}
	}
}

// TestRecordRefusesAnotherFile: a file that another program wrote is not overwritten.
func TestRecordRefusesAnotherFile(t *testing.T) {
	j := job(t, filepath.Join(t.TempDir(), "r"), 1)
	if err := os.WriteFile(j.Out, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Record(t.Context(), j); err == nil {
		t.Error("no error")
	}
	if text, err := os.ReadFile(j.Out); err != nil || string(text) != "mine" {
		t.Error("the file was changed")
	}
}
