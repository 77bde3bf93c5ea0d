package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"reprise/asm"
	"reprise/base"
	"reprise/cmd/reprise/internal/report"
	"reprise/eval"
	"reprise/internal/atomicfile"
	"reprise/tensor"
)

// Runner runs a grid.
type Runner struct {
	grid *Grid
	pool *tensor.Pool
	say  func(format string, args ...any)
	told map[string]bool // notices

	base    *base.Base // never changed: cells load their own
	texts   *held
	held    [32]byte // digest of the held-out texts
	learnt  map[string][]unit
	records map[string]*record

	origin Cell // the base model's own scores
	cells  map[string]*Cell

	timings map[string]*timing // by method; empty: costs are those of the cells
}

// ErrInterrupted is what Run returns when its context was cancelled.
var ErrInterrupted = fmt.Errorf("compare: interrupted; finished cells are kept, and the same command goes on from here: %w", context.Canceled)

// New loads the files that a valid grid names. say receives progress, one line per call.
func New(g *Grid, pool *tensor.Pool, say func(format string, args ...any)) (*Runner, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if err := g.findTexts(); err != nil {
		return nil, err
	}
	r := &Runner{grid: g, pool: pool, say: say, learnt: map[string][]unit{}, records: map[string]*record{}, cells: map[string]*Cell{},
		told: map[string]bool{}}
	var err error
	if r.base, err = base.Open(g.Base); err != nil {
		return nil, err
	}
	for _, text := range r.base.Model.Config.Notices {
		r.notice(text)
	}
	for i := range g.Methods {
		how, err := g.recordPlan(&g.Methods[i])
		if most := r.base.Model.Config.MaxPositions; err == nil && (how.MaxSeqLen < 2 || how.MaxSeqLen > most) {
			err = fmt.Errorf("compare: record: max_seq_len: %d, want 2 to the model's %d", how.MaxSeqLen, most)
		}
		if err != nil {
			return nil, err
		}
	}
	if r.texts, err = r.hold(); err != nil {
		return nil, err
	}
	r.held = digest(append([][]unit{r.texts.choose, r.texts.report}, r.texts.general...)...)
	if err := os.MkdirAll(filepath.Join(g.Out, "records"), 0o777); err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	return r, nil
}

// Run runs every cell that has no result yet, extends the grid where a method's best learning rate lies on its edge, and
// writes results.json and report.html. The next call continues an interrupted comparison.
func (r *Runner) Run(ctx context.Context) (*report.Comparison, error) {
	c, err := r.all(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, ErrInterrupted
	}
	return c, err
}

func (r *Runner) all(ctx context.Context) (*report.Comparison, error) {
	if err := r.scoreBase(ctx); err != nil {
		return nil, err
	}
	var todo []id
	for _, seed := range r.grid.Seeds { // seed by seed, so that a comparison that is half done can be read
		for i := range r.grid.Methods {
			for _, lr := range r.grid.Methods[i].LRs {
				todo = append(todo, id{&r.grid.Methods[i], lr, seed})
			}
		}
	}
	if err := r.runAll(ctx, todo); err != nil {
		return nil, err
	}
	added := map[string]int{}
	for {
		todo = todo[:0]
		for i := range r.grid.Methods {
			m := &r.grid.Methods[i]
			if lr, ok := r.beyond(m); ok && added[m.Name] < r.grid.Extend {
				added[m.Name]++
				m.LRs = append(m.LRs, lr)
				slices.Sort(m.LRs)
				r.say("%s: the best learning rate is on the grid's edge; adding %.3g", m.Name, lr)
				for _, seed := range r.grid.Seeds {
					todo = append(todo, id{m, lr, seed})
				}
			}
		}
		if len(todo) == 0 {
			break
		}
		if err := r.runAll(ctx, todo); err != nil {
			return nil, err
		}
	}
	for { // until no seed of BestSeeds diverges, which would make another rate the best
		todo = todo[:0]
		for _, seed := range r.grid.BestSeeds {
			for i := range r.grid.Methods {
				m := &r.grid.Methods[i]
				best := bestOf(r.points(m))
				for k := max(0, best-1); k <= best; k++ {
					if c := (id{m, m.LRs[k], seed}); r.cells[r.dir(c)] == nil {
						todo = append(todo, c)
					}
				}
			}
		}
		if len(todo) == 0 {
			break
		}
		if err := r.runAll(ctx, todo); err != nil {
			return nil, err
		}
	}
	return r.conclude()
}

// conclude writes the results that follow from the existing cells and timings.
func (r *Runner) conclude() (*report.Comparison, error) {
	var err error
	whole := true
	machine := ""
	r.timings = map[string]*timing{}
	for i := range r.grid.Methods {
		m := &r.grid.Methods[i]
		if r.timings[m.Name], err = r.timing(m); err != nil {
			return nil, err
		}
		t := r.timings[m.Name]
		whole = whole && (t != nil || bestOf(r.points(m)) < 0)
		if t != nil {
			whole = whole && (machine == "" || machine == t.Machine)
			machine = t.Machine
		}
	}
	if !whole { // costs of timed runs and of cells, or of two machines, are not compared
		clear(r.timings)
	}
	c := r.analyse()
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return nil, err
	}
	if err := atomicfile.WriteFile(filepath.Join(r.grid.Out, report.ResultsFile), append(text, '\n')); err != nil {
		return nil, err
	}
	return c, atomicfile.WriteFile(filepath.Join(r.grid.Out, report.PageFile), c.Page())
}

func (r *Runner) runAll(ctx context.Context, todo []id) error {
	for i, c := range todo {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p, err := r.plan(ctx, c)
		if err != nil {
			return fmt.Errorf("compare: %s: %w", c, err)
		}
		cell, err := r.finished(c, p)
		if err != nil {
			return err
		}
		if cell == nil {
			if cell, err = r.run(ctx, c, p); err != nil {
				return fmt.Errorf("compare: %s: %w", c, err)
			}
			if cell.Failed != "" {
				r.say("%d/%d %s: %s", i+1, len(todo), c, cell.Failed)
			} else {
				r.say("%d/%d %s: domain %.4f (%+.4f), general %+.4f, %.1f s", i+1, len(todo), c, cell.Report, cell.Report-r.origin.Report,
					r.forget(cell), cell.Cost.Total())
			}
		}
		r.cells[r.dir(c)] = cell
	}
	return nil
}

// scoreBase measures the base model on the same texts as the cells.
func (r *Runner) scoreBase(ctx context.Context) error {
	e := &eval.Evaluator{Model: r.base.Model, Pool: r.pool, Tokenizer: r.base.Tokenizer}
	var err error
	if r.origin.Choose, _, _, err = r.score(ctx, e, r.texts.choose); err != nil {
		return err
	}
	if r.origin.Report, r.origin.Sums, r.origin.Counts, err = r.score(ctx, e, r.texts.report); err != nil {
		return err
	}
	for i, list := range r.texts.general {
		l, _, _, err := r.score(ctx, e, list)
		if err != nil {
			return err
		}
		r.origin.General = append(r.origin.General, General{Name: r.grid.General[i].Name, Loss: l})
	}
	return nil
}

// score is the token-weighted loss of documents, with every document's sum and number of scored tokens.
func (r *Runner) score(ctx context.Context, e *eval.Evaluator, list []unit) (loss float64, sums []float64, counts []int, err error) {
	s, n, _, err := e.Losses(ctx, flat(list))
	if err != nil {
		return 0, nil, nil, err
	}
	at := 0
	for _, u := range list {
		var sum float64
		count := 0
		for range u {
			sum, count = sum+s[at], count+n[at]
			at++
		}
		sums, counts = append(sums, sum), append(counts, count)
	}
	return mean(sums, counts), sums, counts, nil
}

func mean(sums []float64, counts []int) float64 {
	var sum float64
	n := 0
	for i, s := range sums {
		sum, n = sum+s, n+counts[i]
	}
	return sum / float64(max(1, n))
}

// forget is the rise of the loss, mean over the general texts.
func (r *Runner) forget(c *Cell) float64 {
	var f float64
	for i, g := range c.General {
		f += (g.Loss - r.origin.General[i].Loss) / float64(len(c.General))
	}
	return f
}

// beyond is the learning rate half a decade outside the method's grid, on the side on which its best rate is the edge; false
// if the best rate is not on an edge, or if training would refuse the new one.
func (r *Runner) beyond(m *Method) (float64, bool) {
	points := r.points(m)
	best := bestOf(points)
	if best < 0 {
		return m.LRs[0] / math.Sqrt(10), true // all diverged
	}
	switch best {
	case 0:
		return half(m.LRs[0], -1), true
	case len(points) - 1:
		lr := half(m.LRs[best], 1)
		return lr, lrBound().Check(lr) == nil
	}
	return 0, false
}

// half is the next half decade; its leading digits are 1 and 3 in turn, as people write them.
func half(lr float64, direction int) float64 {
	next := lr * math.Sqrt(10)
	if direction < 0 {
		next = lr / math.Sqrt(10)
	}
	scale := 1.0
	for next*scale < 1 {
		scale *= 10
	}
	for _, nice := range []float64{1, 3, 10} {
		if x := next * scale; x > nice*0.9 && x < nice*1.12 {
			return nice / scale
		}
	}
	return next
}

// machine describes the processor, the tier and the workers.
func (r *Runner) machine() string {
	return fmt.Sprintf("%s/%s, %s, %d workers", runtime.GOOS, runtime.GOARCH, asm.Active(), r.pool.Workers())
}
