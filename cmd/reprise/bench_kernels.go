package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"reprise/asm"
	"reprise/cmd/reprise/internal/bench"
	"reprise/tensor"
)

type benchKernelsCmd struct {
	Tier   []string `help:"Tiers to measure: names, or all. Default: the tier in use. --threads N measures N threads only; default: one, and one for every core." placeholder:"NAME,…"`
	Filter string   `help:"Measure only kernels whose line contains this, such as \"gemm\" or \"512x576x576 NT\"." placeholder:"TEXT"`
	Repeat int      `default:"7" help:"Measurements of each kernel; the median counts."`
	JSON   bool     `name:"json" help:"Print one JSON object."`
}

func (c *benchKernelsCmd) Run(a *app) error {
	if c.Repeat < 1 {
		return fmt.Errorf("bench: --repeat %d: want 1 or more", c.Repeat)
	}
	tiers, err := chosenTiers(c.Tier)
	if err != nil {
		return err
	}
	threads := []int{1}
	if a.threads > 0 {
		threads = []int{a.threads}
	} else if n := tensor.DefaultWorkers(); n > 1 {
		threads = append(threads, n)
	}
	report := func(bench.KernelResult) {}
	if !c.JSON {
		a.printf("%-20s %-16s %-2s %-7s %7s %10s %9s %8s %9s %10s %s\n", "kernel", "shape", "", "tier", "threads", "µs", "GFLOP/s", "GB/s", "elem/ns", "% of peak", "")
		report = func(r bench.KernelResult) { a.printf("%s\n", kernelLine(r)) }
	}
	k, err := bench.MeasureKernels(a.ctx, bench.KernelOptions{Tiers: tiers, Threads: threads, Filter: c.Filter, Repeat: c.Repeat}, report)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(k)
	}
	a.printf("\npeaks measured in the same run:\n")
	for _, p := range k.Peaks {
		a.printf("  %-7s %2d threads: fma %.1f GFLOP/s, read %.1f GB/s\n", p.Tier, p.Threads, p.GFLOPS, p.ReadGBs)
	}
	return nil
}

// chosenTiers reads the names of tiers, highest last.
func chosenTiers(names []string) ([]asm.Tier, error) {
	host := asm.Available()
	if len(names) == 0 {
		return []asm.Tier{asm.Active()}, nil
	}
	if slices.Equal(names, []string{"all"}) {
		return host, nil
	}
	var tiers []asm.Tier
	for _, name := range names {
		i := slices.IndexFunc(host, func(t asm.Tier) bool { return strings.EqualFold(t.String(), name) })
		if i < 0 {
			return nil, fmt.Errorf("bench: --tier %s: this program on this processor offers %v, or all", name, host)
		}
		tiers = append(tiers, host[i])
	}
	slices.Sort(tiers)
	return slices.Compact(tiers), nil
}

func kernelLine(r bench.KernelResult) string {
	number := func(format string, v float64) string {
		if v == 0 {
			return ""
		}
		return fmt.Sprintf(format, v)
	}
	line := fmt.Sprintf("%-20s %-16s %-2s %-7s %7d %10.2f %9s %8s %9s %10s %s", r.Kernel, r.Shape, r.Variant, r.Tier, r.Threads, r.US,
		number("%.1f", r.GFLOPS), number("%.1f", r.GBs), number("%.2f", r.PerNS), number("%.1f", 100*r.Share), r.Peak)
	if r.OfFull > 0 {
		line += fmt.Sprintf("; %.2f %% of the full head's time", 100*r.OfFull)
	}
	if r.Speedup > 0 {
		line += fmt.Sprintf("; %.2f times one thread", r.Speedup)
		if r.Scaled > 0 {
			line += fmt.Sprintf(", %.2f by the peaks", r.Scaled)
		}
	}
	return strings.TrimRight(line, " ")
}
