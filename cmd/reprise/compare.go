package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"reprise/cmd/reprise/internal/compare"
	"reprise/cmd/reprise/internal/report"
	"reprise/internal/atomicfile"
)

type compareCmd struct {
	Grid  string    `arg:"" help:"YAML file: base, domain, general texts, methods, learning rates, seeds."`
	Out   string    `help:"Directory of the comparison, instead of the grid's." placeholder:"DIR"`
	Base  string    `help:"Base model directory, instead of the grid's." placeholder:"DIR"`
	Seeds []uint64  `help:"Seeds, instead of the grid's; more can be added later."`
	LRs   []float64 `name:"lrs" help:"Learning rates, instead of the grid's; methods with rates of their own keep them."`
	Cells string    `help:"Directory of the cells' results, instead of the grid's." placeholder:"DIR"`
	Only  []string  `help:"Run missing cells of these methods only; of the others, the results that exist are shown." placeholder:"METHOD,..."`
	Max   float64   `name:"max-minutes" help:"Begin no further cell after this time, and show what there is." placeholder:"N"`
	Time  int       `help:"Then run every method this many times more at its best rate, in turn, to measure costs on a free machine." placeholder:"ROUNDS"`
	JSON  bool      `name:"json" help:"Print the results as one JSON object."`
}

func (c *compareCmd) Run(a *app) error {
	if c.Time < 0 {
		return fmt.Errorf("compare: --time %d: want 1 or more rounds, or 0 for none", c.Time)
	}
	if c.Max < 0 {
		return fmt.Errorf("compare: --max-minutes %g: want more than 0, or 0 for no limit", c.Max)
	}
	g, err := compare.ReadGrid(c.Grid)
	if err != nil {
		return err
	}
	if c.Out != "" {
		g.Out = c.Out
	}
	if c.Cells != "" {
		g.Cells = c.Cells
	}
	if c.Base != "" {
		g.Base = c.Base
	}
	if len(c.Seeds) > 0 {
		g.Seeds = c.Seeds
	}
	if len(c.LRs) > 0 {
		g.LRs = c.LRs
	}
	r, err := compare.New(g, a.pool(), a.note)
	if err != nil {
		return err
	}
	r.Only, r.Time = c.Only, time.Duration(c.Max*float64(time.Minute))
	compute := r.Run
	if c.Time > 0 {
		compute = func(ctx context.Context) (*report.Comparison, error) { return r.Retime(ctx, c.Time) }
	}
	result, err := compute(a.ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(result)
	}
	a.printf("%s", comparisonTable(result))
	a.printf("\n%s and %s are in %s\n", report.ResultsFile, report.PageFile, g.Out)
	return nil
}

// comparisonTable is a comparison as text, one line per method.
func comparisonTable(c *report.Comparison) string {
	var b strings.Builder
	fmt.Fprintf(&b, "base: domain %.4f, general %.4f; %d steps, %d tokens, %d seeds; f %.2f, head's share %.2f, %d epochs\n",
		c.BaseDomain, c.BaseGeneral, c.Steps, c.Tokens, len(c.Seeds), c.LossShare, c.HeadShare, c.Epochs)
	fmt.Fprintf(&b, "%-24s %9s  %16s %16s %16s %8s %7s %9s %9s %8s\n", "method", "best lr", "domain loss", "forgetting", "F at equal gain", "KL", "rho", "seconds", "to target", "ceiling")
	for _, m := range c.Methods {
		if m.Best < 0 {
			fmt.Fprintf(&b, "%-24s %s\n", m.Name, m.NoResult())
			continue
		}
		p := m.LRs[m.Best]
		edge := " "
		if m.Edge {
			edge = "*"
		}
		equal, target, rho, ceiling := "not reached", "no", "", ""
		if m.AtEqual != nil {
			equal = m.AtEqual.String()
		}
		if m.Target != nil {
			target = fmt.Sprintf("%.1f", m.Target.Mean)
		}
		if m.Rho != nil {
			rho = fmt.Sprintf("%.3f", *m.Rho)
		}
		if m.Ceiling != nil {
			ceiling = fmt.Sprintf("%.0f %%", 100**m.Ceiling)
		}
		fmt.Fprintf(&b, "%-24s %9.3g%s %16s %16s %16s %8.4f %7s %9.1f %9s %8s\n", m.Name, p.LR, edge, p.Loss.String(), p.Forget.String(), equal,
			p.KL.Mean, rho, m.Cost.Total(), target, ceiling)
	}
	fmt.Fprintf(&b, "seconds: including Stage 0, records of mixed text and refreshes. F at equal gain: at %.4f nats, %.0f %% of %s's. *: on the edge of the grid\n",
		c.AtGain, 100*c.EqualGain, c.Reference)
	for _, m := range c.Methods {
		if v := m.Verdict; v != nil {
			fmt.Fprintf(&b, "%-24s better domain: %s (%+.4f [%+.4f, %+.4f]); less forgetting: %s (%s); over 40 %% cheaper: %s (%s)\n", m.Name,
				yesNo(v.Better), v.Difference, v.Low, v.High, yesNo(v.Less), strings.TrimSuffix(v.ForgetWhy, ". "), yesNo(v.Cheaper), v.TimeToTarget)
		}
	}
	b.WriteString(c.StudyText())
	if c.Missing > 0 {
		fmt.Fprintf(&b, "warning: %d cells have not been run yet\n", c.Missing)
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type reportCmd struct {
	Dir string `arg:"" help:"Run directory, or directory of a comparison."`
	Out string `help:"File to write; default: report.html in the directory." placeholder:"FILE"`
	SVG string `name:"svg" help:"Also write the drawings of a comparison into this directory, each as a file." placeholder:"DIR"`
}

func (c *reportCmd) Run(a *app) error {
	out := c.Out
	if out == "" {
		out = filepath.Join(c.Dir, report.PageFile)
	}
	text, err := report.Page(c.Dir)
	if err != nil {
		return err
	}
	if err := checkOutput("report", "--out", out, "an HTML page", "<!doctype html>"); err != nil {
		return err
	}
	if err := atomicfile.WriteFile(out, text); err != nil {
		return err
	}
	a.printf("%s\n", out)
	if c.SVG == "" {
		return nil
	}
	drawings, err := report.Drawings(c.Dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.SVG, 0o777); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for _, d := range drawings {
		path := filepath.Join(c.SVG, d.Name)
		if err := checkOutput("report", "--svg", path, "an SVG drawing", "<svg"); err != nil {
			return err
		}
		if err := atomicfile.WriteFile(path, d.SVG); err != nil {
			return err
		}
		a.printf("%s\n", path)
	}
	return nil
}
