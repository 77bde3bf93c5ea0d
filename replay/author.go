package replay

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"reprise/data"
	"reprise/loss"
	"reprise/model"
	"reprise/tensor"
	"reprise/tokenizer"
)

// Author lets a frozen model write packs of text, drawn from its own distribution, and records at once which ids hold most of the
// probability, from the same logits. Model, Pool, MaxSeqLen and a Rehearsal with Start and Stop are needed. [NewAuthor] fills in what
// a tokenizer says.
//
// Pack i depends on the weights, these settings and i alone: not on the packs beside it, the number of threads or the processor
// (docs/NUMERICS.md, section 10). Its documents are drawn one after another until MaxSeqLen, and none begins in the last 8 positions.
// A document ends with an id of Stop, or is cut by the end of its pack. Its first token carries no loss, nor does a prompt's; all
// others do.
type Author struct {
	Model     *model.Model
	Pool      *tensor.Pool
	Rehearsal                  // Start, Stop, Rule and Seed
	MaxSeqLen int              // tokens of a pack
	IDs       int              // ids at or above it are never drawn and count as mass that is not covered; 0: all may be drawn
	Ordinary  []int32          // ids that a burn-in draws from, ascending; not needed without one
	Begin     [][]int32        // ids of prompts: a document begins with one of them, after the start id or in place of a burn-in; nil: none
	Width     int              // packs that share each pass over the weights; 0: chosen by their memory. What is written does not depend on it
	Wrote     func(tokens int) // called after every pass with the number of tokens that it added; may be nil

	d    *model.Decoder
	draw func(d *loss.Draw, z []float32, pack, position int) (id int32, ok bool) // of a test that draws wrongly; else nil
}

// tailPositions is the number of positions at the end of a pack in which no document begins: it would be too short to tell much.
const tailPositions = 8

// Packs writes the packs from..to-1 and yields them in order. A pack is the caller's.
func (a *Author) Packs(ctx context.Context, from, to int) iter.Seq2[*data.Sequence, error] {
	return func(yield func(*data.Sequence, error) bool) {
		if from >= to {
			return
		}
		if err := a.check(); err != nil {
			yield(nil, err)
			return
		}
		d := newDesk(a)
		begun, told := from, from
		finished := map[int]*data.Sequence{} // that wait for one with a lower number
		for told < to {
			for begun < to && len(d.running) < d.width {
				if err := d.take(begun); err != nil {
					yield(nil, err)
					return
				}
				begun++
			}
			err := ctx.Err()
			if err == nil {
				err = d.pass()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, p := range d.retire() {
				finished[p.number] = p.pack()
			}
			for ; finished[told] != nil; told++ {
				next := finished[told]
				delete(finished, told)
				if !yield(next, nil) {
					return
				}
			}
		}
	}
}

// check checks the settings.
func (a *Author) check() error {
	cfg := &a.Model.Config
	if err := a.Rule.complete().Validate(cfg.VocabSize); err != nil {
		return err
	}
	if a.MaxSeqLen < 2 || a.MaxSeqLen > cfg.MaxPositions {
		return fmt.Errorf("replay: max_seq_len: %d, want 2 to the model's %d", a.MaxSeqLen, cfg.MaxPositions)
	}
	n := a.drawable()
	switch {
	case a.Start.ID >= int32(n):
		return fmt.Errorf("replay: start: id %d, want one of the tokenizer's %d", a.Start.ID, n)
	case a.Start.ID < 0 && (a.Start.BurnIn < 1 || a.Start.BurnIn > cfg.MaxPositions):
		return fmt.Errorf("replay: start: %d tokens of burn-in, want 1 to the model's %d positions", a.Start.BurnIn, cfg.MaxPositions)
	case a.Start.ID < 0 && (len(a.Ordinary) == 0 || !slices.IsSorted(a.Ordinary) || int(a.Ordinary[len(a.Ordinary)-1]) >= n):
		return fmt.Errorf("replay: start: %d ordinary ids to begin a burn-in with, want 1 or more, ascending and below %d; or name a start id", len(a.Ordinary), n)
	}
	for i, p := range a.Begin {
		if len(p) < 1 || len(p) > a.MaxSeqLen/2 {
			return fmt.Errorf("replay: prompts: number %d has %d tokens, want 1 to half of max_seq_len, %d", i+1, len(p), a.MaxSeqLen/2)
		}
	}
	return nil
}

// drawable is the number of ids that may be drawn.
func (a *Author) drawable() int {
	if a.IDs > 0 {
		return min(a.IDs, a.Model.Config.VocabSize)
	}
	return a.Model.Config.VocabSize
}

// NewAuthor prepares an author for a model whose embedding may have more rows than its tokenizer has ids.
func NewAuthor(m *model.Model, tok *tokenizer.Tokenizer, pool *tensor.Pool, r Rehearsal, maxSeqLen int) *Author {
	a := &Author{Model: m, Pool: pool, Rehearsal: r, MaxSeqLen: maxSeqLen, IDs: tok.VocabSize()}
	for id := range int32(a.drawable()) {
		if !tok.IsSpecial(id) && !slices.Contains(r.Stop, id) {
			a.Ordinary = append(a.Ordinary, id)
		}
	}
	return a
}

// decoder returns the decoder whose forks write, with a copy of the model's weights as they are at the first call.
func (a *Author) decoder() *model.Decoder {
	if a.d == nil {
		a.d = model.NewDecoder(a.Model, a.Pool)
	}
	return a.d
}

// cacheBytes bounds the memory of the keys and values of packs that are written together.
const cacheBytes = 256 << 20

// mostWidth and leastWidth bound how many packs are written together: more make the passes over the weights cheaper, but the last
// packs of a recording are then fewer than that for longer.
const leastWidth, mostWidth = 4, 16

// width is how many packs are written together.
func (a *Author) width() int {
	if a.Width > 0 {
		return a.Width
	}
	cfg := &a.Model.Config
	one := 2 * 4 * cfg.Layers * cfg.KVHeads * cfg.HeadDim * a.MaxSeqLen
	return min(max(cacheBytes/one, leastWidth), mostWidth)
}

// desk is the state of Packs.
type desk struct {
	a      *Author
	width  int
	vocab  int     // ids that may be drawn
	hidden []int32 // those that a burn-in may not draw

	running, free []*page
	ds            []*model.Decoder
	feed          []int32
	logits        *tensor.Matrix
	pick          *Picker
	draws         []*page        // the pages whose next token is drawn and recorded in this pass
	subsets       []loss.Subsets // of the pages, by their place
}

func newDesk(a *Author) *desk {
	d := &desk{a: a, width: a.width(), vocab: a.drawable(), logits: tensor.NewMatrix(0, a.Model.Config.VocabSize)}
	d.pick = NewPicker(a.Rule, a.Model.Config.VocabSize, a.Pool.Workers(), d.width)
	d.pick.ids = d.vocab
	d.subsets = newSubsets(d.width)
	if a.Start.ID < 0 {
		for id := range int32(d.vocab) {
			if _, found := slices.BinarySearch(a.Ordinary, id); !found {
				d.hidden = append(d.hidden, id)
			}
		}
	}
	return d
}

// page is a pack in the making, or the memory of one that has ended.
type page struct {
	number, place int // of the pack, and in desk.subsets
	seq           data.Sequence
	subsets       *loss.Subsets // of a finished pack
	d             *model.Decoder
	draw          loss.Draw
	next          int32       // token whose successor is drawn next
	burnIn        int         // ids of the burn-in that are to be drawn; 0: the text is being written
	rng           *tensor.RNG // of the burn-in
	logits        []float32   // after next
	at            int         // in desk.draws
	done          bool
	ok            bool // the logits were numbers
}

func (p *page) pack() *data.Sequence { return p.seq.With(p.subsets) }

// take begins a pack.
func (d *desk) take(number int) error {
	var p *page
	if last := len(d.free) - 1; last >= 0 {
		p, d.free = d.free[last], d.free[:last]
	} else {
		p = &page{place: len(d.running), d: d.a.decoder().Fork()}
	}
	p.number, p.seq, p.done = number, data.Sequence{}, false
	d.subsets[p.place] = newSubsets(1)[0]
	d.running = append(d.running, p)
	return d.begin(p)
}

// stream is the random stream of a purpose at a position of a pack.
func (a *Author) stream(purpose string, pack, position int) *tensor.RNG {
	return tensor.NewRNG(a.Seed, purpose, uint64(pack)<<32+uint64(position))
}

// begin begins a document at the end of a page, or ends the page where it would be too short.
func (d *desk) begin(p *page) error {
	at := len(p.seq.IDs)
	if at > 0 && at >= d.a.MaxSeqLen-tailPositions {
		p.done = true
		return nil
	}
	p.d.Reset()
	var begin []int32
	if d.a.Start.ID >= 0 {
		begin = []int32{d.a.Start.ID}
	}
	if len(d.a.Begin) > 0 {
		begin = append(begin, d.a.Begin[d.a.stream("rehearse/prompt", p.number, at).Intn(len(d.a.Begin))]...)
		if at > 0 && at+len(begin) > d.a.MaxSeqLen-tailPositions {
			p.done = true
			return nil
		}
	}
	if begin != nil {
		return d.first(p, begin)
	}
	p.rng, p.burnIn = d.a.stream("rehearse/burn-in", p.number, at), d.a.Start.BurnIn
	p.next = d.a.Ordinary[p.rng.Intn(len(d.a.Ordinary))]
	return nil
}

// first writes the tokens that begin a document and carry no loss.
func (d *desk) first(p *page, ids []int32) error {
	p.seq.DocStarts = append(p.seq.DocStarts, int32(len(p.seq.IDs)))
	for _, id := range ids {
		p.write(id, false)
	}
	p.d.Reset()
	if before := ids[:len(ids)-1]; len(before) > 0 {
		if _, err := p.d.Step(before); err != nil {
			return err
		}
	}
	p.done = len(p.seq.IDs) == d.a.MaxSeqLen
	return nil
}

// write adds a token to a page.
func (p *page) write(id int32, carriesLoss bool) {
	p.seq.IDs, p.seq.Target = append(p.seq.IDs, id), append(p.seq.Target, carriesLoss)
	p.next = id
}

// pass takes the last token of every page through the model and draws the next.
func (d *desk) pass() error {
	d.ds, d.feed, d.draws = d.ds[:0], d.feed[:0], d.draws[:0]
	d.pick.places = d.pick.places[:0]
	before := 0
	for _, p := range d.running {
		d.ds, d.feed = append(d.ds, p.d), append(d.feed, p.next)
		before += len(p.seq.IDs)
		if p.burnIn == 0 {
			p.at = len(d.draws)
			d.draws = append(d.draws, p)
			d.pick.places = append(d.pick.places, place{seq: int32(p.place), row: int32(len(p.seq.IDs) - 1)})
		}
	}
	h, err := model.StepAll(d.ds, d.feed)
	if err != nil {
		return err
	}
	if h.Rows > len(d.logits.Data)/d.logits.Cols {
		d.logits = tensor.NewMatrix(d.width, d.logits.Cols)
	}
	rows := d.logits.RowRange(0, h.Rows)
	d.ds[0].Logits(h, &rows)
	for i, p := range d.running {
		p.logits = rows.Row(i)
	}
	d.pick.block(0, len(d.draws))
	d.a.Pool.Run(len(d.running), d)
	for _, p := range d.running {
		if !p.ok {
			return fmt.Errorf("replay: the model's logits are not finite at token %d of pack %d that it writes: its weights are damaged", len(p.seq.IDs), p.number)
		}
	}
	if err := d.pick.end(d.a.Pool, len(d.draws), d.subsets); err != nil {
		return err
	}
	after := 0
	for _, p := range d.running {
		if err := d.proceed(p); err != nil {
			return err
		}
		after += len(p.seq.IDs)
	}
	if d.a.Wrote != nil {
		d.a.Wrote(after - before)
	}
	return nil
}

// Do draws the next id of one page and hands its logits to the picker; it implements tensor.Job.
func (d *desk) Do(worker, task int) {
	p := d.running[task]
	z := p.logits[:d.vocab]
	if p.burnIn > 0 {
		for _, id := range d.hidden {
			z[id] = negInf
		}
		p.next, p.ok = p.draw.ID(z, p.rng.Float64())
		return
	}
	p.next, p.ok = d.a.next(&p.draw, z, p.number, len(p.seq.IDs))
	if !p.ok {
		return
	}
	d.pick.places[p.at].gold = p.next
	for first := 0; first < len(p.logits); first += loss.Tile {
		d.pick.Visit(worker, p.at, first, p.logits[first:min(first+loss.Tile, len(p.logits))])
	}
}

// next draws the token at a position of a pack.
func (a *Author) next(d *loss.Draw, z []float32, pack, position int) (id int32, ok bool) {
	if a.draw != nil {
		return a.draw(d, z, pack, position)
	}
	return d.ID(z, a.stream("rehearse", pack, position).Float64())
}

// proceed takes what was drawn onto a page.
func (d *desk) proceed(p *page) error {
	if p.burnIn > 0 {
		if p.burnIn--; p.burnIn == 0 {
			return d.first(p, []int32{p.next})
		}
		return nil
	}
	p.write(p.next, true)
	switch {
	case len(p.seq.IDs) == d.a.MaxSeqLen:
		p.done = true
	case slices.Contains(d.a.Stop, p.next):
		return d.begin(p)
	}
	return nil
}

// retire takes out the pages that are full.
func (d *desk) retire() (done []*page) {
	d.running = slices.DeleteFunc(d.running, func(p *page) bool {
		if p.done {
			u := d.subsets[p.place]
			p.subsets = &u
			done = append(done, p)
			d.free = append(d.free, p)
		}
		return p.done
	})
	return done
}
