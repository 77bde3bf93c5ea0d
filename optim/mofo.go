package optim

import (
	"math"

	"reprise/asm"
	"reprise/tensor"
)

// moFO is AdamW that moves, in every tensor, only the entries whose new momentum is greatest in magnitude (arXiv 2407.20999):
//
//	θ ← θ − lr·wd·θ − lr·m̂/(√v̂ + ε)   for the ⌈fraction·n⌉ greatest |m| of n; the other θ keep their bits
//
// Two choices are ours: the others do not decay, and ties go to the lowest index (docs/METHOD.md, Baselines).
var moFO = definition{
	name:   MoFO,
	keys:   []string{"eps", "fraction"},
	choose: selectTop,
	step:   moveTop,
}

// moving is the number of the n entries that move.
func (c Config) moving(n int) int {
	share := c.Fraction
	if share == 0 {
		share = 0.15
	}
	return min(n, max(1, int(math.Ceil(float64(share*float64(n))-1e-9))))
}

// moveTop moves the entries above the border and the first b.count of those that equal it.
func moveTop(b block) {
	c, take := b.coef, b.count
	for i, x := range b.w {
		bits := magnitude(b.m[i])
		if bits == c.border && take > 0 {
			take--
		} else if bits <= c.border {
			continue
		}
		b.w[i] = asm.FMA(-c.LR, direction(b.m[i], b.v[i], c), x*c.Decay)
	}
}

// topSelect finds the k-th greatest |m| of a tensor by radix: three rounds of histograms over the bits of |m|, whose order
// is that of the numbers. Counts are integers, so the result does not depend on blocks or workers.
type topSelect struct {
	o      *Optimizer
	first  int        // block at which task 0 starts
	last   int        // first block after the tensor
	shift  int        // position of the round's digit in the bits
	prefix uint32     // bits above the digit, found so far
	hist   [][]uint32 // per worker
	equal  bool       // count entries equal to prefix into Optimizer.counts
}

// radixBits is the width of a digit; three of them cover the 31 bits of a magnitude.
const radixBits = 11

func magnitude(x float32) uint32 { return math.Float32bits(x) &^ (1 << 31) }

func (s *topSelect) Do(worker, task int) {
	o := s.o
	for b := s.first + task*blocksPerTask; b < min(s.first+(task+1)*blocksPerTask, s.last); b++ {
		m := o.block(b).m
		if s.equal {
			n := 0
			for _, x := range m {
				if magnitude(x) == s.prefix {
					n++
				}
			}
			o.counts[b] = n
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

// selectTop sets every tensor's border, and for every block the number of its entries that equal the border and move.
func selectTop(o *Optimizer, pool *tensor.Pool) {
	s := &o.top
	s.o = o
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
		o.coef[i].border, s.equal = s.prefix, true
		pool.Run(tasks, s)
		for b := s.first; b < s.last; b++ {
			o.counts[b] = min(o.counts[b], left)
			left -= o.counts[b]
		}
	}
}
