package model

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"reprise/tensor"
)

// TestDecoderAllocatesNothing: once the cache is long enough, a token allocates nothing, in any family.
func TestDecoderAllocatesNothing(t *testing.T) {
	pool := tensor.NewPool(2)
	defer pool.Close()
	for name, cfg := range allFamilies(t) {
		d := NewDecoder(randomModel(cfg, 1), pool)
		ids := randomIDs(60, cfg.VocabSize, 1)
		for _, s := range []Sampling{{}, {Temperature: 0.8}, {Temperature: 0.8, TopP: 0.9},
			{RepetitionPenalty: 1.2}, {Temperature: 0.8, TopK: 9, TopP: 0.9, MinP: 0.01, PresencePenalty: 0.5, FrequencyPenalty: 0.1}} {
			logits := tensor.NewMatrix(1, cfg.VocabSize)
			sampler := newSampler(s, cfg.VocabSize, ids)
			i := 0
			token := func() {
				if i == len(ids) {
					d.Reset()
					i = 0
				}
				if err := d.next(ids[i:i+1], logits); err != nil {
					t.Fatal(err)
				}
				id, err := sampler.pick(logits.Data, uint64(i))
				if err != nil {
					t.Fatal(err)
				}
				sampler.took(id)
				i++
			}
			for range ids {
				token()
			}
			if n := testing.AllocsPerRun(len(ids), token); n != 0 {
				t.Errorf("%s, %+v: a token allocates %.0f times, want 0", name, s, n)
			}
		}
	}
}

// TestRowJobHasTheBitsOfAProduct: neither the cut into tasks nor that into parts changes a bit, in both layouts of weights.
func TestRowJobHasTheBitsOfAProduct(t *testing.T) {
	one := tensor.NewPool(1)
	defer one.Close()
	for _, in := range []int{1, 100, 9001} { // in the last, one row of weights exceeds leastRowTask
		x := randomMatrix(1, in, 1)
		for _, conv1D := range []bool{false, true} {
			for _, widths := range [][]int{{1}, {300, 7, 521}, {33, 1000}} {
				var layers []*linear
				var want []*tensor.Matrix
				for i, n := range widths {
					l := &linear{conv1D: conv1D, w: &tensor.Param{W: randomMatrix(n, in, uint64(i))}}
					y := tensor.NewMatrix(1, n)
					if conv1D {
						l.w.W = randomMatrix(in, n, uint64(i))
						one.MatMul(y, x, l.w.W, false)
					} else {
						one.MatMulNT(y, x, l.w.W, false)
					}
					want, layers = append(want, y), append(layers, l)
				}
				for _, workers := range []int{1, 2, 3} {
					pool := tensor.NewPool(workers)
					weights := packWeights(layers, pool)
					var parts []rowPart
					for _, l := range layers {
						parts = append(parts, rowPart{w: weights[l], y: *randomMatrix(1, weights[l].Cols, 9)})
					}
					new(rowJob).start(pool, x, parts...)
					pool.Close()
					for i := range parts {
						if !sameBits(parts[i].y.Data, want[i].Data) {
							t.Errorf("%d inputs, outputs %v, conv1D %v, %d workers: part %d differs", in, widths, conv1D, workers, i)
						}
					}
				}
			}
		}
	}
}

// TestLowTemperatures: low temperatures choose the most probable id, down to the smallest positive float.
func TestLowTemperatures(t *testing.T) {
	logits := []float32{-30, 2, 40, 39.5, -3e4, 12}
	for _, temperature := range []float64{1e-3, 1e-25, 1e-31, 1e-38, 1e-39, 1e-45, math.SmallestNonzeroFloat64} {
		for _, top := range []float64{1, 0.9} {
			s := newSampler(Sampling{Temperature: temperature, TopP: top}, len(logits), nil)
			if id, err := s.pick(logits, 0); id != 2 || err != nil {
				t.Errorf("temperature %g, top-p %g: id %d, want 2 (%v)", temperature, top, id, err)
			}
		}
	}
}

// TestNucleusIsThatOfSorting: ids that are dropped before sorting are never in the nucleus.
func TestNucleusIsThatOfSorting(t *testing.T) {
	rng := tensor.NewRNG(1, "nucleus", 0)
	kinds := map[string]func() float32{
		"flat":         func() float32 { return 1 },
		"uniform":      func() float32 { return float32(rng.Float64()) },
		"peaked":       func() float32 { return float32(math.Exp(-30 * rng.Float64())) },
		"ties":         func() float32 { return float32(rng.Intn(4)) / 4 },
		"mostly zeros": func() float32 { return float32(max(0, rng.Intn(100)-97)) },
		"subnormal":    func() float32 { return float32(rng.Intn(3)) * math.SmallestNonzeroFloat32 },
		"a NaN now and then": func() float32 {
			if rng.Intn(50) == 0 {
				return float32(math.NaN())
			}
			return 0.5
		},
	}
	for name, draw := range kinds {
		for _, n := range []int{1, 2, 31, 1000} {
			for _, topP := range []float64{1e-9, 0.3, 0.9, 0.999999, 1} {
				s := newSampler(Sampling{}, n, nil)
				var all []int32
				var total float64
				for i := range s.p {
					s.p[i] = draw()
					all = append(all, int32(i))
					total += float64(s.p[i])
				}
				want := topP * total
				slices.SortFunc(all, func(a, b int32) int {
					return cmp.Or(cmp.Compare(s.p[b], s.p[a]), cmp.Compare(a, b))
				})
				var mass float64
				for i, id := range all {
					if mass += float64(s.p[id]); mass >= want {
						all = all[:i+1]
						break
					}
				}
				ids, got := s.nucleus(want)
				if !slices.Equal(ids, all) || math.Float64bits(got) != math.Float64bits(mass) && !math.IsNaN(mass) {
					t.Errorf("%s, %d ids, top-p %g: %d ids of mass %g, want %d of %g", name, n, topP, len(ids), got, len(all), mass)
				}
			}
		}
	}
}

func TestCacheBytesCountsWhatAWindowLeaves(t *testing.T) {
	cfg := Config{Layers: 2, KVHeads: 3, HeadDim: 8}
	position := 4 * 2 * cfg.KVHeads * cfg.HeadDim
	if got, want := cfg.CacheBytes(9), 2*10*position; got != want {
		t.Errorf("9 positions and the token: %d bytes, want %d", got, want)
	}
	cfg.Windows = []int{4, 0}
	if got, want := cfg.CacheBytes(9), (4+10)*position; got != want {
		t.Errorf("one block with a window of 4: %d bytes, want %d", got, want)
	}
	if got, want := cfg.CacheBytes(2), (3+3)*position; got != want {
		t.Errorf("inside the window: %d bytes, want %d", got, want)
	}
}
