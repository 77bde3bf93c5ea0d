package model

import (
	"fmt"
	"testing"
	"time"

	"reprise/asm"
	"reprise/tensor"
)

// BenchmarkAttention reports the best of its runs: the multiply-adds of the visible pairs, as GFLOP/s and as a share of the
// peak that a loop of fused multiply-adds reaches on the same machine.
func BenchmarkAttention(b *testing.B) {
	for _, shape := range []struct {
		name                           string
		heads, kvHeads, dim, seqs, len int
	}{
		{"15M", 6, 6, 48, 32, 64}, {"15M", 6, 6, 48, 16, 128}, {"15M", 6, 6, 48, 8, 256}, {"15M", 6, 6, 48, 1, 256}, {"15M", 6, 6, 48, 2, 1024}, {"15M", 6, 6, 48, 1, 2048},
		{"135M", 9, 3, 64, 2, 256}, {"135M", 9, 3, 64, 1, 2048}, {"GPT-2", 12, 12, 64, 4, 256}, {"one head", 4, 1, 64, 1, 2048},
	} {
		for _, workers := range []int{1, 2} {
			cfg := Config{HiddenSize: shape.heads * shape.dim, IntermediateSize: 8, Layers: 1, Heads: shape.heads, KVHeads: shape.kvHeads,
				HeadDim: shape.dim, VocabSize: 8, MaxPositions: shape.len, RopeTheta: 10000, NormEps: 1e-5}
			for _, back := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/%dx%d/%d/backward=%v", shape.name, shape.seqs, shape.len, workers, back), func(b *testing.B) {
					pool := tensor.NewPool(workers)
					defer pool.Close()
					n := shape.seqs * shape.len
					batch := Batch{IDs: make([]int32, n)}
					for s := range shape.seqs {
						batch.DocStarts = append(batch.DocStarts, int32(s*shape.len))
					}
					p := NewPass(New(cfg), pool, true)
					p.start(batch, 0)
					p.att.plan(batch)
					a := p.layer(0)
					for i, m := range []*tensor.Matrix{&a.q, &a.k, &a.v, &p.grads.do} {
						copy(m.Data, randomMatrix(m.Rows, m.Cols, uint64(i)).Data)
					}
					p.attend(a, 0)
					work, products := float64(n)*float64(shape.len+1)*float64(shape.heads*shape.dim), 2.0
					run := func() { p.attend(a, 0) }
					if back {
						run, products = func() { p.attentionBackward(a, 0) }, 5
					}
					run()
					var best, peak float64
					for b.Loop() {
						start := time.Now()
						flops := asm.PeakFlops(20_000)
						peak = max(peak, float64(flops)/float64(time.Since(start)))
						start = time.Now()
						run()
						best = max(best, products*work/float64(time.Since(start)))
					}
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(best, "GFLOP/s")
					b.ReportMetric(100*best/peak/float64(workers), "%peak")
				})
			}
		}
	}
}
