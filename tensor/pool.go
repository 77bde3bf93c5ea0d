package tensor

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Job is work that a Pool spreads over its workers.
type Job interface {
	// Do performs one task. Tasks with different numbers run at the same time;
	// worker, below Pool.Workers, names the only running task of that worker.
	Do(worker, task int)
}

// Pool runs tasks on a fixed number of workers.
type Pool struct {
	scratch []Scratch
}

// NewPool returns a pool.
func NewPool(workers int) *Pool {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	return &Pool{scratch: make([]Scratch, workers)}
}

// Workers returns the number of workers.
func (p *Pool) Workers() int { return len(p.scratch) }

// Close ends the workers.
func (p *Pool) Close() {}

// Scratch returns the packing buffers of one worker.
func (p *Pool) Scratch(worker int) *Scratch { return &p.scratch[worker] }

// Run performs tasks 0 to tasks-1 of job and returns when all are done.
func (p *Pool) Run(tasks int, job Job) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range p.scratch {
		wg.Go(func() {
			for t := int(next.Add(1)) - 1; t < tasks; t = int(next.Add(1)) - 1 {
				job.Do(w, t)
			}
		})
	}
	wg.Wait()
}

func (p *Pool) gemm(g gemm) { p.scratch[0].gemm(g) }
