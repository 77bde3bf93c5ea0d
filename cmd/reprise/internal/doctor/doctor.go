// Package doctor inspects the machine, and checks that this program computes the same bits on it as everywhere, for reprise
// doctor.
package doctor

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"reprise/asm"
	"reprise/cmd/reprise/internal/bench"
	"reprise/internal/build"
	"reprise/tensor"
)

// Report is the whole report. Sizes are in bytes, 0 where unknown.
type Report struct {
	Build    build.Info `json:"build"`
	CPU      CPU        `json:"cpu"`
	System   string     `json:"system"` // linux/amd64
	Go       string     `json:"go"`
	Tier     string     `json:"tier"` // the tier in use
	Tiers    []string   `json:"tiers"`
	Threads  int        `json:"threads"` // number of threads that commands use
	MaxProcs int        `json:"gomaxprocs"`
	Memory   Memory     `json:"memory"`
	Peaks    []Peak     `json:"peaks"`
	SelfTest SelfTest   `json:"self_test"`
}

// CPU describes the processor.
type CPU struct {
	Name    string `json:"name"`
	Cores   int    `json:"physical_cores"` // those that this process may use
	Logical int    `json:"logical_processors"`
	L1D     int    `json:"l1d"`
	L2      int    `json:"l2"`
	L3      int    `json:"l3"`
}

// Memory is the memory of the machine and the share that this process may use.
type Memory struct {
	Total int64 `json:"total"`
	Free  int64 `json:"free"`
	Limit int64 `json:"cgroup_limit"` // 0: none
}

// Peak is the measurement on one tier with a number of threads.
type Peak struct {
	Tier    string  `json:"tier"`
	Threads int     `json:"threads"`
	GFLOPS  float64 `json:"gflops"`                  // fused multiply-adds in registers; 0 on the portable tier
	ReadGBs float64 `json:"read_gb_per_s,omitempty"` // only on the tier in use
}

// Look inspects the machine, measures it with this number of threads, or with the usual one for 0, and runs the self-test.
func Look(ctx context.Context, threads int) (*Report, error) {
	if threads == 0 {
		threads = tensor.DefaultWorkers()
	}
	r := &Report{
		Build: build.Get(),
		CPU: CPU{
			Name: build.Processor(), Cores: tensor.PhysicalCores(), Logical: runtime.NumCPU(),
			L1D: cache(1, cpuid.CPU.Cache.L1D), L2: cache(2, cpuid.CPU.Cache.L2), L3: cache(3, cpuid.CPU.Cache.L3),
		},
		System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Tier: asm.Active().String(),
		Threads: threads, MaxProcs: runtime.GOMAXPROCS(0), Memory: Memory{Free: tensor.FreeMemory()},
	}
	r.Memory.Total, r.Memory.Limit = tensor.Memory()
	for _, t := range asm.Available() {
		r.Tiers = append(r.Tiers, t.String())
		counts := []int{1}
		if r.Threads > 1 {
			counts = append(counts, r.Threads)
		}
		for _, n := range counts {
			p := Peak{Tier: t.String(), Threads: n}
			p.GFLOPS, p.ReadGBs = bench.Peaks(t, n, t == asm.Active())
			r.Peaks = append(r.Peaks, p)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	var err error
	r.SelfTest, err = Test(ctx)
	return r, err
}

// cache is the size of the data cache of a level: as the processor reports it, or else as Linux does.
func cache(level, said int) int {
	if said > 0 {
		return said
	}
	for i := range 8 {
		dir := "/sys/devices/system/cpu/cpu0/cache/index" + strconv.Itoa(i) + "/"
		read := func(name string) string {
			text, _ := os.ReadFile(dir + name)
			return strings.TrimSpace(string(text))
		}
		if read("level") != strconv.Itoa(level) || read("type") == "Instruction" {
			continue
		}
		size, unit := read("size"), 1
		if s, ok := strings.CutSuffix(size, "K"); ok {
			size, unit = s, 1<<10
		} else if s, ok := strings.CutSuffix(size, "M"); ok {
			size, unit = s, 1<<20
		}
		if n, err := strconv.Atoi(size); err == nil {
			return n * unit
		}
	}
	return 0
}
