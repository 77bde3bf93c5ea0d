package optim

import (
	"fmt"
	"math"

	"reprise/asm"
	"reprise/tensor"
)

// Optimizer updates a fixed list of parameters from their gradients. Its state is two moments per parameter, the
// number of steps taken and, for AdaTAM, one number per parameter.
type Optimizer struct {
	Config  Config // as given to New; changing Name later has no effect
	Steps   int    // steps taken
	Measure bool   // fill Stats.Moved; takes time and changes nothing else

	def        *definition
	params     []*tensor.Param
	m, v       []*tensor.Matrix
	similarity []float64 // AdaTAM: smoothed cosine s of every parameter
	beta1t     float64   // β1^Steps and β2^Steps as running products
	beta2t     float64

	work    []chunk    // blocks of all parameters
	first   []int      // parameter i owns blocks first[i]:first[i+1]
	blocks  []products // of every block
	tensors []products // of every parameter, as sums computed them last
	counts  []int      // of every block, where the optimizer chooses which entries move
	moved   []Moved    // of every block, where Measure is set
	coef    []coefficients
	spare   [][]float32 // per worker: one block
	reduce  reduceJob
	advance advanceJob
	update  updateJob
	top     topSelect // MoFO's
	space   space     // what acts on the weights as a whole, after a step
}

// Stats describe one step.
type Stats struct {
	GradNorm float64 // before clipping
	Clip     float64 // factor applied by global-norm clipping; 1: none
	Tensors  []Angle // one per parameter; zeros where Config.Angles is false
	Moved    []Moved // one per parameter, where Optimizer.Measure is set
}

// Moved is how far a step moved one tensor.
type Moved struct {
	Update2 float64 // |Δθ|², decay included
	Weight2 float64 // |θ|² after the step
}

// Angle is the angle that MoClip found for one tensor, or for all together when the scope is global.
type Angle struct {
	Phi    float64 // degrees between gradient and momentum; NaN where either is zero
	Capped bool
}

// New checks the configuration and allocates zero moments. It panics if a parameter has no gradient, or one of another
// shape.
func New(c Config, params []*tensor.Param) (*Optimizer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	o := &Optimizer{
		Config: c, def: find(c.Name), params: params, beta1t: 1, beta2t: 1,
		coef: make([]coefficients, len(params)), tensors: make([]products, len(params)),
	}
	for i, p := range params {
		if p.G == nil || len(p.G.Data) != len(p.W.Data) {
			panic(fmt.Sprintf("optim: %s has no gradient of the shape of its weights", p.Name))
		}
		o.m = append(o.m, tensor.NewMatrix(p.W.Rows, p.W.Cols))
		o.v = append(o.v, tensor.NewMatrix(p.W.Rows, p.W.Cols))
		o.first = append(o.first, len(o.work))
		for lo := 0; lo < len(p.W.Data); lo += blockSize {
			o.work = append(o.work, chunk{tensor: i, lo: lo, hi: min(lo+blockSize, len(p.W.Data))})
		}
	}
	o.first = append(o.first, len(o.work))
	o.blocks, o.moved = make([]products, len(o.work)), make([]Moved, len(o.work))
	if o.def.similarity {
		o.similarity = make([]float64, len(params))
	}
	if o.def.choose != nil {
		o.counts = make([]int, len(o.work))
	}
	return o, nil
}

// Moments returns the first and second moment of parameter i, for saving and restoring.
func (o *Optimizer) Moments(i int) (m, v *tensor.Matrix) { return o.m[i], o.v[i] }

// Similarity is AdaTAM's smoothed similarity of every parameter, for saving and restoring in place; empty for other optimizers.
func (o *Optimizer) Similarity() []float64 { return o.similarity }

// Restore sets the number of steps taken, after the moments have been filled.
func (o *Optimizer) Restore(steps int) {
	o.Steps, o.beta1t, o.beta2t = steps, 1, 1
	for range steps {
		o.beta1t *= o.Config.Beta1
		o.beta2t *= o.Config.Beta2
	}
}

// blockSize is the number of elements after which the float64 reductions that steer the optimizer restart
// (docs/NUMERICS.md); blocksPerTask of them make a task.
const (
	blockSize     = 4096
	blocksPerTask = 4
)

// chunk is where one block lies: elements lo to hi of a parameter.
type chunk struct{ tensor, lo, hi int }

// blocksOf returns the blocks of a task.
func (o *Optimizer) blocksOf(task int) (from, to int) {
	return task * blocksPerTask, min((task+1)*blocksPerTask, len(o.work))
}

func (o *Optimizer) block(b int) block {
	c := o.work[b]
	p := o.params[c.tensor]
	k := block{
		number: b, w: p.W.Data[c.lo:c.hi], g: p.G.Data[c.lo:c.hi], m: o.m[c.tensor].Data[c.lo:c.hi], v: o.v[c.tensor].Data[c.lo:c.hi],
		coef: &o.coef[c.tensor],
	}
	if o.counts != nil {
		k.count = o.counts[b]
	}
	return k
}

// reduceJob computes the inner products of the blocks of a task.
type reduceJob struct{ o *Optimizer }

func (j *reduceJob) Do(_, task int) {
	o := j.o
	for b, to := o.blocksOf(task); b < to; b++ {
		k, s := o.block(b), &o.blocks[b]
		if o.def.momentum {
			s.gg, s.gm, s.mm = asm.Moments64(k.g, k.m)
		} else {
			s.gg = asm.SumSquares64(k.g)
		}
	}
}

// advanceJob advances the moments of a task's blocks and not the weights, for optimizers that choose which entries move.
type advanceJob struct{ o *Optimizer }

func (j *advanceJob) Do(worker, task int) {
	o := j.o
	for b, to := o.blocksOf(task); b < to; b++ {
		k := o.block(b)
		asm.AdamWStep(o.spare[worker][:len(k.w)], k.g, k.m, k.v, &k.coef.StepCoef)
		if o.def.tally != nil {
			o.counts[b] = o.def.tally(k)
		}
	}
}

// updateJob applies the step to the blocks of a task.
type updateJob struct{ o *Optimizer }

func (j *updateJob) Do(worker, task int) {
	o := j.o
	for b, to := o.blocksOf(task); b < to; b++ {
		k := o.block(b)
		before := o.spare[worker][:len(k.w)]
		if o.Measure {
			copy(before, k.w)
		}
		o.def.step(k)
		if o.space.magnitude != nil {
			o.track(b, k)
		}
		if o.Measure {
			for i, x := range before {
				before[i] = k.w[i] - x
			}
			o.moved[b] = Moved{Update2: asm.SumSquares64(before), Weight2: asm.SumSquares64(k.w)}
		}
	}
}

// Step updates every parameter with learning rate lr. A gradient that is not finite is reported before anything is
// changed. Step panics if the model's gradients are not those of one whole step, because Pass.EndStep or Model.ZeroGrads was
// forgotten.
func (o *Optimizer) Step(pool *tensor.Pool, lr float64, stats *Stats) error {
	o.checkGrads()
	tasks := (len(o.work) + blocksPerTask - 1) / blocksPerTask
	o.reduce.o, o.advance.o, o.update.o = o, o, o
	o.reserve(pool)
	pool.Run(tasks, &o.reduce)

	stats.Tensors = resize(stats.Tensors, len(o.params))
	per, all := o.sums()
	stats.GradNorm = math.Sqrt(all.gg)
	if math.IsNaN(stats.GradNorm) || math.IsInf(stats.GradNorm, 0) {
		return fmt.Errorf("optim: step %d: the gradient's norm is %g", o.Steps+1, stats.GradNorm)
	}
	stats.Clip = 1
	if limit := o.Config.MaxGradNorm; limit > 0 && stats.GradNorm > limit {
		stats.Clip = limit / stats.GradNorm
	}

	o.Steps++
	o.beta1t *= o.Config.Beta1
	o.beta2t *= o.Config.Beta2
	for i, p := range o.params {
		o.coef[i] = o.plain(p, lr, stats.Clip)
		if o.def.steer != nil {
			stats.Tensors[i] = o.def.steer(o, i, per[i], all, stats.Clip)
		}
	}
	if o.def.choose != nil {
		pool.Run(tasks, &o.advance)
		o.def.choose(o, pool)
	}
	pool.Run(tasks, &o.update)
	for _, p := range o.params {
		if p.Grad == tensor.GradWhole {
			p.Grad = tensor.GradUsed
		}
	}

	stats.Moved = stats.Moved[:0]
	if o.Measure {
		stats.Moved = resize(stats.Moved, len(o.params))
		for b, c := range o.work {
			t := &stats.Moved[c.tensor]
			t.Update2 += o.moved[b].Update2
			t.Weight2 += o.moved[b].Weight2
		}
	}
	return nil
}

// reserve gives every worker a spare block.
func (o *Optimizer) reserve(pool *tensor.Pool) {
	for len(o.spare) < pool.Workers() {
		o.spare = append(o.spare, make([]float32, blockSize))
	}
}

// checkGrads panics where the gradients are not those of one whole step. Gradients that a model did not compute are not
// checked.
func (o *Optimizer) checkGrads() {
	for _, p := range o.params {
		switch p.Grad {
		case tensor.GradOpen:
			panic("optim: Step: the gradient of " + p.Name + " lacks the end of its step; call Pass.EndStep after the last Backward")
		case tensor.GradUsed:
			panic("optim: Step: the gradient of " + p.Name + " was used by the step before; call Model.ZeroGrads and run Backward again")
		}
	}
}

// sums adds the blocks of every tensor in order, then the tensors. per is valid until the next call.
func (o *Optimizer) sums() (per []products, all products) {
	per = o.tensors
	clear(per)
	for b, w := range o.work {
		per[w.tensor] = per[w.tensor].plus(o.blocks[b])
	}
	for _, s := range per {
		all = all.plus(s)
	}
	return per, all
}

// plain returns the coefficients of a step without cap or damping, as in AdamW and Adam-atan2. clip is the factor of
// global-norm clipping.
func (o *Optimizer) plain(p *tensor.Param, lr, clip float64) coefficients {
	c := &o.Config
	decay := 1.0
	if c.Decay == "all" || c.Decay == "matrices" && len(p.Shape) > 1 {
		decay = 1 - float64(lr*c.WeightDecay)
	}
	rate := lr
	if o.def.uses("a") {
		rate = lr * c.A
	}
	return coefficients{clip: float32(clip), StepCoef: asm.StepCoef{
		GradScale: float32(clip), VScale: float32(clip),
		Beta1: float32(c.Beta1), OneMinusBeta1: float32(1 - c.Beta1),
		Beta2: float32(c.Beta2), OneMinusBeta2: float32(1 - c.Beta2),
		Correct1: float32(1 / (1 - o.beta1t)), Correct2: float32(1 / (1 - o.beta2t)),
		Decay: float32(decay), LR: float32(rate), Eps: float32(c.Eps), AtanB: float32(c.B),
	}}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}
