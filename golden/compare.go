package golden

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
)

// Difference is the error of Compare: a tensor beyond its bound.
type Difference struct {
	Name  string
	Off   float64 // max|got − want| / max|want|; +Inf if it is not a number
	Bound float64
	First int    // index of the first element beyond the bound; -1 if the lengths differ
	Why   string // "", or what Off cannot say: the lengths differ, or an element is not finite
}

func (d *Difference) Error() string {
	text := fmt.Sprintf("golden: %s: error %s, bound %s", d.Name, number(d.Off), number(d.Bound))
	if d.First >= 0 {
		text += fmt.Sprintf(", first bad index %d", d.First)
	}
	if d.Why != "" {
		text += ": " + d.Why
	}
	return text
}

// Compare compares a tensor of your own with a reference: nil if max|got − want| ≤ bound · max|want|, else a *Difference. NaN,
// infinities and a different length are always an error; two tensors of zeros are equal.
func Compare(name string, got, want []float32, bound float64) error {
	m := measure(got, want, largest(want), bound)
	if m.ok() {
		return nil
	}
	return &Difference{Name: name, Off: m.error, Bound: bound, First: m.first, Why: m.why}
}

// measured is an error, the first index beyond the bound (-1: none) and, in why, what a number cannot say.
type measured struct {
	error, bound float64
	first        int
	why          string
}

func (m measured) ok() bool { return m.error <= m.bound }

func failed(bound float64, first int, format string, args ...any) measured {
	return measured{math.Inf(1), bound, first, fmt.Sprintf(format, args...)}
}

func largest(x []float32) (top float64) {
	for _, v := range x {
		top = max(top, math.Abs(float64(v)))
	}
	return top
}

// measure is max|got − want| / scale; 0/0 counts as 0.
func measure(got, want []float32, scale, bound float64) measured {
	if len(got) != len(want) {
		return failed(bound, -1, "%d elements, want %d", len(got), len(want))
	}
	m := measured{bound: bound, first: -1}
	for i, w := range want {
		d := math.Abs(float64(got[i]) - float64(w))
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return failed(bound, i, "%g, want %g", got[i], w)
		}
		if d > 0 {
			d /= scale // +Inf if everything should be 0
		}
		if d > bound && m.first < 0 {
			m.first = i
		}
		m.error = max(m.error, d)
	}
	return m
}

// measureChange is ‖d − want‖ / ‖want‖ for changes of weights; 0/0 counts as 0. The first index is that of the first element
// that is off by more than the bound times the largest change.
func measureChange(d, want []float32, bound float64) measured {
	m := measure(d, want, largest(want), bound)
	if m.why != "" {
		return m
	}
	var off, all float64
	worst := 0
	for i, w := range want {
		x := float64(d[i]) - float64(w)
		off, all = off+float64(x*x), all+float64(float64(w)*float64(w))
		if math.Abs(x) > math.Abs(float64(d[worst])-float64(want[worst])) {
			worst = i
		}
	}
	m.error = 0
	if off > 0 {
		m.error = math.Sqrt(off) / math.Sqrt(all)
	}
	if m.first < 0 && m.error > bound {
		m.first = worst
	}
	return m
}

func norm(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(float64(v) * float64(v))
	}
	return math.Sqrt(sum)
}

// digest is stored for each tensor of the engine's own output: a SHA-256 of the little-endian float32 bytes, and a 16-bit check
// of each of at most 64 blocks, which tells where a tensor changed.
type digest struct {
	SHA256 string `json:"sha256"`
	Blocks string `json:"blocks"` // base64
}

// maxBlocks is the largest number of blocks of a tensor.
const maxBlocks = 64

// blockSize is the number of elements in a block of a tensor of n.
func blockSize(n int) int { return max(1, (n+maxBlocks-1)/maxBlocks) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func digestOf(x []float32) digest {
	whole := sha256.New()
	var checks []byte
	size := blockSize(len(x))
	buf := make([]byte, 0, 4*min(size, len(x)))
	for lo := 0; lo < len(x); lo += size {
		buf = buf[:0]
		for _, v := range x[lo:min(lo+size, len(x))] {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		whole.Write(buf)
		checks = binary.LittleEndian.AppendUint16(checks, uint16(crc32.Checksum(buf, castagnoli)))
	}
	return digest{hex.EncodeToString(whole.Sum(nil)), base64.RawStdEncoding.EncodeToString(checks)}
}

// firstChange is the range of the first block in which two digests of a tensor of n elements differ. If no block check differs,
// it is the whole tensor.
func firstChange(a, b digest, n int) (lo, hi int) {
	x, err1 := base64.RawStdEncoding.DecodeString(a.Blocks)
	y, err2 := base64.RawStdEncoding.DecodeString(b.Blocks)
	if err1 == nil && err2 == nil && len(x) == len(y) {
		for i := 0; i+1 < len(x); i += 2 {
			if x[i] != y[i] || x[i+1] != y[i+1] {
				lo = i / 2 * blockSize(n)
				return lo, min(lo+blockSize(n), n)
			}
		}
	}
	return 0, n
}

// number formats an error for a message.
func number(x float64) string { return strings.Replace(fmt.Sprintf("%.3g", x), "+Inf", "-", 1) }
