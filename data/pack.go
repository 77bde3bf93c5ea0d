package data

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"reprise/tensor"
)

// packWindow is the number of shuffled documents that are sorted and placed at a time. Windows of more than a few hundred
// documents do not fill sequences better, and put more documents of similar length side by side.
const packWindow = 1024

// Pack puts documents into sequences of at most maxSeqLen tokens. Documents are never cut; one that is longer is a
// programmer's error and panics.
//
// The order is a function of the seed: the documents are shuffled (Philox stream "pack"), taken in windows of 1,024, sorted
// by falling length inside a window (equal lengths stay shuffled) and each placed into the sequence with the least room that
// still takes it (best fit decreasing). Sequences stay open from window to window, so that only the last window can leave
// some half empty. Documents that are much shorter than maxSeqLen fill more than 95 % of the sequences.
func Pack(docs []Document, maxSeqLen int, seed uint64) []Sequence {
	var packs []Sequence
	room := newRooms(maxSeqLen)
	order := tensor.NewRNG(seed, "pack", 0).Perm(len(docs))
	for len(order) > 0 {
		window := order[:min(packWindow, len(order))]
		order = order[len(window):]
		slices.SortStableFunc(window, func(a, b int) int { return cmp.Compare(len(docs[b].IDs), len(docs[a].IDs)) })
		for _, i := range window {
			d := &docs[i]
			n := len(d.IDs)
			if n == 0 || n > maxSeqLen || len(d.Target) != n {
				panic(fmt.Sprintf("data: Pack: document %d has %d ids and %d targets, want 1 to %d of both", i, n, len(d.Target), maxSeqLen))
			}
			p, free := room.take(n)
			if p < 0 {
				p, free = len(packs), maxSeqLen
				packs = append(packs, Sequence{})
			}
			s := &packs[p]
			s.DocStarts = append(s.DocStarts, int32(len(s.IDs)))
			s.Target = append(s.Target, d.Target...)
			s.Target[len(s.IDs)] = false
			s.IDs = append(s.IDs, d.IDs...)
			room.put(p, free-n)
		}
	}
	return packs
}

// rooms finds the open pack with the least room of at least n tokens.
type rooms struct {
	packs [][]int  // packs[r]: packs with room for r more tokens, used as a stack
	some  []uint64 // bit r: packs[r] is not empty
}

func newRooms(maxSeqLen int) *rooms {
	return &rooms{packs: make([][]int, maxSeqLen+1), some: make([]uint64, maxSeqLen/64+1)}
}

// take removes a pack with room for n tokens, n > 0, and returns its number and its room; −1 if there is none.
func (r *rooms) take(n int) (pack, free int) {
	for w := n / 64; w < len(r.some); w++ {
		mask := r.some[w]
		if w == n/64 {
			mask &= ^uint64(0) << (n % 64)
		}
		if mask == 0 {
			continue
		}
		free = w*64 + bits.TrailingZeros64(mask)
		list := r.packs[free]
		pack, r.packs[free] = list[len(list)-1], list[:len(list)-1]
		if len(list) == 1 {
			r.some[w] &^= 1 << (free % 64)
		}
		return pack, free
	}
	return -1, 0
}

func (r *rooms) put(pack, free int) {
	if free > 0 {
		r.packs[free] = append(r.packs[free], pack)
		r.some[free/64] |= 1 << (free % 64)
	}
}

// Order is the order in which an epoch takes n packs: a permutation of 0..n-1 from the Philox stream ("order", epoch).
func Order(seed uint64, epoch, n int) []int {
	return tensor.NewRNG(seed, "order", uint64(epoch)).Perm(n)
}
