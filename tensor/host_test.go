package tensor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// files writes files below a new directory.
func files(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range contents {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCgroupLimits(t *testing.T) {
	const v1 = "12:memory:/docker/job\n5:cpu,cpuacct:/docker/job\n3:cpuset:/docker/job\n"
	for _, c := range []struct {
		name   string
		files  map[string]string
		cpus   int
		memory int64
	}{
		{"no cgroup file", nil, 0, 0},
		{"version 2 without limits", map[string]string{"self": "0::/user/job\n"}, 0, 0},
		{"version 2, max", map[string]string{"self": "0::/\n", "cpu.max": "max 100000\n", "memory.max": "max\n"}, 0, 0},
		{"version 2, a limit above", map[string]string{
			"self": "0::/user/job\n", "user/job/cpu.max": "max 100000\n", "user/cpu.max": "150000 100000\n",
			"user/job/memory.max": "max\n", "user/memory.max": "1073741824\n",
		}, 2, 1 << 30},
		{"version 2, the lowest counts", map[string]string{
			"self": "0::/user/job\n", "user/job/cpu.max": "50000 100000\n", "user/cpu.max": "150000 100000\n",
			"user/job/memory.max": "2147483648\n", "user/memory.max": "1073741824\n",
		}, 1, 1 << 30},
		{"version 2 in a container, whose path is the host's", map[string]string{
			"self": "0::/../../kubepods/pod1\n", "cpu.max": "400000 100000\n", "memory.max": "4294967296\n",
		}, 4, 4 << 30},
		{"version 1 without limits", map[string]string{
			"self": v1, "cpu,cpuacct/docker/job/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/docker/job/cpu.cfs_period_us": "100000\n",
			"memory/docker/job/memory.limit_in_bytes": "9223372036854771712\n",
		}, 0, 0},
		{"version 1", map[string]string{
			"self": v1, "cpu,cpuacct/docker/job/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/docker/job/cpu.cfs_period_us": "100000\n",
			"memory/docker/job/memory.limit_in_bytes": "3221225472\n",
		}, 3, 3 << 30},
		{"version 1 in a container, mounted by controller", map[string]string{
			"self": v1, "cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n",
			"memory/memory.limit_in_bytes": "536870912\n",
		}, 1, 512 << 20},
		{"both versions at once", map[string]string{
			"self": v1 + "0::/job\n", "cpu,cpuacct/cpu.cfs_quota_us": "800000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
			"job/cpu.max": "300000 100000\n",
		}, 3, 0},
		{"rubbish", map[string]string{"self": "0::/\nx\n::\n", "cpu.max": "many few\n", "memory.max": "-5\n"}, 0, 0},
		{"a period of nothing", map[string]string{"self": "0::/\n", "cpu.max": "100000 0\n"}, 0, 0},
	} {
		dir := files(t, c.files)
		if n := cgroupCPUs(dir, filepath.Join(dir, "self")); n != c.cpus {
			t.Errorf("%s: %d processors, want %d", c.name, n, c.cpus)
		}
		if n := cgroupMemory(dir, filepath.Join(dir, "self")); n != c.memory {
			t.Errorf("%s: %d bytes of memory, want %d", c.name, n, c.memory)
		}
	}
}

func TestFreeMemory(t *testing.T) {
	const meminfo = "MemTotal: 4194304 kB\nMemAvailable: 2097152 kB\n"
	v1 := "7:memory:/job\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"no limit", map[string]string{"self": "0::/job\n", "job/memory.max": "max\n"}, 2 << 30},
		{"a limit that leaves more than the host", map[string]string{"self": "0::/job\n", "job/memory.max": "4294967296\n", "job/memory.current": "1\n"}, 2 << 30},
		{"a limit, cached files given back", map[string]string{
			"self": "0::/job\n", "job/memory.max": "1073741824\n", "job/memory.current": "805306368\n", "job/memory.stat": "anon 1\ninactive_file 268435456\n",
		}, 512 << 20},
		{"nothing left", map[string]string{"self": "0::/\n", "memory.max": "1024\n", "memory.current": "2048\n"}, 1},
		{"version 1", map[string]string{
			"self": v1, "memory/job/memory.limit_in_bytes": "1073741824\n", "memory/job/memory.usage_in_bytes": "536870912\n", "memory/job/memory.stat": "total_inactive_file 0\n",
		}, 512 << 20},
	} {
		c.files["meminfo"] = meminfo
		dir := files(t, c.files)
		if n := freeMemory(filepath.Join(dir, "meminfo"), dir, filepath.Join(dir, "self")); n != c.want {
			t.Errorf("%s: %d bytes free, want %d", c.name, n, c.want)
		}
	}
}

func TestLinuxCores(t *testing.T) {
	contents := map[string]string{"status": "Name:\tx\nCpus_allowed_list:\t0-1,3\n"}
	for cpu, siblings := range map[int]string{0: "0-1", 1: "0-1", 3: "2-3"} {
		contents[fmt.Sprintf("cpu%d/topology/thread_siblings_list", cpu)] = siblings + "\n"
	}
	dir := files(t, contents)
	if n := linuxCores(dir, filepath.Join(dir, "status")); n != 2 {
		t.Errorf("processors 0, 1 and 3 have %d cores, want 2", n)
	}
	// The list may contain processors that are offline; they have no topology.
	contents["status"] = "Cpus_allowed_list:\t0-7\n"
	dir = files(t, contents)
	if n := linuxCores(dir, filepath.Join(dir, "status")); n != 2 {
		t.Errorf("processors 0 to 7, of which 0, 1 and 3 are online, have %d cores, want 2", n)
	}
	if n := memTotal(filepath.Join(files(t, map[string]string{"meminfo": "MemTotal:       16384 kB\nMemFree: 1 kB\n"}), "meminfo")); n != 16<<20 {
		t.Errorf("memory %d, want 16 MiB", n)
	}
}

func TestDefaultWorkers(t *testing.T) {
	if n := DefaultWorkers(); n < 1 || n > runtime.GOMAXPROCS(0) || n > PhysicalCores() {
		t.Errorf("DefaultWorkers() = %d with %d cores and GOMAXPROCS %d", n, PhysicalCores(), runtime.GOMAXPROCS(0))
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if n := DefaultWorkers(); n != 1 {
		t.Errorf("DefaultWorkers() = %d with GOMAXPROCS 1", n)
	}
}
