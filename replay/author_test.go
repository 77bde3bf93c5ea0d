package replay

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"reprise/asm"
	"reprise/data"
	"reprise/internal/testfiles"
	"reprise/loss"
	"reprise/model"
	"reprise/tensor"
)

// families are the folders of testdata/models with a configuration of every family, and of every part that a family may have.
var families = []string{
	"llama", "llama-tied", "llama-biases", "llama-rope-linear", "llama-rope-llama3", "mistral", "qwen2", "qwen3", "qwen3-biases", "gpt2", "gpt2-gelu",
}

// widened is the model of a folder of testdata/models with a larger vocabulary, so that its logits are several tiles, and random
// weights whose probabilities are uneven.
func widened(t testing.TB, name string, vocab int) *model.Model {
	t.Helper()
	var cfg map[string]any
	testfiles.ReadBoxJSON(t, &cfg, "models", name, "config.json")
	cfg["vocab_size"], cfg["initializer_range"] = vocab, 0.4
	for _, key := range []string{"eos_token_id", "bos_token_id", "pad_token_id"} {
		delete(cfg, key)
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := model.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	m := model.New(parsed)
	m.Init(7)
	return m
}

const (
	wideVocab = 2*loss.Tile + 150
	wideIDs   = wideVocab - 60 // the last rows belong to no id
)

// author writes with a model of widened. Ids end a document so often that a pack has several.
func author(t testing.TB, m *model.Model, workers int, start Start) *Author {
	t.Helper()
	pool := tensor.NewPool(workers)
	t.Cleanup(pool.Close)
	a := &Author{Model: m, Pool: pool, MaxSeqLen: 40, IDs: wideIDs,
		Rehearsal: Rehearsal{Start: start, Rule: Rule{Tau: 0.9, KMin: 2, KMax: 24, Always: []int32{5}}, Seed: 11}}
	for id := range int32(wideIDs) {
		if id%19 == 7 {
			a.Stop = append(a.Stop, id)
		} else {
			a.Ordinary = append(a.Ordinary, id)
		}
	}
	return a
}

var beginnings = map[string]Start{"id": {ID: 3}, "burn-in": {ID: -1, BurnIn: 9}}

func packs(t testing.TB, a *Author, from, to int) (all []data.Sequence) {
	t.Helper()
	for q, err := range a.Packs(t.Context(), from, to) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *q)
	}
	if len(all) != max(to-from, 0) {
		t.Fatalf("%d packs, want %d", len(all), to-from)
	}
	return all
}

// payloads are the bytes of packs in a record.
func payloads(t testing.TB, a *Author, seqs []data.Sequence) (all [][]byte) {
	t.Helper()
	h := Header{Rule: a.Rule, VocabSize: a.Model.Config.VocabSize, MaxSeqLen: a.MaxSeqLen}
	var c codec
	for i := range seqs {
		if err := c.check(&h, &seqs[i]); err != nil {
			t.Fatalf("pack %d: %v", i, err)
		}
		all = append(all, c.encode(nil, &seqs[i]))
	}
	return all
}

// TestAuthorAgreesWithStage0: in every family, what is recorded while a text is written has the bits that Stage 0's pass over the
// finished text gives.
func TestAuthorAgreesWithStage0(t *testing.T) {
	for _, name := range families {
		for how, start := range beginnings {
			t.Run(name+"/"+how, func(t *testing.T) {
				a := author(t, widened(t, name, wideVocab), 2, start)
				a.Width = 3
				wrote := packs(t, a, 0, 5)
				rec := NewRecorder(a.Model, a.Pool, a.Rule)
				rec.pick.ids = a.IDs
				subsets, err := rec.Sequences(t.Context(), wrote)
				if err != nil {
					t.Fatal(err)
				}
				documents := 0
				for i := range wrote {
					got, want := wrote[i].Subsets, &subsets[i]
					same := slices.Equal(got.Rows, want.Rows) && slices.Equal(got.Offsets, want.Offsets) && slices.Equal(got.IDs, want.IDs) &&
						slices.Equal(got.Gold, want.Gold) && slices.Equal(got.Outside, want.Outside) && equalBits(got.LogProb, want.LogProb) && equalBits(got.Mass, want.Mass)
					if !same {
						t.Errorf("pack %d: the subsets differ from those of Stage 0", i)
					}
					if id := slices.Max(got.IDs); int(id) >= a.IDs {
						t.Errorf("pack %d: id %d was recorded, the tokenizer has %d", i, id, a.IDs)
					}
					documents += len(wrote[i].DocStarts)
				}
				if documents < 7 {
					t.Errorf("%d documents in 5 packs: the test needs packs with several", documents)
				}
			})
		}
	}
}

func equalBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// TestAuthorsPackDependsOnItsNumberAlone: not on the packs that are written beside it, on where writing began, on the number of
// workers or on the tier.
func TestAuthorsPackDependsOnItsNumberAlone(t *testing.T) {
	m := widened(t, "qwen3", wideVocab)
	for how, start := range beginnings {
		a := author(t, m, 1, start)
		want := payloads(t, a, packs(t, a, 0, 11))
		for i := range want {
			for k := range i {
				if slices.Equal(want[i], want[k]) {
					t.Errorf("%s: packs %d and %d are the same", how, k, i)
				}
			}
		}
		for n, tier := range asm.Available() {
			for _, c := range []struct{ from, to, width int }{{0, 11, 1}, {3, 9, 2}, {10, 11, 0}, {5, 11, 16}, {4, 4, 1}} {
				restore := asm.Force(tier)
				b := author(t, m, 1+(n+c.width)%3, start)
				b.Width = c.width
				got := payloads(t, b, packs(t, b, c.from, c.to))
				restore()
				for i := range got {
					if !slices.Equal(got[i], want[c.from+i]) {
						t.Errorf("%s, %v, packs %d to %d, %d at a time: pack %d differs", how, tier, c.from, c.to, c.width, c.from+i)
					}
				}
			}
		}
	}
}

// TestAuthorsPacks: what a pack looks like.
func TestAuthorsPacks(t *testing.T) {
	m := widened(t, "llama", wideVocab)
	for how, start := range beginnings {
		for _, length := range []int{2, 8, 9, 33, 40} {
			a := author(t, m, 2, start)
			a.MaxSeqLen = length
			short := 0
			for i, q := range packs(t, a, 0, 24) {
				if n := len(q.IDs); n > length || n < length-tailPositions {
					t.Errorf("%s: pack %d has %d tokens, want %d at most and %d at least", how, i, n, length, length-tailPositions)
				} else if n < length {
					short++
				}
				for k, at := range q.DocStarts {
					if k > 0 && int(at) >= length-tailPositions {
						t.Errorf("%s: pack %d: a document begins at %d of %d", how, i, at, length)
					}
					if k > 0 && !slices.Contains(a.Stop, q.IDs[at-1]) {
						t.Errorf("%s: pack %d: document %d begins after one that has not ended", how, i, k)
					}
					if id := q.IDs[at]; start.ID >= 0 && id != start.ID || start.ID < 0 && slices.Contains(a.Stop, id) {
						t.Errorf("%s: pack %d: document %d begins with id %d", how, i, k, id)
					}
				}
				for at, id := range q.IDs {
					if begins := slices.Contains(q.DocStarts, int32(at)); q.Target[at] == begins {
						t.Errorf("%s: pack %d, token %d: carries loss: %v, begins a document: %v", how, i, at, q.Target[at], begins)
					}
					if int(id) >= a.IDs {
						t.Errorf("%s: pack %d: id %d was drawn, the tokenizer has %d", how, i, id, a.IDs)
					}
					if q.Target[at] && at+1 < len(q.IDs) && slices.Contains(a.Stop, id) && !slices.Contains(q.DocStarts, int32(at+1)) {
						t.Errorf("%s: pack %d: the document goes on after its end at %d", how, i, at)
					}
				}
			}
			if length > 30 && short == 0 {
				t.Errorf("%s: no pack of %d tokens ended before a document would have begun in its last positions", how, length)
			}
		}
	}
}

// TestAuthorBeginsWithPrompts: a prompt comes after the start id, or in place of a burn-in, and carries no loss, and every one has its
// turn.
func TestAuthorBeginsWithPrompts(t *testing.T) {
	for how, start := range beginnings {
		a := author(t, widened(t, "llama", wideVocab), 2, start)
		a.Begin = [][]int32{{20, 21, 22}, {30}, {40, 41, 42, 43, 44, 45, 46, 47}}
		skip := 0
		if start.ID >= 0 {
			skip = 1
		}
		begun := make([]int, len(a.Begin))
		for i, q := range packs(t, a, 0, 30) {
			for _, at := range q.DocStarts {
				from := int(at) + skip
				k := slices.IndexFunc(a.Begin, func(p []int32) bool { return p[0] == q.IDs[from] })
				if k < 0 || skip > 0 && q.IDs[at] != start.ID {
					t.Fatalf("%s: pack %d: the document at %d begins with %v", how, i, at, q.IDs[at:])
				}
				begun[k]++
				to := from + len(a.Begin[k])
				if !slices.Equal(q.IDs[from:to], a.Begin[k]) || slices.Contains(q.Target[at:to], true) || !q.Target[to] {
					t.Errorf("%s: pack %d: the document at %d begins with %v, and loss at %v", how, i, at, q.IDs[at:], q.Target[at:])
				}
			}
		}
		if slices.Min(begun) < 5 {
			t.Errorf("%s: the prompts began %v documents", how, begun)
		}
	}
}

// TestAuthorRefuses: settings that cannot work, a model that is damaged, and a writer who is interrupted.
func TestAuthorRefuses(t *testing.T) {
	for want, spoil := range map[string]func(a *Author){
		"replay: max_seq_len: 1, want 2 to the model's 64":                        func(a *Author) { a.MaxSeqLen = 1 },
		"replay: start: id 2138, want one of the tokenizer's 2138":                func(a *Author) { a.Start.ID = wideIDs },
		"replay: start: 65 tokens of burn-in, want 1 to the model's 64 positions": func(a *Author) { a.Start = Start{ID: -1, BurnIn: 65} },
		"replay: prompts: number 2 has 21 tokens, want 1 to half of max_seq_len, 20": func(a *Author) {
			a.Begin = [][]int32{{1}, make([]int32, 21)}
		},
		"replay: start: 0 ordinary ids to begin a burn-in with, want 1 or more, ascending and below 2138; or name a start id": func(a *Author) {
			a.Start, a.Ordinary = Start{ID: -1, BurnIn: 9}, nil
		},
		"replay: k_max: 24, want k_min (30) or more": func(a *Author) { a.KMin = 30 },
		"replay: the model's logits are not finite at token 1 of pack 0 that it writes: its weights are damaged": func(a *Author) {
			a.Model.Head().W.Row(40)[0] = float32(math.NaN())
		},
	} {
		a := author(t, widened(t, "llama", wideVocab), 1, Start{ID: 3})
		spoil(a)
		for q, err := range a.Packs(t.Context(), 0, 3) {
			if q != nil || err == nil || err.Error() != want {
				t.Errorf("pack %v, error %v, want %q", q, err, want)
			}
		}
	}
	a := author(t, widened(t, "llama", wideVocab), 1, Start{ID: 3})
	a.Width = 2
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for q, err := range a.Packs(ctx, 0, 100) {
		if n++; n == 2 {
			cancel()
		}
		if q == nil && err != context.Canceled {
			t.Error(err)
		}
	}
	if n != 3 {
		t.Errorf("%d results before the interruption ended it, want 3", n)
	}
}
