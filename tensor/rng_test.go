package tensor

import (
	"math"
	"testing"
)

// The known-answer vectors of the Random123 distribution (kat_vectors, philox4x32 10).
func TestPhiloxKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		ctr  [4]uint32
		key  [2]uint32
		want [4]uint32
	}{
		{want: [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0)}, [2]uint32{^uint32(0), ^uint32(0)},
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := philox(c.ctr, c.key); got != c.want {
			t.Errorf("philox(%x, %x) = %x, want %x", c.ctr, c.key, got, c.want)
		}
	}
}

func TestRNGStreamsAreApart(t *testing.T) {
	first := func(seed uint64, purpose string, index uint64) uint64 { return NewRNG(seed, purpose, index).Uint64() }
	base := first(1, "a", 0)
	for name, other := range map[string]uint64{
		"seed": first(2, "a", 0), "purpose": first(1, "b", 0), "index": first(1, "a", 1), "high index": first(1, "a", 1<<40),
	} {
		if other == base {
			t.Errorf("another %s gives the same first word", name)
		}
	}
	if first(1, "a", 0) != base {
		t.Error("the same name gives another stream")
	}
}

func TestRNGMoments(t *testing.T) {
	r := NewRNG(7, "moments", 0)
	const n = 200000
	var sum, squares float64
	for range n {
		x := r.NormFloat64()
		sum += x
		squares += x * x
	}
	// Standard errors: 0.0022 for the mean, 0.0032 for the variance; six of them.
	if mean := sum / n; math.Abs(mean) > 0.014 {
		t.Errorf("mean of normal draws %g", mean)
	}
	if v := squares / n; math.Abs(v-1) > 0.02 {
		t.Errorf("variance of normal draws %g", v)
	}
	var counts [7]int
	for range 70000 {
		counts[r.Intn(7)]++
	}
	for i, c := range counts {
		if c < 9400 || c > 10600 { // 10,000 ± 6.5 standard deviations
			t.Errorf("Intn(7) gave %d %d times in 70,000", i, c)
		}
	}
	seen := make([]bool, 100)
	for _, i := range r.Perm(100) {
		if seen[i] {
			t.Fatalf("Perm repeats %d", i)
		}
		seen[i] = true
	}
}
