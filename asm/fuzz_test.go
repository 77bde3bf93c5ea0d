package asm

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The fuzz targets compare the tiers on arbitrary bit patterns. Their seeds are a
// fixed number of random cases, all of which every ordinary test run executes.

// fuzzBits returns between 1 and 64 random words.
func fuzzBits(r *rand.Rand) []byte {
	b := make([]byte, 4*(1+r.IntN(64)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// words reads float32 patterns from bits in a circle, each time around at other
// offsets.
func words(bits []byte) func(s []float32) {
	i := 0
	return func(s []float32) {
		for j := range s {
			s[j] = math.Float32frombits(binary.LittleEndian.Uint32(bits[i%(len(bits)-3):]))
			i += 4
		}
	}
}

func FuzzKernels(f *testing.F) {
	r := rand.New(rand.NewPCG(12, 0))
	for i := range 40 * len(kernelCases) {
		f.Add(uint8(i%len(kernelCases)), uint16(r.IntN(300)), uint8(r.IntN(16)), fuzzBits(r))
	}
	f.Fuzz(func(t *testing.T, kernel uint8, n uint16, offset uint8, bits []byte) {
		if len(bits) < 4 || n > 10_000 {
			return
		}
		c, next := kernelCases[int(kernel)%len(kernelCases)], words(bits)
		buf, view := make([][]float32, c.n), make([][]float32, c.n)
		for i := range buf {
			buf[i] = make([]float32, int(n)+int(offset)+20)
			next(buf[i])
			view[i] = buf[i][offset:][:n]
		}
		c.makePositive(view)
		compareFilled(t, c, buf, view)
	})
}

func FuzzGather(f *testing.F) {
	r := rand.New(rand.NewPCG(13, 0))
	for range 200 {
		f.Add(uint8(r.IntN(200)), uint8(r.IntN(70)), uint8(r.IntN(4)), fuzzBits(r))
	}
	f.Fuzz(func(t *testing.T, d, n, gap uint8, bits []byte) {
		if len(bits) < 4 {
			return
		}
		const rows = 19
		stride, next := int(d)+int(gap), words(bits)
		w, h, coef := make([]float32, rows*stride), make([]float32, d), make([]float32, n)
		next(w)
		next(h)
		next(coef)
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = int32(bits[i%len(bits)]) % rows
		}
		var wantDot, wantAxpy []float32
		var wantIdx []int32
		onTiers(func(tier Tier) {
			dot, axpy, idx := make([]float32, n), slices.Clone(h), make([]int32, len(w))
			GatherDot(dot, h, w, stride, ids)
			GatherAxpy(axpy, coef, w, stride, ids)
			idx = idx[:SelectAbove(idx, w, math.Float32frombits(binary.LittleEndian.Uint32(bits)))]
			if tier == Generic {
				wantDot, wantAxpy, wantIdx = dot, axpy, idx
				return
			}
			if i := differ(dot, wantDot); i >= 0 {
				t.Errorf("%v: GatherDot: element %d: got %x, portable %x", tier, i, dot[i], wantDot[i])
			}
			if i := differ(axpy, wantAxpy); i >= 0 {
				t.Errorf("%v: GatherAxpy: element %d: got %x, portable %x", tier, i, axpy[i], wantAxpy[i])
			}
			if !slices.Equal(idx, wantIdx) {
				t.Errorf("%v: SelectAbove: got %v, portable %v", tier, idx, wantIdx)
			}
		})
	})
}

func FuzzHalf(f *testing.F) {
	r := rand.New(rand.NewPCG(14, 0))
	for range 200 {
		f.Add(uint8(r.IntN(100)), fuzzBits(r))
	}
	f.Fuzz(func(t *testing.T, n uint8, bits []byte) {
		if len(bits) < 4 {
			return
		}
		x, h := make([]float32, n), make([]uint16, n)
		words(bits)(x)
		for i := range h {
			h[i] = binary.LittleEndian.Uint16(bits[2*i%(len(bits)-1):])
		}
		var wantH [2][]uint16
		var wantX [2][]float32
		onTiers(func(tier Tier) {
			for i, narrow := range []func([]uint16, []float32){BF16FromF32, F16FromF32} {
				got := make([]uint16, n)
				if narrow(got, x); tier == Generic {
					wantH[i] = got
				} else if !slices.Equal(got, wantH[i]) {
					t.Errorf("%v: narrowing %d: got %x, portable %x", tier, i, got, wantH[i])
				}
			}
			for i, widen := range []func([]float32, []uint16){F32FromBF16, F32FromF16} {
				got := make([]float32, n)
				if widen(got, h); tier == Generic {
					wantX[i] = got
				} else if j := differ(got, wantX[i]); j >= 0 {
					t.Errorf("%v: widening %d: element %d: got %x, portable %x", tier, i, j, got[j], wantX[i][j])
				}
			}
		})
	})
}
