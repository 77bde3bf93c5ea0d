//go:build !linux

package bench

import "time"

// threadClock returns false: it is implemented only for Linux.
func threadClock() (time.Duration, bool) { return 0, false }
