package model

import (
	"math"
	"slices"

	"reprise/asm"
	"reprise/internal/exact"
)

// rope holds the rotary tables, row p for position p: cosines, sines and negated sines (for the backward pass), each
// HeadDim/2 wide. The angle is computed in float64 and rounded once.
type rope struct {
	half          int
	freq          []float64
	cos, sin, neg []float32
	rows          int
}

func newRope(cfg Config) *rope {
	return &rope{half: cfg.HeadDim / 2, freq: cfg.RopeFrequencies()}
}

// RopeFrequencies are the HeadDim/2 angles, in radians, by which one position turns the pairs of a head.
func (c Config) RopeFrequencies() []float64 {
	freq := make([]float64, c.HeadDim/2)
	for i := range freq {
		freq[i] = c.RopeScaling.apply(1 / exact.Pow(c.RopeTheta, float64(2*i)/float64(c.HeadDim)))
	}
	return freq
}

// apply stretches one frequency.
//
//	linear:  f/factor
//	llama3:  f/factor for wavelengths 2π/f above P/low; f for those below P/high; between them (1−s)·f/factor + s·f with
//	         s = (P·f/2π − low)/(high − low)                       (Llama 3.1, as transformers computes it)
func (s RopeScaling) apply(f float64) float64 {
	switch s.Kind {
	case "linear":
		return f / s.Factor
	case "llama3":
		positions := float64(s.OriginalPositions)
		wavelength := 2 * math.Pi / f
		switch {
		case wavelength < positions/s.HighFreqFactor:
			return f
		case wavelength > positions/s.LowFreqFactor:
			return f / s.Factor
		}
		smooth := (positions/wavelength - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor)
		return float64((1-smooth)*f/s.Factor) + float64(smooth*f)
	}
	return f
}

// grow makes the tables hold positions 0..n-1.
func (r *rope) grow(n int) {
	if n <= r.rows {
		return
	}
	n = max(n, 2*r.rows, 64)
	for _, table := range []*[]float32{&r.cos, &r.sin, &r.neg} {
		*table = slices.Grow(*table, (n-r.rows)*r.half)
	}
	for p := r.rows; p < n; p++ {
		for _, f := range r.freq {
			sin, cos := exact.Sincos(float64(p) * f)
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
