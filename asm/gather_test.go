package asm

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// onTiers runs f once on every tier, the portable code first.
func onTiers(f func(tier Tier)) {
	for _, tier := range Available() {
		restore := Force(tier)
		f(tier)
		restore()
	}
}

func randomIDs(r *rand.Rand, n, rows int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(r.IntN(rows))
	}
	return ids
}

// The gathered dot product has the bits of the chain over k, on every tier and
// for every number of ids.
func TestGatherDot(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	const rows = 37
	for _, d := range []int{0, 1, 3, 4, 7, 8, 31, 64, 66, 288, 2051} {
		stride := d + d%3
		w := make([]float32, rows*stride)
		h := make([]float32, d)
		for _, wild := range []bool{false, true} {
			fill(r, w, wild)
			fill(r, h, wild)
			for _, n := range []int{0, 1, 7, 8, 9, 15, 16, 17, 33, 64} {
				ids := randomIDs(r, n, rows)
				onTiers(func(tier Tier) {
					dst := make([]float32, n+1)
					dst[n] = 42
					GatherDot(dst[:n], h, w, stride, ids)
					for i, id := range ids {
						var want float32
						for k := range h {
							want = FMA(h[k], w[int(id)*stride+k], want)
						}
						if differ(dst[i:i+1], []float32{want}) >= 0 {
							t.Fatalf("%v, d=%d, n=%d: element %d: got %x, want %x", tier, d, n, i, dst[i], want)
						}
					}
					if dst[n] != 42 {
						t.Fatalf("%v, d=%d, n=%d: wrote past the end", tier, d, n)
					}
				})
			}
		}
	}
}

func TestGatherAxpy(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	const rows = 23
	for _, d := range []int{0, 1, 7, 8, 15, 16, 17, 33, 48, 127, 128, 160, 288, 301} {
		stride := d + d%3
		w := make([]float32, rows*stride)
		start := make([]float32, d)
		for _, wild := range []bool{false, true} {
			fill(r, w, wild)
			fill(r, start, wild)
			for _, n := range []int{0, 1, 2, 64} {
				ids := randomIDs(r, n, rows)
				coef := make([]float32, n)
				fill(r, coef, wild)
				var want []float32
				onTiers(func(tier Tier) {
					dh := slices.Clone(start)
					GatherAxpy(dh, coef, w, stride, ids)
					if tier == Generic {
						want = dh
					} else if i := differ(dh, want); i >= 0 {
						t.Fatalf("%v, d=%d, n=%d: element %d: got %x, portable %x", tier, d, n, i, dh[i], want[i])
					}
				})
			}
		}
	}
}

// A row that reaches beyond the matrix panics on every tier.
func TestGatherBounds(t *testing.T) {
	w := make([]float32, 100, 200)
	h := make([]float32, 10)
	for _, id := range []int32{-1, 10, 1 << 30} {
		for name, f := range map[string]func(){
			"GatherDot":  func() { GatherDot(make([]float32, 1), h, w, 10, []int32{id}) },
			"GatherAxpy": func() { GatherAxpy(h, make([]float32, 1), w, 10, []int32{id}) },
		} {
			onTiers(func(tier Tier) {
				defer func() {
					if recover() == nil {
						t.Errorf("%v: %s accepts row %d of 10", tier, name, id)
					}
				}()
				f()
			})
		}
	}
}

func TestSelectAbove(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 0))
	for _, n := range sizes() {
		x := make([]float32, n)
		fill(r, x, true)
		for _, threshold := range []float32{0, -1e30, 1e30, float32(math.Inf(-1)), float32(math.NaN())} {
			var want []int32
			for i, v := range x {
				if v > threshold {
					want = append(want, int32(i))
				}
			}
			onTiers(func(tier Tier) {
				idx := make([]int32, n+1)
				idx[n] = -7
				k := SelectAbove(idx[:n], x, threshold)
				if !slices.Equal(idx[:k], want) || idx[n] != -7 {
					t.Fatalf("%v, n=%d, threshold %g: got %d indices, want %d", tier, n, threshold, k, len(want))
				}
				for _, v := range idx[k:n] {
					if v != 0 {
						t.Fatalf("%v, n=%d: wrote after the last index", tier, n)
					}
				}
			})
		}
	}
}
