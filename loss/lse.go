package loss

import (
	"reprise/asm"
	"reprise/internal/exact"
)

// Tile is the number of logits that one step of the running log-sum-exp takes. It is part of the arithmetic contract:
// cross-entropy, recorder and rho use the same tiles and so see the same normaliser, to the bit.
const Tile = 1024

// LSE is log Σ exp(z) in two parts: log Σ exp(z) = Max + log Sum.
type LSE struct{ Max, Sum float32 }

// LogSumExp reduces z tile by tile with a running maximum. tmp holds at least Tile values and is overwritten.
//
// For every tile: m' = max(m, max of the tile); sum = sum·exp(m − m') + Σ exp(z − m'), the last sum in 32 lanes.
func LogSumExp(z, tmp []float32) LSE {
	l := LSE{Max: negInf}
	for len(z) > 0 {
		n := min(Tile, len(z))
		l.add(z[:n], tmp)
		z = z[n:]
	}
	return l
}

// add adds one more tile.
func (l *LSE) add(tile, tmp []float32) {
	l.addBelow(tile, tmp, asm.Max(tile))
}

// addBelow is add for a tile whose maximum is known, or known not to exceed Max.
func (l *LSE) addBelow(tile, tmp []float32, top float32) {
	if !(top <= l.Max) { // greater, or NaN
		l.Sum *= exp(l.Max - top)
		l.Max = top
	}
	l.Sum += asm.ExpSum(tmp[:len(tile)], tile, l.Max, 0)
}

// Log is the log-sum-exp in nats.
func (l LSE) Log() float64 { return float64(l.Max) + exact.Log(float64(l.Sum)) }

// Prob is the probability of a logit.
func (l LSE) Prob(z float32) float32 { return exp(z-l.Max) * (1 / l.Sum) }

// exp is asm.Exp of one value.
func exp(x float32) float32 {
	v := [1]float32{x}
	asm.Exp(v[:], v[:])
	return v[0]
}
