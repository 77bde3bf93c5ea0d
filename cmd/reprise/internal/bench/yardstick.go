package bench

import (
	"reprise/asm"
	"reprise/tensor"
)

// Yardstick measures what the machine can do: the rates with which kernels are compared.
type Yardstick struct {
	watch  stopwatch
	pool   *tensor.Pool
	memory []float32
	sums   [][16]float32 // a cache line of results per worker
	peak   peakJob
}

// readBytes is the amount of memory that a measurement reads: more than any cache holds.
const readBytes = 128 << 20

// A measurement is cut into several tasks for each worker, as a kernel's work is: a worker that other programs slow down
// does fewer.
const tasksPerWorker = 8

// taskFlops is the work of one task: about a third of a millisecond on a core with a peak of 100 GFLOP/s.
const taskFlops = 32e6

// NewYardstick prepares measurements on all workers of a pool. With one worker the calling goroutine stays on its thread
// until release.
func NewYardstick(pool *tensor.Pool) (y *Yardstick, release func()) {
	y = &Yardstick{pool: pool, sums: make([][16]float32, pool.Workers())}
	y.watch, release = newStopwatch(pool.Workers())
	return y, release
}

// readJob sums its share of the memory.
type readJob struct{ y *Yardstick }

func (j *readJob) Do(worker, task int) {
	n := len(j.y.memory) / (tasksPerWorker * j.y.pool.Workers())
	j.y.sums[worker][0] += asm.Sum(j.y.memory[task*n : (task+1)*n])
}

// GFLOPS is the rate of independent fused multiply-adds in registers, on all workers together: 10⁹ additions and
// multiplications a second. It is 0 on the portable tier, which has no such loop.
func (y *Yardstick) GFLOPS() float64 {
	perRound := asm.PeakFlops(1)
	if perRound == 0 {
		return 0
	}
	y.peak = peakJob{rounds: taskFlops / perRound}
	tasks := tasksPerWorker * y.pool.Workers()
	t := y.time(tasks, &y.peak)
	return float64(y.peak.flops*tasks) / t
}

// ReadGBs is the rate at which all workers together read memory, in 10⁹ bytes a second.
func (y *Yardstick) ReadGBs() float64 {
	if y.memory == nil {
		y.memory = tensor.NewMatrix(1, readBytes/4).Data
		for i := range y.memory {
			y.memory[i] = 1 // pages that were never written would all map to the same one
		}
	}
	return readBytes / y.time(tasksPerWorker*y.pool.Workers(), &readJob{y})
}

// time runs a job on all workers. It wakes them before the clock starts, because the workers of a kernel that runs
// repeatedly are awake too.
func (y *Yardstick) time(tasks int, job tensor.Job) float64 {
	wake := meetJob{}
	wake.waiting.Store(int64(y.pool.Workers()))
	y.pool.Run(y.pool.Workers(), &wake)
	return y.watch.time(func() { y.pool.Run(tasks, job) })
}

// Peaks measures the FMA peak of a tier on a number of threads and, if memory is true, the rate at which they read memory.
// Both are medians.
func Peaks(tier asm.Tier, threads int, memory bool) (gflops, readGBs float64) {
	defer asm.Force(tier)()
	pool := tensor.NewPool(threads)
	defer pool.Close()
	y, release := NewYardstick(pool)
	defer release()
	var flops, reads []float64
	y.GFLOPS() // after a pause, the first wide instructions run slowly
	for range 9 {
		flops = append(flops, y.GFLOPS())
		if memory {
			reads = append(reads, y.ReadGBs())
		}
	}
	return median(flops), median(reads)
}
