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
	part := c.Fraction
	if part == 0 {
		part = 0.15
	}
	return max(1, share(part, n))
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

func magnitude(x float32) uint32 { return math.Float32bits(x) &^ (1 << 31) }

// magnitudes are |m| as keys: the order of the bits is that of the numbers.
func magnitudes(b block, into []uint64) {
	for i, x := range b.m {
		into[i] = uint64(magnitude(x))
	}
}

// selectTop sets every tensor's border, and for every block the number of its entries that equal the border and move.
func selectTop(o *Optimizer, pool *tensor.Pool) {
	s := &o.top
	s.keys, s.digits = magnitudes, 3
	s.find(o, pool, o.Config.moving)
	copy(o.counts, s.counts)
	for i, border := range s.borders {
		o.coef[i].border = uint32(border)
	}
}
