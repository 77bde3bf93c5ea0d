package tensor

import (
	"math"
	"math/bits"

	"reprise/internal/exact"
)

// RNG is the counter-based generator Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011).
// A stream is named by (seed, purpose, index): streams share no state, so a draw depends neither on the order in
// which streams are used nor on the number of threads. Two words of the 128-bit counter hold the index, two the position
// in the stream; the 64-bit key is the seed combined with the FNV-1a hash of the purpose.
type RNG struct {
	key   [2]uint32
	index [2]uint32
	block uint64    // number of the next block of four words
	buf   [4]uint32 // the current block
	used  int       // words of buf already handed out; 4: none left
	spare float64   // second value of the last Box-Muller pair
	have  bool
}

// NewRNG returns the stream (seed, purpose, index) at its beginning.
func NewRNG(seed uint64, purpose string, index uint64) *RNG {
	h := uint64(14695981039346656037)
	for i := range len(purpose) {
		h = (h ^ uint64(purpose[i])) * 1099511628211
	}
	k := seed ^ h
	return &RNG{
		key:   [2]uint32{uint32(k), uint32(k >> 32)},
		index: [2]uint32{uint32(index), uint32(index >> 32)},
		used:  4,
	}
}

// philox is the ten-round block function.
func philox(ctr [4]uint32, key [2]uint32) [4]uint32 {
	for range 10 {
		hi0, lo0 := bits.Mul32(0xD2511F53, ctr[0])
		hi1, lo1 := bits.Mul32(0xCD9E8D57, ctr[2])
		ctr = [4]uint32{hi1 ^ ctr[1] ^ key[0], lo1, hi0 ^ ctr[3] ^ key[1], lo0}
		key[0] += 0x9E3779B9
		key[1] += 0xBB67AE85
	}
	return ctr
}

// Uint32 returns the next 32 bits of the stream.
func (r *RNG) Uint32() uint32 {
	if r.used == 4 {
		r.buf = philox([4]uint32{uint32(r.block), uint32(r.block >> 32), r.index[0], r.index[1]}, r.key)
		r.block++
		r.used = 0
	}
	v := r.buf[r.used]
	r.used++
	return v
}

// Uint64 returns two words, the first one in the low half.
func (r *RNG) Uint64() uint64 {
	lo := uint64(r.Uint32())
	return lo | uint64(r.Uint32())<<32
}

// Float64 returns a multiple of 2⁻⁵³ in [0, 1).
func (r *RNG) Float64() float64 { return float64(float64(r.Uint64()>>11) * 0x1p-53) }

// Intn returns an unbiased integer in [0, n); n must be positive (Lemire's multiplication with rejection).
func (r *RNG) Intn(n int) int {
	if n <= 0 {
		panic("tensor: RNG.Intn: n must be positive")
	}
	limit := -uint64(n) % uint64(n)
	for {
		hi, lo := bits.Mul64(r.Uint64(), uint64(n))
		if lo >= limit {
			return int(hi)
		}
	}
}

// NormFloat64 returns a standard normal value (Box-Muller, both values of a pair used).
func (r *RNG) NormFloat64() float64 {
	if r.have {
		r.have = false
		return r.spare
	}
	u := 1 - r.Float64() // (0, 1]
	radius := math.Sqrt(-2 * exact.Log(u))
	sin, cos := exact.Sincos(2 * math.Pi * r.Float64())
	r.spare, r.have = radius*sin, true
	return radius * cos
}

// Perm returns a random permutation of 0..n-1 (Fisher-Yates from the end).
func (r *RNG) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := r.Intn(i + 1)
		p[i], p[j] = p[j], p[i]
	}
	return p
}
