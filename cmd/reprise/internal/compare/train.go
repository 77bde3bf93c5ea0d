package compare

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"reprise/checkpoint"
	"reprise/cmd/reprise/internal/report"
	"reprise/eval"
	"reprise/internal/atomicfile"
	"reprise/internal/build"
	"reprise/run"
	"reprise/train"
)

// run trains and measures one cell and keeps its result.
func (r *Runner) run(ctx context.Context, c id, p *plan) (*Cell, error) {
	dir := r.runDir(c)
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	if err := atomicfile.Sweep(filepath.Dir(dir), filepath.Base(dir)); err != nil { // the remains of a killed comparison
		return nil, fmt.Errorf("compare: %w", err)
	}
	var cell *Cell
	err := atomicfile.ReplaceDir(dir, func(tmp string) error {
		out := filepath.Join(tmp, "run") // a run locks its own directory, as tmp is locked
		var err error
		if cell, err = r.train(ctx, c, p, out); err != nil {
			return err
		}
		return r.tidy(out, tmp)
	})
	if err != nil {
		return nil, err
	}
	return cell, r.keep(cell)
}

// tidy moves the files of a run that are still needed and removes the others: checkpoints and, unless they are to be kept, weights and
// new records.
func (r *Runner) tidy(run, to string) error {
	entries, err := os.ReadDir(run)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) != ".replay" || r.grid.KeepWeights && e.Name() == "final" {
			if err := os.Rename(filepath.Join(run, e.Name()), filepath.Join(to, e.Name())); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(run)
}

// prepare makes the records that a cell's run reads, and returns its recipe with them.
func (r *Runner) prepare(ctx context.Context, p *plan) (run.Recipe, error) {
	recipe := p.recipe
	domain, err := r.record(ctx, p.domain)
	if err != nil {
		return recipe, err
	}
	recipe.Replay = domain.path
	if p.mix != nil {
		mix, err := r.record(ctx, p.mix)
		if err != nil {
			return recipe, err
		}
		recipe.Mix = mix.path
	}
	return recipe, nil
}

// errUnstable ends a run whose own loss has stayed above its start.
var errUnstable = fmt.Errorf("compare: its own loss stayed above that of its first step for %d steps", patience)

func (r *Runner) train(ctx context.Context, c id, p *plan, out string) (*Cell, error) {
	recipe, err := r.prepare(ctx, p)
	if err != nil {
		return nil, err
	}
	recipe.Out = out
	job, err := run.Open(recipe, r.pool, false)
	if err != nil {
		return nil, err
	}
	summary := r.records[p.domain.name].summary
	cell := &Cell{
		Method: c.method.Name, LR: c.lr, Seed: c.seed, Digest: p.digest, Settings: p.settings[:len(p.settings)-1], Recipe: r.grid.given(c.method),
		Contract: build.Contract, Machine: r.machine(), Commit: build.Get().Commit, Steps: job.Steps, MeanSubset: summary.MeanSubset,
		LossShare: float64(summary.Positions) / float64(summary.Tokens),
	}
	e := &eval.Evaluator{Model: job.Model(), Pool: r.pool, Tokenizer: r.base.Tokenizer}
	probe := r.newProbe(p, job)
	own, err := r.ownPacks(ctx)
	if err != nil {
		return nil, err
	}
	var stopped error // a measurement here that failed, or an unstable run
	for _, event := range job.Events(ctx) {
		cell.Tokens += event.Tokens
		if event.Rho != nil {
			cell.Rho = event.Rho
		}
		if stopped = probe.see(ctx, e, event); stopped != nil {
			break
		}
		if event.Groups == nil {
			continue
		}
		// An evaluation of the run; its clock is stopped meanwhile.
		cell.Gauge = event.Forgetting
		at := Point{Step: event.Step, Seconds: event.Seconds + job.RefreshSeconds()}
		if at.Choose, _, _, stopped = r.score(ctx, e, r.texts.choose); stopped == nil {
			at.Report, _, _, stopped = r.score(ctx, e, r.texts.report)
		}
		if stopped == nil && len(own) > 0 {
			var f eval.Forgetting
			f, stopped = e.Forgetting(ctx, own)
			cell.Gauge = &f
			if errors.Is(stopped, eval.ErrNotFinite) { // the next step ends the run, or the last measurement does
				stopped, cell.Gauge = nil, nil
			}
		}
		if stopped != nil {
			break
		}
		if cell.Gauge != nil {
			at.Gauge = &cell.Gauge.KL
		}
		cell.Curve = append(cell.Curve, at)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	cell.Probe = probe.result()
	// Of a diverged run the reason and the probe are kept: its measurements may be NaN.
	diverged := func(why string) *Cell {
		failed := *cell
		failed.Failed, failed.Curve, failed.Rho = why, nil, nil
		return &failed
	}
	if errors.Is(stopped, errUnstable) {
		return diverged(stopped.Error()), nil
	}
	if stopped != nil {
		return nil, stopped
	}
	err = job.Err()
	if _, ok := errors.AsType[*train.DivergedError](err); ok {
		return diverged(err.Error()), nil
	}
	if err != nil {
		return nil, err
	}
	cell.SHA256 = checkpoint.TensorSHA256(job.Model())
	if cell.Cost, err = r.cost(ctx, p, job); err != nil {
		return nil, err
	}
	if err := r.measure(ctx, e, cell); err != nil {
		return nil, err
	}
	if x := cell.Choose + cell.Report + r.forget(cell.General); math.IsNaN(x) || math.IsInf(x, 0) { // the last step ruined it
		return diverged(fmt.Sprintf("the trained model's losses are %g", x)), nil
	}
	return cell, r.mixtures(ctx, e, job.Model(), cell)
}

// cost is what a method pays for: Stage 0 where its loss reads the domain's record, the base model's own packs where it rehearses
// them, and mixed text where it needs that recorded.
func (r *Runner) cost(ctx context.Context, p *plan, job *run.Run) (report.Cost, error) {
	cost := report.Cost{Train: job.Seconds(), Refresh: job.RefreshSeconds()}
	domain, err := r.record(ctx, p.domain)
	if err != nil {
		return cost, err
	}
	if cost.Sample = domain.Sample; needsRecord(p.recipe) {
		cost.Stage0 = domain.Stage0
	}
	if p.mix != nil && recordsMix(p.recipe) {
		mix, err := r.record(ctx, p.mix)
		if err != nil {
			return cost, err
		}
		cost.Mix = mix.Stage0
	}
	return cost, nil
}

// recordsMix says whether the loss reads the record of mixed text; the other methods could read the text itself.
func recordsMix(recipe run.Recipe) bool {
	return needsRecord(recipe) || recipe.MixLoss == "rehearsal" && recipe.RehearseLoss != "ce"
}

// measure scores the domain and the general texts after training.
func (r *Runner) measure(ctx context.Context, e *eval.Evaluator, cell *Cell) error {
	var err error
	if cell.Choose, _, _, err = r.score(ctx, e, r.texts.choose); err != nil {
		return err
	}
	sums, counts := []float64(nil), []int(nil)
	if cell.Report, sums, counts, err = r.score(ctx, e, r.texts.report); err != nil {
		return err
	}
	for i := range sums {
		kept := lossUnits(sums[i] / float64(max(1, counts[i]))) // as a later comparison reads it
		cell.Documents = append(cell.Documents, float64(kept)*lossUnit)
	}
	drift := &eval.Evaluator{Model: e.Model, Base: r.base.Model, Pool: r.pool, Tokenizer: r.base.Tokenizer}
	for i, halves := range r.texts.general {
		g := General{Name: r.grid.General[i].Name}
		if g.Choose, _, _, err = r.score(ctx, e, halves.choose); err != nil {
			return err
		}
		sums, counts, d, err := drift.Losses(ctx, flat(halves.report))
		if err != nil {
			return err
		}
		g.Report, g.KL = mean(sums, counts), d.MeanKL
		cell.General = append(cell.General, g)
	}
	return nil
}
