package model

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"reprise/tensor"
)

// Decoder continues one sequence token by token. It keeps the keys and values of every position seen, so that a new token
// costs one row of work. It also holds a second copy of the weights, in the order in which products read them. Its hidden
// states have the same bits as a Pass over the whole sequence gives.
//
// Several sequences are continued faster together: Fork makes decoders that share the weights, and StepAll reads the weights
// once for all of them. Decoders that are forks of each other must not run at the same time.
type Decoder struct {
	Model *Model
	*decoding
	keys []tensor.Matrix // per block [capacity, KVHeads·HeadDim]
	vals []tensor.Matrix
	n    int // positions held
}

// decoding is what a decoder and its forks share.
type decoding struct {
	pass  *Pass    // of several tokens
	row   *rowPass // of one
	head  *linear
	cache decodeJob
	one   [1]*Decoder   // of Step
	ids   Batch         // of StepAll
	last  tensor.Matrix // of next
}

// NewDecoder returns an empty decoder with a copy of the model's current weights: it does not see later changes of them.
func NewDecoder(m *Model, pool *tensor.Pool) *Decoder {
	d := &Decoder{Model: m, decoding: &decoding{pass: NewPass(m, pool, false), head: &linear{w: m.head}}}
	layers := []*linear{d.head}
	for i := range m.blocks {
		b := &m.blocks[i]
		for _, l := range []*linear{b.qkv, b.q, b.k, b.v, b.o, b.gate, b.up, b.down} {
			if l != nil {
				layers = append(layers, l)
			}
		}
	}
	d.pass.weights = packWeights(layers, pool)
	d.row = newRowPass(&m.Config, d.pass.weights, pool)
	d.keys = make([]tensor.Matrix, m.Config.Layers)
	d.vals = make([]tensor.Matrix, m.Config.Layers)
	return d
}

// packWeights puts the weights of layers into panels. As in [New], they share one allocation.
func packWeights(layers []*linear, pool *tensor.Pool) map[*linear]*tensor.Panels {
	all := 0
	for _, l := range layers {
		all += l.panelFloats()
	}
	memory := tensor.NewMatrix(1, all).Data
	weights := make(map[*linear]*tensor.Panels, len(layers))
	j := &packJob{layers: layers}
	for _, l := range layers {
		p := new(tensor.Panels)
		p.Use(memory[:l.panelFloats()])
		memory = memory[l.panelFloats():]
		weights[l] = p
		j.panels = append(j.panels, p)
	}
	pool.Run(len(layers), j)
	return weights
}

// packJob packs the weights of one layer in each task.
type packJob struct {
	layers []*linear
	panels []*tensor.Panels
}

func (j *packJob) Do(_, task int) {
	if l := j.layers[task]; l.conv1D {
		j.panels[task].Pack(l.w.W)
	} else {
		j.panels[task].PackTransposed(l.w.W)
	}
}

// panelFloats is the memory that the weights of l take in panels, rounded up so that the next ones begin at a multiple of 64
// bytes.
func (l *linear) panelFloats() int {
	in, out := l.w.W.Cols, l.w.W.Rows
	if l.conv1D {
		in, out = out, in
	}
	return (tensor.PanelFloats(in, out) + 15) &^ 15
}

// Len is the number of positions held.
func (d *Decoder) Len() int { return d.n }

// Reset forgets the sequence.
func (d *Decoder) Reset() { d.n = 0 }

// grow makes room for n positions.
func (d *Decoder) grow(n int) {
	if d.pass.rope != nil {
		d.pass.rope.grow(n)
	}
	width := d.Model.Config.KVHeads * d.Model.Config.HeadDim
	if d.keys[0].Rows >= n {
		return
	}
	n = min(max(n, 2*d.keys[0].Rows, 64), max(n, d.Model.Config.MaxPositions))
	for _, cache := range [][]tensor.Matrix{d.keys, d.vals} {
		for i := range cache {
			fresh := tensor.NewMatrix(n, width)
			copy(fresh.Data, cache[i].Data)
			cache[i] = *fresh
		}
	}
}

var oneDocument = []int32{0}

// Step appends tokens to the sequence and returns their normalised final hidden states [len(ids), d], valid until the
// next call. It fails when the sequence would grow beyond the model's positions.
func (d *Decoder) Step(ids []int32) (*tensor.Matrix, error) {
	m, p := d.Model, d.pass
	if d.n+len(ids) > m.Config.MaxPositions {
		return nil, fmt.Errorf("model: %d tokens exceed the model's %d positions", d.n+len(ids), m.Config.MaxPositions)
	}
	b := Batch{IDs: ids, DocStarts: oneDocument}
	b.check(m.Config)
	d.grow(d.n + len(ids))
	if len(ids) == 1 {
		h := d.row.step(d, ids[0])
		d.n++
		return h, nil
	}
	p.start(b, d.n)
	d.one[0] = d
	h := p.run(d.one[:])
	d.n += len(ids)
	return h, nil
}

// Logits computes the logits [h.Rows, V] of the tokens after the given hidden states, which Step or StepAll returned.
func (d *Decoder) Logits(h, logits *tensor.Matrix) {
	if h.Rows == 1 {
		d.row.linear(h, d.row.part(d.head, *logits))
		return
	}
	d.pass.linear(d.head, logits, h)
}

// next appends tokens and computes the logits [1, V] of the token after them.
func (d *Decoder) next(ids []int32, logits *tensor.Matrix) error {
	h, err := d.Step(ids)
	if err != nil {
		return err
	}
	d.last = h.RowRange(h.Rows-1, h.Rows)
	d.Logits(&d.last, logits)
	return nil
}

// attend keeps the new keys and values of block i and computes its attention over the caches: all tokens are those of one
// decoder, or every decoder has one.
func (s *decoding) attend(ds []*Decoder, i int, a *activations) {
	each := a.k.Rows / len(ds)
	for r := range a.k.Rows {
		d := ds[r/each]
		copy(d.keys[i].Row(d.n+r%each), a.k.Row(r))
		copy(d.vals[i].Row(d.n+r%each), a.v.Row(r))
	}
	cfg := &s.pass.Model.Config
	s.cache = decodeJob{ds: ds, block: i, a: a, each: each, window: s.pass.Model.blocks[i].window}
	if s.cache.few = each <= fewQueries; s.cache.few {
		s.pass.Pool.Run(len(ds)*cfg.Heads, &s.cache)
	} else {
		s.pass.Pool.Run(tasks(each, prefillPart)*cfg.KVHeads, &s.cache)
	}
}

// fewQueries is the largest number of new tokens for which packing the keys and values does not pay.
const fewQueries = 8

// prefillPart is the number of queries of a prompt that share packed keys and values.
const prefillPart = 128

// decodeJob is attention over the caches. For a few tokens a task is one head of one sequence; for more, which are then of one
// sequence, it is one key/value head for a part of the tokens.
type decodeJob struct {
	ds     []*Decoder
	block  int
	a      *activations
	each   int // new tokens of a sequence
	few    bool
	window int
}

func (j *decodeJob) Do(worker, task int) {
	att := j.ds[0].pass.att
	group := att.cfg.Heads / att.cfg.KVHeads
	if j.few {
		seq, head := task/att.cfg.Heads, task%att.cfg.Heads
		d, r0, r1 := j.ds[seq], seq*j.each, (seq+1)*j.each
		q, o := att.head(&j.a.q, r0, r1, head), att.head(&j.a.o, r0, r1, head)
		base := firstKey(d.n, j.window)
		k, v := att.head(&d.keys[j.block], base, d.n+j.each, head/group), att.head(&d.vals[j.block], base, d.n+j.each, head/group)
		att.few(d.pass.Pool.Scratch(worker), &att.workers[worker], &o, &q, &k, &v, base, d.n-base, j.window, j.a.headStats(head, r0, r1))
		return
	}
	d, r0, kv := j.ds[0], task/att.cfg.KVHeads*prefillPart, task%att.cfg.KVHeads
	r1 := min(r0+prefillPart, j.each)
	base := firstKey(d.n+r0, j.window)
	k, v := att.head(&d.keys[j.block], base, d.n+r1, kv), att.head(&d.vals[j.block], base, d.n+r1, kv)
	b := att.pack(worker, &k, &v)
	for head := kv * group; head < (kv+1)*group; head++ {
		q, o := att.head(&j.a.q, r0, r1, head), att.head(&j.a.o, r0, r1, head)
		att.forward(b, &o, &q, base, d.n+r0-base, j.window, j.a.headStats(head, r0, r1))
	}
}

// ErrPromptEmpty is returned for a prompt without tokens.
var ErrPromptEmpty = errors.New("model: the prompt holds no tokens, and the tokenizer adds none")

// Generate continues prompt by at most maxTokens ids and yields each as it is chosen. It stops after an id in stop
// (which it yields), when the model's positions are used up, or when ctx is cancelled (yielding the error). Settings outside their
// bounds and logits that are not finite are errors too.
func Generate(ctx context.Context, d *Decoder, prompt []int32, maxTokens int, s Sampling, stop []int32) iter.Seq2[int32, error] {
	return func(yield func(int32, error) bool) {
		if len(prompt) == 0 {
			yield(0, ErrPromptEmpty)
			return
		}
		if err := s.Check(); err != nil {
			yield(0, err)
			return
		}
		d.Reset()
		next, one := prompt, make([]int32, 1)
		logits := tensor.NewMatrix(1, d.Model.Config.VocabSize)
		sampler := newSampler(s, d.Model.Config.VocabSize, prompt)
		for i := range maxTokens {
			if err := ctx.Err(); err != nil {
				yield(0, err)
				return
			}
			if i > 0 && d.n == d.Model.Config.MaxPositions {
				return
			}
			if err := d.next(next, logits); err != nil {
				yield(0, err)
				return
			}
			id, err := sampler.pick(logits.Data, uint64(i))
			if err != nil {
				yield(0, err)
				return
			}
			sampler.took(id)
			if !yield(id, nil) {
				return
			}
			if slices.Contains(stop, id) {
				return
			}
			one[0] = id
			next = one
		}
	}
}
