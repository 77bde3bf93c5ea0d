package asm

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// cpuFlags returns what the Linux kernel says that this processor can do, or nil
// where it says nothing.
func cpuFlags(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name = strings.TrimSpace(name); name == "flags" || name == "Features" {
			return strings.Fields(value)
		}
	}
	return nil
}

// TestNoTierEscapes fails when this processor has a tier that the tests of this
// package could not run. It asks the kernel, not the library that chooses the
// tier. A build without assembly (purego) offers the portable code alone.
func TestNoTierEscapes(t *testing.T) {
	t.Log("tiers under test: ", Available())
	if err := Err(); err != nil {
		t.Error(err)
	}
	if !slices.Contains(Available(), Active()) {
		t.Errorf("active tier %v is not among %v", Active(), Available())
	}
	if name := os.Getenv("REPRISE_TIER"); name != "" && !strings.EqualFold(name, Active().String()) {
		t.Errorf("REPRISE_TIER=%s, but %v is active", name, Active())
	}
	want := []Tier{Generic}
	if !purego {
		switch flags := cpuFlags(t); runtime.GOARCH {
		case "amd64":
			if flags == nil {
				t.Skip("SKIPPED: this system does not say what the processor can do")
			}
			has := func(names ...string) bool {
				return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(flags, n) })
			}
			if has("avx2", "fma", "f16c", "bmi1", "bmi2", "popcnt") {
				want = append(want, AVX2)
				if has("avx512f", "avx512bw", "avx512dq", "avx512vl") {
					want = append(want, AVX512)
				}
			}
		case "arm64":
			want = append(want, NEON)
		}
	}
	if !slices.Equal(Available(), want) {
		t.Errorf("tiers %v can be tested, this processor has %v", Available(), want)
	}
}

func TestChooseTier(t *testing.T) {
	host := []Tier{Generic, AVX2, AVX512}
	for _, c := range []struct {
		name string
		host []Tier
		want Tier
		ok   bool
	}{
		{"", host, AVX512, true}, {"", host[:1], Generic, true}, {"", []Tier{Generic, NEON}, NEON, true},
		{"avx2", host, AVX2, true}, {"AVX512", host, AVX512, true}, {"generic", host, Generic, true},
		{"avx512", host[:2], AVX2, false}, {"neon", host, AVX512, false}, {"sse", host, AVX512, false}, {"avx2", host[:1], Generic, false},
	} {
		got, err := chooseTier(c.name, c.host)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("REPRISE_TIER=%q on %v: %v, %v; want %v, an error: %v", c.name, c.host, got, err, c.want, !c.ok)
		}
		if err != nil && (!strings.Contains(err.Error(), c.name) || !strings.Contains(err.Error(), c.want.String())) {
			t.Errorf("%q must name both the request and the tier that runs instead", err)
		}
	}
}

// TestTierFromEnvironment starts this test binary again under every REPRISE_TIER:
// in a process that does not run on the requested tier, TestNoTierEscapes fails.
func TestTierFromEnvironment(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tier := range []Tier{Generic, NEON, AVX2, AVX512} {
		c := exec.Command(self, "-test.run=^TestNoTierEscapes$")
		c.Env = append(os.Environ(), "REPRISE_TIER="+tier.String())
		out, err := c.CombinedOutput()
		if errors.Is(err, syscall.ENOEXEC) {
			t.Skip("this system runs tests through an emulator and cannot start them from here")
		}
		if ok := slices.Contains(Available(), tier); ok != (err == nil) {
			t.Errorf("REPRISE_TIER=%v: %v, want success: %v\n%s", tier, err, ok, out)
		}
	}
}

// TestForce switches as a test does, and refuses what the host lacks.
func TestForce(t *testing.T) {
	before := Active()
	for _, tier := range Available() {
		restore := Force(tier)
		if Active() != tier {
			t.Errorf("Force(%v): %v is active", tier, Active())
		}
		restore()
	}
	if Active() != before {
		t.Errorf("%v is active after all, want %v", Active(), before)
	}
	for _, tier := range []Tier{Generic, NEON, AVX2, AVX512} {
		if slices.Contains(Available(), tier) {
			continue
		}
		func() {
			defer func() {
				if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), tier.String()) {
					t.Errorf("Force(%v): recovered %v", tier, v)
				}
			}()
			Force(tier)
		}()
	}
}
