package tensor

import (
	"fmt"
	"testing"
	"time"

	"reprise/asm"
)

// BenchmarkMatMul reports the best of its runs in GFLOP/s and as a share of the
// peak that a loop of fused multiply-adds reaches on the same machine.
func BenchmarkMatMul(b *testing.B) {
	shapes := [][3]int{
		{512, 576, 576}, {2048, 1536, 576}, {2048, 576, 1536}, {1024, 8192, 128}, {512, 288, 768}, {512, 8192, 288},
		{576, 576, 2048}, {1536, 576, 2048}, {8192, 288, 512}, {64, 256, 64}, {64, 64, 256}, {1, 1536, 576}, {8, 1536, 576},
	}
	for _, tier := range asm.Available() {
		if tier == asm.Generic {
			continue
		}
		for _, workers := range []int{1, 2} {
			for _, d := range shapes {
				for _, v := range variants {
					b.Run(fmt.Sprintf("%v/%d/%s/%dx%dx%d", tier, workers, v.name, d[0], d[1], d[2]), func(b *testing.B) {
						defer asm.Force(tier)()
						c, x, y := operands(d[0], d[1], d[2], 0, v.ta, v.tb, uniform(1))
						p := NewPool(workers)
						defer p.Close()
						calls := 1 + 50_000_000/(d[0]*d[1]*d[2])
						var best, peak float64
						for b.Loop() {
							start := time.Now()
							flops := asm.PeakFlops(20_000)
							peak = max(peak, float64(flops)/float64(time.Since(start)))
							start = time.Now()
							for range calls {
								p.gemm(product(c, x, y, v.ta, v.tb, v.ta))
							}
							best = max(best, 2*float64(calls*d[0]*d[1]*d[2])/float64(time.Since(start)))
						}
						b.ReportMetric(0, "ns/op")
						b.ReportMetric(best, "GFLOP/s")
						b.ReportMetric(100*best/peak/float64(workers), "%peak")
					})
				}
			}
		}
	}
}
