package loss

import (
	"math"
	"testing"

	"reprise/internal/exact"
	"reprise/tensor"
)

// TestDrawInvertsTheDistribution: over a fine grid of u the ids ascend, and each is drawn for a share of the grid that is its
// probability, the softmax in float64. The last tile is short, and ids of probability 0 are at both ends and in between.
func TestDrawInvertsTheDistribution(t *testing.T) {
	const n, grid = 2*Tile + 300, 1 << 18
	rng := tensor.NewRNG(3, "draw", 0)
	z := make([]float32, n)
	for i := range z {
		z[i] = float32(4 * rng.NormFloat64())
		if i < 5 || i > n-9 || i%7 == 0 {
			z[i] = float32(math.Inf(-1))
		}
	}
	total := 0.0
	for _, x := range z {
		total += exact.Exp(float64(x))
	}
	var d Draw
	counts := make([]int, n)
	last := int32(0)
	for i := range grid {
		id, ok := d.ID(z, float64(i)/grid)
		if !ok || id < last {
			t.Fatalf("u = %d/%d: id %d after %d, %v", i, grid, id, last, ok)
		}
		counts[id]++
		last = id
	}
	for id, c := range counts {
		p := exact.Exp(float64(z[id])) / total
		if math.Abs(float64(c)-p*grid) > 1.01 {
			t.Errorf("id %d was drawn %d times, want %.2f", id, c, p*grid)
		}
	}
}

// TestDrawAtTheEdges: the smallest and the greatest u, an id that holds everything, and logits that are not numbers.
func TestDrawAtTheEdges(t *testing.T) {
	var d Draw
	ninf, top := math.Inf(-1), 1-0x1p-53
	row := func(x ...float64) []float32 {
		z := make([]float32, Tile+len(x))
		for i := range z {
			z[i] = float32(ninf)
		}
		for i, v := range x {
			z[Tile+i] = float32(v)
		}
		return z
	}
	for _, c := range []struct {
		z    []float32
		u    float64
		want int32
	}{
		{row(ninf, 3, ninf, 3, ninf), 0, Tile + 1},
		{row(ninf, 3, ninf, 3, ninf), 0.49999, Tile + 1},
		{row(ninf, 3, ninf, 3, ninf), 0.5, Tile + 3},
		{row(ninf, 3, ninf, 3, ninf), top, Tile + 3},
		{row(-1e30, 3e38, -3e38), top, Tile + 1},
		{row(0.1, 0.2, 0.3, -200), top, Tile + 2},
	} {
		if got, ok := d.ID(c.z, c.u); got != c.want || !ok {
			t.Errorf("logits %v, u = %g: id %d, %v; want %d", c.z[Tile:], c.u, got, ok, c.want)
		}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		if _, ok := d.ID(row(1, bad, 2), 0.5); ok {
			t.Errorf("a logit of %g was taken", bad)
		}
	}
	if _, ok := d.ID(row(ninf), 0.5); ok {
		t.Error("logits that are all −Inf were taken")
	}
}
