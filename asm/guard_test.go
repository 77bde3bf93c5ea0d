package asm

import (
	"math/rand/v2"
	"testing"

	"reprise/internal/guard"
)

// Nothing reads or writes outside its slices.
func TestGuardPages(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 0))
	for n := 1; n <= 2*64+3; n++ {
		for _, atStart := range []bool{false, true} {
			s := make([][]float32, 5)
			for i := range s {
				s[i] = guard.Slice[float32](t, n, atStart)
				fill(r, s[i], false)
			}
			h := guard.Slice[uint16](t, n, atStart)
			idx := guard.Slice[int32](t, n, atStart)
			w := guard.Slice[float32](t, 9*n, atStart)
			ids := guard.Slice[int32](t, 11, atStart)
			coef := guard.Slice[float32](t, 11, atStart)
			for i := range ids {
				ids[i] = int32(i * 5 % 9)
			}
			onTiers(func(Tier) {
				for _, c := range kernelCases {
					c.run(s[:c.n])
				}
				for lane := range 32 {
					ExpSum(s[0], s[1], 0, lane)
					SoftmaxRows(s[0], Rows{N: 1, Hi: n}, 0.3, lane, make([]SoftmaxStat, 1))
				}
				F32FromBF16(s[0], h)
				BF16FromF32(h, s[1])
				F32FromF16(s[0], h)
				F16FromF32(h, s[1])
				SelectAbove(idx, s[1], 0)
				GatherDot(coef, s[1], w, n, ids)
				GatherAxpy(s[1], coef, w, n, ids)
			})
		}
	}
}
