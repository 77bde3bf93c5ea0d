package model

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"reprise/asm"
	"reprise/tensor"
)

// Decoder continues one sequence token by token. It keeps the keys and values of every position seen, so that a new
// token costs one row of work; its hidden states have the bits that a Pass over the whole sequence gives.
type Decoder struct {
	Model *Model
	pass  *Pass
	keys  []tensor.Matrix // per block [capacity, KVHeads·HeadDim]
	vals  []tensor.Matrix
	n     int // positions held
	cache decodeJob
}

// NewDecoder returns an empty decoder.
func NewDecoder(m *Model, pool *tensor.Pool) *Decoder {
	d := &Decoder{Model: m, pass: NewPass(m, pool, false)}
	d.keys = make([]tensor.Matrix, m.Config.Layers)
	d.vals = make([]tensor.Matrix, m.Config.Layers)
	return d
}

// Len is the number of positions held.
func (d *Decoder) Len() int { return d.n }

// Reset forgets the sequence.
func (d *Decoder) Reset() { d.n = 0 }

// grow makes room for n positions.
func (d *Decoder) grow(n int) {
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

// Step appends tokens to the sequence and returns their normalised final hidden states [len(ids), d], valid until the
// next call. It fails when the sequence would grow beyond the model's positions.
func (d *Decoder) Step(ids []int32) (*tensor.Matrix, error) {
	m, p := d.Model, d.pass
	if d.n+len(ids) > m.Config.MaxPositions {
		return nil, fmt.Errorf("model: %d tokens exceed the model's %d positions", d.n+len(ids), m.Config.MaxPositions)
	}
	b := Batch{IDs: ids, Segments: []int32{0}}
	b.check(m.Config)
	d.grow(d.n + len(ids))
	p.start(b, d.n)
	h := p.run(d)
	d.n += len(ids)
	return h, nil
}

// attend keeps the new keys and values of block i and computes its attention over the cache.
func (d *Decoder) attend(i int, a *activations) {
	for r := range a.k.Rows {
		copy(d.keys[i].Row(d.n+r), a.k.Row(r))
		copy(d.vals[i].Row(d.n+r), a.v.Row(r))
	}
	d.cache = decodeJob{d: d, a: a, k: &d.keys[i], v: &d.vals[i], window: d.Model.blocks[i].window}
	if d.cache.few = a.q.Rows <= fewQueries; d.cache.few {
		d.pass.Pool.Run(d.Model.Config.Heads, &d.cache)
	} else {
		d.pass.Pool.Run(tasks(a.q.Rows, prefillPart)*d.Model.Config.KVHeads, &d.cache)
	}
}

// fewQueries is how many new tokens are too few to pack the keys and values for.
const fewQueries = 8

// prefillPart is the number of queries of a prompt that share packed keys and values.
const prefillPart = 128

// decodeJob is attention over the cache. For a few tokens a task is one head, for more one key/value head of a part of them.
type decodeJob struct {
	d      *Decoder
	a      *activations
	k, v   *tensor.Matrix
	few    bool
	window int
}

func (j *decodeJob) Do(worker, task int) {
	att, rows := j.d.pass.att, j.a.q.Rows
	group := att.cfg.Heads / att.cfg.KVHeads
	if j.few {
		q, o := att.head(&j.a.q, 0, rows, task), att.head(&j.a.o, 0, rows, task)
		base := firstKey(j.d.n, j.window)
		k, v := att.head(j.k, base, j.d.n+rows, task/group), att.head(j.v, base, j.d.n+rows, task/group)
		att.few(j.d.pass.Pool.Scratch(worker), &att.workers[worker], &o, &q, &k, &v, base, j.d.n-base, j.window, j.a.headStats(task, 0, rows))
		return
	}
	r0, kv := task/att.cfg.KVHeads*prefillPart, task%att.cfg.KVHeads
	r1 := min(r0+prefillPart, rows)
	base := firstKey(j.d.n+r0, j.window)
	k, v := att.head(j.k, base, j.d.n+r1, kv), att.head(j.v, base, j.d.n+r1, kv)
	b := att.pack(worker, &k, &v)
	for head := kv * group; head < (kv+1)*group; head++ {
		q, o := att.head(&j.a.q, r0, r1, head), att.head(&j.a.o, r0, r1, head)
		att.forward(b, &o, &q, base, j.d.n+r0-base, j.window, j.a.headStats(head, r0, r1))
	}
}

// Sampling says how the next token is chosen.
type Sampling struct {
	Temperature float64 // 0: the most probable id, ties to the smaller one
	TopP        float64 // keep the smallest set of most probable ids whose mass reaches this; 0 or 1: all
	Seed        uint64  // stream of the draws: the same seed gives the same text
}

// ErrPromptEmpty is returned for a prompt without tokens.
var ErrPromptEmpty = errors.New("model: the prompt holds no tokens, and the tokenizer adds none")

// Generate continues prompt by at most maxTokens ids and yields each as it is chosen. It stops after an id in stop
// (which it yields), when the model's positions are used up, or when ctx is cancelled (yielding the error).
func Generate(ctx context.Context, d *Decoder, prompt []int32, maxTokens int, s Sampling, stop []int32) iter.Seq2[int32, error] {
	return func(yield func(int32, error) bool) {
		if len(prompt) == 0 {
			yield(0, ErrPromptEmpty)
			return
		}
		d.Reset()
		next := prompt
		logits := tensor.NewMatrix(1, d.Model.Config.VocabSize)
		sampler := newSampler(s, d.Model.Config.VocabSize)
		for i := range maxTokens {
			if err := ctx.Err(); err != nil {
				yield(0, err)
				return
			}
			if i > 0 && d.n == d.Model.Config.MaxPositions {
				return
			}
			h, err := d.Step(next)
			if err != nil {
				yield(0, err)
				return
			}
			row := h.RowRange(h.Rows-1, h.Rows)
			d.pass.Pool.MatMulNT(logits, &row, d.Model.head.W, false)
			id := sampler.pick(logits.Data, uint64(i))
			if !yield(id, nil) {
				return
			}
			for _, e := range stop {
				if id == e {
					return
				}
			}
			next = []int32{id}
		}
	}
}

// sampler draws ids from logits.
type sampler struct {
	Sampling
	p     []float32
	order []int32
}

func newSampler(s Sampling, vocab int) *sampler {
	return &sampler{Sampling: s, p: make([]float32, vocab), order: make([]int32, vocab)}
}

// Argmax returns the index of the greatest value, the smallest such index on a tie.
func Argmax(x []float32) int32 {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return int32(best)
}

// pick chooses the id of step i.
func (s *sampler) pick(logits []float32, step uint64) int32 {
	if s.Temperature <= 0 {
		return Argmax(logits)
	}
	asm.Scale(s.p, float32(1/s.Temperature), logits)
	asm.ExpSum(s.p, s.p, asm.Max(s.p), 0)
	ids := s.order[:0]
	var total float64
	for i, v := range s.p {
		total += float64(v)
		ids = append(ids, int32(i))
	}
	if s.TopP > 0 && s.TopP < 1 {
		ids, total = nucleus(ids, s.p, s.TopP*total)
	}
	u := tensor.NewRNG(s.Seed, "sample", step).Float64() * total
	for _, id := range ids {
		if u -= float64(s.p[id]); u < 0 {
			return id
		}
	}
	return ids[len(ids)-1]
}
