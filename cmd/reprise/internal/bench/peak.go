package bench

import (
	"time"

	"reprise/asm"
	"reprise/tensor"
)

// peakRounds of fused multiply-adds take some 5 ms with AVX-512.
const peakRounds = 1_200_000

// peakJob lets every worker do nothing but fused multiply-adds.
type peakJob struct{ rounds, flops int }

func (j *peakJob) Do(_, task int) {
	n := asm.PeakFlops(j.rounds)
	if task == 0 {
		j.flops = n
	}
}

// fmaPeak is the rate in FLOP/s of all workers together doing fused multiply-adds of the active tier in registers; 0 on the
// portable tier, which has no such loop.
func fmaPeak(pool *tensor.Pool) float64 {
	j := peakJob{rounds: peakRounds}
	start := time.Now()
	pool.Run(pool.Workers(), &j)
	return float64(j.flops*pool.Workers()) / time.Since(start).Seconds()
}
