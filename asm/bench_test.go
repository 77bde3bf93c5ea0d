package asm

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkKernels measures every kernel on every tier, on slices that stay in
// the first-level cache. Throughput counts 4 bytes for each element.
func BenchmarkKernels(b *testing.B) {
	const n = 1024
	r := rand.New(rand.NewPCG(7, 0))
	for _, c := range kernelCases {
		for _, tier := range Available() {
			b.Run(c.name+"/"+tier.String(), func(b *testing.B) {
				defer Force(tier)()
				s := make([][]float32, c.n)
				for i := range s {
					s[i] = make([]float32, n)
					fill(r, s[i], false)
				}
				c.makePositive(s)
				b.SetBytes(4 * n)
				for b.Loop() {
					c.run(s)
				}
			})
		}
	}
}

// BenchmarkGather is one position of a replay: 64 rows out of 32,000.
func BenchmarkGather(b *testing.B) {
	const d, rows, n = 288, 32_000, 64
	r := rand.New(rand.NewPCG(8, 0))
	w, h := make([]float32, rows*d), make([]float32, d)
	fill(r, w, false)
	fill(r, h, false)
	ids, z := randomIDs(r, n, rows), make([]float32, n)
	for _, tier := range Available() {
		b.Run("Dot/"+tier.String(), func(b *testing.B) {
			defer Force(tier)()
			b.SetBytes(4 * d * n)
			for b.Loop() {
				GatherDot(z, h, w, d, ids)
			}
		})
		b.Run("Axpy/"+tier.String(), func(b *testing.B) {
			defer Force(tier)()
			b.SetBytes(4 * d * n)
			for b.Loop() {
				GatherAxpy(h, z, w, d, ids)
			}
		})
	}
}
