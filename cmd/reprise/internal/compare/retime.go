package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"reprise/checkpoint"
	"reprise/cmd/reprise/internal/report"
	"reprise/internal/atomicfile"
	"reprise/run"
)

// clock is one timed run of a method at its best learning rate.
type clock struct {
	Cost  report.Cost `json:"cost"`
	Curve []float64   `json:"curve"` // seconds of training and refreshes at every evaluation
}

// seconds is the time at evaluation i of n of another seed's run. That run may have a step more or fewer, and so another
// number of evaluations: then it is the time of the first evaluation here by which at least the same share of the run has
// passed.
func (k clock) seconds(i, n int) float64 { return k.Curve[((i+1)*len(k.Curve)+n-1)/n-1] }

// timing is the contents of a method's file in timings/.
type timing struct {
	Method  string  `json:"method"`
	LR      float64 `json:"lr"`
	Seed    uint64  `json:"seed"`
	Digest  string  `json:"digest"`
	Machine string  `json:"machine"`
	Clocks  []clock `json:"clocks"` // one for each round
}

func (r *Runner) timingPath(method string) string {
	return filepath.Join(r.grid.Out, "timings", method+".json")
}

// Retime measures the costs of the methods again: each at its best learning rate and the first seed, the methods in turn, so
// that a disturbance does not fall on one of them alone. So cells may be run at any time, beside other work, and costs
// measured later on a free machine. Every run must end with the weights of its cell. Retime needs the cells' results, which
// Run makes.
func (r *Runner) Retime(ctx context.Context, rounds int) (*report.Comparison, error) {
	if _, err := r.Run(ctx); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(r.grid.Out, "timings"), 0o777); err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	for round := range rounds {
		for i := range r.grid.Methods {
			m := &r.grid.Methods[i]
			if round%2 == 1 { // the methods in reverse order
				m = &r.grid.Methods[len(r.grid.Methods)-1-i]
			}
			if err := r.retime(ctx, m, round, rounds); err != nil {
				if ctx.Err() != nil {
					return nil, ErrInterrupted
				}
				return nil, err
			}
		}
	}
	return r.conclude()
}

// retime runs one method again and keeps its time.
func (r *Runner) retime(ctx context.Context, m *Method, round, rounds int) error {
	points := r.points(m)
	best := bestOf(points)
	if best < 0 {
		return nil
	}
	c := id{m, points[best].LR, r.grid.Seeds[0]}
	p, err := r.plan(c)
	if err != nil {
		return fmt.Errorf("compare: %s: %w", c, err)
	}
	fresh := timing{Method: m.Name, LR: c.lr, Seed: c.seed, Digest: r.cells[r.key(c)].Digest, Machine: r.machine().String()}
	known, err := r.timing(m)
	if err != nil {
		return err
	}
	if round > 0 && known != nil {
		fresh.Clocks = known.Clocks
	}
	dir := filepath.Join(r.grid.Out, "timings", "run.tmp")
	defer os.RemoveAll(dir)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	k, sha, err := r.time(ctx, p, dir)
	if err != nil {
		return fmt.Errorf("compare: timing %s: %w", c, err)
	}
	if want := r.cells[r.key(c)].SHA256; sha != want {
		return fmt.Errorf("compare: timing %s: the run ended in other weights (%s) than its cell (%s)", c, sha, want)
	}
	fresh.Clocks = append(fresh.Clocks, k)
	text, err := json.MarshalIndent(fresh, "", " ")
	if err != nil {
		return err
	}
	r.say("timing %d/%d %s: %.2f s (Stage 0 %.2f, training %.2f, refreshes %.2f, records of mixed text %.2f, own text %.2f)", round+1, rounds, c,
		k.Cost.Total(), k.Cost.Stage0, k.Cost.Train, k.Cost.Refresh, k.Cost.Mix, k.Cost.Sample)
	return atomicfile.WriteFile(r.timingPath(m.Name), append(text, '\n'))
}

// time records and trains in a directory of its own.
func (r *Runner) time(ctx context.Context, p *plan, dir string) (k clock, sha string, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return k, "", err
	}
	if needsRecord(p.recipe) || p.domain.share > 0 {
		rec, err := r.recording(ctx, p.domain, filepath.Join(dir, "domain.replay"))
		if err != nil {
			return k, "", err
		}
		if k.Cost.Sample = rec.Sample; needsRecord(p.recipe) {
			k.Cost.Stage0 = rec.Stage0
		}
	}
	if p.mix != nil && recordsMix(p.recipe) {
		rec, err := r.recording(ctx, p.mix, filepath.Join(dir, "mix.replay"))
		if err != nil {
			return k, "", err
		}
		k.Cost.Mix = rec.Stage0
	}
	recipe, err := r.prepare(ctx, p)
	if err != nil {
		return k, "", err
	}
	recipe.Out = filepath.Join(dir, "run")
	job, err := run.Open(recipe, r.pool, false)
	if err != nil {
		return k, "", err
	}
	for _, event := range job.Events(ctx) {
		if event.Groups != nil {
			k.Curve = append(k.Curve, event.Seconds+job.RefreshSeconds())
		}
	}
	k.Cost.Train, k.Cost.Refresh = job.Seconds(), job.RefreshSeconds()
	return k, checkpoint.TensorSHA256(job.Model()), job.Err()
}

// timing reads Retime's result for a method; nil: none, or one for a learning rate that is no longer the best.
func (r *Runner) timing(m *Method) (*timing, error) {
	path := r.timingPath(m.Name)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	t := &timing{}
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("compare: %s: %w; delete it, and time the comparison again", path, err)
	}
	points := r.points(m)
	best := bestOf(points)
	if best < 0 || points[best].LR != t.LR || len(t.Clocks) == 0 {
		return nil, nil
	}
	for _, k := range t.Clocks {
		if len(k.Curve) == 0 {
			return nil, fmt.Errorf("compare: %s: a round without a curve; delete the file, and time the comparison again", path)
		}
	}
	if cell := r.cells[r.key(id{m, t.LR, t.Seed})]; cell == nil || cell.Digest != t.Digest {
		return nil, nil
	}
	return t, nil
}

// middle is the round whose total is the median (of an even number of rounds, the greater of the two middle ones).
func (t *timing) middle() clock {
	sorted := slices.SortedFunc(slices.Values(t.Clocks), func(a, b clock) int {
		switch d := a.Cost.Total() - b.Cost.Total(); {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
	return sorted[len(sorted)/2]
}
