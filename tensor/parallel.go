package tensor

import (
	"math"

	"reprise/asm"
)

// serialWork is the number of multiply-adds below which a launch is not worth it:
// about 30 microseconds of one core.
const serialWork = 1 << 20

// Costs, in multiply-adds, of bringing one value of an operand to the tiles. They
// serve only to choose the cut, and assume that all workers use the memory at the
// same time.
const (
	packCost   = 24
	readCost   = 1  // of A where it is not packed
	memoryCost = 8  // of A where it is not packed and not in a cache
	sharedCost = 16 // of packed panels: another core has them in its caches
)

// idleCost is the time at the end of a launch in which some workers are done and
// others are not, as a share of the time of a part.
const idleCost = 0.03

// barrier is the cost of waiting for all workers twice.
const barrier = 1 << 17

// sharedMargin is the factor by which sharing must win where A is not packed and
// chains are not cut: parts that pack for themselves have the panels in a near
// cache when they use them, and do not wait for other workers. Over longer chains
// every narrow part would read A once from memory.
const sharedMargin = 1.02

// productJob computes a product, cut into a grid of about equal parts of C.
type productJob struct {
	pool *Pool
	g    gemm
	cut  cut

	// If the parts share packed panels of B:
	blocking blocking
	part     packedB
	buf      []float32
	group    int // columns that one task packs
}

// Do computes one part.
func (j *productJob) Do(worker, task int) {
	s := &j.pool.scratch[worker]
	n := j.g.n
	if j.cut.shared {
		n = j.part.j1 - j.part.j0
	}
	i0, i1, j0, j1 := j.cut.part(task, j.g.m, n)
	if j.cut.shared {
		s.multiply(&j.g, &j.blocking, &j.part, i0, i1, j.part.j0+j0, j.part.j0+j1)
		return
	}
	s.gemm(j.g.part(i0, i1, j0, j1))
}

// packJob packs the panels that the parts of a product share: a group of columns
// and kc rows for each task.
type packJob productJob

func (j *packJob) Do(_, task int) {
	p, bl := &j.part, &j.blocking
	groups := (p.j1 - p.j0 + j.group - 1) / j.group
	l, col := p.l0+task/groups*bl.kc, p.j0+task%groups*j.group
	packB(p.at(bl, l, col), bl.place(), &j.g, bl.t, col, min(j.group, p.j1-col), l, min(bl.kc, p.l1-l))
}

// gemm computes a product over the workers.
func (p *Pool) gemm(g gemm) {
	if g.m == 0 || g.n == 0 {
		return // nothing to cut
	}
	if p.busy.Load() {
		panic(errBusy)
	}
	if len(p.scratch) == 1 || g.cost(g.m, g.n) <= serialWork {
		p.scratch[0].gemm(g)
		return
	}
	j := &p.product
	j.g, j.cut = g, grid(&g, len(p.scratch))
	if j.cut.shared {
		j.share()
	} else {
		p.Run(j.cut.tasks, j)
	}
	j.g = gemm{}
}

// share computes a product in rounds: all workers pack panels of B, then all use
// them.
func (j *productJob) share() {
	g, t := &j.g, asm.GEMMTiling()
	workers := len(j.pool.scratch)
	bl := newBlocking(g, t)
	if bl.packA {
		bl.mc = min(bl.mc, even(j.cut.rows, bl.mc, t.Rows))
	}
	bl.keepPanels(g, thirdLevel)
	j.blocking = bl
	// Any worker may get any task, so all buffers grow now and not in the middle
	// of a later step.
	for w := range workers {
		grow(&j.pool.scratch[w].a, bl.sizeA())
	}
	b := grow(&j.buf, bl.size())
	down := (g.m + j.cut.rows - 1) / j.cut.rows
	for j0 := 0; j0 < g.n; j0 += bl.nc {
		for l0 := 0; l0 < g.k; l0 += bl.kp {
			j.part = packedB{b: b, j0: j0, j1: min(j0+bl.nc, g.n), l0: l0, l1: min(l0+bl.kp, g.k), ready: true}
			n := j.part.j1 - j0
			chunks := (j.part.l1 - l0 + bl.kc - 1) / bl.kc
			j.group = max(1, n*chunks/(4*workers*t.Cols)) * t.Cols
			j.pool.Run(chunks*((n+j.group-1)/j.group), (*packJob)(j))
			j.pool.Run(down*((n+j.cut.cols-1)/j.cut.cols), j)
		}
	}
}

// cost is that of a part of m rows and n columns, in multiply-adds.
func (g *gemm) cost(m, n int) float64 {
	costA, costB := g.operandCosts()
	return float64(g.k) * float64(m*n+costA*m+costB*n)
}

// operandCosts are the costs of bringing a value of A and of B to the tiles.
func (g *gemm) operandCosts() (costA, costB int) {
	costA, costB = readCost, packCost
	switch t := asm.GEMMTiling(); {
	case g.packed:
		costB = readCost
	case t.Rows > 0 && packsA(g, t):
		costA = packCost
	case g.m*g.k > thirdLevel:
		costA = memoryCost
	}
	return costA, costB
}

// cut is a grid over C.
type cut struct {
	rows, cols int // of a part
	tasks      int // parts
	// shared says that the workers pack B together, once. Otherwise each part is a
	// product of its own, which packs what it needs of B.
	shared bool
}

// part returns the bounds of a part of m rows and n columns.
func (c *cut) part(task, m, n int) (i0, i1, j0, j1 int) {
	across := (n + c.cols - 1) / c.cols
	i0, j0 = task/across*c.rows, task%across*c.cols
	return i0, min(i0+c.rows, m), j0, min(j0+c.cols, n)
}

// grid cuts a product for a number of workers. It weighs idle workers against the
// packing and reading that every part repeats, and prefers small parts where that
// costs nothing, because workers are never equally fast.
func grid(g *gemm, workers int) cut {
	t := asm.GEMMTiling()
	mayShare := g.m > 2*t.Rows && !g.packed
	if t.Rows == 0 {
		t, mayShare = panelTiling(), false
	}
	down, across := (g.m+t.Rows-1)/t.Rows, (g.n+t.Cols-1)/t.Cols // in tiles
	costA, costB := g.operandCosts()
	best, least := cut{g.m, g.n, 1, false}, math.Inf(1)
	for x := 1; x <= min(across, 4*workers); x++ {
		width := (across + x - 1) / x
		for parts := workers; parts <= 4*workers; parts += workers {
			height := max(1, (down*x+parts-1)/parts)
			n := ((across + width - 1) / width) * ((down + height - 1) / height)
			m, cols := min(g.m, height*t.Rows), min(g.n, width*t.Cols)
			if g.cost(m, cols) < serialWork && n > workers {
				continue
			}
			rounds := float64((n+workers-1)/workers) + idleCost
			if cost := rounds * g.cost(m, cols); cost < least {
				best, least = cut{height * t.Rows, width * t.Cols, n, false}, cost
			}
			if !mayShare {
				continue
			}
			k := float64(g.k)
			cost := float64(rounds*k*float64(m*cols+costA*m+sharedCost*cols)) + float64(k*float64(costB*g.n)/float64(workers)) +
				float64(barrier*math.Ceil(k*float64(g.n)/thirdLevel))
			if costA != packCost && g.k <= maxK {
				cost *= sharedMargin
			}
			if cost < least {
				best, least = cut{height * t.Rows, width * t.Cols, n, true}, cost
			}
		}
	}
	return best
}
