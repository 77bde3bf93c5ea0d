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
	Config  Config
	Steps   int  // steps taken
	Measure bool // fill Stats.Moved; costs a pass over the weights, and cannot be seen in the result

	params []*tensor.Param
	m, v   []*tensor.Matrix
	tam    []float64 // AdaTAM: smoothed similarity s of every parameter
	beta1t float64   // β1^Steps and β2^Steps as running products
	beta2t float64

	blocks  []moments // of every block of every tensor
	tensors []moments // of every tensor, as sums last added them
	coef    []asm.StepCoef
	work    []chunk
	first   []int       // parameter i owns blocks first[i]:first[i+1]
	spare   [][]float32 // per worker: one block
	norm    normJob
	update  updateJob
	advance advanceJob
	top     topSelect
}

// Stats describe one step.
type Stats struct {
	GradNorm float64 // before clipping
	Clip     float64 // factor applied by global-norm clipping; 1: none
	Tensors  []Angle // one per parameter
	Moved    []Moved // one per parameter, where Optimizer.Measure is set
}

// Moved is how far a step moved one tensor.
type Moved struct {
	Update2 float64 // |Δθ|², decay included
	Weight2 float64 // |θ|² after the step
}

// Angle is what MoClip saw of one tensor (of all of them together when the scope is global).
type Angle struct {
	Phi    float64 // degrees between gradient and momentum; NaN where either is zero
	Capped bool
}

// New checks the configuration and allocates zero moments. Every parameter needs a gradient.
func New(c Config, params []*tensor.Param) (*Optimizer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	o := &Optimizer{Config: c, params: params, beta1t: 1, beta2t: 1, coef: make([]asm.StepCoef, len(params)), tensors: make([]moments, len(params))}
	if c.Name == AdaTAM {
		o.tam = make([]float64, len(params))
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
	o.blocks = make([]moments, len(o.work))
	return o, nil
}

// Moments gives the first and second moment of parameter i, for saving and restoring.
func (o *Optimizer) Moments(i int) (m, v *tensor.Matrix) { return o.m[i], o.v[i] }

// Similarity is AdaTAM's smoothed similarity of every parameter, for saving and restoring in place; empty for the others.
func (o *Optimizer) Similarity() []float64 { return o.tam }

// Restore sets the number of steps taken, after the moments have been filled.
func (o *Optimizer) Restore(steps int) {
	o.Steps, o.beta1t, o.beta2t = steps, 1, 1
	for range steps {
		o.beta1t *= o.Config.Beta1
		o.beta2t *= o.Config.Beta2
	}
}

// blockSize is the number of elements after which the float64 reductions that steer the optimizer restart
// (docs/NUMERICS.md); chunksPerTask of them make a task.
const (
	blockSize     = 4096
	blocksPerTask = 4
)

// chunk is one block of one tensor.
type chunk struct{ tensor, lo, hi int }

// moments are |g|², g·m and |m|².
type moments struct{ gg, gm, mm float64 }

func (a moments) plus(b moments) moments { return moments{a.gg + b.gg, a.gm + b.gm, a.mm + b.mm} }

// normJob reduces the blocks of a task.
type normJob struct{ o *Optimizer }

func (j *normJob) Do(_, task int) {
	o := j.o
	for b := task * blocksPerTask; b < min((task+1)*blocksPerTask, len(o.work)); b++ {
		w := o.work[b]
		g, m := o.params[w.tensor].G.Data[w.lo:w.hi], o.m[w.tensor].Data[w.lo:w.hi]
		if o.Config.Name == MoClip || o.Config.Name == AdaTAM {
			o.blocks[b].gg, o.blocks[b].gm, o.blocks[b].mm = asm.Moments64(g, m)
		} else {
			o.blocks[b].gg = asm.SumSquares64(g)
		}
	}
}

// updateJob applies the step to the blocks of a task.
type updateJob struct{ o *Optimizer }

func (j *updateJob) Do(worker, task int) {
	o := j.o
	for b := task * blocksPerTask; b < min((task+1)*blocksPerTask, len(o.work)); b++ {
		w, g, m, v, coef := o.block(b)
		before := o.spare[worker][:len(w)]
		if o.Measure {
			copy(before, w)
		}
		switch o.Config.Name {
		case AdamW, AdaTAM:
			asm.AdamWStep(w, g, m, v, coef)
		case MoFO:
			o.moveTop(b, w, m, v, coef)
		case Cautious:
			moveAgreeing(w, g, m, v, coef)
		default:
			asm.Atan2Step(w, g, m, v, coef)
		}
		if o.Measure {
			for i, x := range before {
				before[i] = w[i] - x
			}
			o.blocks[b] = moments{gg: asm.SumSquares64(before), mm: asm.SumSquares64(w)}
		}
	}
}

// block is the part of weights, gradients and moments that block b covers, with its tensor's coefficients.
func (o *Optimizer) block(b int) (w, g, m, v []float32, coef *asm.StepCoef) {
	c := o.work[b]
	p := o.params[c.tensor]
	return p.W.Data[c.lo:c.hi], p.G.Data[c.lo:c.hi], o.m[c.tensor].Data[c.lo:c.hi], o.v[c.tensor].Data[c.lo:c.hi], &o.coef[c.tensor]
}

// Step updates every parameter with learning rate lr. A gradient that is not finite is reported before anything is
// changed.
func (o *Optimizer) Step(pool *tensor.Pool, lr float64, stats *Stats) error {
	launches := (len(o.work) + blocksPerTask - 1) / blocksPerTask
	o.norm.o, o.update.o, o.advance.o = o, o, o
	for len(o.spare) < pool.Workers() {
		o.spare = append(o.spare, make([]float32, blockSize))
	}
	pool.Run(launches, &o.norm)

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
		o.coef[i] = o.coefficients(p, lr)
		c := &o.coef[i]
		raw := float32(stats.Clip)
		c.GradScale, c.MomMix, c.VScale = raw, 0, raw
		if o.Config.Name == AdaTAM {
			c.OneMinusBeta1 = float32(o.damping(i, per[i]))
		}
		if o.Config.Name != MoClip {
			continue
		}
		s := per[i]
		if o.Config.Scope == "global" {
			s = all
		}
		grad, mix, angle := o.cap(s, stats.Clip, len(p.Shape))
		stats.Tensors[i] = angle
		c.GradScale, c.MomMix = grad, mix
		if o.Config.VFrom == "clipped" {
			c.VScale, c.VMix = grad, mix
		}
	}
	switch o.Config.Name {
	case MoFO:
		pool.Run(launches, &o.advance)
		o.selectTop(pool)
	case Cautious:
		pool.Run(launches, &o.advance)
		o.rescale()
	}
	pool.Run(launches, &o.update)
	stats.Moved = stats.Moved[:0]
	if o.Measure {
		per, _ := o.sums()
		for _, s := range per {
			stats.Moved = append(stats.Moved, Moved{Update2: s.gg, Weight2: s.mm})
		}
	}
	return nil
}

// sums adds the blocks of every tensor in order, then the tensors. per is valid until the next call.
func (o *Optimizer) sums() (per []moments, all moments) {
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

// coefficients are those that do not depend on the gradient.
func (o *Optimizer) coefficients(p *tensor.Param, lr float64) asm.StepCoef {
	c := &o.Config
	decay := 1.0
	if c.Decay == "all" || c.Decay == "matrices" && len(p.Shape) > 1 {
		decay = 1 - float64(lr*c.WeightDecay)
	}
	rate := lr
	if !c.adam() {
		rate = lr * c.A
	}
	return asm.StepCoef{
		Beta1: float32(c.Beta1), OneMinusBeta1: float32(1 - c.Beta1),
		Beta2: float32(c.Beta2), OneMinusBeta2: float32(1 - c.Beta2),
		Correct1: float32(1 / (1 - o.beta1t)), Correct2: float32(1 / (1 - o.beta2t)),
		Decay: float32(decay), LR: float32(rate), Eps: float32(c.Eps), AtanB: float32(c.B),
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}
