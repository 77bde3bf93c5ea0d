// Package allocs checks the promise that a function allocates nothing, for functions that can run only once: the first step,
// the first pass. For functions that can be repeated, [testing.AllocsPerRun] is better.
package allocs

import (
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
)

// None calls the functions that prepare returns, in order, and repeats this up to ten times. It fails the test unless every
// function allocates nothing in at least one of the runs. What a function allocates itself shows in every run; the
// runtime, which allocates when threads wait for each other, does so only in some. Garbage collection is off meanwhile,
// because a collection empties the runtime's caches.
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
