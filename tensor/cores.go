package tensor

import (
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// DefaultWorkers returns the number of workers that suits this process: the
// physical cores that it may run on, at most GOMAXPROCS and, on Linux, the
// processor time that its control groups allow.
func DefaultWorkers() int {
	n := physicalCores()
	if limit := cgroupLimit("/sys/fs/cgroup", "/proc/self/cgroup"); limit > 0 {
		n = min(n, limit)
	}
	return max(1, min(n, runtime.GOMAXPROCS(0)))
}

// physicalCores counts the cores behind the logical processors that this
// process may use: from the topology that Linux shows, else by the processor's
// own account of its threads per core.
func physicalCores() int {
	if n := linuxCores("/sys/devices/system/cpu", "/proc/self/status"); n > 0 {
		return n
	}
	return max(1, runtime.NumCPU()/max(1, cpuid.CPU.ThreadsPerCore))
}

// linuxCores counts the distinct sets of sibling threads among the allowed
// processors; 0 if the files do not tell.
func linuxCores(cpus, status string) int {
	text, err := os.ReadFile(status)
	if err != nil {
		return 0
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		list, ok := strings.CutPrefix(line, "Cpus_allowed_list:")
		if !ok {
			continue
		}
		for span := range strings.SplitSeq(strings.TrimSpace(list), ",") {
			first, last, isSpan := strings.Cut(span, "-")
			if !isSpan {
				last = first
			}
			lo, err1 := strconv.Atoi(first)
			hi, err2 := strconv.Atoi(last)
			if err1 != nil || err2 != nil || hi-lo > 1<<16 {
				return 0
			}
			for cpu := lo; cpu <= hi; cpu++ {
				siblings, err := os.ReadFile(cpus + "/cpu" + strconv.Itoa(cpu) + "/topology/thread_siblings_list")
				if err != nil {
					return 0
				}
				seen[string(siblings)] = true
			}
		}
	}
	return len(seen)
}

// cgroupLimit returns the processors that the control groups (version 2) of
// this process allow, rounded up; 0 if there is no limit.
func cgroupLimit(root, self string) int {
	text, err := os.ReadFile(self)
	if err != nil {
		return 0
	}
	dir := "/"
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "0::"); ok {
			dir = path.Clean("/" + strings.TrimSpace(rest))
		}
	}
	limit := 0
	for {
		if n := cpuMax(root + dir + "/cpu.max"); n > 0 && (limit == 0 || n < limit) {
			limit = n
		}
		if dir == "/" {
			return limit
		}
		dir = path.Dir(dir)
	}
}

// cpuMax reads "quota period" or "max period".
func cpuMax(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) != 2 {
		return 0
	}
	quota, err1 := strconv.Atoi(fields[0])
	period, err2 := strconv.Atoi(fields[1])
	if err1 != nil || err2 != nil || quota <= 0 || period <= 0 {
		return 0
	}
	return (quota + period - 1) / period
}
