package asm

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns a slice of n elements that ends (or begins) at an
// inaccessible page, so that a kernel that reads past it crashes the test.
func guarded[T float32 | uint16 | int32](t *testing.T, n int, atStart bool) []T {
	t.Helper()
	var zero T
	page := syscall.Getpagesize()
	size := n * int(unsafe.Sizeof(zero))
	inner := (size + page) / page * page
	m, err := syscall.Mmap(-1, 0, inner+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(m) })
	for _, p := range [][]byte{m[:page], m[page+inner:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	first := page
	if !atStart {
		first = page + inner - size
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&m[first])), n)
}

// Nothing reads or writes outside its slices.
func TestGuardPages(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 0))
	for _, n := range []int{1, 2, 5, 7, 8, 9, 15, 16, 17, 23, 31, 32, 33, 47, 48, 49, 63, 64, 65, 131} {
		for _, atStart := range []bool{false, true} {
			s := make([][]float32, 5)
			for i := range s {
				s[i] = guarded[float32](t, n, atStart)
				fill(r, s[i], false)
			}
			h := guarded[uint16](t, n, atStart)
			idx := guarded[int32](t, n, atStart)
			w := guarded[float32](t, 9*n, atStart)
			ids := guarded[int32](t, 11, atStart)
			coef := guarded[float32](t, 11, atStart)
			for i := range ids {
				ids[i] = int32(i * 5 % 9)
			}
			onTiers(func(Tier) {
				for _, c := range kernelCases {
					c.run(s[:c.n])
				}
				for lane := range 32 {
					ExpSum(s[0], s[1], 0, lane)
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
