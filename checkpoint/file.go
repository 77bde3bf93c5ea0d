package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"reprise/asm"
)

// chunk is the number of elements converted at a time.
const chunk = 1 << 14

// File is an open safetensors file. It may be read by several goroutines at once.
type File struct {
	path     string
	r        io.ReaderAt
	closer   io.Closer // nil: nothing to close
	tensors  []Info    // by name
	index    map[string]int
	metadata map[string]string
}

// Open maps a safetensors file into memory and checks its header. No tensor is read yet. If the file is truncated while it is
// open, or its disk fails, reading from it gives an error.
func Open(path string) (*File, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("checkpoint: %s: not a file", path)
	}
	m, err := openMapped(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	f, err := NewFile(path, m, m.size())
	if err != nil {
		m.Close()
		return nil, err
	}
	f.closer = m
	return f, nil
}

// openUnmapped is Open for a file that is read by system calls: what was read does not count as memory of the process, and a
// file that is cut short meanwhile gives an error.
func openUnmapped(path string) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	fi, err := r.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = errors.New("not a file")
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	f, err := NewFile(path, r, fi.Size())
	if err != nil {
		r.Close()
		return nil, err
	}
	f.closer = r
	return f, nil
}

// NewFile is Open for size bytes that come from r; path names them in errors. Close leaves r open.
func NewFile(path string, r io.ReaderAt, size int64) (*File, error) {
	f := &File{path: path, r: r, index: map[string]int{}}
	fail := func(format string, args ...any) (*File, error) {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, fmt.Errorf(format, args...))
	}
	var first [8]byte
	if size < 8 {
		return fail("%d bytes, too short for a safetensors file", size)
	}
	if err := readAt(r, first[:], 0); err != nil {
		return fail("%w", err)
	}
	n := binary.LittleEndian.Uint64(first[:])
	why := ""
	if n > maxHeader { // a text or another format
		head := make([]byte, min(size, headBytes))
		if err := readAt(r, head, 0); err != nil {
			return fail("%w", err)
		}
		why = foreign(head)
	}
	switch {
	case why != "":
		return fail("%s", why)
	case n > maxHeader:
		return fail("the header claims %d bytes, at most %d are allowed; is this a safetensors file?", n, maxHeader)
	case int64(n) > size-8:
		return fail("the header claims %d bytes, but only %d follow; the file is cut short", n, size-8)
	}
	header := make([]byte, n)
	if err := readAt(r, header, 8); err != nil {
		return fail("%w", err)
	}
	base := int64(8 + n)
	var err error
	if f.tensors, f.metadata, err = parseHeader(header, size-base); err != nil {
		return fail("%w", err)
	}
	for i := range f.tensors {
		f.tensors[i].Offset += base
		f.index[f.tensors[i].Name] = i
	}
	return f, nil
}

// Close unmaps the file.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Path is the path under which the file was opened.
func (f *File) Path() string { return f.path }

// Names lists the tensors in ascending order.
func (f *File) Names() []string {
	names := make([]string, len(f.tensors))
	for i := range f.tensors {
		names[i] = f.tensors[i].Name
	}
	return names
}

// Metadata is the header's table of strings; nil if it has none.
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Info describes a tensor.
func (f *File) Info(name string) (Info, error) {
	i, ok := f.index[name]
	if !ok {
		return Info{}, fmt.Errorf("checkpoint: %s: tensor %s is missing", f.path, quote(name))
	}
	t := f.tensors[i]
	t.Shape = slices.Clone(t.Shape)
	return t, nil
}

// ReadFloat32 reads a tensor of dtype F32, BF16 or F16 into dst, whose length must be the number of elements. All three
// convert without rounding.
func (f *File) ReadFloat32(name string, dst []float32) error {
	t, err := f.Info(name)
	if err != nil {
		return err
	}
	if !t.DType.IsWeight() {
		return f.wrong(t, "dtype %s, want F32, BF16 or F16", t.DType)
	}
	if len(dst) != t.Len() {
		return f.wrong(t, "shape %v has %d elements, want %d", t.Shape, t.Len(), len(dst))
	}
	return f.readFloat32(t, 0, dst)
}

// readFloat32 reads len(dst) elements of t, starting with number first.
func (f *File) readFloat32(t Info, first int, dst []float32) error {
	return f.readWith(new(buffers), t, first, dst)
}

// buffers hold the bytes of at most a chunk of elements while they are converted.
type buffers struct {
	bytes []byte
	half  []uint16
}

// readWith is readFloat32 in buffers that are kept.
func (f *File) readWith(b *buffers, t Info, first int, dst []float32) error {
	size := t.DType.Size()
	if n := min(chunk, len(dst)); len(b.bytes) < n*size || size == 2 && len(b.half) < n {
		b.bytes, b.half = make([]byte, n*size), make([]uint16, n)
	}
	buf, half := b.bytes, b.half
	off := t.Offset + int64(first)*int64(size)
	for len(dst) > 0 {
		n := min(chunk, len(dst))
		if err := readAt(f.r, buf[:n*size], off); err != nil {
			return f.wrong(t, "%w", err)
		}
		switch t.DType {
		case F32:
			getFloat32(dst[:n], buf)
		case BF16:
			getUint16(half[:n], buf)
			asm.F32FromBF16(dst[:n], half[:n])
		case F16:
			getUint16(half[:n], buf)
			asm.F32FromF16(dst[:n], half[:n])
		}
		dst, off = dst[n:], off+int64(n*size)
	}
	return nil
}

// ReadRaw reads the little-endian bytes of a tensor of any dtype.
func (f *File) ReadRaw(name string) ([]byte, error) {
	t, err := f.Info(name)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, t.Bytes)
	if err := readAt(f.r, raw, t.Offset); err != nil {
		return nil, f.wrong(t, "%w", err)
	}
	return raw, nil
}

// ReadInt64 reads a tensor of dtype I64 or I32.
func (f *File) ReadInt64(name string) ([]int64, error) {
	t, err := f.Info(name)
	if err != nil {
		return nil, err
	}
	if t.DType == I32 {
		narrow, err := f.ReadInt32(name)
		wide := make([]int64, len(narrow))
		for i, v := range narrow {
			wide[i] = int64(v)
		}
		return wide, err
	}
	if t.DType != I64 {
		return nil, f.wrong(t, "dtype %s, want I64 or I32", t.DType)
	}
	raw, err := f.ReadRaw(name)
	dst := make([]int64, len(raw)/8)
	for i := range dst {
		dst[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return dst, err
}

// ReadInt32 reads a tensor of dtype I32.
func (f *File) ReadInt32(name string) ([]int32, error) {
	t, err := f.Info(name)
	if err != nil {
		return nil, err
	}
	if t.DType != I32 {
		return nil, f.wrong(t, "dtype %s, want I32", t.DType)
	}
	raw, err := f.ReadRaw(name)
	dst := make([]int32, len(raw)/4)
	for i := range dst {
		dst[i] = int32(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return dst, err
}

// wrong is an error about a tensor of this file.
func (f *File) wrong(t Info, format string, args ...any) error {
	return fmt.Errorf("checkpoint: %s: tensor %s: %w", f.path, quote(t.Name), fmt.Errorf(format, args...))
}

// checkShape compares with the shape that the reader expects.
func (f *File) checkShape(t Info, want []int) error {
	switch {
	case len(t.Shape) != len(want):
		return f.wrong(t, "%d dimensions, want %d: shape %v, want %v", len(t.Shape), len(want), t.Shape, want)
	case !slices.Equal(t.Shape, want):
		return f.wrong(t, "shape %v, want %v", t.Shape, want)
	}
	return nil
}

// readAt fills p or returns an error that says why it could not.
func readAt(r io.ReaderAt, p []byte, off int64) error {
	if len(p) == 0 {
		return nil
	}
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("the file ends at byte %d, want %d more: %w", off+int64(n), len(p)-n, io.ErrUnexpectedEOF)
	}
	return err
}
