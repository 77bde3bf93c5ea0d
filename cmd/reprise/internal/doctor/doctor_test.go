package doctor

import (
	"context"
	"slices"
	"strings"
	"testing"

	"reprise/asm"
	"reprise/tensor"
)

func TestSelfTestPasses(t *testing.T) {
	s, err := Test(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !s.Passed || s.Fingerprint != fingerprint {
		t.Errorf("fingerprint %s, want %s; failures:\n%s", s.Fingerprint, fingerprint, strings.Join(s.Failures, "\n"))
	}
	if want := len(checks) * len(asm.Available()) * 2; s.Checks != want {
		t.Errorf("%d checks, want %d", s.Checks, want)
	}
}

// TestSelfTestFails has one check return other bits on one tier and with one number of workers, and another one panic.
func TestSelfTestFails(t *testing.T) {
	old := checks
	defer func() { checks = old }()
	best := asm.Available()[len(asm.Available())-1]
	checks = append(slices.Clone(old[:1]), check{"a wrong one", func(_ context.Context, p *tensor.Pool) string {
		if asm.Active() == best && p.Workers() == 3 {
			return "other bits"
		}
		return "bits"
	}}, check{"a broken one", func(_ context.Context, p *tensor.Pool) string {
		if p.Workers() == 3 {
			panic("boom")
		}
		return "bits"
	}})
	s, err := Test(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(s.Failures, "\n")
	if s.Passed || !strings.Contains(all, "a wrong one: tier "+best.String()) || !strings.Contains(all, "boom") || !strings.Contains(all, "fingerprint") {
		t.Errorf("passed: %v; failures:\n%s", s.Passed, all)
	}
}

func TestLook(t *testing.T) {
	r, err := Look(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.CPU.Name == "" || r.CPU.Cores < 1 || r.Threads < 1 || !slices.Contains(r.Tiers, r.Tier) || len(r.Peaks) < len(r.Tiers) {
		t.Errorf("%+v", r)
	}
	for _, p := range r.Peaks {
		if (p.GFLOPS > 0) != (p.Tier != asm.Generic.String()) || p.Tier == r.Tier && p.ReadGBs <= 0 {
			t.Errorf("%+v", p)
		}
	}
}
