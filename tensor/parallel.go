package tensor

import "reprise/asm"

// serialWork is the number of multiply-adds that are not worth a launch: about
// 30 microseconds of one core.
const serialWork = 1 << 20

// Costs, in multiply-adds, of bringing one value of an operand into a packed
// panel, and of reading one past its caches. They only steer the cut.
const (
	copyCost      = 8
	transposeCost = 12
	readCost      = 1
)

// productJob computes a product, cut into a grid of about equal parts of C.
type productJob struct {
	pool       *Pool
	g          gemm
	rows, cols int // of a part
	across     int // parts side by side
}

// Do computes one part.
func (j *productJob) Do(worker, task int) {
	i0, j0 := task/j.across*j.rows, task%j.across*j.cols
	part := j.g.part(i0, min(i0+j.rows, j.g.m), j0, min(j0+j.cols, j.g.n))
	j.pool.scratch[worker].gemm(part)
}

// gemm computes a product over the workers.
func (p *Pool) gemm(g gemm) {
	if p.busy.Load() {
		p.scratch[p.self()].gemm(g)
		return
	}
	if len(p.scratch) == 1 || g.cost(g.m, g.n) <= serialWork {
		p.scratch[0].gemm(g)
		return
	}
	j := &p.product
	var tasks int
	j.rows, j.cols, tasks = grid(&g, len(p.scratch))
	j.across = (g.n + j.cols - 1) / j.cols
	j.g = g
	p.Run(tasks, j)
	j.g = gemm{}
}

// cost is that of a part of m rows and n columns, in multiply-adds.
func (g *gemm) cost(m, n int) float64 {
	costA, costB := readCost, copyCost
	if t := asm.GEMMTiling(); t.Rows > 0 && packsA(g, t) {
		costA = copyCost
	}
	if g.bCol != 1 {
		costB = transposeCost
	}
	return float64(g.k) * float64(m*n+costA*m+costB*n)
}

// grid cuts a product for so many workers: the rows and columns of a part and
// the number of parts. It weighs idle workers against what every part packs and
// reads anew, and prefers small parts where that costs nothing, because workers
// are never equally fast.
func grid(g *gemm, workers int) (rows, cols, tasks int) {
	t := asm.GEMMTiling()
	if t.Rows == 0 {
		t = asm.Tiling{Rows: 4, Cols: 4, Step: 1}
	}
	down, across := (g.m+t.Rows-1)/t.Rows, (g.n+t.Cols-1)/t.Cols // in tiles
	best := 0.0
	for x := 1; x <= min(across, 4*workers); x++ {
		width := (across + x - 1) / x
		for parts := workers; parts <= 4*workers; parts += workers {
			height := max(1, (down*x+parts-1)/parts)
			n := ((across + width - 1) / width) * ((down + height - 1) / height)
			part := g.cost(min(g.m, height*t.Rows), min(g.n, width*t.Cols))
			if part < serialWork && n > workers {
				continue
			}
			rounds := (n + workers - 1) / workers
			cost := (float64(rounds) + 0.1) * part
			if tasks == 0 || cost < best {
				best, rows, cols, tasks = cost, height*t.Rows, width*t.Cols, n
			}
		}
	}
	if tasks == 0 {
		return g.m, g.n, 1
	}
	return rows, cols, tasks
}
