package tokenizer

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

// bpe is the model: it turns words into ids.
type bpe struct {
	byteLevel    bool
	vocab        map[string]int32 // word → id, only the model's own pieces; keys are bytes if byteLevel
	bytes        [256]int32       // byte → id of its character (byteLevel) or of <0xNN>, -1: none
	fallback     bool             // a character without a piece is spelt as bytes, if all its bytes have an id
	ignoreMerges bool             // a word that is a piece is not merged: it becomes that piece
	unk          int32            // -1: none
	fuseUnk      bool
	cutSpaces    bool // no merge joins a character with a "▁" after it, so a text can be cut there
	merges       mergeTable

	other wordModel // a model that is not BPE and has none of the above but byteLevel; nil for BPE
}

// wordModel is a model that is not BPE.
type wordModel interface {
	// encode appends the ids of a word.
	encode(e *encoder, word string)
}

const sentenceSpace = "▁"

// mergeTable maps a pair of ids to the rank of its merge: open addressing, with keys shifted by one so that 0 means empty.
type mergeTable struct {
	keys   []uint64
	ranks  []uint32
	shift  uint
	result []int32 // rank → the id that the pair becomes
}

const noRank = ^uint32(0)

func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

// newMergeTable takes merges in order of rank. A pair given twice gets its last rank.
func newMergeTable(pairs []uint64, result []int32) mergeTable {
	size := 4
	for size < 2*len(pairs) {
		size *= 2
	}
	t := mergeTable{keys: make([]uint64, size), ranks: make([]uint32, size), shift: uint(64 - bits.TrailingZeros(uint(size))), result: result}
	for rank, key := range pairs {
		i := t.slot(key)
		t.keys[i], t.ranks[i] = key+1, uint32(rank)
	}
	return t
}

// slot is the place of a key, or the free place where it would be put.
func (t *mergeTable) slot(key uint64) uint64 {
	mask := uint64(len(t.keys) - 1)
	i := key * 0x9E3779B97F4A7C15 >> t.shift // Fibonacci hashing: 2^64 over the golden ratio
	for t.keys[i] != 0 && t.keys[i] != key+1 {
		i = (i + 1) & mask
	}
	return i
}

// rank returns the rank of the merge of a and b, or noRank if they do not merge.
func (t *mergeTable) rank(a, b int32) uint32 {
	if i := t.slot(pairKey(a, b)); t.keys[i] != 0 {
		return t.ranks[i]
	}
	return noRank
}

// The cache of an encoder holds at most cacheWords words of at most cacheBytes bytes each: about 10 MB.
const (
	cacheWords = 1 << 15
	cacheBytes = 64
)

// encoder is the state of one call of Encode.
type encoder struct {
	model *bpe
	out   []int32
	word  func(string)
	cache map[string][2]int32 // word → its ids in store[from:to]
	store []int32

	ranks []uint32  // rank of the pair that begins at each symbol
	ways  []bestWay // Unigram: the best way to each place in a word
}

func newEncoder(m *bpe) *encoder {
	e := &encoder{model: m, cache: map[string][2]int32{}}
	e.word = e.encodeWord
	if m.cutSpaces {
		e.word = e.encodeText
	}
	return e
}

// encodeText cuts a text before every run of "▁" and appends the ids of the parts. They are the ids of the whole text,
// because no merge crosses such a cut.
func (e *encoder) encodeText(text string) {
	start := 0
	for i := 0; ; {
		n := strings.Index(text[i:], sentenceSpace)
		if n < 0 {
			break
		}
		if i += n; i > start && n > 0 {
			e.encodeWord(text[start:i])
			start = i
		}
		i += len(sentenceSpace)
	}
	if start < len(text) {
		e.encodeWord(text[start:])
	}
}

// encodeWord appends the ids of a word.
func (e *encoder) encodeWord(w string) {
	if ids, ok := e.cache[w]; ok {
		e.out = append(e.out, e.store[ids[0]:ids[1]]...)
		return
	}
	start := len(e.out)
	id, whole := int32(0), false
	if e.model.ignoreMerges {
		id, whole = e.model.vocab[w]
	}
	switch {
	case whole:
		e.out = append(e.out, id)
	case e.model.other != nil:
		e.model.other.encode(e, w)
	default:
		e.symbols(w)
		e.out = e.out[:start+e.merge(e.out[start:])]
	}
	if len(w) > cacheBytes {
		return
	}
	if len(e.cache) >= cacheWords {
		clear(e.cache)
		e.store = e.store[:0]
	}
	from := len(e.store)
	e.store = append(e.store, e.out[start:]...)
	e.cache[strings.Clone(w)] = [2]int32{int32(from), int32(len(e.store))}
}

// symbols appends the ids with which the merging of a word begins. A character that is unknown gives unk, or nothing if there
// is none: then its neighbours are adjacent and may merge.
func (e *encoder) symbols(w string) {
	m := e.model
	pending := false // an unk waits for the next piece; as in the reference, bytes of <0xNN> go before it
	known := func(id int32) {
		if pending {
			e.out = append(e.out, m.unk)
			pending = false
		}
		e.out = append(e.out, id)
	}
	unknown := func() {
		if pending && !m.fuseUnk {
			e.out = append(e.out, m.unk)
		}
		pending = m.unk >= 0
	}
	if m.byteLevel {
		for i := range len(w) {
			if id := m.bytes[w[i]]; id >= 0 {
				known(id)
			} else {
				unknown()
			}
		}
	} else {
		for i, n := 0, 0; i < len(w); i += n {
			_, n = utf8.DecodeRuneInString(w[i:])
			if id, ok := m.vocab[w[i:i+n]]; ok {
				known(id)
			} else if !m.fallback || !e.spell(w[i:i+n], &m.bytes) {
				unknown()
			}
		}
	}
	if pending {
		e.out = append(e.out, m.unk)
	}
}

// spell appends the ids of all bytes, or nothing if one of them has none. ids is -1 for a byte without an id.
func (e *encoder) spell(s string, ids *[256]int32) bool {
	for i := range len(s) {
		if ids[s[i]] < 0 {
			return false
		}
	}
	for i := range len(s) {
		e.out = append(e.out, ids[s[i]])
	}
	return true
}

// shortWord is the number of symbols up to which a scan of all pairs is faster than a heap.
const shortWord = 40

// merge joins pairs in place, lowest rank first and of equal ranks the leftmost, and returns the number of symbols left.
func (e *encoder) merge(sym []int32) int {
	if len(sym) < 2 {
		return len(sym)
	}
	if len(sym) > shortWord {
		return e.mergeLong(sym)
	}
	t := &e.model.merges
	ranks := append(e.ranks[:0], make([]uint32, len(sym)-1)...)
	for i := range ranks {
		ranks[i] = t.rank(sym[i], sym[i+1])
	}
	e.ranks = ranks
	for {
		best, at := noRank, 0
		for i, r := range ranks {
			if r < best {
				best, at = r, i
			}
		}
		if best == noRank {
			return len(sym)
		}
		sym[at] = t.result[best]
		copy(sym[at+1:], sym[at+2:])
		sym = sym[:len(sym)-1]
		copy(ranks[at:], ranks[at+1:])
		ranks = ranks[:len(ranks)-1]
		if at > 0 {
			ranks[at-1] = t.rank(sym[at-1], sym[at])
		}
		if at < len(ranks) {
			ranks[at] = t.rank(sym[at], sym[at+1])
		}
	}
}

// mergeLong is merge in O(n log n): a linked list of symbols and a heap of rank and place.
func (e *encoder) mergeLong(sym []int32) int {
	t := &e.model.merges
	n := len(sym)
	ranks, prev, next, heap := make([]uint32, n), make([]int32, n), make([]int32, n), make([]uint64, 0, n)
	for i := range n {
		prev[i], next[i], ranks[i] = int32(i-1), int32(i+1), noRank
		if i+1 < n {
			if ranks[i] = t.rank(sym[i], sym[i+1]); ranks[i] != noRank {
				heap = append(heap, uint64(ranks[i])<<32|uint64(i))
			}
		}
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		siftDown(heap, i)
	}
	update := func(i int32) { // the pair that begins at i has changed
		ranks[i] = noRank
		if int(next[i]) < n {
			if ranks[i] = t.rank(sym[i], sym[next[i]]); ranks[i] != noRank {
				heap = append(heap, uint64(ranks[i])<<32|uint64(i))
				siftUp(heap)
			}
		}
	}
	for len(heap) > 0 {
		rank, i := uint32(heap[0]>>32), int32(uint32(heap[0]))
		last := len(heap) - 1
		heap[0] = heap[last]
		heap = heap[:last]
		siftDown(heap, 0)
		if ranks[i] != rank { // the pair has been merged, or is another one by now
			continue
		}
		j := next[i]
		sym[i] = t.result[rank]
		ranks[j] = noRank
		next[i] = next[j]
		if int(next[i]) < n {
			prev[next[i]] = i
		}
		update(i)
		if prev[i] >= 0 {
			update(prev[i])
		}
	}
	kept := 0
	for i := int32(0); int(i) < n; i = next[i] {
		sym[kept] = sym[i]
		kept++
	}
	return kept
}

func siftUp(h []uint64) {
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up] <= h[i] {
			return
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
}

func siftDown(h []uint64, i int) {
	for {
		low := 2*i + 1
		if low >= len(h) {
			return
		}
		if low+1 < len(h) && h[low+1] < h[low] {
			low++
		}
		if h[i] <= h[low] {
			return
		}
		h[i], h[low] = h[low], h[i]
		i = low
	}
}
