package bench

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/asm"
	"reprise/tensor"
)

// TestKernelsMeasure runs a few kernels of every kind once. It checks only that there are results, not their values.
func TestKernelsMeasure(t *testing.T) {
	for _, filter := range []string{"attention 256x256x48 NT", "few-rows 1x2048x2048", "exp 2048", "gather-dot 64x288", "launch"} {
		var seen []KernelResult
		k, err := MeasureKernels(t.Context(), KernelOptions{Tiers: []asm.Tier{asm.Active()}, Threads: []int{1, 2}, Filter: filter, Repeat: 1},
			func(r KernelResult) { seen = append(seen, r) })
		if err != nil {
			t.Fatal(err)
		}
		if len(k.Results) == 0 || !slices.Equal(seen, k.Results) || k.Tier != asm.Active().String() || len(k.Peaks) != 2 {
			t.Errorf("%s: %d results, %d reported: %+v", filter, len(k.Results), len(seen), k)
		}
		for _, r := range k.Results {
			if r.US <= 0 || r.Tier != k.Tier || r.Threads < 1 {
				t.Errorf("%s: %+v", filter, r)
			}
			if r.Share <= 0 && r.Kernel != "launch" && asm.Active() != asm.Generic {
				t.Errorf("%s: no share of a peak: %+v", filter, r)
			}
			if product := r.Kernel == "attention"; (r.Speedup > 0) != (product && r.Threads > 1) {
				t.Errorf("%s: %+v", filter, r)
			}
		}
	}
	if _, err := MeasureKernels(t.Context(), KernelOptions{Tiers: []asm.Tier{asm.Generic}, Threads: []int{1}, Filter: "none such", Repeat: 1}, nil); err == nil {
		t.Error("a filter that matches nothing is accepted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := MeasureKernels(ctx, KernelOptions{Tiers: []asm.Tier{asm.Generic}, Threads: []int{1}, Filter: "add", Repeat: 1}, func(KernelResult) {}); err == nil {
		t.Error("a cancelled measurement has no error")
	}
}

// TestWorkersMeetOnOneProcessor: workers that wait for each other let each other run. The test runs in a process of its own
// that has one processor.
func TestWorkersMeetOnOneProcessor(t *testing.T) {
	const workers = 5
	if os.Getenv("BENCH_TEST") == "meet" {
		pool := tensor.NewPool(workers)
		defer pool.Close()
		var j meetJob
		for range 3 {
			j.waiting.Store(workers)
			pool.Run(workers, &j)
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, self, "-test.run=^TestWorkersMeetOnOneProcessor$")
	c.Env = append(os.Environ(), "BENCH_TEST=meet", "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", c, err, out)
	}
}

// TestVectorKernelsCountWholeSlices: a kernel of float32 reads and writes whole slices, one value of each per element.
func TestVectorKernelsCountWholeSlices(t *testing.T) {
	for _, k := range vectorKernels {
		half := strings.HasSuffix(k.name, "16") || strings.Contains(k.name, "16-")
		if reads, writes := int(k.reads), int(k.writes); !half && (reads%4 != 0 || writes%4 != 0 || reads+writes < 4*k.slices) && k.name != "log-sum-exp" {
			t.Errorf("%s reads %d and writes %d bytes an element, with %d slices", k.name, reads, writes, k.slices)
		}
	}
}

// TestKernelListNames: a line names one measurement, so that a script can find it.
func TestKernelListNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range kernelCases() {
		if seen[c.name()] {
			t.Errorf("%s is listed twice", c.name())
		}
		seen[c.name()] = true
	}
	for _, want := range []string{
		"gemm 512x576x576 NN", "gemm 2048x1536x576 NT", "gemm 2048x576x1536 NN", "gemm 512x768x288 NT", "gemm 512x288x768 NN",
		"gemm 512x32000x288 NT", "gemm 1024x49152x576 NT", "gemm 576x576x2048 TN", "gemm 1536x576x2048 TN", "gemm 32000x288x512 TN",
		"replay-head 2048x32000x288", "replay-head 2048x49152x576",
	} {
		if !seen[want] {
			t.Errorf("%s is not measured", want)
		}
	}
}
