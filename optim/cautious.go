package optim

import (
	"reprise/asm"
	"reprise/tensor"
)

// cautious is AdamW that moves only where momentum and gradient agree (arXiv 2411.16085). In a tensor of n entries:
//
//	θ ← θ − lr·wd·θ − lr·n/(n₊ + 1)·m̂/(√v̂ + ε)   where m·g > 0; n₊ is the number of such entries
//	θ ← θ − lr·wd·θ                               elsewhere
var cautious = definition{
	name:   Cautious,
	keys:   []string{"eps"},
	tally:  countAgreeing,
	choose: rescale,
	step:   moveAgreeing,
}

// agree says whether m·g > 0; the product itself might underflow.
func agree(m, g float32) bool { return m > 0 && g > 0 || m < 0 && g < 0 }

func countAgreeing(b block) (n int) {
	for i, x := range b.g {
		if agree(b.m[i], x) {
			n++
		}
	}
	return n
}

// rescale raises the rate, so that the masked step is about as long as the step of all entries.
func rescale(o *Optimizer, _ *tensor.Pool) {
	for i, p := range o.params {
		n, agreeing := len(p.W.Data), 0
		for _, count := range o.counts[o.first[i]:o.first[i+1]] {
			agreeing += count
		}
		c := &o.coef[i]
		c.LR = float32(float64(c.LR) * (float64(n) / float64(agreeing+1)))
	}
}

func moveAgreeing(b block) {
	c := b.coef
	for i, x := range b.w {
		b.w[i] = x * c.Decay
		if agree(b.m[i], b.g[i]) {
			b.w[i] = asm.FMA(-c.LR, direction(b.m[i], b.v[i], c), b.w[i])
		}
	}
}
