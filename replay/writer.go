package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/klauspost/compress/zstd"

	"reprise/data"
	"reprise/internal/atomicfile"
)

// emitter writes the bytes of a record in order: header, sequences, the model's own text, end.
type emitter struct {
	w       io.Writer
	h       Header
	first   int // number of the first sequence in the recording
	off     int64
	offsets []uint64
	stats   stats

	ownHeader *Header // with the rule of the model's own text
	firstPack int     // number of the first pack of that text
	packs     []uint64
	own       ownStats
	digest    *data.Digester // of the packs

	codec   codec
	payload []byte
	packed  []byte
	frame   []byte
	zstd    *zstd.Encoder // nil without compression
}

func newEmitter(w io.Writer, h Header) (*emitter, error) {
	e := &emitter{w: w, h: h, digest: data.NewDigester()}
	e.ownHeader = e.h.own()
	e.first, _ = h.Range()
	e.firstPack, _ = h.RehearsalRange()
	if h.Compress {
		var err error
		e.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
		if err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *emitter) write(b []byte) error {
	n, err := e.w.Write(b)
	e.off += int64(n)
	return err
}

func (e *emitter) header() error { return e.write(e.h.append(nil)) }

// next is the number of the sequence that must come next.
func (e *emitter) next() int { return e.first + len(e.offsets) }

// sequence writes the next sequence, which passed check.
func (e *emitter) sequence(q *data.Sequence) error {
	frame, err := e.frameOf(kindSequence, e.next(), q)
	if err != nil {
		return err
	}
	return e.raw(frame, q)
}

// nextPack is the number of the pack that must come next.
func (e *emitter) nextPack() int { return e.firstPack + len(e.packs) }

// pack writes the next pack of the model's own text, which passed check.
func (e *emitter) pack(q *data.Sequence) error {
	frame, err := e.frameOf(kindOwn, e.nextPack(), q)
	if err != nil {
		return err
	}
	return e.rawPack(frame, q)
}

// frameOf returns the section of a sequence, valid until the next call. kind is that of a section that is not compressed.
func (e *emitter) frameOf(kind [4]byte, number int, q *data.Sequence) ([]byte, error) {
	e.payload = e.codec.encode(e.payload[:0], q)
	if len(e.payload) > maxPayload {
		return nil, fmt.Errorf("%d MiB in one sequence, want at most %d; lower k_max or max_seq_len", len(e.payload)>>20, maxPayload>>20)
	}
	stored := e.payload
	if e.zstd != nil {
		e.packed = e.zstd.EncodeAll(e.payload, e.packed[:0])
		if n := len(e.packed); n < len(e.payload) && len(e.payload) <= maxExpansion*n {
			kind[3], stored = 'Z', e.packed // SEQZ, REHZ
		}
	}
	e.frame = section(e.frame[:0], kind, uint32(number), stored, len(e.payload))
	return e.frame, nil
}

// raw writes the section of the next sequence. It must be the sequence that the codec encoded last.
func (e *emitter) raw(frame []byte, q *data.Sequence) error {
	at := e.off
	if err := e.write(frame); err != nil {
		return err
	}
	e.note(at, q)
	return nil
}

// note counts a sequence whose section is at offset at.
func (e *emitter) note(at int64, q *data.Sequence) {
	e.offsets = append(e.offsets, uint64(at))
	e.stats.add(e.h.KMax, q, e.codec.unit)
}

// rawPack and notePack do for packs of the model's own text what raw and note do for sequences.
func (e *emitter) rawPack(frame []byte, q *data.Sequence) error {
	at := e.off
	if err := e.write(frame); err != nil {
		return err
	}
	e.notePack(at, q)
	return nil
}

func (e *emitter) notePack(at int64, q *data.Sequence) {
	e.own.of(&e.h, e.nextPack()).add(e.ownHeader.KMax, q, e.codec.unit)
	e.packs = append(e.packs, uint64(at))
	e.digest.Add(q)
}

// copyPack copies the next pack from a reader's file, where it is the i-th. s is memory for it.
func (e *emitter) copyPack(r *Reader, i int, s *data.Sequence) error {
	frame, err := r.pack(i, s)
	if err != nil {
		return err
	}
	e.codec.unit = append(e.codec.unit[:0], r.un.codec.unit...)
	return e.rawPack(frame, s)
}

// end writes statistics, index and trailer.
func (e *emitter) end() error {
	at := e.off
	stats := e.stats.append(nil)
	if err := e.write(section(nil, kindStats, 0, stats, len(stats))); err != nil {
		return err
	}
	index := appendOffsets(nil, e.first, e.offsets)
	if e.h.Rehearsal != nil {
		e.own.digest = e.digest.Sum()
		stats = e.own.append(nil)
		if err := e.write(section(nil, kindOwnStats, 0, stats, len(stats))); err != nil {
			return err
		}
		index = appendOffsets(index, e.firstPack, e.packs)
	}
	indexAt := e.off
	if err := e.write(section(nil, kindIndex, 0, index, len(index))); err != nil {
		return err
	}
	return e.write(trailer{uint64(at), uint64(indexAt), uint64(e.off + trailerSize)}.append(nil))
}

// appendOffsets writes one of the index's lists: the first number, how many there are, their offsets.
func appendOffsets(b []byte, first int, offsets []uint64) []byte {
	b = le.AppendUint64(b, uint64(first))
	b = le.AppendUint64(b, uint64(len(offsets)))
	for _, o := range offsets {
		b = le.AppendUint64(b, o)
	}
	return b
}

// Writer writes a record into PATH.partial; Close renames it to PATH. A recording that stops before Close can be resumed. Every
// sequence is handed to the operating system when it is appended, so that a process that is killed loses none.
type Writer struct {
	path string
	file *os.File
	e    *emitter
	err  error // the first error of the file; nothing is written after it
}

// partial is the name of an unfinished record.
func partial(path string) string { return path + ".partial" }

// Create begins a record. It overwrites an unfinished record of the same path; Resume continues one.
func Create(path string, h Header) (*Writer, error) {
	fail := func(err error) (*Writer, error) { return nil, fmt.Errorf("replay: creating %s: %w", path, err) }
	if err := h.validate(); err != nil {
		return fail(err)
	}
	f, err := openLocked(partial(path), os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("replay: creating a record: %w", err)
	}
	w, err := begin(path, f, h)
	if err != nil {
		f.Close()
		return fail(err)
	}
	return w, nil
}

// openLocked opens an unfinished record and locks it for this process, if the system has such locks.
func openLocked(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|flag, 0o666)
	if err != nil {
		return nil, err
	}
	if err := atomicfile.Lock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: another process is recording into it; let it finish, or choose another name", path)
	}
	here, err1 := f.Stat()
	there, err2 := os.Stat(path)
	if err := errors.Join(err1, err2); err != nil || !os.SameFile(here, there) { // another process has finished the record meanwhile
		f.Close()
		return nil, fmt.Errorf("%s was finished by another process: %w", path, os.ErrNotExist)
	}
	return f, nil
}

// begin empties the file and writes the header.
func begin(path string, f *os.File, h Header) (*Writer, error) {
	if err := f.Truncate(0); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	w, err := newWriter(path, f, h)
	if err != nil {
		return nil, err
	}
	return w, w.e.header()
}

func newWriter(path string, f *os.File, h Header) (*Writer, error) {
	e, err := newEmitter(f, h)
	return &Writer{path: path, file: f, e: e}, err
}

// Resume continues an unfinished record from the first sequence that is missing or damaged; done is the number of this
// shard's sequences that are kept, and Rehearsed that of the packs that the model wrote. If there is no unfinished record, or not
// even its header is complete, Resume begins a new one. A header that differs from h is an error, see Header.Difference. A record
// that was begun as version 1 stays one.
func Resume(path string, h Header) (w *Writer, done int, err error) {
	f, err := openLocked(partial(path), 0)
	if errors.Is(err, os.ErrNotExist) {
		w, err = Create(path, h)
		return w, 0, err
	}
	if err != nil {
		return nil, 0, fmt.Errorf("replay: resuming a record: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	fail := func(err error) (*Writer, int, error) {
		return nil, 0, fmt.Errorf("replay: resuming %s: %w", partial(path), err)
	}
	if err := h.validate(); err != nil {
		return fail(err)
	}
	info, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	front := make([]byte, min(info.Size(), 16+maxHeader+4))
	if _, err := io.ReadFull(f, front); err != nil {
		return fail(err)
	}
	have, size, err := parseHeader(front)
	if err != nil { // the recording stopped before the first sequence
		if w, err = begin(path, f, h); err != nil {
			return fail(err)
		}
		return w, 0, nil
	}
	if d := have.difference(&h, false); d != "" {
		return fail(fmt.Errorf("it was begun with other settings or other data (%s); use those, or delete it to begin again", d))
	}
	if w, err = newWriter(path, f, have); err != nil { // which may be of version 1
		return fail(err)
	}
	w.e.off = int64(size)
	if err = w.keep(info.Size()); err != nil {
		return fail(err)
	}
	return w, len(w.e.offsets), nil
}

// keep reads the sections of whole sequences, counts them, and truncates the file after the last one.
func (w *Writer) keep(size int64) error {
	e := w.e
	in := sections{at: e.off, size: size, r: bufio.NewReaderSize(io.NewSectionReader(w.file, e.off, size-e.off), 1<<20)}
	un := unpacker{h: &e.h, own: e.ownHeader}
	var s data.Sequence
	_, hi := e.h.Range()
	for e.next() < hi {
		at := in.at
		frame, err := in.next()
		if err != nil || un.open(frame, e.next(), &s) != nil {
			break // the sequence is recorded again, whatever is wrong with it
		}
		e.codec.unit = append(e.codec.unit[:0], un.codec.unit...)
		e.note(at, &s)
		e.off = in.at
	}
	_, end := e.h.RehearsalRange()
	for e.next() == hi && e.nextPack() < end {
		at := in.at
		frame, err := in.next()
		if err != nil || un.openOwn(frame, e.nextPack(), &s) != nil {
			break
		}
		e.codec.unit = append(e.codec.unit[:0], un.codec.unit...)
		e.notePack(at, &s)
		e.off = in.at
	}
	if err := w.file.Truncate(e.off); err != nil {
		return err
	}
	_, err := w.file.Seek(e.off, io.SeekStart)
	return err
}

// Append adds sequence i of the recording. Sequences must come in order, beginning with the first of the shard. Append neither
// keeps nor changes the sequence. Numbers are rounded in the file as loss.Subsets says. After an error of the disk nothing more
// is written, and the recording can be resumed after the sequences before the error.
func (w *Writer) Append(i int, q *data.Sequence) error {
	fail := func(err error) error {
		return fmt.Errorf("replay: writing %s: sequence %d: %w", partial(w.path), i, err)
	}
	if w.err != nil {
		return fail(w.err)
	}
	if _, hi := w.e.h.Range(); i != w.e.next() || i >= hi {
		return fail(fmt.Errorf("out of order: want %d of %d to %d", w.e.next(), w.e.first, hi-1))
	}
	if err := w.e.codec.check(&w.e.h, q); err != nil {
		return fail(err)
	}
	if err := w.e.sequence(q); err != nil {
		w.err = err
		return fail(unwritten(err))
	}
	return nil
}

// Rehearse adds pack i of the text that the base model wrote itself, from 0 to Packs+Gauge-1 of the header's Rehearsal. The packs come
// in order, beginning with the first of the shard, after all its sequences. For the rest it is like Append.
func (w *Writer) Rehearse(i int, q *data.Sequence) error {
	fail := func(err error) error {
		return fmt.Errorf("replay: writing %s: rehearsal pack %d: %w", partial(w.path), i, err)
	}
	if err := w.mayRehearse(i); err != nil {
		return fail(err)
	}
	if err := w.e.codec.check(w.e.ownHeader, q); err != nil {
		return fail(err)
	}
	if err := w.e.pack(q); err != nil {
		w.err = err
		return fail(unwritten(err))
	}
	return nil
}

// copyRehearsal copies the packs that are missing from a record that holds all of them.
func (w *Writer) copyRehearsal(from *Reader) error {
	var s data.Sequence
	_, hi := w.e.h.RehearsalRange()
	for i := w.e.nextPack(); i < hi; i++ {
		err := w.mayRehearse(i)
		if err == nil {
			err = w.e.copyPack(from, i, &s)
		}
		if err != nil {
			w.err = err
			return fmt.Errorf("replay: writing %s: rehearsal pack %d: %w", partial(w.path), i, unwritten(err))
		}
	}
	return nil
}

// mayRehearse says why pack i cannot be written now.
func (w *Writer) mayRehearse(i int) error {
	if w.err != nil {
		return w.err
	}
	if _, hi := w.e.h.Range(); w.e.next() < hi {
		return fmt.Errorf("out of order: sequence %d of %d to %d comes first", w.e.next(), w.e.first, hi-1)
	}
	if _, hi := w.e.h.RehearsalRange(); i != w.e.nextPack() || i >= hi {
		return fmt.Errorf("out of order: want %d of %d to %d", w.e.nextPack(), w.e.firstPack, hi-1)
	}
	return nil
}

// Rehearsed is the number of this shard's packs of the model's own text that the file holds, the held-out ones included.
func (w *Writer) Rehearsed() int { return len(w.e.packs) }

// Header is the record's header. It differs from the one asked for if a record of version 1 is continued.
func (w *Writer) Header() Header { return w.e.h }

// unwritten is an error of the disk with a remedy.
func unwritten(err error) error {
	return fmt.Errorf("%w; the sequences recorded before are kept: make room, then record again with the same settings to continue", err)
}

// Suspend flushes all appended sequences to the disk and leaves the unfinished record for Resume.
func (w *Writer) Suspend() error {
	if err := errors.Join(w.file.Sync(), w.file.Close()); err != nil {
		return fmt.Errorf("replay: writing %s: %w", partial(w.path), unwritten(err))
	}
	return nil
}

// Close writes the end of the record, flushes it to the disk and renames it to its final name. If sequences or packs of the model's
// own text are missing, Close does what Suspend does and returns an error.
func (w *Writer) Close() error {
	lo, hi := w.e.h.Range()
	first, end := w.e.h.RehearsalRange()
	if n, packs := len(w.e.offsets), len(w.e.packs); n < hi-lo || packs < end-first || w.err != nil {
		if err := w.Suspend(); err != nil {
			return err
		}
		text := ""
		if end > first {
			text = fmt.Sprintf(" and %d of %d rehearsal packs", packs, end-first)
		}
		return fmt.Errorf("replay: %s holds %d of %d sequences%s; resume the recording to finish it", partial(w.path), n, hi-lo, text)
	}
	if err := w.e.end(); err != nil {
		w.err = err
		return errors.Join(fmt.Errorf("replay: writing the end of %s: %w", partial(w.path), unwritten(err)), w.file.Close())
	}
	if err := w.file.Sync(); err != nil {
		return errors.Join(fmt.Errorf("replay: writing %s: %w", partial(w.path), unwritten(err)), w.file.Close())
	}
	if runtime.GOOS == "windows" { // an open file cannot be renamed there
		w.file.Close()
	}
	err := os.Rename(partial(w.path), w.path)
	w.file.Close() // this also releases the lock; the file already has its final name
	if err != nil {
		return fmt.Errorf("replay: finishing a record: %w", err)
	}
	if dir, err := os.Open(filepath.Dir(w.path)); err == nil {
		dir.Sync() // makes the new name durable; not every system can sync a directory
		dir.Close()
	}
	return nil
}

// Summary counts the domain's sequences so far. Bytes is the number of bytes written so far.
func (w *Writer) Summary() Summary { return w.e.stats.summary(w.e.off) }
