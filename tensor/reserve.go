package tensor

import "reprise/asm"

// Reserve gives every worker packing buffers for the largest product, and the pool its shared ones, so that none has to grow
// later. The system provides the memory only when a product first touches it.
func (p *Pool) Reserve() {
	t := asm.GEMMTiling()
	if t.Rows == 0 {
		return // nothing is packed
	}
	// Bounds of what blocking asks for: rounding makes its parts at most one unit longer than the constants say.
	kc := maxK + 16
	a := blockA*t.LeadA/t.Rows + 2*t.LeadA*kc
	b := 2*thirdLevel + 2*t.Cols*kc
	for w := range p.scratch {
		grow(&p.scratch[w].a, a)
		grow(&p.scratch[w].b, b)
	}
	if len(p.scratch) > 1 {
		grow(&p.product.buf, b)
	}
}
