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

// frameOf returns the section of a sequence, valid until the next call.
func (e *emitter) frameOf(number int, q *data.Sequence) ([]byte, error) {
	e.payload = e.codec.encode(e.payload[:0], q)
	if len(e.payload) > maxPayload {
		return nil, fmt.Errorf("%d MiB in one sequence, want at most %d; lower k_max or max_seq_len", len(e.payload)>>20, maxPayload>>20)
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
// shard's sequences that are kept. If there is no unfinished record, or not even its header is complete, Resume begins a new
// one. A header that differs from h is an error.
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
	if w, err = newWriter(path, f, h); err != nil {
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
	un := unpacker{h: &e.h}
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

// Close writes the end of the record, flushes it to the disk and renames it to its final name. If sequences are missing, Close
// does what Suspend does and returns an error.
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

// Summary counts the sequences so far. Bytes is the number of bytes written so far.
func (w *Writer) Summary() Summary { return w.e.stats.summary(w.e.off) }
