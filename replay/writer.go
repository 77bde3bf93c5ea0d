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

// emitter writes the bytes of a record in order: header, sequences, end.
type emitter struct {
	w       io.Writer
	h       Header
	first   int // number of the first sequence in the recording
	off     int64
	offsets []uint64
	stats   stats
	codec   codec
	payload []byte
	packed  []byte
	frame   []byte
	zstd    *zstd.Encoder // nil without compression
}

func newEmitter(w io.Writer, h Header) (*emitter, error) {
	e := &emitter{w: w, h: h}
	e.first, _ = h.Range()
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
	frame, err := e.frameOf(e.next(), q)
	if err != nil {
		return err
	}
	return e.raw(frame, q)
}

// frameOf is the section of a sequence, valid until the next call.
func (e *emitter) frameOf(number int, q *data.Sequence) ([]byte, error) {
	e.payload = e.codec.encode(e.payload[:0], q)
	if len(e.payload) > maxPayload {
		return nil, fmt.Errorf("%d MiB in one sequence, at most %d are possible; lower k_max or max_seq_len", len(e.payload)>>20, maxPayload>>20)
	}
	kind, stored := kindSequence, e.payload
	if e.zstd != nil {
		e.packed = e.zstd.EncodeAll(e.payload, e.packed[:0])
		if n := len(e.packed); n < len(e.payload) && len(e.payload) <= maxExpansion*n {
			kind, stored = kindCompressed, e.packed
		}
	}
	e.frame = section(e.frame[:0], kind, uint32(number), stored, len(e.payload))
	return e.frame, nil
}

// raw writes the section of the next sequence. The codec must have coded that sequence last.
func (e *emitter) raw(frame []byte, q *data.Sequence) error {
	at := e.off
	if err := e.write(frame); err != nil {
		return err
	}
	e.note(at, q)
	return nil
}

// note counts a sequence whose section stands at an offset.
func (e *emitter) note(at int64, q *data.Sequence) {
	e.offsets = append(e.offsets, uint64(at))
	e.stats.add(&e.h, q, e.codec.unit)
}

// end writes statistics, index and trailer.
func (e *emitter) end() error {
	at := e.off
	stats := e.stats.append(nil)
	if err := e.write(section(nil, kindStats, 0, stats, len(stats))); err != nil {
		return err
	}
	index := le.AppendUint64(nil, uint64(e.first))
	index = le.AppendUint64(index, uint64(len(e.offsets)))
	for _, o := range e.offsets {
		index = le.AppendUint64(index, o)
	}
	indexAt := e.off
	if err := e.write(section(nil, kindIndex, 0, index, len(index))); err != nil {
		return err
	}
	return e.write(trailer{uint64(at), uint64(indexAt), uint64(e.off + trailerSize)}.append(nil))
}

// Writer writes a record into PATH.partial; Close gives it its name. A recording that stops before can be resumed. Every
// sequence goes to the operating system as it is appended, so that a process that is killed loses none.
type Writer struct {
	path string
	file *os.File
	e    *emitter
	err  error // of the file; nothing is written after it
}

// partial is the name of an unfinished record.
func partial(path string) string { return path + ".partial" }

// Create begins a record. An unfinished one of the same path is lost; see Resume.
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

// openLocked opens an unfinished record for this process alone, where the system knows such locks.
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
	if err := errors.Join(err1, err2); err != nil || !os.SameFile(here, there) { // it was finished meanwhile
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

// Resume goes on with an unfinished record, from the first sequence that is missing or damaged; done sequences of this
// shard are there. It begins a new one where there is none, or where the unfinished one does not even have a whole header.
// A header that differs is an error.
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
	if err != nil { // it broke off before the first sequence
		if w, err = begin(path, f, h); err != nil {
			return fail(err)
		}
		return w, 0, nil
	}
	if d := have.difference(&h, false); d != "" {
		return fail(fmt.Errorf("it was begun with other settings or other data (%s); repeat those, or delete it to begin again", d))
	}
	if w, err = newWriter(path, f, h); err != nil {
		return fail(err)
	}
	w.e.off = int64(size)
	if err = w.keep(info.Size()); err != nil {
		return fail(err)
	}
	return w, len(w.e.offsets), nil
}

// keep walks over the sections of whole sequences, counts them, and cuts the file behind the last one.
func (w *Writer) keep(size int64) error {
	e := w.e
	in := sections{at: e.off, size: size, r: bufio.NewReaderSize(io.NewSectionReader(w.file, e.off, size-e.off), 1<<20)}
	un := unpacker{h: &e.h}
	var s data.Sequence
	_, hi := e.h.Range()
	for e.next() < hi {
		at := in.at
		frame, err := in.next()
		if err != nil || un.open(frame, e.next(), &s) != nil {
			break // whatever is wrong with it: it is recorded again
		}
		e.codec.unit = append(e.codec.unit[:0], un.codec.unit...)
		e.note(at, &s)
		e.off = in.at
	}
	if err := w.file.Truncate(e.off); err != nil {
		return err
	}
	_, err := w.file.Seek(e.off, io.SeekStart)
	return err
}

// Append adds sequence i of the recording; they must come in order, from the first that the shard holds. It is neither
// kept nor changed. What reaches the file is rounded as loss.Subsets says. After an error of the disk nothing more is written:
// what came before can be resumed.
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

// unwritten is an error of the disk with what to do about it.
func unwritten(err error) error {
	return fmt.Errorf("%w; what was recorded before is kept: make room, then record again with the same settings and it goes on", err)
}

// Suspend leaves an unfinished record for Resume, on the disk with everything that was appended.
func (w *Writer) Suspend() error {
	if err := errors.Join(w.file.Sync(), w.file.Close()); err != nil {
		return fmt.Errorf("replay: writing %s: %w", partial(w.path), unwritten(err))
	}
	return nil
}

// Close writes the end of the record, syncs it and gives it its name. A record that is not complete stays as Suspend
// leaves it, and Close says so.
func (w *Writer) Close() error {
	lo, hi := w.e.h.Range()
	if n := len(w.e.offsets); n < hi-lo || w.err != nil {
		if err := w.Suspend(); err != nil {
			return err
		}
		return fmt.Errorf("replay: %s holds %d of %d sequences; resume the recording to finish it", partial(w.path), n, hi-lo)
	}
	if err := w.e.end(); err != nil {
		w.err = err
		return errors.Join(fmt.Errorf("replay: writing the end of %s: %w", partial(w.path), unwritten(err)), w.file.Close())
	}
	if err := w.file.Sync(); err != nil {
		return errors.Join(fmt.Errorf("replay: writing %s: %w", partial(w.path), unwritten(err)), w.file.Close())
	}
	if runtime.GOOS == "windows" { // no open file can be renamed
		w.file.Close()
	}
	err := os.Rename(partial(w.path), w.path)
	w.file.Close() // and with it the lock: nobody can have taken an unfinished record for the finished one
	if err != nil {
		return fmt.Errorf("replay: finishing a record: %w", err)
	}
	if dir, err := os.Open(filepath.Dir(w.path)); err == nil {
		dir.Sync() // makes the new name durable; not every system lets a directory be synced
		dir.Close()
	}
	return nil
}

// Summary counts what is in the record so far. Bytes are those that a finished file has now.
func (w *Writer) Summary() Summary { return w.e.stats.summary(w.e.off) }
