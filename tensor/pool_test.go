package tensor

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reprise/asm"
)

var workerCounts = []int{1, 2, 3, 8, 64}

// tally counts how often every task ran and whether two tasks shared a worker.
type tally struct {
	runs    []atomic.Int32
	workers []atomic.Int32
	clash   atomic.Bool
	inside  func(worker, task int)
}

func newTally(tasks, workers int) *tally {
	return &tally{runs: make([]atomic.Int32, tasks), workers: make([]atomic.Int32, workers)}
}

func (c *tally) Do(worker, task int) {
	if c.workers[worker].Add(1) != 1 {
		c.clash.Store(true)
	}
	c.runs[task].Add(1)
	if c.inside != nil {
		c.inside(worker, task)
	}
	c.workers[worker].Add(-1)
}

func (c *tally) check(t *testing.T, times int32) {
	t.Helper()
	for i := range c.runs {
		if n := c.runs[i].Load(); n != times {
			t.Fatalf("task %d ran %d times, want %d", i, n, times)
		}
	}
	if c.clash.Load() {
		t.Fatal("two running tasks had the same worker number")
	}
}

func TestPoolRunsEveryTaskOnce(t *testing.T) {
	for _, workers := range workerCounts {
		p := NewPool(workers)
		if p.Workers() != workers {
			t.Errorf("Workers() = %d, want %d", p.Workers(), workers)
		}
		for _, tasks := range []int{0, 1, 2, 3, 7, 64, 1000} {
			c := newTally(tasks, workers)
			p.Run(tasks, c)
			c.check(t, 1)
		}
		p.Close()
	}
}

// TestPoolStress launches in quick succession and after pauses that let the
// workers fall asleep.
func TestPoolStress(t *testing.T) {
	const launches = 2000
	for _, workers := range workerCounts {
		p := NewPool(workers)
		c := newTally(9, workers)
		busy := 0.0
		for i := range launches {
			p.Run(9, c)
			for range i % 7 * i % 4001 {
				busy += 1
			}
		}
		c.check(t, launches)
		p.Close()
	}
}

// TestPoolAtWorkRefuses: a task that uses its own pool panics with a sentence that says so, whether it launches tasks or
// multiplies.
func TestPoolAtWorkRefuses(t *testing.T) {
	for _, workers := range []int{1, 3} {
		p := NewPool(workers)
		m := NewMatrix(2, 2)
		for name, use := range map[string]func(){
			"Run":    func() { p.Run(1, newTally(1, workers)) },
			"MatMul": func() { p.MatMul(NewMatrix(2, 2), m, m, false) },
		} {
			got := func() (v any) {
				defer func() { v = recover() }()
				c := newTally(4, workers)
				c.inside = func(_, _ int) { use() }
				p.Run(4, c)
				return nil
			}()
			if text, _ := got.(string); !strings.Contains(text, "the pool is at work") {
				t.Errorf("%s, %d workers: panic %v", name, workers, got)
			}
		}
		c := newTally(5, workers) // the pool still works afterwards
		p.Run(5, c)
		c.check(t, 1)
		p.Close()
	}
}

func TestPoolPanic(t *testing.T) {
	boom := errors.New("boom")
	for _, workers := range workerCounts {
		p := NewPool(workers)
		for range 50 {
			func() {
				defer func() {
					if v := recover(); v != boom {
						t.Fatalf("recovered %v, want %v", v, boom)
					}
				}()
				c := newTally(30, workers)
				c.inside = func(_, task int) {
					if task == 11 {
						panic(boom)
					}
				}
				p.Run(30, c)
			}()
		}
		c := newTally(30, workers)
		p.Run(30, c)
		c.check(t, 1)
		p.Close()
		after := newTally(3, workers)
		p.Run(3, after)
		after.check(t, 1)
	}
}

// multiply computes the named variant of the product.
func multiply(p *Pool, variant string, c, a, b *Matrix, acc bool) {
	switch variant {
	case "NN":
		p.MatMul(c, a, b, acc)
	case "NT":
		p.MatMulNT(c, a, b, acc)
	case "TN":
		p.MatMulTN(c, a, b, acc)
	}
}

// TestPoolBits checks that the number of workers does not change a product.
func TestPoolBits(t *testing.T) {
	for _, v := range variants {
		for _, d := range [][3]int{{130, 190, 70}, {15, 1300, 80}, {700, 40, 60}, {3, 1000, 400}} {
			c, a, b := operands(d[0], d[1], d[2], 1, v.ta, v.tb, uniform(7))
			w := want(c, a, b, v.ta, v.tb, true)
			perTier(t, func(t *testing.T) {
				for _, workers := range workerCounts {
					p := NewPool(workers)
					got := clone(c)
					multiply(p, v.name, got, a, b, true)
					p.Close()
					same(t, fmt.Sprintf("%s %v with %d workers", v.name, d, workers), got, w)
				}
			})
		}
	}
}

// TestEmptyProducts: a product with no rows, no columns or no chains has the right result, however large its operands are.
func TestEmptyProducts(t *testing.T) {
	const long = 1100 // more multiply-adds than one worker does alone
	for _, workers := range workerCounts {
		p := NewPool(workers)
		for _, d := range [][3]int{{long, 0, long}, {0, long, long}, {0, 0, long}, {long, long, 0}} {
			for _, v := range variants {
				c, a, b := operands(d[0], d[1], d[2], 0, v.ta, v.tb, func() float32 { return 1 })
				multiply(p, v.name, c, a, b, false)
				if slices.ContainsFunc(c.Data, func(x float32) bool { return math.Float32bits(x) != 0 }) {
					t.Errorf("%s %v with %d workers: a sum of nothing is not +0", v.name, d, workers)
				}
			}
		}
		p.Close()
	}
}

// TestSharedPanels has products for which the workers pack B in several rounds, of columns (NN, NT) and of k (TN), and parts
// that begin anywhere.
func TestSharedPanels(t *testing.T) {
	const m, n, k = 31, 1600, 1200
	for _, v := range variants {
		c, a, b := operands(m, n, k, 1, v.ta, v.tb, uniform(8))
		w := want(c, a, b, v.ta, v.tb, true)
		perTier(t, func(t *testing.T) {
			tile := asm.GEMMTiling()
			if tile.Rows == 0 {
				return // the portable code packs nothing
			}
			for _, workers := range []int{1, 2, 3, 8} {
				for _, part := range []cut{{rows: tile.Rows, cols: 3 * tile.Cols}, {rows: m, cols: n}, {rows: 2 * tile.Rows, cols: 11 * tile.Cols}} {
					p := NewPool(workers)
					got := clone(c)
					part.shared = true
					p.product.g, p.product.cut = product(got, a, b, v.ta, v.tb, true), part
					p.product.share()
					if bl := p.product.blocking; bl.kp >= k && bl.nc >= n {
						t.Errorf("%s: %d×%d of B are packed at once: the test needs several rounds", v.name, bl.kp, bl.nc)
					}
					p.Close()
					same(t, fmt.Sprintf("%s, parts of %d×%d, %d workers", v.name, part.rows, part.cols, workers), got, w)
				}
			}
		})
	}
}

// TestNoAllocation checks that launches and products allocate nothing once the
// buffers have grown.
func TestNoAllocation(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	job := newTally(8, 3)
	if n := testing.AllocsPerRun(100, func() { p.Run(8, job) }); n != 0 {
		t.Errorf("Run allocates %v times", n)
	}
	c, a, b := operands(96, 96, 128, 0, false, false, uniform(3))
	bt, at := filled(96, 128, 0, uniform(4)), filled(128, 96, 0, uniform(5))
	perTier(t, func(t *testing.T) {
		warm := func() {
			// Any worker may get any part: all buffers must have grown.
			for w := range p.Workers() {
				p.Scratch(w).MatMul(c, a, b, false)
				p.Scratch(w).MatMulNT(c, a, bt, false)
				p.Scratch(w).MatMulTN(c, at, b, false)
			}
		}
		warm()
		n := testing.AllocsPerRun(5, func() {
			p.MatMul(c, a, b, false)
			p.MatMulNT(c, a, bt, true)
			p.MatMulTN(c, at, b, true)
			p.Scratch(0).MatMulTN(c, at, b, true)
		})
		if n != 0 {
			t.Errorf("products allocate %v times", n)
		}
	})
}

// TestGrid checks that the parts of a cut cover the product, and that every worker gets one where there is enough work.
func TestGrid(t *testing.T) {
	perTier(t, func(t *testing.T) {
		tile := asm.GEMMTiling()
		if tile.Rows == 0 {
			tile.Rows, tile.Cols = 4, 4
		}
		for _, workers := range []int{2, 3, 8, 64} {
			for _, d := range [][3]int{{512, 576, 576}, {2048, 1536, 576}, {32000, 288, 512}, {1, 32000, 288}, {7, 5, 100000}} {
				for _, v := range variants {
					g := gemm{m: d[0], n: d[1], k: d[2], aRow: d[2], aK: 1, bK: d[1], bCol: 1}
					if v.ta {
						g.aRow, g.aK = 1, d[0]
					}
					if v.tb {
						g.bK, g.bCol = 1, d[2]
					}
					c := grid(&g, workers)
					if got := (g.m + c.rows - 1) / c.rows * ((g.n + c.cols - 1) / c.cols); got != c.tasks {
						t.Errorf("%v for %d: %d parts of %d×%d, says %d", d, workers, got, c.rows, c.cols, c.tasks)
					}
					if g.m*g.n > 1<<18 && c.tasks < workers*9/10 {
						t.Errorf("%s %v: %d parts for %d workers", v.name, d, c.tasks, workers)
					}
				}
			}
		}
	})
}

// lateJob ends its tasks just when the goroutines that wait for them stop spinning and go to sleep.
type lateJob struct{ seed [2]uint32 }

func (j *lateJob) Do(worker, task int) {
	j.seed[worker] = j.seed[worker]*1664525 + 1013904223
	if task == 0 {
		return
	}
	around := time.Duration(j.seed[worker]>>20) * 3 // up to 12 microseconds
	for end := time.Now().Add(spinTime - 6*time.Microsecond + around); time.Now().Before(end); {
	}
}

// No goroutine sleeps through the end of a launch or the beginning of the next: after a lost wake-up this test would hang.
// Under qemu it did, in about one run of three, when the sleepers' flags were written by Store.
func TestPoolLosesNoWakeUp(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	var j lateJob
	for range 10000 {
		p.Run(2, &j)
	}
}

// TestReserve: no product, large or small, of any kind, makes the reserved buffers grow.
func TestReserve(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	p.Reserve()
	sizes := func() []int {
		n := []int{cap(p.product.buf)}
		for w := range p.scratch {
			n = append(n, cap(p.scratch[w].a), cap(p.scratch[w].b))
		}
		return n
	}
	reserved := sizes()
	type shape struct{ m, n, k int }
	for _, s := range []shape{{3, 5, 7}, {64, 300, 40}, {40, 7000, 33}, {7000, 40, 33}, {33, 40, 7000}, {400, 500, 300}} {
		c := NewMatrix(s.m, s.n)
		a, at := NewMatrix(s.m, s.k), NewMatrix(s.k, s.m)
		b, bt := NewMatrix(s.k, s.n), NewMatrix(s.n, s.k)
		p.MatMul(c, a, b, false)
		p.MatMulNT(c, a, bt, true)
		p.MatMulTN(c, at, b, true)
		if now := sizes(); !slices.Equal(now, reserved) {
			t.Fatalf("%+v: buffers of %v values, reserved were %v", s, now, reserved)
		}
	}
}

// TestReserveBoundsPanels: the panels of products too large to run in a test also fit into what Reserve allocates, among
// them products with one column and long chains.
func TestReserveBoundsPanels(t *testing.T) {
	perTier(t, func(t *testing.T) {
		tile := asm.GEMMTiling()
		if tile.Rows == 0 {
			return // the portable code packs nothing
		}
		p := NewPool(2)
		defer p.Close()
		p.Reserve()
		lengths := []int{1, 31, 129, 3073, 1 << 20, 1 << 26}
		for _, m := range lengths {
			for _, n := range lengths {
				for _, k := range lengths {
					for _, v := range variants {
						g := gemm{m: m, n: n, k: k, aRow: k, aK: 1, bK: n, bCol: 1}
						if v.ta {
							g.aRow, g.aK = 1, m
						}
						if v.tb {
							g.bK, g.bCol = 1, k
						}
						own := newBlocking(&g, tile)
						shared := own
						shared.keepPanels(&g, thirdLevel)
						if own.size() > cap(p.scratch[0].b) || own.sizeA() > cap(p.scratch[0].a) || shared.size() > cap(p.product.buf) {
							t.Fatalf("%s %d×%d×%d: panels of %d, %d and shared %d values", v.name, m, n, k, own.sizeA(), own.size(), shared.size())
						}
					}
				}
			}
		}
	})
}
