package optim

import (
	"math"
	"slices"

	"reprise/tensor"
)

// topSelect finds the k entries of every tensor whose keys are greatest, ties to the lowest index. It works by radix: rounds of
// histograms over the digits of the key, the highest first. Counts are integers, so the result does not depend on blocks or workers.
type topSelect struct {
	// keys writes the keys of a block: numbers whose order is that of what is selected by.
	keys   func(b block, into []uint64)
	digits int // of radixBits bits, that keys have

	borders []uint64 // found: of every tensor, the smallest key that is chosen
	counts  []int    // found: of every block, how many of its entries that equal the border are chosen

	o       *Optimizer
	first   int        // block at which task 0 starts
	last    int        // first block after the tensor
	shift   int        // position of the round's digit in the key
	prefix  uint64     // bits above the digit, found so far
	hist    [][]uint32 // per worker
	scratch [][]uint64 // per worker: the keys of a block
	equal   bool       // count entries equal to prefix into counts
}

// radixBits is the width of a digit; three of them cover the 31 bits of a magnitude, six the 63 bits of a score.
const radixBits = 11

func (s *topSelect) Do(worker, task int) {
	for b := s.first + task*blocksPerTask; b < min(s.first+(task+1)*blocksPerTask, s.last); b++ {
		list := s.of(worker, b)
		if s.equal {
			n := 0
			for _, key := range list {
				if key == s.prefix {
					n++
				}
			}
			s.counts[b] = n
			continue
		}
		hist := s.hist[worker]
		for _, key := range list {
			// Go shifts a uint64 by 66 to 0, so that in the first round every entry matches.
			if key>>(s.shift+radixBits) == s.prefix {
				hist[key>>s.shift&(1<<radixBits-1)]++
			}
		}
	}
}

// of returns the keys of a block.
func (s *topSelect) of(worker, b int) []uint64 {
	k := s.o.block(b)
	list := s.scratch[worker][:len(k.m)]
	s.keys(k, list)
	return list
}

// find sets borders and counts; keep is how many of a tensor's n entries are chosen.
func (s *topSelect) find(o *Optimizer, pool *tensor.Pool, keep func(n int) int) {
	s.o = o
	for len(s.hist) < pool.Workers() {
		s.hist, s.scratch = append(s.hist, make([]uint32, 1<<radixBits)), append(s.scratch, make([]uint64, blockSize))
	}
	s.borders, s.counts = slices.Grow(s.borders[:0], len(o.params))[:len(o.params)], slices.Grow(s.counts[:0], len(o.work))[:len(o.work)]
	for i, p := range o.params {
		left := keep(len(p.W.Data)) // entries still to be found at or below the prefix
		s.first, s.last = o.first[i], o.first[i+1]
		if left == 0 {
			s.borders[i] = math.MaxUint64 // which no key equals
			continue
		}
		tasks := (s.last - s.first + blocksPerTask - 1) / blocksPerTask
		s.prefix, s.equal = 0, false
		for s.shift = (s.digits - 1) * radixBits; s.shift >= 0; s.shift -= radixBits {
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
			s.prefix = s.prefix<<radixBits | uint64(digit)
		}
		s.borders[i], s.equal = s.prefix, true
		pool.Run(tasks, s)
		for b := s.first; b < s.last; b++ {
			s.counts[b] = min(s.counts[b], left)
			left -= s.counts[b]
		}
	}
}

// share is ⌈part·n⌉, where part·n is whole but for rounding that whole number.
func share(part float64, n int) int {
	return min(n, int(math.Ceil(float64(part*float64(n))-1e-9)))
}
