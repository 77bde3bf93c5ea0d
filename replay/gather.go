package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"reprise/data"
	"reprise/internal/atomicfile"
	"reprise/loss"
	"reprise/tensor"
)

// Watcher makes subsets of the logits that training with full cross-entropy computes anyway (loss.Full.Watch).
type Watcher struct {
	pool *tensor.Pool
	pick *Picker
	z    *tensor.Matrix
	out  []loss.Subsets
	err  error
}

// NewWatcher prepares a watcher. The rule must be valid for the vocabulary.
func NewWatcher(pool *tensor.Pool, rule Rule, vocab int) *Watcher {
	return &Watcher{pool: pool, pick: NewPicker(rule, vocab, pool.Workers(), loss.Block)}
}

// Begin starts a batch and drops the subsets of the one before.
func (w *Watcher) Begin() { w.out, w.err = w.out[:0], nil }

// Sequences adds sequences to the batch. The next logits belong to them.
func (w *Watcher) Sequences(seqs []*data.Sequence) {
	w.pick.begin(len(w.out))
	for _, s := range seqs {
		w.pick.add(nil, s)
	}
	w.out = append(w.out, newSubsets(len(seqs))...)
}

// Logits takes the logits of the positions lo..hi-1 of those sequences, one row each.
func (w *Watcher) Logits(lo, hi int, z *tensor.Matrix) {
	if w.err != nil {
		return
	}
	w.pick.block(lo, hi)
	w.z = z
	w.pool.Run(hi-lo, w)
	w.err = w.pick.end(w.pool, hi-lo, w.out)
}

// Do passes one row to the picker, tile by tile. Logits runs it on the workers.
func (w *Watcher) Do(worker, i int) {
	z := w.z.Row(i)
	for first := 0; first < len(z); first += loss.Tile {
		w.pick.Visit(worker, i, first, z[first:min(first+loss.Tile, len(z))])
	}
}

// Subsets returns the subsets of the batch, one for every sequence; they are valid until the next batch.
func (w *Watcher) Subsets() ([]loss.Subsets, error) { return w.out, w.err }

// Gatherer collects the sequences of a recording in any order, and writes the record in the right order when all are there.
// Until then they are in a separate file, one after another.
type Gatherer struct {
	path string
	file *os.File
	e    *emitter
	at   []int64 // offset of every sequence's section, by number; 0: not there
	have int
}

// Gather begins to collect, or continues with an existing file: then the first keep sequences in it are kept and later
// ones are cut off. It is an error if the file holds fewer.
func Gather(path string, h Header, keep int) (g *Gatherer, err error) {
	fail := func(err error) (*Gatherer, error) {
		return nil, fmt.Errorf("replay: collecting a record in %s: %w", path, err)
	}
	if err := h.validate(); err != nil {
		return fail(err)
	}
	if h.Rehearsal != nil {
		return fail(errors.New("header: rehearsal: a model in training writes no text; leave it out"))
	}
	flag := 0
	if keep == 0 {
		flag = os.O_CREATE
	}
	f, err := openLocked(path, flag)
	if errors.Is(err, os.ErrNotExist) && keep > 0 {
		return fail(lost(0, keep, err))
	}
	if err != nil {
		return nil, fmt.Errorf("replay: collecting a record: %w", err)
	}
	g = &Gatherer{path: path, file: f, at: make([]int64, h.Sequences)}
	if g.e, err = newEmitter(f, h); err == nil {
		if keep == 0 {
			err = errors.Join(f.Truncate(0), g.e.header())
		} else {
			err = g.keep(keep)
		}
	}
	if err != nil {
		f.Close()
		return fail(err)
	}
	return g, nil
}

// keep reads the first n sections of the file.
func (g *Gatherer) keep(n int) error {
	size, err := g.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	front := make([]byte, min(size, 16+maxHeader+4))
	if _, err := g.file.ReadAt(front, 0); err != nil {
		return err
	}
	h, head, err := parseHeader(front)
	if err != nil {
		return lost(0, n, err)
	}
	if d := h.difference(&g.e.h, false); d != "" {
		return fmt.Errorf("it belongs to another recording (%s)", d)
	}
	g.e.h = h // which may be of version 1
	in := sections{at: int64(head), size: size, r: bufio.NewReaderSize(io.NewSectionReader(g.file, int64(head), size-int64(head)), 1<<20)}
	un := unpacker{h: &g.e.h}
	var s data.Sequence
	for g.have < n {
		at := in.at
		frame, err := in.next()
		if err == nil {
			number := int(le.Uint32(frame[4:]))
			if number >= len(g.at) || g.at[number] != 0 {
				err = fmt.Errorf("sequence %d is out of place", number)
			} else if err = un.open(frame, number, &s); err == nil {
				g.at[number] = at
				g.have++
			}
		}
		if err != nil {
			return lost(g.have, n, err)
		}
	}
	g.e.off = in.at
	_, err = g.file.Seek(in.at, io.SeekStart)
	return errors.Join(g.file.Truncate(in.at), err)
}

// lost is the error for a file with fewer sequences than it should hold.
func lost(have, want int, err error) error {
	return fmt.Errorf("it holds %d of the %d sequences that the steps so far saw (%w); train from the start, or continue without a record", have, want, err)
}

// Put adds sequence i of the recording; it is an error to add it twice.
func (g *Gatherer) Put(i int, q *data.Sequence) error {
	err := g.e.codec.check(&g.e.h, q)
	if err == nil && g.at[i] != 0 {
		err = errors.New("it was added before")
	}
	if err == nil {
		at := g.e.off
		var frame []byte
		if frame, err = g.e.frameOf(kindSequence, i, q); err == nil {
			if err = g.e.write(frame); err == nil {
				g.at[i] = at
				g.have++
			}
		}
	}
	if err != nil {
		return fmt.Errorf("replay: writing %s: sequence %d: %w", g.path, i, err)
	}
	return nil
}

// Sync flushes the sequences so far to the disk.
func (g *Gatherer) Sync() error {
	if err := g.file.Sync(); err != nil {
		return fmt.Errorf("replay: writing %s: %w", g.path, err)
	}
	return nil
}

// Finish writes the record and removes the file that it was collected in. Every sequence must be there. movedTo is the
// fingerprint of the model's weights at the end, for the header.
func (g *Gatherer) Finish(out, movedTo string) (Summary, error) {
	if g.have < len(g.at) {
		return Summary{}, fmt.Errorf("replay: %s: %d of %d sequences were seen", g.path, g.have, len(g.at))
	}
	h := g.e.h
	h.MovedTo = movedTo
	var sum Summary
	err := atomicfile.Write(out, func(w io.Writer) error {
		e, err := newEmitter(w, h)
		if err != nil {
			return err
		}
		if err := e.header(); err != nil {
			return err
		}
		un := unpacker{h: &h}
		var s data.Sequence
		for i, at := range g.at {
			in := sections{at: at, size: g.e.off, r: io.NewSectionReader(g.file, at, g.e.off-at)}
			frame, err := in.next()
			if err == nil {
				err = un.open(frame, i, &s)
			}
			if err != nil {
				return fmt.Errorf("%s: sequence %d: %w", g.path, i, err)
			}
			e.codec.unit = append(e.codec.unit[:0], un.codec.unit...)
			if err := e.raw(frame, &s); err != nil {
				return err
			}
		}
		if err := e.end(); err != nil {
			return err
		}
		sum = e.stats.summary(e.off)
		return nil
	})
	if err != nil {
		return sum, fmt.Errorf("replay: %w", err)
	}
	g.file.Close()
	return sum, os.Remove(g.path)
}

// Close leaves the file as it is.
func (g *Gatherer) Close() error { return g.file.Close() }
