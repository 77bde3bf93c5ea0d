package compare

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reprise/cmd/reprise/internal/report"
	"reprise/data"
	"reprise/internal/build"
	"reprise/internal/tiny"
	"reprise/replay"
	"reprise/tensor"
)

// points is a method's points for seed 1, as pairs of gain and forgetting.
func points(pairs ...float64) []report.LRPoint {
	var out []report.LRPoint
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, report.LRPoint{Seeds: []report.Seed{{Seed: 1, Gain: pairs[i], Forget: pairs[i+1]}}})
	}
	return out
}

func TestForgettingAtEqualGain(t *testing.T) {
	for name, c := range map[string]struct {
		points []report.LRPoint
		gain   float64
		want   float64
		ok     bool
	}{
		"between two rates":                  {points(1, 0.1, 2, 0.5), 1.5, 0.3, true},
		"before the first, from the base":    {points(1, 0.1, 2, 0.5), 0.5, 0.05, true},
		"at a rate":                          {points(1, 0.1, 2, 0.5), 2, 0.5, true},
		"never":                              {points(1, 0.1, 2, 0.5), 2.1, 0, false},
		"passed twice: the least forgetting": {points(2, 0.4, 1, 3), 1.5, 0.3, true},
		"a ruined model at a high rate":      {points(1, 0.1, -3, 9), 0.5, 0.05, true},
		"nothing finished":                   {nil, 1, 0, false},
	} {
		got, ok := atGain(c.points, 1, c.gain)
		if ok != c.ok || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %g, %v; want %g, %v", name, got, ok, c.want, c.ok)
		}
	}
	if _, ok := atGain(points(1, 0.1), 2, 0.5); ok {
		t.Error("a seed that was not run has a front")
	}
}

func TestHalfDecades(t *testing.T) {
	for lr, want := range map[float64][2]float64{1e-3: {3e-4, 3e-3}, 3e-3: {1e-3, 1e-2}, 1: {0.3, 3}, 2e-3: {2e-3 / math.Sqrt(10), 2e-3 * math.Sqrt(10)}} {
		if down, up := half(lr, -1), half(lr, 1); math.Abs(down/want[0]-1) > 1e-9 || math.Abs(up/want[1]-1) > 1e-9 {
			t.Errorf("%g: %g and %g, want %g and %g", lr, down, up, want[0], want[1])
		}
	}
}

// TestDocumentsStayWhole: windows of a sample stay together in halves and draws, and a single long text is divided into its
// windows.
func TestDocumentsStayWhole(t *testing.T) {
	var docs []data.Document
	for line := range 60 {
		for w := range 1 + line%3 {
			docs = append(docs, data.Document{Line: line + 1, IDs: []int32{int32(line), int32(w), 7, int32(line * w)}})
		}
	}
	list := units(docs, 0)
	if len(list) != 60 {
		t.Fatalf("%d documents, want 60", len(list))
	}
	choose, report := halves(list)
	lines := func(list []unit) (out []int) {
		for _, u := range list {
			for _, d := range u {
				if d.Line != u[0].Line {
					t.Error("a document holds windows of two samples")
				}
			}
			out = append(out, u[0].Line)
		}
		slices.Sort(out)
		return out
	}
	all := append(lines(choose), lines(report)...)
	slices.Sort(all)
	if len(choose) < 15 || len(report) < 15 || len(slices.Compact(all)) != 60 {
		t.Errorf("halves of %d and %d documents", len(choose), len(report))
	}
	a, b := take(list, 80, 1, "subsample"), take(list, 80, 2, "subsample")
	if slices.Equal(lines(a), lines(b)) || len(a) < 5 || len(a) > 20 {
		t.Errorf("draws of two seeds: %d and %d documents", len(a), len(b))
	}
	for i := range docs {
		docs[i].Line = 1
	}
	if got := units(docs, 0); len(got) != len(docs) {
		t.Errorf("one long text: %d documents, want its %d windows", len(got), len(docs))
	}
}

// TestLongDocumentsFallIntoWindows: where few tokens are taken, one long document would otherwise fill them all.
func TestLongDocumentsFallIntoWindows(t *testing.T) {
	var docs []data.Document
	for line := range 30 {
		windows := 1
		if line == 7 {
			windows = 12
		}
		for range windows {
			docs = append(docs, data.Document{Line: line + 1, IDs: make([]int32, 10)})
		}
	}
	for limit, want := range map[int]int{0: 30, 120 * fewest: 30, 110 * fewest: 29 + 12} {
		if got := len(units(docs, limit)); got != want {
			t.Errorf("%d tokens: %d documents, want %d", limit, got, want)
		}
	}
}

// runner is a small comparison on package tiny's model.
func runner(t *testing.T, dir string, change func(*Grid)) *Runner {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "base")); err != nil {
		if err := tiny.Write(dir); err != nil {
			t.Fatal(err)
		}
	}
	g, err := ReadGrid("../../../../examples/compare/tiny.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for path, name := range map[*string]string{
		&g.Base: "base", &g.Out: "runs/compare", &g.Domain.Train: "domain.jsonl", &g.Domain.Valid: "domain.jsonl",
		&g.General[0].File: "stories.txt", &g.Mix.File: "stories.txt",
	} {
		*path = filepath.Join(dir, name)
	}
	g.Methods, g.Seeds, g.Extend, g.LRs = g.Methods[:4], []uint64{1}, 0, []float64{3e-3}
	change(g)
	pool := tensor.NewPool(2)
	t.Cleanup(pool.Close)
	r, err := New(g, pool, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSeamOfAGrid: one key of the grid reaches what is recorded, trained on and measured.
func TestSeamOfAGrid(t *testing.T) {
	dir := t.TempDir()
	grid := filepath.Join(dir, "grid.yaml")
	if err := os.WriteFile(grid, []byte("seam: exact\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	read, err := ReadGrid(grid)
	if err != nil || read.Seam != "exact" {
		t.Fatalf("%+v, %v", read, err)
	}
	r := runner(t, dir, func(g *Grid) { g.Seam = read.Seam })
	plain := runner(t, dir, func(g *Grid) { g.Out = filepath.Join(dir, "runs/plain") })
	if r.held == plain.held {
		t.Error("held-out texts are the same as with seam auto")
	}
	p, err := r.plan(id{&r.grid.Methods[0], 1e-3, 1})
	if err != nil {
		t.Fatal(err)
	}
	recipe, err := r.prepare(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	record, err := replay.Open(recipe.Replay)
	if err != nil {
		t.Fatal(err)
	}
	defer record.Close()
	if seam, err := record.Seam(); err != nil || seam != "exact" || p.recipe.Seam != "exact" {
		t.Errorf("recorded with %q, trained with %q, %v", seam, p.recipe.Seam, err)
	}
	r.grid.Recipe = map[string]any{"seam": "space"}
	if err := r.grid.Validate(); err == nil || !strings.Contains(err.Error(), "recipe: seam holds for all texts of a comparison; write it outside recipe") {
		t.Errorf("a seam under recipe: %v", err)
	}
}

// TestNoticesOfReading: what reading the base model and the texts changed or left out is told, and told once, however many methods
// and seeds read a file.
func TestNoticesOfReading(t *testing.T) {
	dir := t.TempDir()
	if err := tiny.Write(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "domain.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	long := `{"prompt": "` + strings.Repeat("and on it goes ", 90) + `", "completion": "to its end.", "shade": "blue"}` + "\n"
	if err := os.WriteFile(path, append(text, long...), 0o666); err != nil {
		t.Fatal(err)
	}
	var said []string
	g := runner(t, dir, func(g *Grid) { g.Methods, g.Seeds = g.Methods[:2], []uint64{1, 2} }).grid
	pool := tensor.NewPool(2)
	defer pool.Close()
	r, err := New(g, pool, func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) })
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.grid.Methods {
		for _, seed := range r.grid.Seeds {
			if _, err := r.plan(id{&r.grid.Methods[i], 1e-3, seed}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, want := range []string{"samples were cut to ", `the field "shade", in 1 sample, is not known`} {
		n := 0
		for _, line := range said {
			if strings.HasPrefix(line, "notice: "+path+": ") && strings.Contains(line, want) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q is said %d times, want once, in %q", want, n, said)
		}
	}
}

// TestEveryMethodSeesTheSame: budgets, packs and documents are those of the reference, and every method is charged only for
// what it needs.
func TestEveryMethodSeesTheSame(t *testing.T) {
	r := runner(t, t.TempDir(), func(*Grid) {})
	c, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Missing != 0 || len(c.Methods) != 4 {
		t.Fatalf("%d cells missing, %d methods", c.Missing, len(c.Methods))
	}
	for _, m := range c.Methods {
		cell := r.best(&m)[0]
		if cell.Steps != r.best(&c.Methods[0])[0].Steps || len(cell.Documents) != len(r.texts.report) || len(cell.Curve) != 2 {
			t.Errorf("%s: %d steps, %d documents, %d points along the run", m.Name, cell.Steps, len(cell.Documents), len(cell.Curve))
		}
		replay, mixes := strings.HasPrefix(m.Name, "replay"), strings.HasSuffix(m.Name, "-mix")
		if (cell.Cost.Stage0 > 0) != replay || cell.Cost.Train <= 0 || (cell.Rho != nil) != replay || (m.Ceiling != nil) != replay {
			t.Errorf("%s: cost %+v, rho %v", m.Name, cell.Cost, cell.Rho)
		}
		if mixes && cell.Cost.Mix != 0 {
			t.Errorf("%s: full cross-entropy reads text; a record of it costs it nothing", m.Name)
		}
		var sum float64
		for i, x := range cell.Documents {
			sum += x * float64(r.origin.counts[i])
		}
		if math.Abs(cell.Report-mean([]float64{sum}, []int{total(r.origin.counts)})) > lossUnit/2 {
			t.Errorf("%s: the documents' losses do not make up the loss", m.Name)
		}
	}
	if v := c.Methods[2].Verdict; v == nil || !(v.Low <= v.Difference && v.Difference <= v.High) {
		t.Errorf("verdict %+v", v)
	}
	if c.Methods[0].Verdict != nil {
		t.Error("the reference is compared with itself")
	}
}

func total(counts []int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// TestInterruptedComparisonGoesOn cancels after two cells; the second run makes the others, with the same weights as a
// comparison that was not interrupted.
func TestInterruptedComparisonGoesOn(t *testing.T) {
	dir := t.TempDir()
	whole := runner(t, dir, func(g *Grid) { g.Out = filepath.Join(dir, "whole") })
	if _, err := whole.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := runner(t, dir, func(g *Grid) { g.Out = filepath.Join(dir, "pieces") })
	r.say = func(format string, args ...any) {
		if strings.HasPrefix(format, "%d/%d") && args[0] == 2 {
			cancel()
		}
	}
	if _, err := r.Run(ctx); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("interrupted comparison: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "pieces", report.ResultsFile)); err == nil {
		t.Error("an interrupted comparison wrote results")
	}
	again := runner(t, dir, func(g *Grid) { g.Out = filepath.Join(dir, "pieces") })
	ran := 0
	again.say = func(format string, _ ...any) {
		if strings.HasPrefix(format, "%d/%d") {
			ran++
		}
	}
	if _, err := again.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ran != 2 {
		t.Errorf("%d cells were run, want the 2 that were missing", ran)
	}
	for path, cell := range whole.cells {
		other := again.cells[path]
		if other == nil || other.SHA256 != cell.SHA256 || !slices.Equal(other.Documents, cell.Documents) || other.Report != cell.Report {
			t.Errorf("%s: another result after the interruption", path)
		}
	}
}

// TestDivergedCellIsAResult: a rate that ruins the model is reported, and the comparison goes on.
func TestDivergedCellIsAResult(t *testing.T) {
	r := runner(t, t.TempDir(), func(g *Grid) {
		g.Methods, g.MixingBase = g.Methods[:1], ""
		g.LRs = []float64{3e-3, 9}
		g.Recipe["max_grad_norm"], g.Recipe["schedule"], g.Recipe["epochs"] = 0, "constant", 20
		g.Methods[0].Recipe["weight_decay"] = 90
		g.Evaluations = 1000 // so that the ruined model is measured before the next step shows it
	})
	c, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := c.Methods[0]
	if m.Best != 0 || m.LRs[1].Failed != 1 {
		t.Errorf("best rate %d, %d seeds diverged at the second; want 0 and 1", m.Best, m.LRs[1].Failed)
	}
}

// TestCostsAreTimedApart: timed runs end in the cells' weights, and their times replace the cells' times. Another best rate,
// or other data, invalidates them.
func TestCostsAreTimedApart(t *testing.T) {
	dir := t.TempDir()
	r := runner(t, dir, func(g *Grid) {})
	c, err := r.Retime(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range c.Methods {
		tm := r.timings[m.Name]
		if m.Timed != 2 || tm == nil || m.Cost != tm.middle().Cost {
			t.Fatalf("%s: %d timed runs", m.Name, m.Timed)
		}
		cell := r.best(&c.Methods[i])[0]
		for _, k := range tm.Clocks {
			if len(k.Curve) != len(cell.Curve) || (k.Cost.Stage0 > 0) != (cell.Cost.Stage0 > 0) || k.Cost.Train <= 0 {
				t.Errorf("%s: clock %+v", m.Name, k)
			}
		}
	}
	again := runner(t, dir, func(g *Grid) {})
	if c, err = again.Run(t.Context()); err != nil || c.Methods[0].Timed != 2 {
		t.Fatalf("a later look at the comparison has lost the timings (%v)", err)
	}
	path := r.timingPath(c.Methods[1].Name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := strings.Replace(string(text), r.machine().String(), "plan9/mips", 1)
	if err := os.WriteFile(path, []byte(elsewhere), 0o666); err != nil {
		t.Fatal(err)
	}
	if c, err = again.Run(t.Context()); err != nil || c.Methods[0].Timed != 0 || c.Methods[1].Timed != 0 {
		t.Errorf("timings of two machines are compared with each other (%v)", err)
	}
	if err := os.Rename(path, filepath.Join(dir, "aside")); err != nil {
		t.Fatal(err)
	}
	if c, err = again.Run(t.Context()); err != nil || c.Methods[0].Timed != 0 || c.Methods[1].Timed != 0 {
		t.Errorf("a method without timings is compared with others' timings (%v)", err)
	}
	r.cells[r.key(id{&r.grid.Methods[0], 3e-3, 1})].Digest = "other data"
	if tm, err := r.timing(&r.grid.Methods[0]); tm != nil || err != nil {
		t.Errorf("timings of other data are used (%v)", err)
	}
	r.cells[r.key(id{&r.grid.Methods[1], 3e-3, 1})].SHA256 = "other weights"
	if err := r.retime(t.Context(), &r.grid.Methods[1], 0, 1); err == nil || !strings.Contains(err.Error(), "other weights") {
		t.Errorf("a timed run that ends in other weights: %v", err)
	}
	if _, err := os.Stat(filepath.Join(r.grid.Out, "timings", "run.tmp")); err == nil {
		t.Error("a timed run left its directory behind")
	}
}

// TestMoreSeedsAtTheBestRate: the seeds of best_seeds are run at the best rate and the one below, and do not take part in
// choosing it.
func TestMoreSeedsAtTheBestRate(t *testing.T) {
	r := runner(t, t.TempDir(), func(g *Grid) {
		g.Methods, g.LRs, g.BestSeeds = g.Methods[:2], []float64{1e-4, 1e-3, 3e-3}, []uint64{7}
	})
	c, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Missing != 0 || len(c.Seeds) != 2 {
		t.Errorf("%d cells missing, %d seeds; want 0 and 2", c.Missing, len(c.Seeds))
	}
	for _, m := range c.Methods {
		for k, p := range m.LRs {
			want := 1
			if k == m.Best || k == m.Best-1 {
				want = 2
			}
			if len(p.Seeds) != want || p.Choose.N != 1 {
				t.Errorf("%s at %g: %d seeds, chosen by %d; want %d and 1", m.Name, p.LR, len(p.Seeds), p.Choose.N, want)
			}
		}
	}
}

// TestClocksOfOtherSeeds: if a seed has another number of evaluations than the timed run, its saving is not overstated.
func TestClocksOfOtherSeeds(t *testing.T) {
	k := clock{Curve: []float64{1, 2, 3, 4}}
	for _, c := range []struct {
		i, n int
		want float64
	}{{0, 4, 1}, {3, 4, 4}, {0, 5, 1}, {1, 5, 2}, {2, 5, 3}, {4, 5, 4}, {0, 3, 2}, {1, 3, 3}, {2, 3, 4}, {0, 8, 1}, {7, 8, 4}, {0, 1, 4}} {
		if got := k.seconds(c.i, c.n); got != c.want {
			t.Errorf("evaluation %d of %d: %g, want %g", c.i, c.n, got, c.want)
		}
	}
}

// TestRateThatFailsAnotherSeed: if one of best_seeds diverges at the best rate, another rate becomes the best, and the seeds
// are run at that one and the one below.
func TestRateThatFailsAnotherSeed(t *testing.T) {
	dir := t.TempDir()
	r := runner(t, dir, func(g *Grid) {
		g.Methods, g.LRs, g.BestSeeds, g.MixingBase = g.Methods[:1], []float64{1e-4, 1e-3, 3e-3}, []uint64{7}, ""
	})
	m := &r.grid.Methods[0]
	c := id{m, 3e-3, 7} // the cell that diverged
	p, err := r.plan(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.keep(&Cell{Method: m.Name, LR: c.lr, Seed: c.seed, Digest: p.digest, Contract: build.Contract, Failed: "diverged"}); err != nil {
		t.Fatal(err)
	}
	result, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := result.Methods[0]; got.Best != 1 || len(got.LRs[0].Seeds) != 2 || len(got.LRs[1].Seeds) != 2 {
		t.Errorf("best rate %d; %d and %d seeds at the two lower rates, want 1, 2 and 2", got.Best, len(got.LRs[0].Seeds), len(got.LRs[1].Seeds))
	}
}

// TestTimeToTarget: the reference's clock, like the others', stops where it first reaches its last loss; a run equal to the
// reference is not cheaper.
func TestTimeToTarget(t *testing.T) {
	same := func() *Cell {
		return &Cell{Seed: 1, Choose: 1.1, Cost: report.Cost{Train: 20}, Curve: []Point{{Step: 1, Seconds: 10, Choose: 1}, {Step: 2, Seconds: 20, Choose: 1.1}}}
	}
	r := &Runner{grid: &Grid{Seeds: []uint64{1}}, cells: map[string]*Cell{}}
	point := report.LRPoint{LR: 1e-3, Gain: report.Spread{Mean: 1, N: 1}}
	a, b := &report.Method{Name: "a", LRs: []report.LRPoint{point}}, &report.Method{Name: "b", LRs: []report.LRPoint{point}}
	for _, m := range []*report.Method{a, b} {
		r.cells[r.key(id{&Method{Name: m.Name}, 1e-3, 1})] = same()
	}
	if cheaper, why := r.cheaper(a, b); cheaper || !strings.HasPrefix(why, "1.00 ") {
		t.Errorf("the same run: %s", why)
	}
}

// TestReferenceThatLearnsNothing: forgetting is not compared at a gain that is a loss.
func TestReferenceThatLearnsNothing(t *testing.T) {
	g := &Grid{Reference: "a", Seeds: []uint64{1}, EqualGain: 0.9, Methods: []Method{{Name: "a", LRs: []float64{1e-3}}, {Name: "b", LRs: []float64{1e-3}}}}
	r := runner(t, t.TempDir(), func(*Grid) {})
	r.grid = g
	r.origin = scores{Cell{Report: 1}, []int{1}}
	for i, loss := range []float64{1.5, 0.5} {
		m := &g.Methods[i]
		r.cells[r.key(id{m, 1e-3, 1})] = &Cell{Seed: 1, Choose: loss, Report: loss, Documents: losses{loss}, Curve: []Point{{Step: 1, Seconds: 1, Choose: loss}}, LossShare: 1}
	}
	c := r.analyse()
	if !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.HasPrefix(w, "a, the reference, learns nothing") }) {
		t.Errorf("warnings %q", c.Warnings)
	}
	for _, m := range c.Methods {
		if m.AtEqual != nil {
			t.Errorf("%s: forgetting at a gain of %g", m.Name, c.AtGain)
		}
		if v := m.Verdict; v != nil && (v.Cheaper || !strings.Contains(v.TimeToTarget, "no target")) {
			t.Errorf("%s: %s", m.Name, v.TimeToTarget)
		}
	}
}

// TestLearningRatesEnd: the grid is not extended to rates that training refuses.
func TestLearningRatesEnd(t *testing.T) {
	m := &Method{Name: "m", LRs: []float64{1, 3}}
	r := &Runner{grid: &Grid{Seeds: []uint64{1}}, cells: map[string]*Cell{}}
	for i, lr := range m.LRs {
		r.cells[r.key(id{m, lr, 1})] = &Cell{Choose: 2 - float64(i)}
	}
	if lr, ok := r.beyond(m); ok {
		t.Errorf("extended to %g", lr)
	}
}

// TestSequencesBeyondTheModel: sequences longer than the model's positions are refused before anything is scored, because
// learned positions end there.
func TestSequencesBeyondTheModel(t *testing.T) {
	r := runner(t, t.TempDir(), func(*Grid) {})
	g := *r.grid
	g.Record.MaxSeqLen = 65
	if _, err := New(&g, r.pool, t.Logf); err == nil || !strings.Contains(err.Error(), "max_seq_len: 65, want 2 to the model's 64") {
		t.Error(err)
	}
}

// TestRivalWithoutResult: a result for one baseline alone does not show less forgetting than both.
func TestRivalWithoutResult(t *testing.T) {
	g := &Grid{Reference: "a", MixingBase: "mix", Seeds: []uint64{1, 2}, EqualGain: 0.9,
		Methods: []Method{{Name: "a", LRs: []float64{1e-3}}, {Name: "mix", LRs: []float64{1e-3}}, {Name: "b", LRs: []float64{1e-3}}}}
	r := runner(t, t.TempDir(), func(*Grid) {})
	r.grid = g
	r.origin = scores{Cell{Report: 2, General: []General{{Report: 1}}}, []int{1}}
	for i, c := range []Cell{{General: []General{{Report: 2}}}, {Failed: "diverged"}, {General: []General{{Report: 1.1}}}} {
		for _, seed := range g.Seeds {
			cell := c
			cell.Seed, cell.Choose, cell.Report, cell.Documents, cell.LossShare = seed, 1, 1, losses{1}, 1
			cell.Curve = []Point{{Step: 1, Seconds: 1, Choose: 1}}
			r.cells[r.key(id{&g.Methods[i], 1e-3, seed})] = &cell
		}
	}
	g.General = []Text{{Name: "general"}}
	if v := r.analyse().Methods[2].Verdict; v.Less || !strings.Contains(v.ForgetWhy, "against mix: it has no result") {
		t.Errorf("less forgetting %v: %s", v.Less, v.ForgetWhy)
	}
}
