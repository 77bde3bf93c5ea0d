package checkpoint

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"reprise/asm"
	"reprise/internal/atomicfile"
)

// DefaultShardBytes is the largest size of a weights file before it is cut into shards: 5 GB, as in Hugging Face's
// libraries.
const DefaultShardBytes = 5_000_000_000

// Tensor is something to write: a name, a type, a shape, and one of Data, Values and Raw.
type Tensor struct {
	Name   string
	DType  DType
	Shape  []int
	Data   []float32           // F32, BF16, F16: the elements in row-major order
	Values iter.Seq[[]float32] // the same in pieces of any length
	Raw    []byte              // any type: little-endian bytes
}

// raw says whether the bytes are given, or nothing is to be written.
func (t *Tensor) raw() bool { return t.Data == nil && t.Values == nil }

// bytes is the stored size.
func (t *Tensor) bytes() (int64, error) {
	size := t.DType.Size()
	if size == 0 || !t.raw() && !t.DType.IsWeight() {
		return 0, fmt.Errorf("tensor %s: dtype %s cannot be written from float32", quote(t.Name), quote(string(t.DType)))
	}
	for _, d := range t.Shape {
		if d < 0 {
			return 0, fmt.Errorf("tensor %s: shape %v has a negative dimension", quote(t.Name), t.Shape)
		}
	}
	n, err := elements(t.Shape, size)
	if err != nil {
		return 0, fmt.Errorf("tensor %s: %w", quote(t.Name), err)
	}
	if t.raw() && len(t.Raw) != n*size {
		return 0, fmt.Errorf("tensor %s: %d bytes, but shape %v of %s takes %d", quote(t.Name), len(t.Raw), t.Shape, t.DType, n*size)
	}
	return int64(n) * int64(size), nil
}

// Write writes tensors to w as a safetensors file. They are stored in the order of the reference implementation: wide
// types first, then by name; so the bytes of the file depend only on the tensors.
func Write(w io.Writer, tensors []Tensor) error {
	if err := write(w, tensors); err != nil {
		return fmt.Errorf("checkpoint: writing safetensors: %w", err)
	}
	return nil
}

// WriteFile is Write into a file. Afterwards the file is complete or, after an error, as it was before.
func WriteFile(path string, tensors []Tensor) error {
	_, err := writeFile(path, tensors)
	return err
}

// writeFile is WriteFile and returns the SHA-256 of what was written.
func writeFile(path string, tensors []Tensor) (sum string, err error) {
	h := sha256.New()
	if err := atomicfile.Write(path, func(w io.Writer) error { return write(io.MultiWriter(w, h), tensors) }); err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func write(w io.Writer, tensors []Tensor) error {
	tensors = slices.Clone(tensors)
	slices.SortFunc(tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(b.DType.rank(), a.DType.rank()), strings.Compare(a.Name, b.Name))
	})
	header, err := buildHeader(tensors)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	e := encoder{w: w, buf: make([]byte, 4*chunk), half: make([]uint16, chunk)}
	for i := range tensors {
		t := &tensors[i]
		if t.raw() {
			if _, err := w.Write(t.Raw); err != nil {
				return err
			}
			continue
		}
		if err := e.encode(t); err != nil {
			return fmt.Errorf("tensor %s: %w", quote(t.Name), err)
		}
	}
	return nil
}

// buildHeader is everything before the first tensor's bytes.
func buildHeader(tensors []Tensor) ([]byte, error) {
	type entry struct {
		DType   DType    `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	b.WriteString(`{"` + metadataKey + `":{"format":"pt"}`)
	seen := map[string]bool{metadataKey: true}
	var offset int64
	for i := range tensors {
		t := &tensors[i]
		if seen[t.Name] {
			return nil, fmt.Errorf("tensor %s: the name is reserved or used twice", quote(t.Name))
		}
		seen[t.Name] = true
		n, err := t.bytes()
		if err != nil {
			return nil, err
		}
		if n > math.MaxInt64-offset {
			return nil, fmt.Errorf("tensor %s: the file becomes too large", quote(t.Name))
		}
		e := entry{DType: t.DType, Shape: t.Shape, Offsets: [2]int64{offset, offset + n}}
		if e.Shape == nil {
			e.Shape = []int{}
		}
		offset += n
		b.WriteByte(',')
		if err := writeJSON(&b, t.Name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := writeJSON(&b, e); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len()-8 > maxHeader {
		return nil, fmt.Errorf("a header of %d bytes, at most %d are allowed", b.Len()-8, maxHeader)
	}
	header := b.Bytes()
	binary.LittleEndian.PutUint64(header, uint64(len(header)-8))
	return header, nil
}

// writeJSON appends v without a newline and without the escapes that only HTML needs.
func writeJSON(b *bytes.Buffer, v any) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1)
	return nil
}

// encoder turns float32 into stored bytes, a chunk at a time.
type encoder struct {
	w    io.Writer
	buf  []byte
	half []uint16
}

func (e *encoder) encode(t *Tensor) error {
	want, _ := elements(t.Shape, t.DType.Size())
	done := 0
	values := t.Values
	if values == nil {
		values = func(yield func([]float32) bool) { yield(t.Data) }
	}
	for piece := range values {
		if len(piece) > want-done {
			return fmt.Errorf("more than the %d values of shape %v", want, t.Shape)
		}
		for len(piece) > 0 {
			n := min(chunk, len(piece))
			if err := e.write(t.DType, piece[:n], done); err != nil {
				return err
			}
			piece, done = piece[n:], done+n
		}
	}
	if done != want {
		return fmt.Errorf("%d values, want the %d of shape %v", done, want, t.Shape)
	}
	return nil
}

// write stores at most chunk values; first is the index of the first one.
func (e *encoder) write(d DType, x []float32, first int) error {
	buf := e.buf[:len(x)*d.Size()]
	half := e.half[:len(x)]
	var infinity uint16
	switch d {
	case F32:
		putFloat32(buf, x)
		_, err := e.w.Write(buf)
		return err
	case BF16:
		asm.BF16FromF32(half, x)
		infinity = 0x7f80
	case F16:
		asm.F16FromF32(half, x)
		infinity = 0x7c00
	}
	for i, u := range half {
		if u&infinity == infinity && notFinite(x[i:i+1]) < 0 {
			return fmt.Errorf("element %d is %g, too large for %s; write F32 instead", first+i, x[i], d)
		}
	}
	putUint16(buf, half)
	_, err := e.w.Write(buf)
	return err
}

// WriteShards writes tensors into a directory: to model.safetensors if they take at most maxBytes (0: DefaultShardBytes),
// otherwise to model-00001-of-0000n.safetensors and so on, filled in ascending order of names, with
// model.safetensors.index.json. A tensor is never split.
func WriteShards(dir string, tensors []Tensor, maxBytes int64) error {
	return writeShards(dir, tensors, maxBytes, sums{})
}

// writeShards is WriteShards and notes the SHA-256 of every file.
func writeShards(dir string, tensors []Tensor, maxBytes int64, s sums) error {
	if maxBytes <= 0 {
		maxBytes = DefaultShardBytes
	}
	tensors = slices.Clone(tensors)
	slices.SortFunc(tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	var shards [][]Tensor
	var room, total int64
	for i := range tensors {
		n, err := tensors[i].bytes()
		if err != nil {
			return fmt.Errorf("checkpoint: writing %s: %w", dir, err)
		}
		if i == 0 || n > room {
			shards = append(shards, nil)
			room = maxBytes
		}
		last := len(shards) - 1
		shards[last] = append(shards[last], tensors[i])
		room -= n
		total += n
	}
	if len(shards) < 2 {
		sum, err := writeFile(filepath.Join(dir, weightsFile), tensors)
		s[weightsFile] = sum
		return err
	}
	layout := map[string]string{}
	for i, shard := range shards {
		file := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(shards))
		for _, t := range shard {
			layout[t.Name] = file
		}
	}
	var index struct {
		Metadata struct {
			TotalSize int64 `json:"total_size"`
		} `json:"metadata"`
		WeightMap map[string]string `json:"weight_map"`
	}
	index.Metadata.TotalSize, index.WeightMap = total, layout
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(index); err != nil {
		return fmt.Errorf("checkpoint: writing %s: %w", dir, err)
	}
	return writeLayout(dir, tensors, layout, b.Bytes(), s)
}

// writeLayout writes every tensor to the file that layout gives it, and the index last, and notes their SHA-256.
func writeLayout(dir string, tensors []Tensor, layout map[string]string, index []byte, s sums) error {
	shards := map[string][]Tensor{}
	for _, t := range tensors {
		shards[layout[t.Name]] = append(shards[layout[t.Name]], t)
	}
	for _, file := range sortedKeys(shards) {
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		sum, err := writeFile(path, shards[file])
		if err != nil {
			return err
		}
		s[file] = sum
	}
	s.add(indexFile, index)
	if err := atomicfile.WriteFile(filepath.Join(dir, indexFile), index); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
