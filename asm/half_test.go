package asm

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every 16-bit value survives the round trip through float32, on every tier.
func TestHalfRoundTrip(t *testing.T) {
	src := make([]uint16, 1<<16)
	for i := range src {
		src[i] = uint16(i)
	}
	for _, c := range []struct {
		name  string
		wide  func(dst []float32, src []uint16)
		back  func(dst []uint16, src []float32)
		isNaN func(h uint16) bool
	}{
		{"bf16", F32FromBF16, BF16FromF32, func(h uint16) bool { return h&0x7fff > 0x7f80 }},
		{"f16", F32FromF16, F16FromF32, func(h uint16) bool { return h&0x7fff > 0x7c00 }},
	} {
		onTiers(func(tier Tier) {
			f := make([]float32, len(src))
			got := make([]uint16, len(src))
			c.wide(f, src)
			c.back(got, f)
			for i, h := range src {
				if c.isNaN(h) {
					if f[i] == f[i] || !c.isNaN(got[i]) {
						t.Fatalf("%v: %s %#04x is NaN, came back as %g, %#04x", tier, c.name, h, f[i], got[i])
					}
				} else if got[i] != h {
					t.Fatalf("%v: %s %#04x came back as %#04x", tier, c.name, h, got[i])
				}
			}
		})
	}
}

// Rounding to 16 bits agrees between tiers, and is to nearest even: the test
// compares with both neighbours.
func TestHalfRounding(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	for _, n := range sizes() {
		x := make([]float32, n)
		fill(r, x, true)
		for i := range x {
			if i%3 == 0 { // ties, and values in the range of half precision
				x[i] = math.Float32frombits(uint32(r.IntN(0x2000)+0x37000)<<12 | uint32(r.IntN(2))<<31)
			}
		}
		for name, f := range map[string]func(dst []uint16, src []float32){"bf16": BF16FromF32, "f16": F16FromF32} {
			var want []uint16
			onTiers(func(tier Tier) {
				got := make([]uint16, n+1)
				got[n] = 42
				f(got[:n], x)
				if tier == Generic {
					want = got
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%v, %s, n=%d: differs from the portable code", tier, name, n)
				}
			})
			wide := make([]float32, n)
			back := map[string]func(dst []float32, src []uint16){"bf16": F32FromBF16, "f16": F32FromF16}[name]
			back(wide, want[:n])
			for i, v := range x {
				if v != v || math.IsInf(float64(wide[i]), 0) || want[i]&0x7fff == 0 {
					continue
				}
				near := make([]float32, 2)
				back(near, []uint16{want[i] - 1, want[i] + 1})
				d := math.Abs(float64(wide[i]) - float64(v))
				for _, o := range near {
					e := math.Abs(float64(o) - float64(v))
					if e < d || e == d && want[i]&1 != 0 {
						t.Fatalf("%s of %x: %x, but %x is nearer or even", name, v, wide[i], o)
					}
				}
			}
		}
	}
}
