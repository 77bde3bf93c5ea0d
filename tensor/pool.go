package tensor

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Job is work that a Pool spreads over its workers.
type Job interface {
	// Do performs one task. Tasks run at the same time as other tasks and in any
	// order. worker is below Pool.Workers, and two tasks that run at the same
	// time have different ones: it may index buffers.
	Do(worker, task int)
}

// spinTime is how long a worker without work spins before it sleeps, and how long
// Run spins for the last tasks: longer than the gaps between the launches of a
// training step, and too short to be noticed.
const spinTime = 40 * time.Microsecond

// fanOut is the number of sleepers that one worker wakes; they wake the next.
const fanOut = 8

// Pool is a fixed set of workers: the goroutine that calls Run, which is worker
// 0, and others that live until Close.
//
// A pool serves one goroutine at a time, and not the tasks that run on it: a task
// that needs a product computes it alone, with Scratch.
type Pool struct {
	scratch []Scratch
	product productJob
	panels  panelsJob

	busy atomic.Bool // Run is at work

	// A launch. The upper half of state is its generation, which differs between
	// two launches in a row; the lower half is the number of tasks that no worker
	// has taken yet. The worker that lowers this number owns the task, so job and
	// tasks cannot change before the task is done.
	state   atomic.Uint64
	job     Job
	tasks   int
	undone  atomic.Int64 // tasks not yet finished
	failure atomic.Pointer[taskPanic]

	sleepers []sleeper // of every worker
	spinning int       // workers below this number spin before they sleep
	closed   atomic.Bool
}

// sleeper lets one goroutine sleep until another wakes it. The goroutine that
// changes asleep from true to false decides about the token: a waker has to send
// it, and a sleeper that wakes by itself gets none.
//
// The sleeper writes asleep and then checks for work; the other side publishes
// the work and then reads asleep. One of the two must see the other's
// write, so neither read may pass the write before it. All these writes are
// therefore Swap or Add, never Store: qemu-user runs arm64's store-release and
// load-acquire on amd64 without the barrier that belongs between them, and a
// training run under it slept forever.
type sleeper struct {
	asleep atomic.Bool
	token  chan struct{}
	_      [112]byte // two cache lines each
}

const errBusy = "tensor: the pool is at work: a task of its own, or another goroutine, uses it; a task computes products with " +
	"Pool.Scratch(worker), and every goroutine needs a pool of its own"

type taskPanic struct{ value any }

// NewPool returns a pool of workers; 0 or less means as many as DefaultWorkers.
// The caller must Close it.
func NewPool(workers int) *Pool {
	if workers <= 0 {
		workers = DefaultWorkers()
	}
	p := &Pool{
		scratch:  make([]Scratch, workers),
		sleepers: make([]sleeper, workers),
		spinning: min(workers, runtime.GOMAXPROCS(0)),
	}
	p.product.pool = p
	for w := range p.sleepers {
		p.sleepers[w].token = make(chan struct{}, 1)
	}
	for w := 1; w < workers; w++ {
		go p.work(w)
	}
	return p
}

// Workers returns the number of workers.
func (p *Pool) Workers() int { return len(p.scratch) }

// Scratch returns the packing buffers of a worker, for products that its task
// computes itself.
func (p *Pool) Scratch(worker int) *Scratch { return &p.scratch[worker] }

// Close ends the workers. The pool must be idle; in later calls of Run the caller
// does all tasks alone.
func (p *Pool) Close() {
	p.closed.Swap(true)
	for w := 1; w < len(p.sleepers); w++ {
		p.wake(w)
	}
}

// Run performs tasks 0 to tasks-1 of job, each once, and returns when all are
// done. If a task panics, tasks not yet begun are skipped and Run panics with the
// same value. Run allocates nothing. It panics on a pool that is at work:
// tasks of the pool and other goroutines must not call it then.
func (p *Pool) Run(tasks int, job Job) {
	if tasks <= 0 {
		return
	}
	if !p.busy.CompareAndSwap(false, true) {
		panic(errBusy)
	}
	p.job, p.tasks = job, tasks
	p.undone.Store(int64(tasks))
	p.state.Swap((p.state.Load()>>32+1)<<32 | uint64(uint32(tasks)))
	p.wakeBelow(0)
	for p.step(0) {
	}
	p.await()
	p.job = nil
	failure := p.failure.Swap(nil)
	p.busy.Store(false)
	if failure != nil {
		panic(failure.value)
	}
}

// step takes a task and performs it; it returns false if none is left.
func (p *Pool) step(w int) bool {
	for {
		s := p.state.Load()
		left := int(uint32(s))
		if left == 0 {
			return false
		}
		if p.state.CompareAndSwap(s, s-1) {
			p.do(w, p.tasks-left)
			return true
		}
	}
}

// do performs a task and counts it as done, also if it panics.
func (p *Pool) do(w, task int) {
	defer p.done()
	p.job.Do(w, task)
}

// done is the end of a task, deferred.
func (p *Pool) done() {
	n := int64(-1)
	if v := recover(); v != nil {
		p.failure.CompareAndSwap(nil, &taskPanic{v})
		// Take the tasks that no worker has begun, so that they are not run.
		for {
			s := p.state.Load()
			if p.state.CompareAndSwap(s, s&^uint64(1<<32-1)) {
				n -= int64(uint32(s))
				break
			}
		}
	}
	if p.undone.Add(n) == 0 {
		p.wake(0)
	}
}

// await returns when every task is done.
func (p *Pool) await() {
	me := &p.sleepers[0]
	for {
		if p.spin(0, func() bool { return p.undone.Load() == 0 }) {
			return
		}
		me.asleep.Swap(true)
		if p.undone.Load() == 0 && me.asleep.CompareAndSwap(true, false) {
			return
		}
		<-me.token
	}
}

// work is the life of worker w.
func (p *Pool) work(w int) {
	me := &p.sleepers[w]
	for !p.closed.Load() {
		if p.pending() {
			p.wakeBelow(w)
			for p.step(w) {
			}
		}
		if p.spin(w, p.pending) {
			continue
		}
		me.asleep.Swap(true)
		if (p.pending() || p.closed.Load()) && me.asleep.CompareAndSwap(true, false) {
			continue
		}
		<-me.token
	}
}

// pending reports whether a task waits for a worker.
func (p *Pool) pending() bool { return uint32(p.state.Load()) != 0 }

// spin waits up to spinTime for cond and returns whether it became true. A worker
// that shares its processor with others does not wait.
func (p *Pool) spin(w int, cond func() bool) bool {
	if cond() {
		return true
	}
	if w >= p.spinning {
		return false
	}
	for start := time.Now(); ; {
		for range 64 {
			if cond() {
				return true
			}
		}
		if time.Since(start) > spinTime {
			return false
		}
	}
}

// wake wakes worker w if it sleeps.
func (p *Pool) wake(w int) {
	if s := &p.sleepers[w]; s.asleep.Load() && s.asleep.CompareAndSwap(true, false) {
		s.token <- struct{}{}
	}
}

// wakeBelow wakes the workers below w in a tree whose root is the caller of Run,
// as far as there are tasks for them.
func (p *Pool) wakeBelow(w int) {
	first := w*fanOut + 1
	last := min(first+fanOut, len(p.sleepers), first+int(uint32(p.state.Load())))
	for c := first; c < last; c++ {
		p.wake(c)
	}
}
