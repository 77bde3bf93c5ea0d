package model

import (
	"reprise/asm"
)

// rope holds the rotary tables, row p for position p: cosines, sines and negated sines (for the way back), each
// HeadDim/2 wide. The angle p·theta^(-2i/HeadDim) is computed in float64 and rounded once.
type rope struct {
	half          int
	freq          []float64
	cos, sin, neg []float32
	rows          int
}

func newRope(cfg Config) *rope {
	r := &rope{half: cfg.HeadDim / 2}
	r.freq = make([]float64, r.half)
	for i := range r.freq {
		r.freq[i] = 1 / asm.Pow64(cfg.RopeTheta, float64(2*i)/float64(cfg.HeadDim))
	}
	return r
}

// grow makes the tables hold positions 0..n-1.
func (r *rope) grow(n int) {
	if n <= r.rows {
		return
	}
	n = max(n, 2*r.rows, 64)
	for p := r.rows; p < n; p++ {
		for _, f := range r.freq {
			sin, cos := asm.Sincos64(float64(p) * f)
			r.cos = append(r.cos, float32(cos))
			r.sin = append(r.sin, float32(sin))
			r.neg = append(r.neg, -float32(sin))
		}
	}
	r.rows = n
}

// rotate turns every head of one row (heads × 2·half values) by the angles of a position; sin is r.sin or r.neg.
func (r *rope) rotate(row []float32, position int, sin []float32) {
	cos := r.cos[position*r.half : (position+1)*r.half]
	sin = sin[position*r.half : (position+1)*r.half]
	for w := 2 * r.half; len(row) >= w; row = row[w:] {
		asm.RoPE(row[:w], cos, sin)
	}
}
