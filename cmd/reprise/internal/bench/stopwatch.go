package bench

import (
	"runtime"
	"time"
)

// A stopwatch measures one thread by the processor time that it uses, where the system reports it. Other programs on the
// machine then disturb a measurement only through the caches, and the time in which the thread did not run is not counted.
// Several threads are measured by elapsed time.
type stopwatch struct{ thread bool }

// newStopwatch returns a stopwatch for work on this many threads. With one thread, the calling goroutine stays on its thread
// until release.
func newStopwatch(threads int) (w stopwatch, release func()) {
	if _, ok := threadClock(); threads == 1 && ok {
		runtime.LockOSThread()
		return stopwatch{thread: true}, runtime.UnlockOSThread
	}
	return stopwatch{}, func() {}
}

// String names the clock.
func (w stopwatch) String() string {
	if w.thread {
		return "thread"
	}
	return "wall"
}

// now returns the clock's count of nanoseconds, from an arbitrary beginning.
func (w stopwatch) now() float64 {
	if w.thread {
		t, _ := threadClock()
		return float64(t)
	}
	return float64(time.Since(programStart))
}

var programStart = time.Now()

// time runs f and returns nanoseconds.
func (w stopwatch) time(f func()) float64 {
	start := w.now()
	f()
	return max(1, w.now()-start)
}

// perCall calls f repeatedly for at least atLeast nanoseconds and returns the nanoseconds of one call.
func (w stopwatch) perCall(f func(), atLeast float64) float64 {
	calls, done, total := 1, 0, 0.0
	for {
		total += w.time(func() {
			for range calls {
				f()
			}
		})
		if done += calls; total >= atLeast {
			return total / float64(done)
		}
		calls = min(2*done, int(float64(done)*(atLeast-total)/total)+1)
	}
}

// single returns the median time of a number of calls, timed one by one.
func (w stopwatch) single(f func(), calls int) float64 {
	times := make([]float64, calls)
	for i := range times {
		times[i] = w.time(f)
	}
	return median(times)
}
