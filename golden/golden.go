package golden

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"reprise/asm"
	"reprise/internal/build"
	"reprise/tensor"
)

// Contract is the version of the arithmetic contract (docs/NUMERICS.md) that hashes belong to.
const Contract = build.Contract

// Errors of Run that a program can check for with errors.Is.
var (
	ErrNothing = errors.New("there is nothing to compare with")
	ErrStale   = errors.New("hashes.json does not belong to this engine, this model and these inputs")
)

// T is what Check needs of a *testing.T.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Options choose what is compared. The zero value is the best tier, one worker per physical core, and everything.
type Options struct {
	Tiers   []asm.Tier // one after the other; nil: the tier in use
	Workers []int      // numbers of workers, each on every tier; nil: one per physical core
	Only    string     // tensors whose names begin with this, such as "logits" or "full-adamw/gradients/"
}

// Check fails the test with two tables if the engine's output for a directory is wrong or has changed. A directory that
// cannot be read is fatal: a missing reference neither passes nor is skipped.
func Check(t T, dir string) {
	t.Helper()
	CheckWith(t, dir, Options{})
}

// CheckWith is Check on chosen tiers, numbers of workers or tensors. It returns the report, for its counts.
func CheckWith(t T, dir string, o Options) *Report {
	t.Helper()
	r, err := Run(context.Background(), dir, o)
	switch {
	case err != nil:
		t.Fatalf("%v", err)
	case !r.OK():
		t.Errorf("%v", r)
	default:
		t.Logf("%s", r.Summary())
	}
	return r
}

// Run computes everything that a directory has reference outputs or hashes for, on every tier and number of workers, and
// compares. An error is about the directory or the options; wrong or changed tensors are in the report.
func Run(ctx context.Context, dir string, o Options) (*Report, error) {
	r, err := run(ctx, dir, o, false)
	if err != nil {
		return nil, fmt.Errorf("golden: %s: %w", dir, err)
	}
	return r.report(), nil
}

// Write computes as Run does and stores the hashes of the output in hashes.json, in place of older ones. If a tensor is beyond
// its bound or tiers disagree, Write stores nothing and returns an error with the report. Options.Only must be empty.
func Write(ctx context.Context, dir string, o Options) (*Report, error) {
	if o.Only != "" {
		return nil, errors.New("golden: hashes are stored for all tensors or none; leave Only out")
	}
	c, err := run(ctx, dir, o, true)
	if err != nil {
		return nil, fmt.Errorf("golden: %s: %w", dir, err)
	}
	r := c.report()
	if !r.OK() {
		return r, fmt.Errorf("golden: %s: nothing is stored: the output is wrong, or not the same on all tiers and numbers of workers", dir)
	}
	if err := c.hashes.write(dir); err != nil {
		return r, fmt.Errorf("golden: %s: %w", dir, err)
	}
	return r, nil
}

// run reads a directory and checks it on all configurations. With fresh, stored hashes are ignored.
func run(ctx context.Context, dir string, o Options, fresh bool) (*checker, error) {
	tiers, workers := o.Tiers, o.Workers
	if len(tiers) == 0 {
		tiers = []asm.Tier{asm.Active()}
	}
	if len(workers) == 0 {
		workers = []int{tensor.DefaultWorkers()}
	}
	for _, t := range tiers {
		if !slices.Contains(asm.Available(), t) {
			return nil, fmt.Errorf("tier %v: this program on this processor offers %v", t, asm.Available())
		}
	}
	for _, n := range workers {
		if n < 1 || n > 1024 {
			return nil, fmt.Errorf("%d workers, want 1 to 1024", n)
		}
	}
	c, err := open(dir, o.Only, fresh)
	if err != nil {
		return nil, err
	}
	defer c.close()
	for _, tier := range tiers {
		for _, n := range workers {
			c.where = fmt.Sprintf("%v, %d workers", tier, n)
			if n == 1 {
				c.where = fmt.Sprintf("%v, 1 worker", tier)
			}
			c.places = append(c.places, c.where)
			if err := c.compute(ctx, tier, n); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// wanted says whether a tensor is to be compared.
func (c *checker) wanted(name string) bool { return strings.HasPrefix(name, c.only) }

func (c *checker) wantedGroup(group string) bool {
	return strings.HasPrefix(group, c.only) || strings.HasPrefix(c.only, group)
}
