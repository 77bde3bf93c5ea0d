package optim

import (
	"fmt"
	"math"

	"reprise/asm"
	"reprise/tensor"
)

// Reference reads the weights that a model is pulled towards, usually the base model's from its file: elements of parameter i, in
// row-major order from number first on, into dst. Workers call it at the same time, with their own numbers.
type Reference func(worker, i, first int, dst []float32) error

// Reset says what Optimizer.Reset does (arXiv 2502.07274).
type Reset struct {
	Keep  float64 // share of every tensor's entries, 0 to 1: those of highest score keep their weights
	Alpha float64 // share of their way from the reference that the other weights keep, 0 to 1
	Abs   bool    // the score is a·v, a being the running mean of |g| (TrackMagnitudes); otherwise |m|·v
}

// space is the state of what acts on the weights as a whole, after a step.
type space struct {
	magnitude []*tensor.Matrix // a of every parameter; nil: not tracked
	score     topSelect
	pull      pullJob
}

// TrackMagnitudes lets every step from now on also update a ← fma(β1, a, (1−β1)·|g|) for every weight, g being the gradient after
// global-norm clipping. a starts at 0.
func (o *Optimizer) TrackMagnitudes() {
	for _, p := range o.params {
		o.space.magnitude = append(o.space.magnitude, tensor.NewMatrix(p.W.Rows, p.W.Cols))
	}
}

// Magnitude is a of parameter i, for saving and restoring; nil where it is not tracked.
func (o *Optimizer) Magnitude(i int) *tensor.Matrix {
	if o.space.magnitude == nil {
		return nil
	}
	return o.space.magnitude[i]
}

// track updates a for a block.
func (o *Optimizer) track(b int, k block) {
	a, c := o.magnitudeOf(b), k.coef
	for i, g := range k.g {
		a[i] = asm.FMA(c.Beta1, a[i], c.OneMinusBeta1*abs(c.clip*g))
	}
}

func (o *Optimizer) magnitudeOf(b int) []float32 {
	c := o.work[b]
	return o.space.magnitude[c.tensor].Data[c.lo:c.hi]
}

func abs(x float32) float32 { return math.Float32frombits(magnitude(x)) }

// scores are |m|·v as keys. The product of two float32 is exact in float64, and the bits of positive numbers have their order. The
// bias corrections, which are the same for a whole tensor, do not change that order.
func scores(b block, into []uint64) {
	for i, m := range b.m {
		into[i] = score(m, b.v[i])
	}
}

func score(m, v float32) uint64 { return math.Float64bits(float64(abs(m)) * float64(v)) }

// PullTo moves every weight towards a reference by the share beta (0 to 1), as Pull does. L2-SP (arXiv 1802.01483), decoupled from
// the gradient, is this after every step with beta = lr·λ.
func (o *Optimizer) PullTo(pool *tensor.Pool, ref Reference, beta float64) error {
	if float32(beta) == 0 {
		return nil
	}
	o.space.pull.reset = false
	_, err := o.pullAll(pool, ref, beta)
	return err
}

// Reset pulls the weights of low score towards a reference: in every tensor of n entries the ⌈Keep·n⌉ of highest score keep their
// bits, ties going to the lowest index, and the others become fma(1 − Alpha, ref − θ, θ). The moments stay. It returns the number
// of weights whose bits changed. After an error the weights are partly pulled.
func (o *Optimizer) Reset(pool *tensor.Pool, ref Reference, r Reset) (changed int, err error) {
	s := &o.space.score
	s.keys, s.digits = scores, 6
	if r.Abs {
		if o.space.magnitude == nil {
			panic("optim: Reset: Abs without TrackMagnitudes")
		}
		s.keys = func(b block, into []uint64) {
			for i, a := range o.magnitudeOf(b.number) {
				into[i] = score(a, b.v[i])
			}
		}
	}
	s.find(o, pool, func(n int) int { return share(r.Keep, n) })
	o.space.pull.reset = true
	return o.pullAll(pool, ref, 1-r.Alpha)
}

// pullJob pulls the weights of a task's blocks towards a reference; with reset those that the selection leaves out.
type pullJob struct {
	o       *Optimizer
	ref     Reference
	beta    float32
	reset   bool
	read    [][]float32 // per worker: one block of the reference
	before  [][]float32 // per worker: the block before a reset
	changed []int       // per worker: weights whose bits changed in a reset
	errs    []error     // per worker: the first
}

// pullAll runs the job on all blocks.
func (o *Optimizer) pullAll(pool *tensor.Pool, ref Reference, beta float64) (changed int, err error) {
	if !(beta >= 0 && beta <= 1) {
		panic(fmt.Sprintf("optim: pulling weights by the share %g, want 0 to 1", beta))
	}
	j := &o.space.pull
	j.o, j.ref, j.beta = o, ref, float32(beta)
	for len(j.read) < pool.Workers() {
		j.read, j.before = append(j.read, make([]float32, blockSize)), append(j.before, make([]float32, blockSize))
		j.changed, j.errs = append(j.changed, 0), append(j.errs, nil)
	}
	o.reserve(pool)
	clear(j.changed)
	clear(j.errs)
	pool.Run((len(o.work)+blocksPerTask-1)/blocksPerTask, j)
	for worker, err := range j.errs {
		if err != nil {
			return 0, err
		}
		changed += j.changed[worker]
	}
	return changed, nil
}

func (j *pullJob) Do(worker, task int) {
	o := j.o
	for b, to := o.blocksOf(task); b < to && j.errs[worker] == nil; b++ {
		c, k := o.work[b], o.block(b)
		ref := j.read[worker][:len(k.w)]
		if err := j.ref(worker, c.tensor, c.lo, ref); err != nil {
			j.errs[worker] = err
			return
		}
		before := j.before[worker][:len(k.w)]
		if j.reset {
			copy(before, k.w)
		}
		Pull(k.w, ref, j.beta, o.spare[worker][:len(k.w)])
		if j.reset {
			j.keep(worker, b, k.w, before)
		}
	}
}

// keep puts back the entries of a block that a reset leaves alone, and counts the bits that changed.
func (j *pullJob) keep(worker, b int, w, before []float32) {
	s := &j.o.space.score
	border, take := s.borders[j.o.work[b].tensor], s.counts[b]
	for i, key := range s.of(worker, b) {
		if key == border && take > 0 {
			take--
			w[i] = before[i]
		} else if key > border {
			w[i] = before[i]
		}
		if math.Float32bits(w[i]) != math.Float32bits(before[i]) {
			j.changed[worker]++
		}
	}
}

// Average is a mean of weights along a training run: of equal weights for every state (stochastic weight averaging, arXiv
// 1803.05407) or with exponentially falling ones.
type Average struct {
	W []*tensor.Matrix // of every parameter

	job averageJob
}

// NewAverage allocates an average of the optimizer's parameters. Its values mean nothing before Add.
func (o *Optimizer) NewAverage() *Average {
	a := &Average{}
	for _, p := range o.params {
		a.W = append(a.W, tensor.NewMatrix(p.W.Rows, p.W.Cols))
	}
	a.job.o, a.job.mean = o, a.W
	return a
}

// Add moves the average towards the weights by a share, as Pull does: 1 begins it; 1/(n+1) makes it the mean of n+1 states if it was
// that of n; 1 − d is an exponential average of decay d.
func (a *Average) Add(pool *tensor.Pool, share float64) {
	a.job.share, a.job.swap = float32(share), false
	a.job.run(pool)
}

// Swap exchanges the parameters' weights and the average.
func (a *Average) Swap(pool *tensor.Pool) {
	a.job.swap = true
	a.job.run(pool)
}

// averageJob adds the weights of a task's blocks to the average, or exchanges the two.
type averageJob struct {
	o     *Optimizer
	mean  []*tensor.Matrix
	share float32
	swap  bool
}

func (j *averageJob) run(pool *tensor.Pool) {
	j.o.reserve(pool)
	pool.Run((len(j.o.work)+blocksPerTask-1)/blocksPerTask, j)
}

func (j *averageJob) Do(worker, task int) {
	o := j.o
	for b, to := o.blocksOf(task); b < to; b++ {
		c := o.work[b]
		w, mean := o.params[c.tensor].W.Data[c.lo:c.hi], j.mean[c.tensor].Data[c.lo:c.hi]
		spare := o.spare[worker][:len(w)]
		if !j.swap {
			Pull(mean, w, j.share, spare)
			continue
		}
		copy(spare, w)
		copy(w, mean)
		copy(mean, spare)
	}
}
