package replay

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"reprise/asm"
	"reprise/data"
	"reprise/loss"
	"reprise/tensor"
)

// Picker turns logits into subsets, tile by tile: it never needs all logits of a position at once. It works on one batch of
// sequences at a time. Its memory is O(positions of a block · KMax), independent of the vocabulary.
type Picker struct {
	rule   Rule
	k      int           // KMax, or the number of ids if that is smaller
	ids    int           // ids at or above it are never candidates and count as mass that is not covered
	places []place       // positions of the batch that carry loss
	seq    int32         // number of the next sequence
	tokens int32         // of the batch so far
	first  int           // index in places of the position whose candidates are rows[0]
	n      int           // positions of the block
	rows   []candidates  // of a block of positions
	work   []pickScratch // per worker

	targets loss.Targets // of the sequence that was added last
}

// place is a position of a batch that carries loss.
type place struct {
	gold     int32
	seq, row int32 // sequence of the batch, and row of its hidden states
}

// pickScratch is a worker's memory for one tile.
type pickScratch struct {
	exps []float32
	idx  []int32
	keys []uint64
}

// candidates holds the best ids in the tiles of a position so far. Tiles come in ascending order of id, so an id whose logit
// only equals the KMax-th best loses the tie and need not be kept: the threshold is strict.
type candidates struct {
	lse       loss.LSE
	best      []uint64  // keys, at most twice KMax of them, unordered; after finish: the subset, see idKey
	threshold float32   // no id at or below it can be among the KMax best
	gold      float32   // logit of the gold id
	always    []float32 // logits of Rule.Always
	outside   bool
	mass      float64
}

// NewPicker prepares a picker for blocks of at most block positions. The rule must be valid for the vocabulary; its zero fields
// are those of DefaultRule.
func NewPicker(rule Rule, vocab, workers, block int) *Picker {
	rule = rule.complete()
	p := &Picker{rule: rule, k: min(rule.KMax, vocab), ids: vocab, rows: make([]candidates, block), work: make([]pickScratch, workers)}
	for i := range p.work {
		p.work[i] = pickScratch{exps: make([]float32, loss.Tile), idx: make([]int32, loss.Tile)}
	}
	return p
}

// begin starts a batch whose first sequence has the number seq.
func (p *Picker) begin(seq int) {
	p.places, p.seq, p.tokens = p.places[:0], int32(seq), 0
}

// add appends a sequence to the batch, and the rows of its positions in the batch's hidden states to rows.
func (p *Picker) add(rows []int32, s *data.Sequence) []int32 {
	p.targets.Reset()
	p.targets.Append(s.IDs, s.Target, 0)
	for i, row := range p.targets.Rows {
		rows = append(rows, p.tokens+row)
		p.places = append(p.places, place{gold: p.targets.Gold[i], seq: p.seq, row: row})
	}
	p.seq++
	p.tokens += int32(len(s.IDs))
	return rows
}

// block starts a block of the positions lo..hi-1 of the batch.
func (p *Picker) block(lo, hi int) {
	p.first, p.n = lo, hi-lo
	for i := range p.n {
		c := &p.rows[i]
		c.lse, c.best, c.threshold = loss.NewLSE(), c.best[:0], negInf
		if c.always == nil {
			c.always = make([]float32, len(p.rule.Always))
		}
	}
}

var negInf = float32(math.Inf(-1))

// Visit processes one tile of a position: it updates the normaliser and keeps the candidates above the KMax-th value so far.
func (p *Picker) Visit(worker, position, first int, z []float32) {
	c, w := &p.rows[position], &p.work[worker]
	if i := int(p.places[p.first+position].gold) - first; i >= 0 && i < len(z) {
		c.gold = z[i]
	}
	for k, id := range p.rule.Always {
		if i := int(id) - first; i >= 0 && i < len(z) {
			c.always[k] = z[i]
		}
	}
	var n int
	own := z[:min(max(p.ids-first, 0), len(z))]
	if first == 0 && len(own) >= 8*p.k {
		n = asm.SelectAbove(w.idx, own, guess(own, p.k))
	}
	if n < p.k { // no guess, or a guess that was too high: a threshold must leave at least KMax ids
		n = asm.SelectAbove(w.idx, own, c.threshold)
	}
	top := negInf // if no logit is above the threshold, the maximum so far does not change
	if len(own) < len(z) {
		top = asm.Max(z[len(own):])
	}
	for _, i := range w.idx[:n] {
		top = max(top, z[i])
	}
	c.lse.Add(z, w.exps, top)
	if n+len(c.best) < 2*p.k {
		c.best = appendKeys(c.best, w.idx[:n], first, z)
		return
	}
	w.keys = appendKeys(append(w.keys[:0], c.best...), w.idx[:n], first, z)
	smallest(w.keys, p.k)
	c.threshold = logitOf(w.keys[p.k-1])
	c.best = append(c.best[:0], w.keys[:p.k]...)
}

// guess samples every n-th logit of a first tile to find a value that about 2k of its logits exceed.
func guess(z []float32, k int) float32 {
	var sample [64]uint64
	step := len(z) / len(sample)
	for i := range sample {
		sample[i] = logitKey(z[i*step], 0)
	}
	r := 4 + 2*len(sample)*k/len(z)
	smallest(sample[:], r)
	return logitOf(sample[r-1])
}

func appendKeys(keys []uint64, idx []int32, first int, z []float32) []uint64 {
	for _, i := range idx {
		keys = append(keys, logitKey(z[i], int32(first)+i))
	}
	return keys
}

// logitKey is a number that ascends as logits fall; for equal logits it ascends with the id.
func logitKey(z float32, id int32) uint64 {
	b := math.Float32bits(z)
	if z == 0 {
		b = 0 // −0 equals +0
	}
	ascending := b ^ (uint32(int32(b)>>31) | 1<<31)
	return uint64(^ascending)<<32 | uint64(uint32(id))
}

// logitOf returns the logit in a logitKey.
func logitOf(key uint64) float32 {
	b := ^uint32(key >> 32)
	return math.Float32frombits(b ^ (uint32(int32(^b)>>31) | 1<<31))
}

// idKey is a number that ascends with the id and carries its logit.
func idKey(z float32, id int32) uint64 { return uint64(uint32(id))<<32 | uint64(math.Float32bits(z)) }

// smallest moves the n smallest keys to the front and the n-th to index n-1 (quickselect; all keys are different).
func smallest(keys []uint64, n int) {
	lo, hi := 0, len(keys) // keys[:lo] < keys[lo:hi] < keys[hi:], and the n-th is in the middle
	for round := 0; hi-lo > 12 && round < 64; round++ {
		a, b, c := keys[lo], keys[(lo+hi)/2], keys[hi-1]
		at := lo
		switch {
		case a < b == (b < c):
			at = (lo + hi) / 2
		case a < c == (c < b):
			at = hi - 1
		}
		pivot := keys[at]
		keys[at] = keys[hi-1]
		to := lo
		for i := lo; i < hi-1; i++ { // without a branch, because the processor could not predict it
			k := keys[i]
			keys[i] = keys[to]
			keys[to] = k
			_, less := bits.Sub64(k, pivot, 0)
			to += int(less)
		}
		keys[hi-1] = keys[to]
		keys[to] = pivot
		switch {
		case to == n-1:
			return
		case to < n-1:
			lo = to + 1
		default:
			hi = to
		}
	}
	slices.Sort(keys[lo:hi])
}

// Do applies the rule to the candidates of a few positions. end runs it on the workers at the end of a block.
func (p *Picker) Do(worker, task int) {
	for i := task * positionsPerTask; i < min((task+1)*positionsPerTask, p.n); i++ {
		p.choose(&p.work[worker], &p.rows[i], p.places[p.first+i].gold)
	}
}

// positionsPerTask keeps a task at a few tens of microseconds.
const positionsPerTask = 8

// choose applies the rule to a position's candidates and leaves the subset in c.best.
func (p *Picker) choose(w *pickScratch, c *candidates, gold int32) {
	set := c.best
	if len(set) > p.k {
		smallest(set, p.k)
		set = set[:p.k]
	}
	keep := p.prefix(w, c, set)
	set = set[:keep]
	for i, key := range set {
		set[i] = idKey(logitOf(key), int32(uint32(key)))
	}
	c.outside = !holds(set, gold)
	if c.outside {
		set = append(set, idKey(c.gold, gold))
		c.mass += float64(c.lse.Prob(c.gold))
	}
	for i, id := range p.rule.Always {
		if !holds(set, id) {
			set = append(set, idKey(c.always[i], id))
			c.mass += float64(c.lse.Prob(c.always[i]))
		}
	}
	slices.Sort(set)
	c.best = set
}

// prefix moves the shortest prefix that the rule allows to the front of the candidates, and returns its length; c.mass is
// its mass.
func (p *Picker) prefix(w *pickScratch, c *candidates, set []uint64) (keep int) {
	c.mass = 0
	if len(set) <= len(w.exps) {
		// Often all candidates together do not reach Tau, or only a few do: neither case needs all of them sorted.
		for _, e := range p.probabilities(w, c, set) {
			c.mass += float64(e)
		}
		if c.mass < p.rule.Tau-1e-6 {
			return len(set)
		}
		c.mass = 0
	}
	const few = 16
	for keep < len(set) {
		n := min(few, len(set)-keep)
		if keep > 0 {
			n = min(len(set)-keep, len(w.exps)) // a few were not enough: sort the others, or as many as fit
		}
		part := set[keep:]
		smallest(part, n)
		part = part[:n]
		slices.Sort(part)
		for _, e := range p.probabilities(w, c, part) {
			if keep >= p.rule.KMin && c.mass >= p.rule.Tau {
				return keep
			}
			c.mass += float64(e)
			keep++
		}
	}
	return keep
}

// probabilities returns the probabilities of some candidates, valid until the next call.
func (p *Picker) probabilities(w *pickScratch, c *candidates, keys []uint64) []float32 {
	e := w.exps[:len(keys)]
	for i, k := range keys {
		e[i] = logitOf(k) - c.lse.Max
	}
	asm.Exp(e, e)
	asm.Scale(e, 1/c.lse.Sum, e)
	return e
}

// holds reports whether an id is among idKeys.
func holds(set []uint64, id int32) bool {
	for _, key := range set {
		if uint32(key>>32) == uint32(id) {
			return true
		}
	}
	return false
}

// end finishes a block whose tiles were all visited, and appends its positions to the subsets of their sequences.
func (p *Picker) end(pool *tensor.Pool, n int, out []loss.Subsets) error {
	pool.Run((n+positionsPerTask-1)/positionsPerTask, p)
	for i := range n {
		c, at := &p.rows[i], &p.places[p.first+i]
		if math.IsNaN(float64(c.lse.Sum)) || math.IsInf(float64(c.lse.Max), 0) {
			return fmt.Errorf("replay: the model's logits are not finite at token %d of a sequence", at.row)
		}
		appendPosition(&out[at.seq], c, at)
	}
	return nil
}

// appendPosition adds a finished position to its sequence's subsets.
func appendPosition(u *loss.Subsets, c *candidates, at *place) {
	logZ := c.lse.Log()
	for i, key := range c.best {
		id := int32(key >> 32)
		if id == at.gold {
			u.Gold = append(u.Gold, int32(i))
		}
		u.IDs = append(u.IDs, id)
		u.LogProb = append(u.LogProb, float32(float64(math.Float32frombits(uint32(key)))-logZ))
	}
	u.Rows = append(u.Rows, at.row)
	u.Offsets = append(u.Offsets, int32(len(u.IDs)))
	u.Mass = append(u.Mass, float32(min(c.mass, 1)))
	u.Outside = append(u.Outside, c.outside)
}
