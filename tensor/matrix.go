package tensor

import (
	"fmt"
	"unsafe"
)

// Matrix is a row-major float32 matrix or a view into one: element (i, j) is
// Data[i*Stride+j]. Stride >= Cols.
type Matrix struct {
	Rows, Cols, Stride int
	Data               []float32
}

// Param is a trained tensor: weights W and their gradient G (nil until
// AllocGrads). A one-dimensional tensor of n values is a 1×n matrix; Shape
// is the shape in the file.
type Param struct {
	Name  string
	W, G  *Matrix
	Shape []int
	Grad  GradState
}

// GradState says what a gradient holds. With it a forgotten call panics with a
// sentence; without it, training would go on with a wrong gradient.
type GradState uint8

const (
	GradZero  GradState = iota // zeros, or what its owner wrote there without a model
	GradOpen                   // the sum over some batches; more may follow, and the embedding's part is kept elsewhere until the step ends
	GradWhole                  // the gradient of a whole step
	GradUsed                   // the gradient of a step that an optimizer has taken
)

// NewMatrix returns a zeroed rows×cols matrix without gaps between its rows.
// Its first element is aligned to 64 bytes.
func NewMatrix(rows, cols int) *Matrix {
	if rows < 0 || cols < 0 {
		panic(fmt.Sprintf("tensor: NewMatrix: negative dimension in %d×%d", rows, cols))
	}
	return &Matrix{Rows: rows, Cols: cols, Stride: cols, Data: aligned(rows * cols)}
}

// aligned returns n zeros that start at a multiple of 64 bytes.
func aligned(n int) []float32 {
	if n == 0 {
		return nil
	}
	buf := make([]float32, n+15)
	preferHugePages(buf)
	skip := int(-(uintptr(unsafe.Pointer(&buf[0])) >> 2)) & 15
	return buf[skip : skip+n : skip+n]
}

// Row returns row i; writing to it writes to the matrix.
func (m *Matrix) Row(i int) []float32 {
	if uint(i) >= uint(m.Rows) {
		m.badRange("Row", i, i+1, 0, m.Cols)
	}
	return m.Data[i*m.Stride : i*m.Stride+m.Cols : i*m.Stride+m.Cols]
}

// RowRange returns rows r0 to r1 (excluded) as a view.
func (m *Matrix) RowRange(r0, r1 int) Matrix { return m.View(r0, r1, 0, m.Cols) }

// View returns rows r0 to r1 and columns c0 to c1 (ends excluded) as a view.
func (m *Matrix) View(r0, r1, c0, c1 int) Matrix {
	if r0 < 0 || r1 < r0 || r1 > m.Rows || c0 < 0 || c1 < c0 || c1 > m.Cols {
		m.badRange("View", r0, r1, c0, c1)
	}
	v := Matrix{Rows: r1 - r0, Cols: c1 - c0, Stride: m.Stride}
	if v.Rows > 0 && v.Cols > 0 {
		v.Data = m.Data[r0*m.Stride+c0 : (r1-1)*m.Stride+c1]
	}
	return v
}

func (m *Matrix) badRange(op string, r0, r1, c0, c1 int) {
	panic(fmt.Sprintf("tensor: %s: rows %d to %d, columns %d to %d of a %d×%d matrix", op, r0, r1, c0, c1, m.Rows, m.Cols))
}
