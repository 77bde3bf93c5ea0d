package compare

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/cmd/reprise/internal/report"
	"reprise/run"
)

// rehearsing is a comparison of what a study has: real old text, text of the base model's own, nothing.
func rehearsing(t *testing.T, change func(*Grid)) *Runner {
	t.Helper()
	return runner(t, t.TempDir(), func(g *Grid) {
		plain := map[string]any{"loss": "full", "optimizer": "adamw"}
		with := func(more map[string]any) map[string]any {
			m := map[string]any{}
			for _, keys := range []map[string]any{plain, more} {
				for k, v := range keys {
					m[k] = v
				}
			}
			return m
		}
		g.Methods = []Method{
			{Name: "plain", Recipe: plain},
			{Name: "real", Recipe: with(map[string]any{"replay_mix": 0.25})},
			{Name: "self", Recipe: with(map[string]any{"rehearse": 0.25, "rehearse_loss": "ce"})},
			{Name: "default", Recipe: map[string]any{"rehearse": 0.4}},
		}
		g.Reference, g.MixingBase = "plain", "real"
		g.Alphas, g.Gauge, g.Probe.Every = []float64{0.5}, 2, 3
		g.Pairs, g.Kept = []Pair{{"self", "plain"}}, []Kept{{"plain", "self", "real"}}
		change(g)
	})
}

// TestRehearsalInAStudy: methods that rehearse pay for what the base model wrote, the others do not; every cell has its gauge,
// mixtures and probe, and what the grid names is compared.
func TestRehearsalInAStudy(t *testing.T) {
	r := rehearsing(t, func(*Grid) {})
	c, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]int{}
	for _, m := range c.Methods {
		cell := r.best(&m)[0]
		tokens[m.Name] = cell.Tokens
		rehearses := m.Name == "self" || m.Name == "default"
		if (cell.Cost.Sample > 0) != rehearses || (cell.Cost.Stage0 > 0) != (m.Name == "default") {
			t.Errorf("%s: cost %+v", m.Name, cell.Cost)
		}
		if cell.Gauge == nil || cell.Gauge.Packs != 2 || m.LRs[0].Gauge == nil || cell.Curve[0].Gauge == nil {
			t.Errorf("%s: gauge %+v", m.Name, cell.Gauge)
		}
		if p := cell.Probe; p == nil || len(p.Losses) != 1+cell.Steps/3 || len(p.Norms) != len(p.Losses) || p.Norm < 1 {
			t.Errorf("%s: probe %+v", m.Name, p)
		}
		if mix := cell.at(0.5); mix == nil || mix.Report == cell.Report || math.IsNaN(mix.Report) || len(mix.General) != 1 {
			t.Errorf("%s: mixture %+v", m.Name, mix)
		}
		text, err := os.ReadFile(r.cellPath(cell.Digest))
		if err != nil || len(text) > 6000 {
			t.Errorf("%s: a cell of %d bytes (%v)", m.Name, len(text), err)
		}
	}
	if tokens["self"] <= tokens["plain"] || tokens["default"] <= tokens["self"] {
		t.Errorf("tokens %v", tokens)
	}
	if len(c.Pairs) != 1 || len(c.Pairs[0].DomainSeeds) != 1 || len(c.Kept) != 1 || c.Kept[0].Share == nil && c.Kept[0].Why == "" {
		t.Errorf("pairs %+v, kept %+v", c.Pairs, c.Kept)
	}
	page := string(c.Page())
	for _, want := range []string{"Pairs", "What the model", "Stability", "text it wrote itself"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}

	// On another machine, without records, nothing is run or recorded.
	again := rehearsing(t, func(g *Grid) { g.Cells = r.grid.Cells })
	again.say = func(format string, args ...any) { t.Errorf(format, args...) }
	other, err := again.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(c)
	b, _ := json.Marshal(other)
	if strings.ReplaceAll(string(b), filepath.Dir(again.grid.Base), filepath.Dir(r.grid.Base)) != string(a) {
		t.Errorf("the cells alone give other results:\n%s\n%s", a, b)
	}
}

// TestBudgets: equal tokens or equal tokens of the domain, with 40 packs, 8 a step, 2 epochs.
func TestBudgets(t *testing.T) {
	recipe := func(change func(*run.Recipe)) run.Recipe {
		r := run.DefaultRecipe()
		r.Rehearse = 0
		change(&r)
		return r
	}
	own := recipe(func(r *run.Recipe) { r.Rehearse = 0.2 })                          // 2 on top of 8
	mix := recipe(func(r *run.Recipe) { r.ReplayMix = 0.25 })                        // 2 of 8
	top := recipe(func(r *run.Recipe) { r.MixLoss, r.ReplayMix = "rehearsal", 0.2 }) // 2 on top of 8
	for name, c := range map[string]struct {
		recipe run.Recipe
		budget string
		mixes  bool
		want   int
	}{
		"alone": {recipe(func(*run.Recipe) {}), "", false, 10}, "alone, A": {recipe(func(*run.Recipe) {}), "A", false, 10},
		"own": {own, "", false, 10}, "own, A": {own, "A", false, 8}, "own, B": {own, "B", false, 10},
		"mix": {mix, "", true, 10}, "mix, A": {mix, "A", true, 10}, "mix, B": {mix, "B", true, 14},
		"mix on top": {top, "", true, 10}, "mix on top, A": {top, "A", true, 8}, "mix on top, B": {top, "B", true, 10},
	} {
		if got := steps(c.recipe, c.budget, c.mixes, 40, 1); got != c.want {
			t.Errorf("%s: %d steps, want %d", name, got, c.want)
		}
	}
}

// TestBudgetIsTrained: the steps that a budget gives are taken, with the packs that it counts.
func TestBudgetIsTrained(t *testing.T) {
	for _, budget := range []string{"A", "B"} {
		r := rehearsing(t, func(g *Grid) {
			g.Budget, g.Alphas, g.Gauge, g.Probe.Every, g.Pairs, g.Kept = budget, nil, 0, 0, nil, nil
			g.Methods, g.MixingBase = g.Methods[:3], ""
		})
		if _, err := r.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		plain := 0
		for i := range r.grid.Methods {
			c := id{&r.grid.Methods[i], 3e-3, 1}
			p, err := r.plan(c)
			if err != nil {
				t.Fatal(err)
			}
			domain, mixed, own := p.recipe.Batch(math.MaxInt, p.mix != nil, true)
			tokens := r.cells[r.key(c)].Tokens
			if i == 0 {
				plain = tokens
			}
			if budget == "B" { // what is left of the domain's
				tokens = (tokens - p.recipe.MaxSteps*own*r.grid.Record.MaxSeqLen) * domain / (domain + mixed)
			}
			if tokens < plain*92/100 || tokens > plain*108/100 {
				t.Errorf("%s, budget %s: %d tokens, and %d without rehearsal or mixing", c, budget, tokens, plain)
			}
		}
	}
}

// TestFrontWithMixtures: the line that forgets least on the choosing halves is reported, also where another would be better on the
// reported ones.
func TestFrontWithMixtures(t *testing.T) {
	at := func(gain, forget, chooseForget float64, mixed ...report.Mixture) report.Seed {
		return report.Seed{Seed: 1, Gain: gain, Forget: forget, ChooseGain: gain, ChooseForget: chooseForget, Mixtures: mixed}
	}
	half := report.Mixture{Alpha: 0.5, Gain: 1.5, Forget: 0.3, ChooseGain: 1.5, ChooseForget: 0.1}
	m := &report.Method{Best: 1, LRs: []report.LRPoint{
		{LR: 1e-3, Seeds: []report.Seed{at(1, 0.1, 0.3, report.Mixture{Alpha: 0.5, Gain: 0.5, ChooseGain: 0.5, Forget: 0.1, ChooseForget: 0.2})}},
		{LR: 3e-3, Seeds: []report.Seed{at(2, 0.5, 0.5, half)}},
	}}
	r := &Runner{grid: &Grid{Seeds: []uint64{1}}}
	got := r.mixedFront(m, 1.5, 1.5)
	if got == nil || got.Line != "α at 0.003" || math.Abs(got.Mean-0.3) > 1e-12 {
		t.Errorf("%+v, want 0.3 by the mixture", got)
	}
	m.LRs[1].Seeds[0].Mixtures[0].ChooseForget = 2
	if got = r.mixedFront(m, 1.5, 1.5); got == nil || got.Line != "rates" || math.Abs(got.Mean-0.3) > 1e-12 {
		t.Errorf("%+v, want the rates' line", got)
	}
	if got = r.mixedFront(m, 2.5, 2.5); got != nil {
		t.Errorf("a gain that is not reached: %+v", got)
	}
	m.LRs[0].Seeds[0].Mixtures, m.LRs[1].Seeds[0].Mixtures = nil, nil
	if got = r.mixedFront(m, 1.5, 1.5); got != nil {
		t.Errorf("without mixtures: %+v", got)
	}
}

// TestKept: what text of the model's own keeps of real old text's saving, of means over seeds.
func TestKept(t *testing.T) {
	c := &report.Comparison{AtGain: 1}
	for name, forget := range map[string][2]float64{"plain": {1.1, 0.9}, "self": {0.3, 0.3}, "real": {0.1, 0.3}} {
		c.Methods = append(c.Methods, report.Method{Name: name, LRs: []report.LRPoint{{Seeds: []report.Seed{
			{Seed: 1, Gain: 1, Forget: forget[0]}, {Seed: 2, Gain: 1, Forget: forget[1]},
		}}}})
	}
	r := &Runner{grid: &Grid{Seeds: []uint64{1, 2}}}
	got := r.kept(c, Kept{"plain", "self", "real"})
	if got.Share == nil || math.Abs(*got.Share-1.4/1.6) > 1e-12 || len(got.Seeds) != 2 || math.Abs(got.Seeds[0]-0.8) > 1e-12 {
		t.Errorf("%+v", got)
	}
	if got = r.kept(c, Kept{"real", "self", "plain"}); got.Share != nil || got.Why == "" {
		t.Errorf("old text that saves nothing: %+v", got)
	}
	c.AtGain = 2
	if got = r.kept(c, Kept{"plain", "self", "real"}); got.Share != nil || got.Why == "" {
		t.Errorf("a gain that is not reached: %+v", got)
	}
}

// TestProbeFindsSpikes: a run whose gradient jumps once, and one whose own loss stays above its start.
func TestProbeFindsSpikes(t *testing.T) {
	step := func(w *watch, n int, norm, loss float64) error {
		return w.see(context.Background(), nil, run.Event{Step: n, GradNorm: norm, LossFull: &loss})
	}
	quiet := func() *watch { return &watch{out: Probe{Every: 1 << 30}, warmUp: 10} }
	w := quiet()
	for n := 1; n <= 100; n++ {
		norm := 1.0
		if n == 80 {
			norm = 7
		}
		if err := step(w, n, norm, 1-float64(n)/1000); err != nil {
			t.Fatal(err)
		}
	}
	if p := w.result(); p.Spikes != 1 || p.Norm != 7 {
		t.Errorf("%+v, want one spike of 7 times the median", p)
	}
	w = quiet()
	for n := 1; n <= 60; n++ {
		loss := 2.0
		if n == 1 || n == 9 {
			loss = 1
		}
		if err := step(w, n, 1, loss); (err != nil) != (n >= 9+patience) {
			t.Fatalf("step %d: %v", n, err)
		} else if err != nil {
			break
		}
	}
	w = &watch{out: Probe{Losses: []float32{3, 2, 2.5, 1, 1.75, 0.5}, Every: 4}, warmUp: 9}
	if p := w.result(); p.Rise != 0.75 {
		t.Errorf("the loss rose by %g after the warm-up, want 0.75", p.Rise)
	}
}

// TestUnstableRun: a run whose own loss stays above that of its first step counts as diverged, and its rate is not the best.
func TestUnstableRun(t *testing.T) {
	r := runner(t, t.TempDir(), func(g *Grid) {
		g.Methods, g.MixingBase, g.LRs, g.Probe = g.Methods[:1], "", []float64{3e-3, 9}, ProbePlan{Every: 20, Tokens: 500}
		g.Recipe["epochs"], g.Recipe["max_grad_norm"], g.Recipe["schedule"] = 10, 0, "constant"
	})
	c, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := c.Methods[0]
	cell := r.cells[r.key(id{&r.grid.Methods[0], 9, 1})]
	if m.Best != 0 || m.LRs[1].Failed != 1 || m.HighestStable() != 3e-3 || !strings.Contains(cell.Failed, "stayed above") || len(cell.Probe.Losses) == 0 {
		t.Errorf("best %d, failed %q, stable up to %g, probe %+v", m.Best, cell.Failed, m.HighestStable(), cell.Probe)
	}
}

// TestCellsOfTwoMachines: seconds of other machines are not compared with ours; losses are.
func TestCellsOfTwoMachines(t *testing.T) {
	r := runner(t, t.TempDir(), func(g *Grid) { g.Methods, g.MixingBase = g.Methods[:3:3], "" })
	c, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cell := r.best(&c.Methods[2])[0]
	cell.Machine.Processor = "another"
	if c, err = r.conclude(); err != nil {
		t.Fatal(err)
	}
	if m := c.Methods[2]; m.Cost.Total() != 0 || m.Saving != nil || m.AtEqual == nil && m.Verdict == nil || !strings.Contains(m.Verdict.TimeToTarget, "several machines") {
		t.Errorf("cost %+v, verdict %+v", m.Cost, m.Verdict)
	}
	if m := c.Methods[1]; m.Cost.Total() == 0 || m.Saving == nil {
		t.Errorf("cost of a cell of this machine %+v", m.Cost)
	}
}

// TestExamplesAreGrids: every grid among the examples can be read, and its methods, pairs and budgets are valid.
func TestExamplesAreGrids(t *testing.T) {
	const examples = "../../../../examples/compare/"
	var files []string
	for _, pattern := range []string{"*.yaml", "larger/*.yaml"} {
		list, err := filepath.Glob(examples + pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, list...)
	}
	if len(files) < 10 {
		t.Errorf("%d grids", len(files))
	}
	for _, file := range files {
		g, err := ReadGrid(file)
		if err == nil {
			err = g.Validate()
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
