package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxObject bounds the text of a row, in bytes.
const maxObject = 64 << 20

var (
	errLevels = errors.New("the columns of a list or a group do not fit together: the file is damaged")
	errLarge  = fmt.Errorf("the row takes more than %d MiB as text", maxObject>>20)
)

// RowError names the row that cannot be read.
type RowError struct {
	Row   int    // counted from 1
	Field string // the field of the object at fault; "" if it is not a single one
	Err   error  // what is wrong; names the column, with the fields above it
}

func (e *RowError) Error() string { return fmt.Sprintf("row %d: %v", e.Row, e.Err) }

func (e *RowError) Unwrap() error { return e.Err }

// columnError is what is wrong in a column.
type columnError struct {
	of  *node
	err error
}

func (e *columnError) Error() string { return fmt.Sprintf("column %s: %v", e.of.path, e.err) }

func (e *columnError) Unwrap() error { return e.err }

// rowError is an error of reading or writing a row.
func rowError(row int, err error) error {
	e := &RowError{Row: row, Err: err}
	if c, ok := errors.AsType[*columnError](err); ok {
		e.Field = c.of.field
	}
	return e
}

// Rows calls use for every row, counted from 1, with its fields as a JSON object in the order of the schema. The bytes are valid
// until use returns. An error of use ends it and is returned as it is; that of a row is a [RowError].
func (f *File) Rows(use func(row int, object []byte) error) (err error) {
	if len(f.leaves) == 0 {
		return errors.New("the Parquet file has no columns")
	}
	r := &reader{f: f}
	defer func() {
		if r.zstd != nil {
			r.zstd.Close()
		}
	}()
	w := &writer{}
	row := 0
	var all []entry // of the row, one column after the other
	ends := make([]int, len(f.leaves))
	entries := make([][]entry, len(f.leaves))
	for _, g := range f.groups {
		columns := make([]*column, len(f.leaves))
		for i, leaf := range f.leaves {
			columns[i] = r.open(leaf, g.chunks[i])
		}
		for range g.rows {
			row++
			r.entries, r.bytes = 0, 0
			clear(all) // the pages of the last row need not stay
			all = all[:0]
			for i, c := range columns {
				if all, err = c.row(all); err != nil {
					return rowError(row, &columnError{c.leaf, err})
				}
				ends[i] = len(all)
			}
			for i, start := 0, 0; i < len(ends); i++ {
				entries[i], start = all[start:ends[i]], ends[i]
			}
			w.b = w.b[:0]
			if err := w.group(f.root, entries); err != nil {
				return rowError(row, err)
			}
			if err := use(row, w.b); err != nil {
				return err
			}
		}
		for _, c := range columns {
			_, more, err := c.peek()
			if err == nil && more {
				err = errors.New("there are more values than rows: the file is damaged")
			}
			if err != nil {
				return &columnError{c.leaf, err}
			}
			c.close()
		}
	}
	return nil
}

// writer writes a row. Each of its functions gets the entries of the leaves below its node: at least one for each, because also
// what is not there has an entry, whose definition level says so.
type writer struct{ b []byte }

// group writes an object of a node's members.
func (w *writer) group(n *node, leaves [][]entry) error {
	w.b = append(w.b, '{')
	for i, m := range n.members {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		if err := w.room(len(m.key)); err != nil {
			return err
		}
		w.b = append(w.b, m.key...)
		if err := w.field(m, leaves[m.at-n.at:][:m.leaves]); err != nil {
			return err
		}
	}
	w.b = append(w.b, '}')
	return nil
}

// field writes a node's value, null, or for a repeated one a list.
func (w *writer) field(n *node, leaves [][]entry) error {
	if n.repeated {
		return w.list(n, n, leaves)
	}
	if n.optional {
		there, err := reaches(leaves, n.maxDef)
		if err != nil {
			return err
		}
		if !there {
			w.b = append(w.b, "null"...)
			return nil
		}
	}
	return w.content(n, leaves)
}

// reaches says whether the first entries are defined up to a level. All leaves must agree.
func reaches(leaves [][]entry, level int) (bool, error) {
	there := leaves[0][0].def >= level
	for _, l := range leaves {
		if l[0].def >= level != there || !there && len(l) != 1 {
			return false, errLevels
		}
	}
	return there, nil
}

// room says whether the row may have more bytes.
func (w *writer) room(more int) error {
	if len(w.b)+more > maxObject {
		return errLarge
	}
	return nil
}

// content writes the value of a node that is there.
func (w *writer) content(n *node, leaves [][]entry) error {
	if err := w.room(0); err != nil {
		return err
	}
	switch {
	case n.typ >= 0:
		if err := w.scalar(n, leaves[0][0]); err != nil {
			return &columnError{n, err}
		}
		return nil
	case n.isList():
		return w.list(n.members[0], n.item(), leaves)
	case n.meaning == object:
		return w.pairs(n.members[0], leaves)
	}
	return w.group(n, leaves)
}

// list writes the elements of a repeated field; item is the field or its only member.
func (w *writer) list(repeated, item *node, leaves [][]entry) error {
	w.b = append(w.b, '[')
	err := each(repeated, leaves, func(i int, element [][]entry) error {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		if item == repeated {
			return w.content(item, element)
		}
		return w.field(item, element)
	})
	w.b = append(w.b, ']')
	return err
}

// pairs writes a map as an object.
func (w *writer) pairs(repeated *node, leaves [][]entry) error {
	key := repeated.members[0]
	seen := map[string]bool{}
	w.b = append(w.b, '{')
	err := each(repeated, leaves, func(i int, pair [][]entry) error {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		name := string(pair[0][0].b)
		if seen[name] {
			return &columnError{key, fmt.Errorf("the key %.100q is there twice", name)}
		}
		seen[name] = true
		if err := w.content(key, pair[:1]); err != nil {
			return err
		}
		w.b = append(w.b, ':')
		if len(repeated.members) == 1 {
			w.b = append(w.b, "null"...)
			return nil
		}
		return w.field(repeated.members[1], pair[1:])
	})
	w.b = append(w.b, '}')
	return err
}

// each divides the entries of a repeated field into its elements, all of which must be there.
func each(repeated *node, leaves [][]entry, use func(i int, element [][]entry) error) error {
	there, err := reaches(leaves, repeated.maxDef)
	if err != nil || !there {
		return err
	}
	rest := append([][]entry(nil), leaves...)
	element := make([][]entry, len(leaves))
	for i := 0; len(rest[0]) > 0; i++ {
		for j, r := range rest {
			if len(r) == 0 {
				return errLevels
			}
			n := 1
			for n < len(r) && r[n].rep > repeated.maxRep {
				n++
			}
			if r[0].def < repeated.maxDef {
				return errLevels
			}
			element[j], rest[j] = r[:n], r[n:]
		}
		if err := use(i, element); err != nil {
			return err
		}
	}
	for _, r := range rest {
		if len(r) > 0 {
			return errLevels
		}
	}
	return nil
}

// scalar writes a value.
func (w *writer) scalar(n *node, e entry) error {
	if e.def != n.maxDef {
		return errLevels
	}
	signed := int64(e.bits)
	if n.typ == typeInt32 {
		signed = int64(int32(e.bits))
	}
	switch n.meaning {
	case unsigned:
		if n.typ == typeInt32 {
			e.bits = uint64(uint32(e.bits))
		}
		w.b = strconv.AppendUint(w.b, e.bits, 10)
		return nil
	case decimal:
		x := big.NewInt(signed)
		if n.typ == typeBytes || n.typ == typeFixed {
			if len(e.b) > 64 {
				return fmt.Errorf("a decimal of %d bytes", len(e.b))
			}
			x.SetBytes(e.b)
			if len(e.b) > 0 && e.b[0] >= 0x80 {
				x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(e.b))))
			}
		}
		w.decimal(x.String(), int(n.scale))
		return nil
	case date:
		return w.string(time.Unix(signed*86400, 0).UTC().Format(time.DateOnly))
	case clock:
		if signed < 0 || signed >= 86400*n.perSecond {
			return fmt.Errorf("the time of day %d is not within a day: the file is damaged", signed)
		}
		return w.time(signed, n.perSecond, "15:04:05.999999999")
	case timestamp:
		layout := "2006-01-02T15:04:05.999999999"
		if n.zone {
			layout += "Z"
		}
		return w.time(signed, n.perSecond, layout)
	case uuid:
		w.b = fmt.Appendf(w.b, `"%x-%x-%x-%x-%x"`, e.b[:4], e.b[4:6], e.b[6:8], e.b[8:10], e.b[10:])
		return nil
	case float16:
		return w.float(half(binary.LittleEndian.Uint16(e.b)))
	}
	return w.stored(n.typ, signed, e)
}

// stored writes a value that means what it is stored as.
func (w *writer) stored(typ, signed int64, e entry) error {
	switch typ {
	case typeBoolean:
		w.b = strconv.AppendBool(w.b, e.bits == 1)
	case typeInt32, typeInt64:
		w.b = strconv.AppendInt(w.b, signed, 10)
	case typeFloat:
		return w.float(float64(math.Float32frombits(uint32(e.bits))))
	case typeDouble:
		return w.float(math.Float64frombits(e.bits))
	case typeInt96: // nanoseconds of a day, and the day
		const epoch = 2440588 // 1970-01-01 as a Julian day
		nanos := int64(binary.LittleEndian.Uint64(e.b))
		days := int64(binary.LittleEndian.Uint32(e.b[8:])) - epoch
		at := time.Unix(days*86400+nanos/1e9, nanos%1e9).UTC()
		return w.string(at.Format("2006-01-02T15:04:05.999999999"))
	default:
		if !utf8.Valid(e.b) {
			return errors.New("it holds bytes that are not UTF-8 text; leave the column out, or write it as text")
		}
		if err := w.room(len(e.b)); err != nil {
			return err
		}
		return w.string(string(e.b))
	}
	return w.room(0)
}

// string writes a text, which is valid UTF-8. It stops where escapes make the row too large.
func (w *writer) string(s string) error {
	const hex = "0123456789abcdef"
	w.b = append(w.b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		if err := w.room(i - from); err != nil {
			return err
		}
		w.b = append(append(w.b, s[from:i]...), '\\')
		from = i + 1
		switch c {
		case '"', '\\':
			w.b = append(w.b, c)
		case '\n':
			w.b = append(w.b, 'n')
		default:
			w.b = append(w.b, 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	w.b = append(append(w.b, s[from:]...), '"')
	return w.room(0)
}

// float writes a number that reads as a float: with a point or an exponent.
func (w *writer) float(x float64) error {
	switch size := math.Abs(x); {
	case math.IsNaN(x):
		w.b = append(w.b, "null"...)
	case math.IsInf(x, 0):
		return fmt.Errorf("the number %v, which JSON cannot hold; replace it", x)
	case x != 0 && (size < 1e-4 || size >= 1e16):
		w.b = strconv.AppendFloat(w.b, x, 'e', -1, 64)
	default:
		w.b = strconv.AppendFloat(w.b, x, 'f', -1, 64)
		if x == math.Trunc(x) {
			w.b = append(w.b, ".0"...)
		}
	}
	return nil
}

// decimal writes digits of which the last scale stand after the point.
func (w *writer) decimal(digits string, scale int) {
	if digits[0] == '-' {
		w.b = append(w.b, '-')
		digits = digits[1:]
	}
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	w.b = append(w.b, digits[:len(digits)-scale]...)
	if scale > 0 {
		w.b = append(append(w.b, '.'), digits[len(digits)-scale:]...)
	}
}

// time writes parts of a second since 1970.
func (w *writer) time(units, perSecond int64, layout string) error {
	seconds, rest := units/perSecond, units%perSecond
	return w.string(time.Unix(seconds, rest*(1e9/perSecond)).UTC().Format(layout))
}

// half is the value of a float of 16 bits.
func half(b uint16) float64 {
	sign, exponent, fraction := 1.0, int(b>>10&31), float64(b&1023)
	if b>>15 == 1 {
		sign = -1
	}
	switch {
	case exponent == 31 && fraction != 0:
		return math.NaN()
	case exponent == 31:
		return math.Inf(int(sign))
	case exponent == 0:
		return sign * math.Ldexp(fraction, -24)
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}
