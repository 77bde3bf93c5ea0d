package data

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"reprise/tensor"
)

// numbered makes documents whose ids say which document they belong to, so that packs can be taken apart.
func numbered(lengths []int) []Document {
	docs := make([]Document, len(lengths))
	for i, n := range lengths {
		docs[i] = Document{IDs: make([]int32, n), Target: make([]bool, n)}
		for j := range n {
			docs[i].IDs[j] = int32(i)
			docs[i].Target[j] = j > 0 && (i+j)%3 > 0
		}
	}
	return docs
}

// Every document is packed exactly once, whole, with its targets; no pack is too long; the order depends only on the seed.
func TestPackProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(2, 200).Draw(t, "max_seq_len")
		docs := numbered(rapid.SliceOfN(rapid.IntRange(1, limit), 0, 60).Draw(t, "lengths"))
		seed := rapid.Uint64().Draw(t, "seed")
		packs := Pack(docs, limit, seed)
		seen := make([]bool, len(docs))
		for _, p := range packs {
			if len(p.IDs) > limit || len(p.Target) != len(p.IDs) || p.DocStarts[0] != 0 {
				t.Fatalf("pack %+v", p)
			}
			for k, start := range p.DocStarts {
				end := int32(len(p.IDs))
				if k+1 < len(p.DocStarts) {
					end = p.DocStarts[k+1]
				}
				d := p.IDs[start]
				if seen[d] || !slices.Equal(p.IDs[start:end], docs[d].IDs) || !slices.Equal(p.Target[start:end], docs[d].Target) {
					t.Fatalf("document %d in pack %+v", d, p)
				}
				seen[d] = true
			}
		}
		if slices.Contains(seen, false) {
			t.Fatalf("documents are missing: %v", seen)
		}
		if Digest(packs) != Digest(Pack(docs, limit, seed)) {
			t.Fatal("the same seed packs differently")
		}
	})
}

func TestPackFillsWell(t *testing.T) {
	rng := tensor.NewRNG(1, "lengths", 0)
	for _, longest := range []int{64, 256} {
		lengths := make([]int, 5000)
		sum := 0
		for i := range lengths {
			lengths[i] = 1 + rng.Intn(longest)
			sum += lengths[i]
		}
		packs := Pack(numbered(lengths), 512, 7)
		fill := float64(sum) / float64(512*len(packs))
		t.Logf("documents of 1 to %d tokens: %d packs, %.1f %% full", longest, len(packs), 100*fill)
		if fill < 0.95 {
			t.Errorf("documents of 1 to %d tokens: packs are %.1f %% full, want more than 95 %%", longest, 100*fill)
		}
	}
}

// A record identifies its data by the digest of the packs: neither packing nor digest may ever change.
func TestPackIsFixed(t *testing.T) {
	lengths := make([]int, 2000)
	for i := range lengths {
		lengths[i] = 1 + i*i%97
	}
	const want = "ae42e8a3dde0f215613e238ea195e256ae1f46f499247924f3b0c82a637644b9"
	if got := fmt.Sprintf("%x", Digest(Pack(numbered(lengths), 128, 42))); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

// The digest depends on every part of a sequence and on where it ends.
func TestDigest(t *testing.T) {
	base := []Sequence{{IDs: []int32{1, 2, 3}, Target: []bool{false, true, true}, DocStarts: []int32{0}}}
	seen := map[[32]byte]int{Digest(base): -1}
	for i, s := range [][]Sequence{
		{},
		{{IDs: []int32{1, 2, 4}, Target: []bool{false, true, true}, DocStarts: []int32{0}}},
		{{IDs: []int32{1, 2, 3}, Target: []bool{false, true, false}, DocStarts: []int32{0}}},
		{{IDs: []int32{1, 2, 3}, Target: []bool{false, true, true}, DocStarts: []int32{0, 1}}},
		{{IDs: []int32{1, 2}, Target: []bool{false, true}, DocStarts: []int32{0}}, {IDs: []int32{3}, Target: []bool{true}, DocStarts: []int32{0}}},
	} {
		if other, ok := seen[Digest(s)]; ok {
			t.Errorf("%d and %d have one digest", i, other)
		}
		seen[Digest(s)] = i
	}
}

func TestPackRefusesLongDocuments(t *testing.T) {
	defer func() {
		if r := fmt.Sprint(recover()); r != "data: Pack: document 1 has 9 ids and 9 targets, want 1 to 8 of both" {
			t.Errorf("panic %q", r)
		}
	}()
	Pack(numbered([]int{3, 9}), 8, 1)
}

func TestOrder(t *testing.T) {
	a, b, c := Order(1, 0, 100), Order(1, 1, 100), Order(2, 0, 100)
	if !slices.Equal(a, Order(1, 0, 100)) || slices.Equal(a, b) || slices.Equal(a, c) {
		t.Error("an order must depend on seed and epoch, and on nothing else")
	}
	slices.Sort(b)
	for i, v := range b {
		if v != i {
			t.Fatalf("not a permutation: %v", b)
		}
	}
}
