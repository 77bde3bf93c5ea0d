package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"reprise/cmd/reprise/internal/doctor"
)

type doctorCmd struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

func (c *doctorCmd) Run(a *app) error {
	r, err := doctor.Look(a.ctx, a.threads)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(a.stdout).Encode(r)
	} else {
		printDoctor(a, r)
	}
	if err == nil && !r.SelfTest.Passed {
		err = fmt.Errorf("doctor: the self-test failed: results on this machine cannot be trusted; REPRISE_TIER=generic computes without assembly. Please report this output")
	}
	return err
}

func printDoctor(a *app, r *doctor.Report) {
	line := func(name, format string, args ...any) { a.printf("%-10s %s\n", name, fmt.Sprintf(format, args...)) }
	size := func(bytes int64) string {
		switch {
		case bytes == 0:
			return "unknown"
		case bytes < 1<<20:
			return fmt.Sprintf("%d KiB", bytes>>10)
		case bytes < 1<<30:
			return fmt.Sprintf("%d MiB", bytes>>20)
		}
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	}
	line("version", "%s", r.Build.Source())
	line("processor", "%s; %d physical cores for this process, %d logical processors", r.CPU.Name, r.CPU.Cores, r.CPU.Logical)
	line("caches", "L1d %s, L2 %s, L3 %s", size(int64(r.CPU.L1D)), size(int64(r.CPU.L2)), size(int64(r.CPU.L3)))
	limit := "no control group limit"
	if r.Memory.Limit > 0 {
		limit = "control group limit " + size(r.Memory.Limit)
	}
	line("memory", "%s, %s free, %s", size(r.Memory.Total), size(r.Memory.Free), limit)
	line("system", "%s, contract %d", r.Build.Toolchain(), r.Build.Contract)
	line("tier", "%s, of %s (set REPRISE_TIER to choose)", r.Tier, strings.Join(r.Tiers, ", "))
	line("threads", "%d (GOMAXPROCS %d; --threads chooses)", r.Threads, r.MaxProcs)
	for _, p := range r.Peaks {
		if p.GFLOPS > 0 {
			line("fma peak", "%-7s %2d threads %9.1f GFLOP/s", p.Tier, p.Threads, p.GFLOPS)
		}
	}
	for _, p := range r.Peaks {
		if p.ReadGBs > 0 {
			line("memory", "read    %2d threads %9.1f GB/s", p.Threads, p.ReadGBs)
		}
	}
	verdict := "passed"
	if !r.SelfTest.Passed {
		verdict = "FAILED"
	}
	line("self-test", "%s: the same bits in %d checks on every tier with 1 and 3 threads, fingerprint %s, %.1f s", verdict, r.SelfTest.Checks, r.SelfTest.Fingerprint, r.SelfTest.Seconds)
	for _, f := range r.SelfTest.Failures {
		line("", "%s", f)
	}
}
