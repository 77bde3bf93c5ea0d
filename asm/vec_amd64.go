//go:build !purego

package asm

// maskTable is 32 set masks, 32 clear, 32 set for the tails of AVX2 loops:
// from &maskTable[32-n] on, the first n of 32 elements are set; from
// &maskTable[64-n] on, all but the first n.
//
//lint:ignore U1000 the assembly reads it
var maskTable = func() (t [96]int32) {
	for i := range 32 {
		t[i], t[64+i] = -1, -1
	}
	return t
}()
