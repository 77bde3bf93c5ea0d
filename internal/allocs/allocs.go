// Package allocs holds functions against the promise that they allocate nothing, for tests whose functions can only be run
// once: the first step, the first pass. What can be repeated is better held against [testing.AllocsPerRun].
package allocs

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// None fails the test unless the function that prepare returns allocates nothing, in one of ten goes: what it allocates itself
// it allocates in all of them, while the runtime, which allocates when threads wait for each other, keeps what it has for the
// next time. No garbage is collected meanwhile, for a collection empties the runtime's caches.
func None(t testing.TB, prepare func() (run func())) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	least := uint64(math.MaxUint64)
	for range 10 {
		run := prepare()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run()
		runtime.ReadMemStats(&after)
		least = min(least, after.Mallocs-before.Mallocs)
		if least == 0 {
			return
		}
	}
	t.Errorf("%d allocations, want none", least)
}
