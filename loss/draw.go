package loss

import (
	"math"

	"reprise/asm"
)

// Draw chooses ids with the probabilities that softmax gives them: nothing is left out, and the temperature is 1. The zero value is
// ready; its buffers grow with use.
type Draw struct {
	weights []float32 // exp(z − max z)
	masses  []float64 // of the tiles: the sum of their weights in 32 lanes, as in the log-sum-exp
}

// ID is the id that u chooses, a random number from 0 up to but not including 1. It depends on z and u alone. ok is false if a logit
// is not a number or the greatest is infinite.
//
// A walk over the tiles, in order, with sums in float64, finds the tile whose end passes u times the mass of all; a walk over the
// weights of that tile finds the id (docs/NUMERICS.md, section 10).
func (d *Draw) ID(z []float32, u float64) (id int32, ok bool) {
	top := asm.Max(z)
	if !(math.Abs(float64(top)) <= math.MaxFloat32) { // NaN too
		return 0, false
	}
	total := d.weigh(z, top)
	want := float64(u * total)
	tile, sum := d.tile(want)
	first := tile * Tile
	for i, w := range d.weights[first:min(first+Tile, len(z))] {
		if w > 0 {
			id = int32(first + i)
		}
		if sum += float64(w); sum > want {
			break
		}
	}
	return id, true
}

// weigh fills weights and masses, and returns the mass of all.
func (d *Draw) weigh(z []float32, top float32) (total float64) {
	if cap(d.weights) < len(z) {
		d.weights = make([]float32, len(z))
	}
	d.weights, d.masses = d.weights[:len(z)], d.masses[:0]
	for lo := 0; lo < len(z); lo += Tile {
		hi := min(lo+Tile, len(z))
		mass := float64(asm.ExpSum(d.weights[lo:hi], z[lo:hi], top, 0))
		d.masses = append(d.masses, mass)
		total += mass
	}
	return total
}

// tile is the number of the tile whose end passes want, and the mass before it. Where rounding leaves none, it is the last one that
// has a mass.
func (d *Draw) tile(want float64) (tile int, before float64) {
	sum := 0.0
	for i, mass := range d.masses {
		if mass > 0 {
			tile, before = i, sum
		}
		if sum += mass; sum > want {
			break
		}
	}
	return tile, before
}
