package bench

import (
	"reprise/asm"
	"reprise/tensor"
)

// Yardstick measures what the machine can do: the rates that kernels are held against.
type Yardstick struct {
	watch  stopwatch
	pool   *tensor.Pool
	memory []float32
	sums   [][16]float32 // a cache line of results per worker
	peak   peakJob
}

// readBytes is how much memory a measurement reads: more than any cache holds.
const readBytes = 128 << 20

// yardRounds is the length of a measurement of the FMA peak, less than a millisecond: it stands beside others as short.
const yardRounds = 80_000

// NewYardstick prepares measurements on all workers of a pool. With one worker the calling goroutine stays on its thread
// until release.
func NewYardstick(pool *tensor.Pool) (y *Yardstick, release func()) {
	y = &Yardstick{pool: pool, sums: make([][16]float32, pool.Workers())}
	y.watch, release = newStopwatch(pool.Workers())
	return y, release
}

// readJob is one task per worker; a worker that takes two is late with both, as it is with the tasks of a kernel.
type readJob struct{ y *Yardstick }

func (j *readJob) Do(worker, task int) {
	n := len(j.y.memory) / j.y.pool.Workers()
	j.y.sums[task][0] = asm.Sum(j.y.memory[task*n : (task+1)*n])
}

// GFLOPS is the rate of independent fused multiply-adds in registers, on all workers together: 10⁹ additions and
// multiplications a second. It is 0 on the portable tier, which has no such loop.
func (y *Yardstick) GFLOPS() float64 {
	y.peak = peakJob{rounds: yardRounds}
	t := y.watch.time(func() { y.pool.Run(y.pool.Workers(), &y.peak) })
	return float64(y.peak.flops*y.pool.Workers()) / t
}

// ReadGBs is the rate at which all workers together read memory, in 10⁹ bytes a second.
func (y *Yardstick) ReadGBs() float64 {
	if y.memory == nil {
		y.memory = tensor.NewMatrix(1, readBytes/4).Data
		for i := range y.memory {
			y.memory[i] = 1 // untouched pages would all be the same one
		}
	}
	return readBytes / y.watch.time(func() { y.pool.Run(y.pool.Workers(), &readJob{y}) })
}

// Peaks measures the FMA peak of a tier on so many threads and, if asked, the rate at which they read memory: medians.
func Peaks(tier asm.Tier, threads int, memory bool) (gflops, readGBs float64) {
	defer asm.Force(tier)()
	pool := tensor.NewPool(threads)
	defer pool.Close()
	y, release := NewYardstick(pool)
	defer release()
	var flops, reads []float64
	y.GFLOPS() // the first wide instructions of a while run slowly
	for range 9 {
		flops = append(flops, y.GFLOPS())
		if memory {
			reads = append(reads, y.ReadGBs())
		}
	}
	return median(flops), median(reads)
}
