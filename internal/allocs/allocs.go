// Package allocs holds functions against the promise that they allocate nothing, for tests whose functions can only be run
// once: the first step, the first pass. What can be repeated is better held against [testing.AllocsPerRun].
package allocs

import (
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
)

// None fails the test unless each of the functions that prepare returns, called in their order, allocates nothing, in one of
// ten goes: what they allocate themselves they allocate in all of them, while the runtime, which allocates when threads wait
// for each other, does so now here and now there. No garbage is collected meanwhile, for a collection empties the runtime's
// caches.
func None(t testing.TB, prepare func() (parts []func())) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var least []uint64
	for range 10 {
		parts := prepare()
		if least == nil {
			least = slices.Repeat([]uint64{math.MaxUint64}, len(parts))
		}
		for i, part := range parts {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			part()
			runtime.ReadMemStats(&after)
			least[i] = min(least[i], after.Mallocs-before.Mallocs)
		}
		if slices.Max(least) == 0 {
			return
		}
	}
	t.Errorf("allocations of the parts: %d, want none", least)
}
