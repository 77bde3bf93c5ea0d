package asm

import (
	"math/rand/v2"
	"slices"
	"testing"

	"reprise/internal/guard"
)

// The product of a row has the bits of the portable chains on every tier, and
// reads and writes inside its slices only: for whole blocks of rows and columns
// and for remainders, with and without gaps, from y and from +0.
func TestAxpyRows(t *testing.T) {
	const space = 1 << 15
	r := rand.New(rand.NewPCG(21, 0))
	for _, atStart := range []bool{true, false} {
		place := func(s []float32, n int) []float32 {
			if atStart {
				return s[:n]
			}
			return tail(s, n)
		}
		ys, as, bs := guard.Slice[float32](t, space, atStart), guard.Slice[float32](t, space, atStart), guard.Slice[float32](t, space, atStart)
		for _, n := range []int{0, 1, 15, 16, 17, 31, 32, 48, 63, 64, 272} {
			for _, k := range []int{0, 1, 7, 8, 9, 16, 31, 48, 72} {
				for variant := range 8 {
					gap, acc, wild := variant&1*3, variant&2 != 0, variant&4 != 0
					y, a, b := place(ys, n), place(as, k), place(bs, max(0, k*(n+gap)-gap))
					fill(r, y, wild)
					fill(r, a, wild)
					fill(r, b, wild)
					start, want := slices.Clone(y), slices.Clone(y)
					for j := range want {
						if !acc {
							want[j] = 0
						}
						for l := range a {
							want[j] = FMA(a[l], b[l*(n+gap)+j], want[j])
						}
					}
					onTiers(func(tier Tier) {
						copy(y, start)
						AxpyRows(y, a, b, n+gap, acc)
						if i := differ(y, want); i >= 0 {
							t.Fatalf("%v, %d columns, %d rows, gap %d, acc %v: element %d: got %x, want %x", tier, n, k, gap, acc, i, y[i], want[i])
						}
					})
				}
			}
		}
	}
}

// A product longer than one call of the assembly goes on where it stopped.
func TestAxpyRowsLong(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 0))
	const n = 1 << 17
	k := 2*axpyWork/n + axpyStep + 3
	y, a, b := make([]float32, n), make([]float32, k), make([]float32, k*n)
	fill(r, a, false)
	fill(r, b[:2*n], false)
	copy(b[2*n:], b)
	var want []float32
	onTiers(func(tier Tier) {
		AxpyRows(y, a, b, n, false)
		if tier == Generic {
			want = slices.Clone(y)
		} else if i := differ(y, want); i >= 0 {
			t.Fatalf("%v: element %d: got %x, portable %x", tier, i, y[i], want[i])
		}
	})
}

func FuzzAxpyRows(f *testing.F) {
	r := rand.New(rand.NewPCG(23, 0))
	for range 200 {
		f.Add(uint8(r.IntN(200)), uint8(r.IntN(70)), uint8(r.IntN(4)), r.IntN(2) == 0, fuzzBits(r))
	}
	f.Fuzz(func(t *testing.T, n, k, gap uint8, acc bool, bits []byte) {
		if len(bits) < 4 {
			return
		}
		row, next := int(n)+int(gap), words(bits)
		y, a, b := make([]float32, n), make([]float32, k), make([]float32, int(k)*row)
		next(y)
		next(a)
		next(b)
		var want []float32
		onTiers(func(tier Tier) {
			got := slices.Clone(y)
			AxpyRows(got, a, b, row, acc)
			if tier == Generic {
				want = got
			} else if i := differ(got, want); i >= 0 {
				t.Errorf("%v: element %d: got %x, portable %x", tier, i, got[i], want[i])
			}
		})
	})
}
