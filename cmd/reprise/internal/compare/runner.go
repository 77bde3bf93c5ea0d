package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"reprise/base"
	"reprise/cmd/reprise/internal/report"
	"reprise/data"
	"reprise/eval"
	"reprise/internal/atomicfile"
	"reprise/tensor"
)

// Runner runs a grid.
type Runner struct {
	Only []string      // methods whose missing cells are run; nil: all. Of the others, the cells that exist are taken up
	Time time.Duration // after which no further cell is begun; 0: no limit

	grid *Grid
	pool *tensor.Pool
	say  func(format string, args ...any)
	told map[string]bool // notices

	base    *base.Base // never changed: cells load their own
	texts   *held
	held    [32]byte // digest of the held-out texts
	learnt  map[string][]unit
	draws   map[string]*draw
	records map[string]*record
	own     []data.Sequence // see ownPacks

	origin scores // of the base model
	cells  map[string]*Cell

	timings map[string]*timing // by method; empty: costs are those of the cells
	clocks  Machine            // whose seconds the costs are; cells of other machines have none
	end     time.Time
}

// scores are those of the base model.
type scores struct {
	Cell
	counts []int // scored tokens of the documents of the reported half
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
	r := &Runner{grid: g, pool: pool, say: say, learnt: map[string][]unit{}, draws: map[string]*draw{}, records: map[string]*record{},
		cells: map[string]*Cell{}, told: map[string]bool{}}
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
	lists := [][]unit{r.texts.choose, r.texts.report}
	for _, s := range r.texts.general {
		lists = append(lists, s.choose, s.report)
	}
	r.held = digest(lists...)
	for _, dir := range []string{filepath.Join(g.Out, "records"), g.Cells} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
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
	for _, name := range r.Only {
		if !slices.ContainsFunc(r.grid.Methods, func(m Method) bool { return m.Name == name }) {
			return nil, fmt.Errorf("compare: only: no method is called %q", name)
		}
	}
	if r.Time > 0 {
		r.end = time.Now().Add(r.Time)
	}
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
	if err := r.extend(ctx); err != nil {
		return nil, err
	}
	if err := r.more(ctx); err != nil {
		return nil, err
	}
	return r.conclude()
}

// extend adds rates to methods whose best rate is on the edge of their list.
func (r *Runner) extend(ctx context.Context) error {
	added := map[string]int{}
	for {
		var todo []id
		for i := range r.grid.Methods {
			m := &r.grid.Methods[i]
			if added[m.Name] >= r.grid.Extend || !r.whole(m) {
				continue
			}
			lr, ok := r.beyond(m)
			if !ok {
				continue
			}
			added[m.Name]++
			var more []id
			for _, seed := range r.grid.Seeds {
				more = append(more, id{m, lr, seed})
			}
			if there, err := r.known(more); err != nil {
				return err
			} else if !there && !r.mayRun(m) {
				continue
			}
			m.LRs = append(m.LRs, lr)
			slices.Sort(m.LRs)
			r.say("%s: the best learning rate is on the grid's edge; adding %.3g", m.Name, lr)
			todo = append(todo, more...)
		}
		if len(todo) == 0 {
			return nil
		}
		if err := r.runAll(ctx, todo); err != nil {
			return err
		}
	}
}

// whole says whether a method has a result at every rate and seed of the grid.
func (r *Runner) whole(m *Method) bool {
	for _, lr := range m.LRs {
		for _, seed := range r.grid.Seeds {
			if r.cells[r.key(id{m, lr, seed})] == nil {
				return false
			}
		}
	}
	return true
}

// known says whether all cells of a list were run before.
func (r *Runner) known(list []id) (bool, error) {
	for _, c := range list {
		p, err := r.plan(c)
		if err != nil {
			return false, fmt.Errorf("compare: %s: %w", c, err)
		}
		if cell, err := r.finished(p); cell == nil || err != nil {
			return false, err
		}
	}
	return true, nil
}

// mayRun says whether a cell of a method may be run now.
func (r *Runner) mayRun(m *Method) bool {
	return (r.Only == nil || slices.Contains(r.Only, m.Name)) && !r.late()
}

func (r *Runner) late() bool { return r.Time > 0 && !time.Now().Before(r.end) }

// more runs the seeds of BestSeeds, until none of them diverges, which would make another rate the best.
func (r *Runner) more(ctx context.Context) error {
	tried := map[string]bool{}
	for {
		var todo []id
		for _, seed := range r.grid.BestSeeds {
			for i := range r.grid.Methods {
				m := &r.grid.Methods[i]
				if !r.whole(m) {
					continue
				}
				best := bestOf(r.points(m))
				for k := max(0, best-1); k <= best; k++ {
					if c := (id{m, m.LRs[k], seed}); r.cells[r.key(c)] == nil && !tried[r.key(c)] {
						todo = append(todo, c)
						tried[r.key(c)] = true
					}
				}
			}
		}
		if len(todo) == 0 {
			return nil
		}
		if err := r.runAll(ctx, todo); err != nil {
			return err
		}
	}
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

// runAll takes up the cells of a list that were run before and runs the others, of the methods and in the time that it may.
func (r *Runner) runAll(ctx context.Context, todo []id) error {
	var missing []id
	plans := map[string]*plan{}
	left := 0
	for _, c := range todo {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p, err := r.plan(c)
		if err != nil {
			return fmt.Errorf("compare: %s: %w", c, err)
		}
		cell, err := r.finished(p)
		switch {
		case err != nil:
			return err
		case cell != nil:
			r.cells[r.key(c)] = cell
		case r.mayRun(c.method):
			missing = append(missing, c)
			plans[r.key(c)] = p
		default:
			left++
		}
	}
	for i, c := range missing {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p := plans[r.key(c)]
		cell, err := r.finished(p) // another method of this list may have the same settings
		if err != nil {
			return err
		}
		if cell == nil && r.late() {
			left += len(missing) - i
			break
		}
		if cell == nil {
			if cell, err = r.run(ctx, c, p); err != nil {
				return fmt.Errorf("compare: %s: %w", c, err)
			}
			if cell.Failed != "" {
				r.say("%d/%d %s: %s", i+1, len(missing), c, cell.Failed)
			} else {
				r.say("%d/%d %s: domain %.4f (%+.4f), general %+.4f, %.1f s", i+1, len(missing), c, cell.Report, cell.Report-r.origin.Report,
					r.forget(cell.General), cell.Cost.Total())
			}
		}
		r.cells[r.key(c)] = cell
	}
	if left > 0 {
		r.say("%d cells are left for another time", left)
	}
	return nil
}

// scoreBase measures the base model on the same texts as the cells.
func (r *Runner) scoreBase(ctx context.Context) error {
	e := &eval.Evaluator{Model: r.base.Model, Pool: r.pool, Tokenizer: r.base.Tokenizer}
	o := scores{}
	var err error
	if o.Choose, _, _, err = r.score(ctx, e, r.texts.choose); err != nil {
		return err
	}
	if o.Report, _, o.counts, err = r.score(ctx, e, r.texts.report); err != nil {
		return err
	}
	if o.General, err = r.generals(ctx, e); err != nil {
		return err
	}
	r.origin = o
	return nil
}

// generals measures a model on both halves of every general text.
func (r *Runner) generals(ctx context.Context, e *eval.Evaluator) (list []General, err error) {
	for i, halves := range r.texts.general {
		g := General{Name: r.grid.General[i].Name}
		if g.Choose, _, _, err = r.score(ctx, e, halves.choose); err != nil {
			return nil, err
		}
		if g.Report, _, _, err = r.score(ctx, e, halves.report); err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, nil
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

// forget is the rise of the loss on the reported halves, mean over the general texts.
func (r *Runner) forget(general []General) float64 {
	var f float64
	for i, g := range general {
		f += (g.Report - r.origin.General[i].Report) / float64(len(general))
	}
	return f
}

// forgetChoosing is forget on the choosing halves.
func (r *Runner) forgetChoosing(general []General) float64 {
	var f float64
	for i, g := range general {
		f += (g.Choose - r.origin.General[i].Choose) / float64(len(general))
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
