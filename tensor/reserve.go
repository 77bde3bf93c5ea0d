package tensor

import "reprise/asm"

// Reserve gives every worker packing buffers for the largest product, so that none has to grow later. Memory that no product
// touches is not taken from the system.
func (p *Pool) Reserve() {
	t := asm.GEMMTiling()
	if t.Rows == 0 {
		return // nothing is packed
	}
	// The most that blocked asks for: its parts are at most one unit above their bounds.
	kc := maxK + 16
	a := blockA*t.LeadA/t.Rows + 2*t.LeadA*kc
	b := packed + 2*t.Cols*kc
	for w := range p.scratch {
		grow(&p.scratch[w].a, a)
		grow(&p.scratch[w].b, b)
	}
}
