package tokenizer

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// TrainOptions says what vocabulary to train.
type TrainOptions struct {
	VocabSize int      // ids in all: special tokens, 256 bytes, and one for each merge
	Special   []string // special tokens, in order the ids 0, 1, …; nil: "<|endoftext|>"
	Pattern   string   // how a text is cut into words; "": GPT2Pattern
}

// Longer words are counted in parts of this many bytes, so that the time for a run of equal characters does not grow with
// its square.
const trainWordBytes = 512

// Train learns a byte-level BPE vocabulary and returns it as tokenizer.json: special tokens first, then the 256 bytes in the
// order of GPT-2's table, then the merges' pieces. The most frequent pair is merged next, and among equally frequent pairs
// the one with the smaller ids; a pair seen only once is not merged, so a small text gives fewer ids than VocabSize. The
// result depends on the texts, but not on their order or the machine. Special tokens in the texts are left out of the
// counts.
//
// Memory grows with the number of different words.
func Train(texts iter.Seq[string], opt TrainOptions) ([]byte, error) {
	if opt.Special == nil {
		opt.Special = []string{"<|endoftext|>"}
	}
	pieces := slices.Clone(opt.Special)
	var special addedSet
	for i, s := range opt.Special {
		b, spelt := bytesOf(s)
		switch {
		case s == "" || !utf8.ValidString(s) || slices.Contains(opt.Special[:i], s):
			return nil, fmt.Errorf("tokenizer: training: Special[%d] %q: want UTF-8, neither empty nor given twice", i, s)
		case spelt && (len(b) == 1 || len(b) != len(s)):
			return nil, fmt.Errorf("tokenizer: training: Special[%d] %q could be the spelling of bytes: add < and > around it", i, s)
		}
		special.add(s, addedToken{ID: int32(i), Content: s})
	}
	special.sort()
	base := int32(len(pieces))
	if least := len(pieces) + 256; opt.VocabSize < least || opt.VocabSize > 1<<24 {
		return nil, fmt.Errorf("tokenizer: training: VocabSize %d: want at least %d (special tokens and bytes) and at most %d", opt.VocabSize, least, 1<<24)
	}
	pre := preTokenizer{scanStep(scanGPT2)}
	if opt.Pattern != "" && opt.Pattern != GPT2Pattern {
		p := pattern{Regex: &opt.Pattern}
		m, err := p.matcher()
		if err != nil {
			return nil, fmt.Errorf("tokenizer: training: Pattern: %w", err)
		}
		if scan := scanners[opt.Pattern]; scan != nil {
			pre = preTokenizer{scanStep(scan)}
		} else if pre[0], err = splitStep(m, "Isolated", false); err != nil {
			return nil, fmt.Errorf("tokenizer: training: Pattern: %w", err)
		}
	}

	symbolOf, byteOrder := byteSymbols(base)
	for _, r := range byteOrder {
		pieces = append(pieces, string(r))
	}
	var t trainer
	t.count(texts, &special, pre, symbolOf)
	pieces, merges := t.learn(pieces, opt.VocabSize)
	return writeTokenizer(pieces, merges, opt), nil
}

// byteSymbols gives the bytes ids from base on, in the order of the characters that stand for them.
func byteSymbols(base int32) (symbol [256]int32, order []rune) {
	for _, r := range byteRune {
		order = append(order, r)
	}
	slices.Sort(order)
	for i, r := range order {
		symbol[runeByte[r]] = base + int32(i)
	}
	return symbol, order
}

// trainer holds every distinct word once, with its count, and for each adjacent pair its count and the words that hold it.
type trainer struct {
	words  [][]int32
	counts []int64
	pairs  map[uint64]*pairCount
	queue  []queued
}

// pairCount is the count of a pair over all words, and the words that hold it or once held it.
type pairCount struct {
	n     int64
	where []int32
}

// queued is a pair with the count that it had when it was put in the queue.
type queued struct {
	n    int64
	pair uint64
}

// before is the order of merging.
func (a queued) before(b queued) bool { return a.n > b.n || a.n == b.n && a.pair < b.pair }

func (t *trainer) count(texts iter.Seq[string], special *addedSet, pre preTokenizer, symbol [256]int32) {
	index := map[string]int32{}
	word := func(w string) {
		for len(w) > 0 {
			part := w[:min(len(w), trainWordBytes)]
			w = w[len(part):]
			if i, ok := index[part]; ok {
				t.counts[i]++
				continue
			}
			part = strings.Clone(part)
			index[part] = int32(len(t.words))
			ids := make([]int32, len(part))
			for i := range len(part) {
				ids[i] = symbol[part[i]]
			}
			t.words, t.counts = append(t.words, ids), append(t.counts, 1)
		}
	}
	for text := range texts {
		special.split(text, func(part string, id int32, first bool) {
			if id < 0 {
				pre.each(part, first, word)
			}
		})
	}
	t.pairs = map[uint64]*pairCount{}
	for w, ids := range t.words {
		for i := 1; i < len(ids); i++ {
			t.add(pairKey(ids[i-1], ids[i]), int32(w))
		}
	}
	for pair, c := range t.pairs {
		t.push(queued{c.n, pair})
	}
}

// add counts a pair once more in a word.
func (t *trainer) add(pair uint64, word int32) *pairCount {
	c := t.pairs[pair]
	if c == nil {
		c = &pairCount{}
		t.pairs[pair] = c
	}
	c.n += t.counts[word]
	if k := len(c.where); k == 0 || c.where[k-1] != word {
		c.where = append(c.where, word)
	}
	return c
}

// learn appends merged pieces until there are size of them or no pair is left, and returns the merges in order.
func (t *trainer) learn(pieces []string, size int) ([]string, [][2]string) {
	id := make(map[string]int32, size)
	for i, p := range pieces {
		id[p] = int32(i)
	}
	var merges [][2]string
	for len(pieces) < size && len(t.queue) > 0 {
		top := t.pop()
		c := t.pairs[top.pair]
		if c == nil || c.n < 2 {
			continue
		}
		if c.n != top.n { // increases were queued when they happened; decreases are noticed here
			if c.n < top.n {
				t.push(queued{c.n, top.pair})
			}
			continue
		}
		a, b := int32(top.pair>>32), int32(uint32(top.pair))
		merged := pieces[a] + pieces[b]
		to, ok := id[merged] // the same bytes may have come from another pair
		if !ok {
			to = int32(len(pieces))
			pieces, id[merged] = append(pieces, merged), to
		}
		merges = append(merges, [2]string{pieces[a], pieces[b]})
		delete(t.pairs, top.pair)
		grown := map[uint64]*pairCount{}
		for _, w := range c.where {
			t.merge(w, a, b, to, grown)
		}
		delete(t.pairs, top.pair) // runs of equal symbols have counted the pair again, down to 0
		for pair, c := range grown {
			t.push(queued{c.n, pair})
		}
	}
	return pieces, merges
}

// merge joins a and b in a word and moves the counts of the pairs around. grown collects the pairs whose count rose.
func (t *trainer) merge(w, a, b, to int32, grown map[uint64]*pairCount) {
	ids, n := t.words[w], t.counts[w]
	less := func(x, y int32) {
		if c := t.pairs[pairKey(x, y)]; c != nil {
			c.n -= n
		}
	}
	more := func(x, y int32) {
		key := pairKey(x, y)
		grown[key] = t.add(key, w)
	}
	k := 0 // symbols written
	for i := 0; i < len(ids); i++ {
		if i+1 == len(ids) || ids[i] != a || ids[i+1] != b {
			ids[k] = ids[i]
			k++
			continue
		}
		if k > 0 {
			less(ids[k-1], a)
			more(ids[k-1], to)
		}
		if i+2 < len(ids) {
			less(b, ids[i+2])
			more(to, ids[i+2])
		}
		ids[k] = to
		k++
		i++
	}
	t.words[w] = ids[:k]
}

func (t *trainer) push(q queued) {
	h := append(t.queue, q)
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
	t.queue = h
}

func (t *trainer) pop() queued {
	h := t.queue
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		best := 2*i + 1
		if best >= len(h) {
			break
		}
		if best+1 < len(h) && h[best+1].before(h[best]) {
			best++
		}
		if !h[best].before(h[i]) {
			break
		}
		h[i], h[best] = h[best], h[i]
		i = best
	}
	t.queue = h
	return top
}
