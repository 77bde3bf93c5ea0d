package tensor

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// What this process may use of its host.

const (
	cgroupRoot = "/sys/fs/cgroup"
	cgroupSelf = "/proc/self/cgroup"
)

// DefaultWorkers returns the number of workers that suits this process: the
// physical cores that it may run on, at most GOMAXPROCS and, on Linux, the
// processor time that its control groups allow.
func DefaultWorkers() int {
	n := PhysicalCores()
	if limit := cgroupCPUs(cgroupRoot, cgroupSelf); limit > 0 {
		n = min(n, limit)
	}
	return max(1, min(n, runtime.GOMAXPROCS(0)))
}

// PhysicalCores counts the cores to which the logical processors that this
// process may use belong: from the topology that Linux shows, else from the
// number of threads per core that the processor reports.
func PhysicalCores() int {
	if n := linuxCores("/sys/devices/system/cpu", "/proc/self/status"); n > 0 {
		return n
	}
	return max(1, runtime.NumCPU()/max(1, cpuid.CPU.ThreadsPerCore))
}

// Memory returns the bytes of memory that the host has and those that the
// control groups of this process allow; 0 where that is unknown or unlimited.
func Memory() (host, limit int64) {
	return memTotal("/proc/meminfo"), cgroupMemory(cgroupRoot, cgroupSelf)
}

// FreeMemory returns the bytes of memory that this process can still take: what
// the host has available or, if that is less, what the tightest limit of its
// control groups leaves. Files that the kernel only caches count as free.
// 0 where that is unknown.
func FreeMemory() int64 { return freeMemory("/proc/meminfo", cgroupRoot, cgroupSelf) }

func freeMemory(meminfo, root, self string) int64 {
	free := memField(meminfo, "MemAvailable:")
	eachGroup(root, self, "memory", func(dir string, v2 bool) {
		limit, used, cached := "/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_inactive_file"
		if v2 {
			limit, used, cached = "/memory.max", "/memory.current", "inactive_file"
		}
		most := positive(firstLine(dir + limit))
		if most == 0 || most >= 1<<60 {
			return
		}
		inUse := positive(firstLine(dir + used))
		if text, err := os.ReadFile(dir + "/memory.stat"); err == nil {
			for line := range strings.Lines(string(text)) {
				if name, n, _ := strings.Cut(strings.TrimSpace(line), " "); name == cached {
					inUse -= positive(n)
				}
			}
		}
		// At least 1, because 0 means no limit.
		free = lower(free, max(1, most-max(0, inUse)))
	})
	return free
}

// linuxCores counts the distinct sets of sibling threads among the allowed
// processors; 0 if the files do not say.
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
				if errors.Is(err, fs.ErrNotExist) {
					continue // offline, for instance because hyper-threading is switched off
				}
				if err != nil {
					return 0
				}
				seen[string(siblings)] = true
			}
		}
	}
	return len(seen)
}

// cgroupCPUs returns the processors that the control groups of this process
// allow, rounded up; 0 means no limit.
func cgroupCPUs(root, self string) int {
	limit := int64(0)
	eachGroup(root, self, "cpu", func(dir string, v2 bool) {
		var quota, period string
		if v2 {
			quota, period, _ = strings.Cut(firstLine(dir+"/cpu.max"), " ") // "max 100000" has no quota
		} else {
			quota, period = firstLine(dir+"/cpu.cfs_quota_us"), firstLine(dir+"/cpu.cfs_period_us") // -1: no quota
		}
		q, p := positive(quota), positive(period)
		if q > 0 && p > 0 {
			limit = lower(limit, (q-1)/p+1)
		}
	})
	return int(limit)
}

// cgroupMemory returns the bytes of memory that the control groups of this
// process allow; 0 means no limit.
func cgroupMemory(root, self string) int64 {
	limit := int64(0)
	eachGroup(root, self, "memory", func(dir string, v2 bool) {
		name := "/memory.limit_in_bytes"
		if v2 {
			name = "/memory.max"
		}
		// Version 1 writes "no limit" as a number close to 2^63.
		if n := positive(firstLine(dir + name)); n > 0 && n < 1<<60 {
			limit = lower(limit, n)
		}
	})
	return limit
}

// eachGroup visits the control groups that hold this process, from its own up
// to the root: those of version 2, and those of a controller of version 1.
func eachGroup(root, self, controller string, visit func(dir string, v2 bool)) {
	text, err := os.ReadFile(self)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // number:controllers:path
		if len(fields) != 3 {
			continue
		}
		v2 := fields[0] == "0" && fields[1] == ""
		mount := root
		if !v2 {
			if !slices.Contains(strings.Split(fields[1], ","), controller) {
				continue
			}
			mount = root + "/" + fields[1]
			if _, err := os.Stat(mount); err != nil {
				mount = root + "/" + controller
			}
		}
		// Inside a container the path may be the host's, and only its root is
		// visible here.
		for dir := path.Clean("/" + fields[2]); ; dir = path.Dir(dir) {
			visit(mount+dir, v2)
			if dir == "/" {
				break
			}
		}
	}
}

// memTotal reads the host's memory from /proc/meminfo, in bytes.
func memTotal(file string) int64 { return memField(file, "MemTotal:") }

// memField reads one number of /proc/meminfo, in bytes.
func memField(file, field string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			return 1024 * positive(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
		}
	}
	return 0
}

func firstLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}

// positive reads a positive number; it returns 0 for anything else.
func positive(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return max(0, n)
}

// lower returns the lower of two limits, where 0 means no limit.
func lower(a, b int64) int64 {
	if a == 0 || b < a {
		return b
	}
	return a
}
