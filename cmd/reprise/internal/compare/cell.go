package compare

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"reprise/checkpoint"
	"reprise/cmd/reprise/internal/report"
	"reprise/eval"
	"reprise/internal/atomicfile"
	"reprise/internal/build"
	"reprise/replay"
	"reprise/run"
	"reprise/train"
)

// Point is the domain loss along a run, on the choosing half.
type Point struct {
	Step    int     `json:"step"`
	Seconds float64 `json:"seconds"` // time of training and refreshes
	Loss    float64 `json:"loss"`
}

// General is a cell's score on one general text.
type General struct {
	Name  string      `json:"name"`
	Loss  float64     `json:"loss"`
	Drift *eval.Drift `json:"drift,omitempty"`
}

// Cell is the contents of a cell's result.json.
type Cell struct {
	Method   string  `json:"method"`
	LR       float64 `json:"lr"`
	Seed     uint64  `json:"seed"`
	Digest   string  `json:"digest"`             // digest of everything that decides the result, but for the contract
	Contract int     `json:"contract,omitempty"` // version of the arithmetic contract; none: an earlier program's, of contract 1
	Failed   string  `json:"failed,omitempty"`   // the run diverged

	Steps      int         `json:"steps"`
	Tokens     int         `json:"tokens"`
	Cost       report.Cost `json:"cost"`
	Curve      []Point     `json:"curve"`
	Choose     float64     `json:"choose"` // domain loss on the choosing half
	Report     float64     `json:"report"` // domain loss on the reported half
	Sums       []float64   `json:"sums"`   // summed loss of every document of the reported half
	Counts     []int       `json:"counts"` // and its scored tokens
	General    []General   `json:"general"`
	Rho        *float64    `json:"rho,omitempty"`
	MeanSubset float64     `json:"mean_subset"`
	LossShare  float64     `json:"loss_share"`
	SHA256     string      `json:"sha256"` // of the final weights
}

// id names a cell.
type id struct {
	method *Method
	lr     float64
	seed   uint64
}

func (c id) String() string { return fmt.Sprintf("%s, lr %.3g, seed %d", c.method.Name, c.lr, c.seed) }

// lrName is the name of a learning rate in paths.
func lrName(lr float64) string { return fmt.Sprintf("lr-%.3g", lr) }

func (r *Runner) dir(c id) string {
	return filepath.Join(r.grid.Out, "cells", c.method.Name, lrName(c.lr), fmt.Sprintf("seed-%d", c.seed))
}

// plan is a cell's recipe and its records.
type plan struct {
	recipe      run.Recipe
	domain, mix *record // mix is nil without mixing
	digest      string
	first       string // the digest of the same cell in a program of contract 1; "": its schedule was another
}

// plan determines a cell's recipe; it makes the records that do not exist yet.
func (r *Runner) plan(ctx context.Context, c id) (*plan, error) {
	recipe, err := r.grid.recipe(c.method)
	if err != nil {
		return nil, err
	}
	how, err := r.grid.recordPlan(c.method)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	if p.domain, err = r.record(ctx, "domain", how, c.seed, r.grid.Tokens); err != nil {
		return nil, err
	}
	recipe.Model, recipe.Replay = r.grid.Base, p.domain.path
	recipe.LR, recipe.Seed = c.lr, c.seed
	perEpoch := (p.domain.summary.Sequences + recipe.GlobalBatchSize - 1) / recipe.GlobalBatchSize
	recipe.MaxSteps = perEpoch * recipe.Epochs // with mixing too: equal budgets
	recipe.Eval.Every = max(1, (recipe.MaxSteps+r.grid.Evaluations-1)/r.grid.Evaluations)
	if r.grid.mixes(c.method) {
		need := int(1.1 * recipe.ReplayMix * float64(recipe.Epochs*p.domain.summary.Tokens))
		if p.mix, err = r.record(ctx, "mix", how, c.seed, need); err != nil {
			return nil, err
		}
		recipe.Mix = p.mix.path
	}
	p.recipe = recipe
	// Paths are left out of the digest; digests of the contents take their place.
	recipe.Model, recipe.Replay, recipe.Mix = "", "", ""
	p.digest = r.digest(p, recipe)
	if recipe.ScheduleEnd == "last" || recipe.Schedule == "constant" {
		recipe.ScheduleEnd = run.DefaultRecipe().ScheduleEnd // that program had no such key
		p.first = r.digest(p, recipe)
	}
	return p, nil
}

// digest is the digest of a cell with a recipe without paths.
func (r *Runner) digest(p *plan, recipe run.Recipe) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n%x\n", recipe.DigestText(), p.domain.digest, r.base.Fingerprint, r.held)
	if p.mix != nil {
		fmt.Fprintf(h, "%s\n", p.mix.digest)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// finished reads a cell that was run before; nil: it was not run. A cell of contract 1 counts where its schedule is the plan's.
func (r *Runner) finished(c id, p *plan) (*Cell, error) {
	path := filepath.Join(r.dir(c), "result.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	var cell Cell
	if err := json.Unmarshal(text, &cell); err != nil {
		return nil, fmt.Errorf("compare: %s: %w; delete the cell's directory to run it again", path, err)
	}
	want := p.digest
	if cell.Contract < build.ScheduleEndContract {
		if want = p.first; want == "" {
			return nil, fmt.Errorf("compare: %s is the result of a program of contract 1, whose schedules ended at the last step; "+
				"keep to them with schedule_end: last under recipe, choose another out, or delete the cell's directory to run it again", path)
		}
	}
	if cell.Digest != want {
		return nil, fmt.Errorf("compare: %s is the result of another grid, base model or data; choose another out, or delete the cell's directory to run it again", path)
	}
	return &cell, nil
}

// run trains and measures one cell and keeps its result.
func (r *Runner) run(ctx context.Context, c id, p *plan) (*Cell, error) {
	dir := r.dir(c)
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	if err := atomicfile.Sweep(filepath.Dir(dir), filepath.Base(dir)); err != nil { // the remains of a killed comparison
		return nil, fmt.Errorf("compare: %w", err)
	}
	var cell *Cell
	err := atomicfile.ReplaceDir(dir, func(tmp string) error {
		var err error
		if cell, err = r.train(ctx, c, p, filepath.Join(tmp, "run")); err != nil {
			return err
		}
		if err := r.tidy(tmp); err != nil {
			return err
		}
		text, err := json.MarshalIndent(cell, "", " ")
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tmp, "result.json"), append(text, '\n'), 0o666)
	})
	return cell, err
}

// tidy removes the files that a finished cell no longer needs: checkpoints and, unless they are to be kept, weights and new
// records.
func (r *Runner) tidy(tmp string) error {
	entries, err := os.ReadDir(filepath.Join(tmp, "run"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		keep := !e.IsDir() && filepath.Ext(e.Name()) != ".replay" || r.grid.KeepWeights && e.Name() == "final"
		if !keep {
			if err := os.RemoveAll(filepath.Join(tmp, "run", e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Runner) train(ctx context.Context, c id, p *plan, out string) (*Cell, error) {
	recipe := p.recipe
	recipe.Out = out
	job, err := run.Open(recipe, r.pool, false)
	if err != nil {
		return nil, err
	}
	cell := &Cell{
		Method: c.method.Name, LR: c.lr, Seed: c.seed, Digest: p.digest, Contract: build.Contract, Steps: job.Steps,
		MeanSubset: p.domain.summary.MeanSubset, LossShare: float64(p.domain.summary.Positions) / float64(p.domain.summary.Tokens),
	}
	e := &eval.Evaluator{Model: job.Model(), Pool: r.pool, Tokenizer: r.base.Tokenizer}
	for _, event := range job.Events(ctx) {
		cell.Tokens += event.Tokens
		if event.Rho != nil {
			cell.Rho = event.Rho
		}
		if event.Groups != nil { // an evaluation of the run; its clock is stopped meanwhile
			loss, _, _, err := r.score(ctx, e, r.texts.choose)
			if err != nil {
				break
			}
			cell.Curve = append(cell.Curve, Point{event.Step, event.Seconds + job.RefreshSeconds(), loss})
		}
	}
	err = job.Err()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	// Of a diverged run only the reason is kept: its measurements may be NaN.
	diverged := func(why string) *Cell {
		return &Cell{Method: c.method.Name, LR: c.lr, Seed: c.seed, Digest: p.digest, Contract: build.Contract, Failed: why, Steps: job.Steps}
	}
	if _, ok := errors.AsType[*train.DivergedError](err); ok {
		return diverged(err.Error()), nil
	}
	if err != nil {
		return nil, err
	}
	cell.SHA256 = checkpoint.TensorSHA256(job.Model())
	cell.Cost = report.Cost{Train: job.Seconds(), Refresh: job.RefreshSeconds()}
	if needsRecord(recipe) {
		cell.Cost.Stage0 = p.domain.Seconds
		if p.mix != nil {
			cell.Cost.Mix = p.mix.Seconds
		}
	}
	if n := len(cell.Curve); n > 0 {
		cell.Choose = cell.Curve[n-1].Loss
	}
	if err := r.measure(ctx, e, cell); err != nil {
		return nil, err
	}
	if x := cell.Choose + cell.Report + r.forget(cell); math.IsNaN(x) || math.IsInf(x, 0) { // the last step ruined it
		return diverged(fmt.Sprintf("the trained model's losses are %g", x)), nil
	}
	return cell, nil
}

// needsRecord says whether a method pays for Stage 0; the others read only the packs of the record.
func needsRecord(recipe run.Recipe) bool { return recipe.Loss == "replay" || recipe.KL > 0 }

// measure scores the reported half of the domain and the general texts.
func (r *Runner) measure(ctx context.Context, e *eval.Evaluator, cell *Cell) error {
	var err error
	if cell.Report, cell.Sums, cell.Counts, err = r.score(ctx, e, r.texts.report); err != nil {
		return err
	}
	drift := &eval.Evaluator{Model: e.Model, Base: r.base.Model, Pool: r.pool, Tokenizer: r.base.Tokenizer}
	for i, list := range r.texts.general {
		sums, counts, d, err := drift.Losses(ctx, flat(list))
		if err != nil {
			return err
		}
		cell.General = append(cell.General, General{Name: r.grid.General[i].Name, Loss: mean(sums, counts), Drift: d})
	}
	return nil
}

// record is a record that cells share.
type record struct {
	Seconds float64 `json:"seconds"` // time that Stage 0 took
	path    string
	digest  string
	job     replay.Job
	summary replay.Summary
}

// record finds the record of a seed's draw of documents, or makes it.
func (r *Runner) record(ctx context.Context, kind string, how RecordPlan, seed uint64, limit int) (*record, error) {
	text := Text{File: r.grid.Domain.Train, Split: r.grid.Domain.Split}
	if kind == "mix" {
		text = r.grid.Mix
	}
	key := fmt.Sprintf("%s-seed%d-tau%g-k%d-%d-len%d-n%d", kind, seed, how.Tau, how.KMin, how.KMax, how.MaxSeqLen, limit)
	if len(how.Always) > 0 {
		key += fmt.Sprintf("-always%d", how.Always)
	}
	if rec := r.records[key]; rec != nil {
		return rec, nil
	}
	rec := &record{path: filepath.Join(r.grid.Out, "records", key+".replay")}
	clock := rec.path + ".json"
	source := fmt.Sprintf("%s, %d tokens", text.File, how.MaxSeqLen)
	all, ok := r.learnt[source]
	if !ok {
		docs, err := r.read(text, how.MaxSeqLen, false)
		if err != nil {
			return nil, err
		}
		all = take(units(docs, r.grid.Tokens), 0, 0, "texts")
		r.learnt[source] = all
	}
	drawn := take(all, 0, seed, "subsample")
	drawn = drawn[:max(1, int(float64(r.grid.Subsample*float64(len(drawn)))+0.5))]
	n := 0
	for i, u := range drawn {
		if limit > 0 && n >= limit {
			drawn = drawn[:i]
			break
		}
		n += u.tokens()
	}
	known, err := os.ReadFile(clock)
	if err == nil {
		err = json.Unmarshal(known, rec)
	}
	if err != nil { // not recorded, or not completely: only a whole recording has a time
		rec.Seconds = 0
		for _, path := range []string{rec.path, rec.path + ".partial"} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("compare: %w", err)
			}
		}
		r.say("recording %s (%d documents, %d tokens)", key, len(drawn), n)
	}
	rec.job = replay.Job{
		Model: r.base.Model, ModelFingerprint: r.base.Fingerprint, Tokenizer: r.base.Tokenizer, Pool: r.pool,
		Rule:      how.Rule,
		Documents: flat(drawn), Seam: r.grid.Seam, MaxSeqLen: how.MaxSeqLen, Seed: seed, Out: rec.path,
	}
	start := time.Now()
	rec.summary, err = replay.Record(ctx, rec.job)
	if err != nil {
		return nil, err
	}
	if rec.Seconds == 0 {
		rec.Seconds = time.Since(start).Seconds()
		text, err := json.Marshal(rec)
		if err != nil {
			return nil, err
		}
		if err := atomicfile.WriteFile(clock, append(text, '\n')); err != nil {
			return nil, err
		}
	}
	reader, err := replay.Open(rec.path)
	if err != nil {
		return nil, err
	}
	h := reader.Header()
	reader.Close()
	rec.digest = fmt.Sprintf("%x %g %d %d %v", h.DataDigest, h.Tau, h.KMin, h.KMax, h.Always)
	r.records[key] = rec
	return rec, nil
}
