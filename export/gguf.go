package export

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math"

	"reprise/asm"
)

// Type is how the weights of matrices are stored. Vectors are always F32.
type Type string

// The types.
const (
	F32  Type = "f32"
	F16  Type = "f16"
	BF16 Type = "bf16"
	Q8_0 Type = "q8_0" // blocks of 32 weights: a float16 scale and a signed byte each
)

// ParseType reads a name of a type.
func ParseType(s string) (Type, error) {
	switch t := Type(s); t {
	case F32, F16, BF16, Q8_0:
		return t, nil
	}
	return "", fmt.Errorf("export: dtype %q is not supported; supported: f32, f16, bf16, q8_0", s)
}

// code is GGML's number of a tensor type; fileType is the number of a file whose tensors are mostly of that type.
func (t Type) code() uint32     { return map[Type]uint32{F32: 0, F16: 1, Q8_0: 8, BF16: 30}[t] }
func (t Type) fileType() uint32 { return map[Type]uint32{F32: 0, F16: 1, Q8_0: 7, BF16: 32}[t] }

// block is the number of weights in a block of Q8_0.
const block = 32

// rowBytes is the stored size of a row.
func (t Type) rowBytes(cols int) int {
	switch t {
	case F32:
		return 4 * cols
	case Q8_0:
		return cols / block * (2 + block)
	}
	return 2 * cols
}

const (
	ggufVersion = 3
	alignment   = 32 // of tensors in the file
)

// pair is a piece of metadata. The value is a string, uint32, float32, bool, []string, []float32 or []int32.
type pair struct {
	key   string
	value any
}

// tensorData is a matrix to write: rows of cols values. For a vector rows is 0.
type tensorData struct {
	name       string
	typ        Type
	rows, cols int
	values     iter.Seq[[]float32] // row by row
}

func (t *tensorData) bytes() int { return max(1, t.rows) * t.typ.rowBytes(t.cols) }

// writer writes the format's primitive values and counts their bytes.
type writer struct {
	w   *bufio.Writer
	n   int
	err error
}

func (w *writer) raw(p []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(p)
		w.n += len(p)
	}
}

func (w *writer) u32(v uint32) { w.raw(binary.LittleEndian.AppendUint32(nil, v)) }
func (w *writer) u64(v int)    { w.raw(binary.LittleEndian.AppendUint64(nil, uint64(v))) }
func (w *writer) f32(v float32) {
	w.u32(math.Float32bits(v))
}
func (w *writer) text(s string) { w.u64(len(s)); w.raw([]byte(s)) }
func (w *writer) pad()          { w.raw(make([]byte, -w.n&(alignment-1))) }

// GGUF's numbers of value types.
const (
	typeUint32  = 4
	typeInt32   = 5
	typeFloat32 = 6
	typeBool    = 7
	typeString  = 8
	typeArray   = 9
)

func (w *writer) pair(p pair) {
	w.text(p.key)
	array := func(typ uint32, n int) { w.u32(typeArray); w.u32(typ); w.u64(n) }
	switch v := p.value.(type) {
	case string:
		w.u32(typeString)
		w.text(v)
	case uint32:
		w.u32(typeUint32)
		w.u32(v)
	case float32:
		w.u32(typeFloat32)
		w.f32(v)
	case bool:
		w.u32(typeBool)
		if v {
			w.raw([]byte{1})
		} else {
			w.raw([]byte{0})
		}
	case []string:
		array(typeString, len(v))
		for _, s := range v {
			w.text(s)
		}
	case []float32:
		array(typeFloat32, len(v))
		for _, x := range v {
			w.f32(x)
		}
	case []int32:
		array(typeInt32, len(v))
		for _, x := range v {
			w.u32(uint32(x))
		}
	default:
		panic(fmt.Sprintf("export: metadata %s of type %T", p.key, p.value))
	}
}

// write writes a GGUF file: header, metadata, the tensors' descriptions, then their data, each part aligned.
func write(out io.Writer, metadata []pair, tensors []tensorData) error {
	w := &writer{w: bufio.NewWriterSize(out, 1<<20)}
	w.raw([]byte("GGUF"))
	w.u32(ggufVersion)
	w.u64(len(tensors))
	w.u64(len(metadata))
	for _, p := range metadata {
		w.pair(p)
	}
	offset := 0
	for i := range tensors {
		t := &tensors[i]
		w.text(t.name)
		if t.rows == 0 {
			w.u32(1)
			w.u64(t.cols)
		} else { // the fastest dimension first
			w.u32(2)
			w.u64(t.cols)
			w.u64(t.rows)
		}
		w.u32(t.typ.code())
		w.u64(offset)
		offset += (t.bytes() + alignment - 1) &^ (alignment - 1)
	}
	w.pad()
	for i := range tensors {
		t := &tensors[i]
		row := 0
		for values := range t.values {
			p, err := encode(t.typ, values)
			if err != nil {
				return fmt.Errorf("tensor %s: row %d: %w", t.name, row, err)
			}
			w.raw(p)
			row++
		}
		w.pad()
	}
	if w.err != nil {
		return w.err
	}
	return w.w.Flush()
}

// encode turns a row into its stored bytes.
func encode(t Type, x []float32) ([]byte, error) {
	p := make([]byte, 0, t.rowBytes(len(x)))
	switch t {
	case F32:
		for _, v := range x {
			p = binary.LittleEndian.AppendUint32(p, math.Float32bits(v))
		}
	case Q8_0:
		for len(x) > 0 {
			var err error
			if p, err = appendQ8(p, x[:block]); err != nil {
				return nil, err
			}
			x = x[block:]
		}
	default:
		half := make([]uint16, len(x))
		infinity := uint16(0x7c00)
		if t == F16 {
			asm.F16FromF32(half, x)
		} else {
			asm.BF16FromF32(half, x)
			infinity = 0x7f80
		}
		for i, h := range half {
			if h&infinity == infinity {
				return nil, fmt.Errorf("%g is too large for %s; use f32", x[i], t)
			}
			p = binary.LittleEndian.AppendUint16(p, h)
		}
	}
	return p, nil
}

// appendQ8 quantises a block: scale d = max|x|/127, stored in float16; q = x/d, rounded, halves away from zero.
func appendQ8(p []byte, x []float32) ([]byte, error) {
	var top float32
	for _, v := range x {
		top = max(top, float32(math.Abs(float64(v))))
	}
	d := top / 127
	var half [1]uint16
	asm.F16FromF32(half[:], []float32{d})
	inverse := float32(0)
	if half[0] != 0 { // otherwise every q is 0, and 1/d may be infinite
		inverse = 1 / d
	}
	if half[0]&0x7c00 == 0x7c00 {
		return nil, fmt.Errorf("%g is too large for %s; use f32", top, Q8_0)
	}
	p = binary.LittleEndian.AppendUint16(p, half[0])
	for _, v := range x {
		p = append(p, byte(int8(max(-127, min(127, math.Round(float64(v*inverse)))))))
	}
	return p, nil
}
