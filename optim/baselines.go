package optim

import (
	"math"

	"reprise/asm"
	"reprise/tensor"
)

// damping is AdaTAM's factor of the gradient (torque-aware momentum, arXiv 2412.18790), with s kept from step to step:
//
//	s ← γs + (1−γ)·cos(m, g);   m ← β1 m + (ε + (1+s)/2)·g
//
// The rest of the step is AdamW's, bias correction included (ours to choose). Where m or g is zero the cosine is 0. m is a
// sum and not a mean, so that its learning rates lie about 5 times below AdamW's.
func (o *Optimizer) damping(i int, s moments) float64 {
	cos := 0.0
	if s.gg > 0 && s.mm > 0 {
		cos = min(1, max(-1, s.gm/(math.Sqrt(s.gg)*math.Sqrt(s.mm))))
	}
	gamma := o.Config.gamma()
	o.tam[i] = float64(gamma*o.tam[i]) + float64((1-gamma)*cos)
	return o.Config.Eps + float64((1+o.tam[i])/2)
}

// advanceJob advances the moments of a task's blocks and leaves the weights alone: what moves depends on the whole tensor's
// new momentum. For the cautious step it also counts the entries whose momentum agrees with the gradient.
type advanceJob struct{ o *Optimizer }

func (j *advanceJob) Do(worker, task int) {
	o := j.o
	for b := task * blocksPerTask; b < min((task+1)*blocksPerTask, len(o.work)); b++ {
		_, g, m, v, coef := o.block(b)
		asm.AdamWStep(o.spare[worker][:len(m)], g, m, v, coef)
		if o.Config.Name == Cautious {
			n := 0
			for i, x := range g {
				if agree(m[i], x) {
					n++
				}
			}
			o.blocks[b].gg = float64(n)
		}
	}
}

// agree says whether m·g > 0; the product itself might underflow.
func agree(m, g float32) bool { return m > 0 && g > 0 || m < 0 && g < 0 }

// rescale raises the cautious step's rate of every tensor by n/(agreeing entries + 1), so that the masked step is about as
// long as the whole one (arXiv 2411.16085).
func (o *Optimizer) rescale() {
	per, _ := o.sums()
	for i, s := range per {
		n := float64(len(o.params[i].W.Data))
		o.coef[i].LR = float32(float64(o.coef[i].LR) * (n / (s.gg + 1)))
	}
}

// moveAgreeing is the cautious step: AdamW's where momentum and gradient agree; elsewhere only decay acts.
func moveAgreeing(w, g, m, v []float32, c *asm.StepCoef) {
	for i, x := range w {
		w[i] = x * c.Decay
		if agree(m[i], g[i]) {
			w[i] = asm.FMA(-c.LR, direction(m[i], v[i], c), w[i])
		}
	}
}

// direction is AdamW's m̂/(√v̂ + ε), in the arithmetic of asm.AdamWStep.
func direction(m, v float32, c *asm.StepCoef) float32 {
	vh := v * c.Correct2
	return float32(m*c.Correct1) / (float32(math.Sqrt(float64(vh))) + c.Eps)
}

// MoFO (arXiv 2407.20999) moves, of every tensor, only the entries whose momentum is among the greatest in magnitude; the
// others keep their value to the bit, decay included. Ties at the border go to the lowest index.

// topSelect finds the k-th greatest |m| of a tensor by radix: three rounds of histograms over the bits of |m|, which order
// like the numbers. Counts are integers, so that neither blocks nor workers can be seen in the result.
type topSelect struct {
	o      *Optimizer
	first  int        // block that task 0 starts at
	last   int        // block behind the tensor
	shift  int        // of the round's digit
	prefix uint32     // bits above the digit, found so far
	hist   [][]uint32 // per worker
	border []uint32   // per tensor: bits of the k-th greatest |m|
	take   []int      // per block: how many entries equal to the border move
	equal  bool       // count entries equal to prefix into take
}

// radixBits is the width of a digit; three of them cover the 31 bits of a magnitude.
const radixBits = 11

func magnitude(x float32) uint32 { return math.Float32bits(x) &^ (1 << 31) }

func (s *topSelect) Do(worker, task int) {
	o := s.o
	for b := s.first + task*blocksPerTask; b < min(s.first+(task+1)*blocksPerTask, s.last); b++ {
		_, _, m, _, _ := o.block(b)
		if s.equal {
			n := 0
			for _, x := range m {
				if magnitude(x) == s.prefix {
					n++
				}
			}
			s.take[b] = n
			continue
		}
		hist := s.hist[worker]
		for _, x := range m {
			// Go shifts a uint32 by 33 to 0, so that in the first round every entry matches.
			if bits := magnitude(x); bits>>(s.shift+radixBits) == s.prefix {
				hist[bits>>s.shift&(1<<radixBits-1)]++
			}
		}
	}
}

// selectTop fills border and take for every tensor.
func (o *Optimizer) selectTop(pool *tensor.Pool) {
	s := &o.top
	if s.o == nil {
		s.o = o
		s.border, s.take = make([]uint32, len(o.params)), make([]int, len(o.work))
	}
	for len(s.hist) < pool.Workers() {
		s.hist = append(s.hist, make([]uint32, 1<<radixBits))
	}
	for i, p := range o.params {
		left := o.Config.moving(len(p.W.Data)) // entries still to be found at or below the prefix
		s.first, s.last = o.first[i], o.first[i+1]
		tasks := (s.last - s.first + blocksPerTask - 1) / blocksPerTask
		s.prefix, s.equal = 0, false
		for s.shift = 2 * radixBits; s.shift >= 0; s.shift -= radixBits {
			for _, h := range s.hist {
				clear(h)
			}
			pool.Run(tasks, s)
			digit := 1<<radixBits - 1
			for ; ; digit-- {
				n := 0
				for _, h := range s.hist {
					n += int(h[digit])
				}
				if n >= left {
					break
				}
				left -= n
			}
			s.prefix = s.prefix<<radixBits | uint32(digit)
		}
		s.border[i], s.equal = s.prefix, true
		pool.Run(tasks, s)
		for b := s.first; b < s.last; b++ {
			s.take[b] = min(s.take[b], left)
			left -= s.take[b]
		}
	}
}

// moveTop is AdamW's step for the selected entries of block b.
func (o *Optimizer) moveTop(b int, w, m, v []float32, c *asm.StepCoef) {
	border, take := o.top.border[o.work[b].tensor], o.top.take[b]
	for i, x := range w {
		bits := magnitude(m[i])
		if bits == border && take > 0 {
			take--
		} else if bits <= border {
			continue
		}
		w[i] = asm.FMA(-c.LR, direction(m[i], v[i], c), x*c.Decay)
	}
}
