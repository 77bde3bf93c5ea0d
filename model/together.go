package model

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"reprise/tensor"
)

// Fork returns a decoder that holds the same sequence and shares the weights.
func (d *Decoder) Fork() *Decoder {
	f := &Decoder{Model: d.Model, decoding: d.decoding}
	f.keys = make([]tensor.Matrix, len(d.keys))
	f.vals = make([]tensor.Matrix, len(d.vals))
	f.Copy(d)
	return f
}

// Copy replaces the decoder's sequence by that of another, which must be of the same model.
func (d *Decoder) Copy(from *Decoder) {
	if d.Model != from.Model {
		panic("model: Copy: the decoders are of two models")
	}
	d.n = 0
	d.grow(from.n)
	for i := range d.keys {
		used := from.n * d.keys[i].Stride
		copy(d.keys[i].Data[:used], from.keys[i].Data[:used])
		copy(d.vals[i].Data[:used], from.vals[i].Data[:used])
	}
	d.n = from.n
}

// StepAll appends one token to each of several sequences and returns their normalised final hidden states [len(ds), d], valid
// until the next call. All must be forks of one decoder. Every row has the bits that Step gives for its sequence alone. It
// fails, and changes nothing, when a sequence would grow beyond the model's positions.
func StepAll(ds []*Decoder, ids []int32) (*tensor.Matrix, error) {
	if len(ds) == 0 || len(ds) != len(ids) {
		panic(fmt.Sprintf("model: StepAll: %d decoders and %d tokens", len(ds), len(ids)))
	}
	if len(ds) == 1 {
		return ds[0].Step(ids)
	}
	p := ds[0].pass
	shared := ds[0].decoding
	shared.ids.Reset()
	for i, d := range ds {
		if d.decoding != shared || slices.Contains(ds[:i], d) {
			panic("model: StepAll: want different decoders, forks of one")
		}
		if d.n == d.Model.Config.MaxPositions {
			return nil, fmt.Errorf("model: sequence %d: one more token exceeds the model's %d positions", i, d.n)
		}
		shared.ids.Append(ids[i:i+1], oneDocument)
	}
	shared.ids.check(p.Model.Config)
	p.start(shared.ids, 0)
	for i, d := range ds {
		d.grow(d.n + 1)
		p.positions[i] = int32(d.n)
	}
	h := p.run(ds)
	for _, d := range ds {
		d.n++
	}
	return h, nil
}

// Sample is one of several continuations of a prompt.
type Sample struct {
	Number int     // from 0
	IDs    []int32 // the last one is in stop if that ended the continuation
}

// SamplesOptions say which continuations Samples makes.
type SamplesOptions struct {
	N         int // continuations
	Width     int // that share a pass over the weights; 0 means 16. The results do not depend on it
	MaxTokens int // of each
	Sampling
	Stop  []int32           // ids that end a continuation
	Ended func(Sample) bool // says after each new id whether the continuation ends there too; nil: never
}

// Samples continues a prompt several times and yields the continuations in the order of their numbers. Number i has the ids that
// Generate gives with Sampling.Sequence + i. When one ends, the next begins in its place. Errors are those of Generate.
func Samples(ctx context.Context, d *Decoder, prompt []int32, o SamplesOptions) iter.Seq2[Sample, error] {
	return func(yield func(Sample, error) bool) {
		g := &together{SamplesOptions: o, prompt: prompt, pool: d.pass.Pool}
		if err := g.begin(d); err != nil {
			yield(Sample{}, err)
			return
		}
		begun, told := 0, 0
		finished := map[int]Sample{} // that wait for one with a lower number
		for told < o.N {
			for begun < o.N && len(g.running) < g.Width {
				g.start(d, begun)
				begun++
			}
			err := ctx.Err()
			if err == nil {
				err = g.step()
			}
			if err != nil {
				yield(Sample{}, err)
				return
			}
			for _, done := range g.retire() {
				finished[done.Number] = done
			}
			for ; ; told++ {
				next, ok := finished[told]
				if !ok {
					break
				}
				delete(finished, told)
				if !yield(next, nil) {
					return
				}
			}
		}
	}
}

// together is the state of Samples.
type together struct {
	SamplesOptions
	prompt []int32
	pool   *tensor.Pool

	first         *tensor.Matrix // [1, V]: logits after the prompt
	logits        *tensor.Matrix // [running, V]
	running, free []*slot
	ds            []*Decoder // of the slots that go on, with their tokens
	ids           []int32
}

// slot is a continuation in the making, or the memory of one that has ended.
type slot struct {
	Sample
	d       *Decoder
	sampler *sampler
	logits  []float32 // from which the next id is chosen
	err     error
}

// begin takes the prompt.
func (g *together) begin(d *Decoder) error {
	if len(g.prompt) == 0 {
		return ErrPromptEmpty
	}
	if err := g.Check(); err != nil {
		return err
	}
	if g.Width < 1 {
		g.Width = 16
	}
	d.Reset()
	g.first = tensor.NewMatrix(1, d.Model.Config.VocabSize)
	g.logits = tensor.NewMatrix(0, d.Model.Config.VocabSize)
	return d.next(g.prompt, g.first)
}

// start begins continuation number i.
func (g *together) start(d *Decoder, i int) {
	var s *slot
	if last := len(g.free) - 1; last >= 0 {
		s, g.free = g.free[last], g.free[:last]
		s.d.Copy(d)
	} else {
		s = &slot{d: d.Fork(), sampler: newSampler(g.Sampling, d.Model.Config.VocabSize, nil)}
	}
	s.sampler.begin(g.Sequence+uint32(i), g.prompt)
	s.Sample = Sample{Number: i}
	s.logits = g.first.Data
	g.running = append(g.running, s)
}

// step gives every running continuation one more id.
func (g *together) step() error {
	if g.MaxTokens < 1 {
		return nil
	}
	g.ds, g.ids = g.ds[:0], g.ids[:0]
	for _, s := range g.running {
		if len(s.IDs) > 0 {
			g.ds, g.ids = append(g.ds, s.d), append(g.ids, s.IDs[len(s.IDs)-1])
		}
	}
	if len(g.ds) > 0 {
		h, err := StepAll(g.ds, g.ids)
		if err != nil {
			return err
		}
		if h.Rows > len(g.logits.Data)/g.logits.Cols {
			g.logits = tensor.NewMatrix(h.Rows, g.logits.Cols)
		}
		rows := g.logits.RowRange(0, h.Rows)
		g.ds[0].Logits(h, &rows)
		k := 0
		for _, s := range g.running {
			if len(s.IDs) > 0 {
				s.logits = rows.Row(k)
				k++
			}
		}
	}
	g.pool.Run(len(g.running), g)
	for _, s := range g.running {
		if s.err != nil {
			return fmt.Errorf("continuation %d: %w", s.Number, s.err)
		}
	}
	return nil
}

// Do chooses the next id of one continuation; it implements tensor.Job.
func (g *together) Do(_, task int) {
	s := g.running[task]
	id, err := s.sampler.pick(s.logits, uint64(len(s.IDs)))
	if s.err = err; err == nil {
		s.sampler.took(id)
		s.IDs = append(s.IDs, id)
	}
}

// retire takes out the continuations that have ended.
func (g *together) retire() (done []Sample) {
	g.running = slices.DeleteFunc(g.running, func(s *slot) bool {
		n := len(s.IDs)
		ended := n >= g.MaxTokens || slices.Contains(g.Stop, s.IDs[n-1]) || s.d.n == s.d.Model.Config.MaxPositions
		if g.Ended != nil && n > 0 && g.Ended(s.Sample) {
			ended = true
		}
		if ended {
			done = append(done, s.Sample)
			g.free = append(g.free, s)
		}
		return ended
	})
	return done
}
