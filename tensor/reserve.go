package tensor

import "reprise/asm"

// Reserve gives every worker, and what they share, packing buffers for the largest product, so that none has to grow later.
// Memory that no product touches is not taken from the system.
func (p *Pool) Reserve() {
	t := asm.GEMMTiling()
	if t.Rows == 0 {
		return // nothing is packed
	}
	// Bounds of what blocking asks for: its parts are at most one unit longer than they should be.
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
