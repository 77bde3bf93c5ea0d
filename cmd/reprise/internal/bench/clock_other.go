//go:build !linux

package bench

import "time"

// threadClock is known on Linux only.
func threadClock() (time.Duration, bool) { return 0, false }
