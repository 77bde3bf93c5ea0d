package bench

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
)

// PeakMemory is the most memory in bytes that this process has used: on Linux as the kernel counts it (VmHWM), elsewhere the
// memory that the Go runtime has obtained from the system.
func PeakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		if _, rest, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
			var kb int64
			if _, err := fmt.Sscan(string(rest[:min(len(rest), 40)]), &kb); err == nil {
				return kb << 10
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
