package compare

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"reprise/data"
	"reprise/internal/keys"
	"reprise/internal/yamlfile"
	"reprise/replay"
	"reprise/run"
)

// Grid is a comparison: the file that `reprise compare` reads. Each field has its tags (package internal/keys), from which
// docs/GRID.md is made.
type Grid struct {
	Title string `yaml:"title" group:"Model, texts and place" bound:"any" holder:"text" help:"Heading of the page."`
	Base  string `yaml:"base" bound:"any" holder:"DIR" help:"Base model: a Hugging Face directory. Also --base."`
	Out   string `yaml:"out" bound:"any" holder:"DIR" help:"Directory of the comparison. The same grid and directory continue an interrupted comparison. Also --out."`
	Cells string `yaml:"cells" bound:"any" holder:"DIR" zero:"cells in out" help:"Directory of the cells' results: small files that several grids may share and that can be kept with the source."`

	Domain  Domain `yaml:"domain"`
	General []Text `yaml:"general" bound:"any" holder:"texts" help:"Held-out texts on which forgetting is measured, one or more; each has the keys of mix."`
	Mix     Text   `yaml:"mix" help:"General text to train on, for methods with replay_mix."`

	// Reading holds for all texts: what is recorded and trained on, and what is measured.
	data.Reading `yaml:",inline" group:"How all texts are read"`

	Record  RecordPlan     `yaml:"record" group:"Record"`
	Recipe  map[string]any `yaml:"recipe" group:"Methods, rates and seeds" bound:"any" holder:"recipe keys" help:"Keys of a recipe for all methods; docs/RECIPE.md lists them."`
	Methods []Method       `yaml:"methods" bound:"any" holder:"methods" help:"What is compared, one or more; see below."`
	LRs     []float64      `yaml:"lrs" bound:"(0,10)" holder:"rates" help:"Learning rates of every method; half decades are usual. Also --lrs."`
	Seeds   []uint64       `yaml:"seeds" bound:"any" holder:"seeds" help:"Each method is run with each of its rates and each seed. Also --seeds."`

	// BestSeeds are run as well, but for each method only at its best learning rate and the next lower one. The best rate is
	// chosen by the losses of Seeds alone, among the rates at which no seed of either list diverges.
	BestSeeds []uint64 `yaml:"best_seeds" bound:"any" holder:"seeds" help:"More seeds, run only at each method's best rate and the next lower one."`
	Extend    int      `yaml:"extend" bound:"[0,)" help:"Rates that may be added for a method whose best rate is on the edge of its list."`

	Budget string `yaml:"budget" bound:"any" holder:"A, B or nothing" help:"Steps of a method that mixes or rehearses: A as many as give the tokens of a method that does neither, B as many as give its domain tokens; nothing: the same number of steps."`

	Tokens      int     `yaml:"tokens" group:"Sizes" bound:"[0,)" zero:"all of the subsample" help:"Domain tokens in an epoch."`
	Subsample   float64 `yaml:"subsample" bound:"(0,1]" help:"Share of the domain's documents that a seed draws."`
	Evaluations int     `yaml:"evaluations" bound:"[1,)" help:"Times that the domain loss is measured along a run."`
	EvalTokens  int     `yaml:"eval_tokens" bound:"[0,)" zero:"all" help:"Tokens scored of every held-out text."`
	KeepWeights bool    `yaml:"keep_weights" bound:"any" help:"Keep the final model of every run."`

	Alphas []float64 `yaml:"alphas" bound:"(0,1)" holder:"numbers" help:"Each trained model is also measured after mixing with the base model, as base + α(trained − base)."`
	Gauge  int       `yaml:"gauge" bound:"[0,256]" zero:"only where a run rehearses" help:"Packs that the base model writes, the same for all cells, on which the gauge of forgetting is measured."`
	Probe  ProbePlan `yaml:"probe"`

	Reference  string  `yaml:"reference" group:"Verdict" bound:"any" holder:"name of a method" help:"The method that the others are compared with; the first if not given."`
	MixingBase string  `yaml:"mixing_base" bound:"any" holder:"name of a method" help:"Full cross-entropy with mixing: the second method to beat. May be left out."`
	EqualGain  float64 `yaml:"equal_gain" bound:"(0,1]" help:"Share of the reference's gain at which forgetting is compared."`

	Pairs []Pair `yaml:"pairs" bound:"any" holder:"pairs of methods" help:"Pairs whose differences are shown seed by seed, each as {method: NAME, against: NAME}."`
	Kept  []Kept `yaml:"kept" bound:"any" holder:"triples of methods" help:"How much of what real old text saves text of the base model's own saves, each as {plain: NAME, self: NAME, real: NAME}."`
}

// Pair names two methods to compare.
type Pair struct {
	Method  string `yaml:"method"`
	Against string `yaml:"against"`
}

// Kept names three methods that differ in what they rehearse: nothing, text of the base model's own, real old text.
type Kept struct {
	Plain string `yaml:"plain"`
	Self  string `yaml:"self"`
	Real  string `yaml:"real"`
}

// The budgets.
const (
	budgetTokens = "A" // equal tokens
	budgetDomain = "B" // equal tokens of the domain
)

// Domain is the text to learn, and the texts on which learning is measured.
type Domain struct {
	Name  string `yaml:"name" bound:"any" holder:"text" help:"Name on the page."`
	Train string `yaml:"train" bound:"any" holder:"FILE" help:"Text to learn, in any shape that record reads."`
	Valid string `yaml:"valid" bound:"any" holder:"FILE" help:"Held-out text of the same kind: one half chooses the rates, the other is reported."`
	Split string `yaml:"split" bound:"any" holder:"blank-line or nothing" help:"How a text file is divided into documents: by blank lines, or by lines that hold only the end marker."`
}

// Text is a text file and how it is split into documents.
type Text struct {
	Name  string `yaml:"name" bound:"any" holder:"text" help:"Name on the page."`
	File  string `yaml:"file" bound:"any" holder:"FILE" help:"Text, in any shape that record reads."`
	Split string `yaml:"split" bound:"any" holder:"blank-line or nothing" help:"As domain.split."`
}

// RecordPlan is how Stage 0 records.
type RecordPlan struct {
	replay.Rule `yaml:",inline"`
	MaxSeqLen   int `yaml:"max_seq_len" bound:"[2,)" help:"Tokens of a sequence that text is packed into."`
}

// Method is a named set of recipe keys.
type Method struct {
	Name   string         `yaml:"name" group:"A method" bound:"any" holder:"lower-case letters, digits, hyphens" help:"Name in tables and of the directory."`
	Note   string         `yaml:"note" bound:"any" holder:"text" help:"A remark for the page."`
	Recipe map[string]any `yaml:"recipe" bound:"any" holder:"recipe keys" help:"Keys of a recipe for this method; they win over the grid's."`
	Record map[string]any `yaml:"record" bound:"any" holder:"record keys" help:"Keys of record for this method; they win over the grid's."`
	LRs    []float64      `yaml:"lrs" bound:"(0,10)" holder:"rates" help:"Learning rates of this method, in place of the grid's."`
	Budget string         `yaml:"budget" bound:"any" holder:"A, B or nothing" help:"Budget of this method, in place of the grid's."`
}

// DefaultGrid holds the value of every key that a file does not set.
func DefaultGrid() Grid {
	return Grid{
		Reading:   data.DefaultReading(),
		Record:    RecordPlan{Rule: replay.DefaultRule(), MaxSeqLen: 256},
		Subsample: 0.8, Evaluations: 8, EqualGain: 0.9, Probe: ProbePlan{Tokens: 4096},
	}
}

// ReadGrid reads a YAML file. An unknown key is an error that shows its line, also in a method's recipe.
func ReadGrid(path string) (*Grid, error) {
	grid := DefaultGrid()
	g := &grid
	text, err := yamlfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("compare: reading the grid: %w", err)
	}
	recipe, record := run.Recipe{}, RecordPlan{}
	err = yamlfile.Decode(text, g, yamlfile.Part{Key: "recipe", Of: recipe},
		yamlfile.Part{Key: "methods.recipe", Of: recipe}, yamlfile.Part{Key: "methods.record", Of: record})
	if errors.Is(err, yamlfile.ErrEmpty) {
		err = fmt.Errorf("%w of a grid; examples/compare/tiny.yaml shows them", err)
	}
	if err != nil {
		return nil, fmt.Errorf("compare: %s: %w", path, placed(err))
	}
	return g, nil
}

// here is what keys of a recipe are called in a grid.
var here = map[string]string{"model": "base", "data": "domain.train", "lr": "lrs", "seed": "seeds", "max_seq_len": "record.max_seq_len"}

// placed adds to the error for a key that a grid does not have in this place where the key belongs.
func placed(err error) error {
	unknown, ok := errors.AsType[*yamlfile.UnknownKey](err)
	if !ok {
		return err
	}
	leaf := unknown.Key[strings.LastIndex(unknown.Key, ".")+1:]
	if unknown.Key == "recipe."+leaf || unknown.Key == "methods.recipe."+leaf { // another program's name for one of ours
		if k, ok := keys.Guess(run.Keys(), leaf); ok && k.Grid == "own" {
			unknown.Near = here[k.Name]
		} else if ok {
			unknown.Near = strings.TrimSuffix(unknown.Key, leaf) + k.Name
		}
		return err
	}
	if name, ok := here[leaf]; ok {
		unknown.Near = name
		return err
	}
	if _, ok := keys.Find(keys.Of(RecordPlan{}), leaf); ok {
		return fmt.Errorf("%w\n%s is a key of record: write it under record, as in record: {%s: …}, of the grid or of a method", err, leaf, leaf)
	}
	for _, k := range run.Keys() {
		if name, _, _ := strings.Cut(k.Name, "."); name == leaf && k.Grid != "own" {
			return fmt.Errorf("%w\n%s is a key of a recipe: write it under recipe, as in recipe: {%s: …}, of the grid or of a method", err, leaf, leaf)
		}
	}
	return fmt.Errorf("%w\ndocs/GRID.md lists the keys of a grid", err)
}

// Validate reports the first field with an unusable value.
func (g *Grid) Validate() error {
	field := func(name, format string, args ...any) error {
		return fmt.Errorf("compare: %s: %s", name, fmt.Sprintf(format, args...))
	}
	switch {
	case g.Base == "":
		return field("base", "missing; a model directory")
	case g.Out == "":
		return field("out", "missing (or --out)")
	case g.Domain.Train == "" || g.Domain.Valid == "":
		return field("domain", "wants train and valid files")
	case len(g.General) == 0:
		return field("general", "wants at least one held-out text, or forgetting cannot be seen")
	case len(g.Methods) == 0:
		return field("methods", "none")
	case len(g.LRs) == 0:
		return field("lrs", "none; half decades are usual: 1e-4, 3e-4, 1e-3")
	case len(g.Seeds) == 0:
		return field("seeds", "none")
	}
	for i, seed := range g.seeds() {
		if slices.Contains(g.seeds()[:i], seed) {
			return field("seeds, best_seeds", "%d is there twice; every seed is run once, in one of the two lists", seed)
		}
	}
	if g.Reference == "" {
		g.Reference = g.Methods[0].Name
	}
	if g.Cells == "" {
		g.Cells = filepath.Join(g.Out, "cells")
	}
	var names []string
	for i := range g.Methods {
		m := &g.Methods[i]
		if m.Name == "" || strings.Trim(m.Name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || m.Name[0] == '.' {
			return field("methods", "name %q: want lower-case letters, digits and hyphens", m.Name)
		}
		if slices.Contains(names, m.Name) {
			return field("methods", "%s is there twice", m.Name)
		}
		names = append(names, m.Name)
		if len(m.LRs) == 0 {
			m.LRs = g.LRs
		}
		m.LRs = slices.Clone(m.LRs)
		slices.Sort(m.LRs)
		m.LRs = slices.Compact(m.LRs)
		for k, lr := range m.LRs {
			if bound := lrBound(); bound.Check(lr) != nil {
				return field("lrs", "%g of %s, want %s", lr, m.Name, bound)
			}
			if k > 0 && lrName(lr) == lrName(m.LRs[k-1]) {
				return field("lrs", "%g and %g of %s differ too little; three digits tell rates apart", m.LRs[k-1], lr, m.Name)
			}
		}
		if _, err := g.recipe(m); err != nil {
			return err
		}
		if _, err := g.recordPlan(m); err != nil {
			return err
		}
		if b := g.budget(m); b != "" && b != budgetTokens && b != budgetDomain {
			return field("budget", "%q of %s, want A (equal tokens), B (equal tokens of the domain) or nothing (equal steps)", b, m.Name)
		}
		if g.mixes(m) && g.Mix.File == "" {
			return field("mix", "%s has replay_mix; give the general text as mix: {file: …}", m.Name)
		}
	}
	for name, value := range map[string]string{"reference": g.Reference, "mixing_base": g.MixingBase} {
		if value != "" && !slices.Contains(names, value) {
			return field(name, "no method is called %q", value)
		}
	}
	for i, p := range g.Pairs {
		for _, name := range []string{p.Method, p.Against} {
			if !slices.Contains(names, name) {
				return field("pairs", "number %d: no method is called %q", i+1, name)
			}
		}
	}
	for i, k := range g.Kept {
		for _, name := range []string{k.Plain, k.Self, k.Real} {
			if !slices.Contains(names, name) {
				return field("kept", "number %d: no method is called %q", i+1, name)
			}
		}
	}
	for i := range g.General {
		if g.General[i].Name == "" {
			g.General[i].Name = fmt.Sprintf("general %d", i+1)
		}
	}
	if g.Domain.Name == "" {
		g.Domain.Name = "domain"
	}
	if err := keys.Check(*g); err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	return nil
}

// seeds returns Seeds and BestSeeds.
func (g *Grid) seeds() []uint64 { return slices.Concat(g.Seeds, g.BestSeeds) }

// budget is a method's budget; "": equal steps.
func (g *Grid) budget(m *Method) string { return cmp.Or(m.Budget, g.Budget) }

// lrBound is the bound on learning rates in training.
func lrBound() keys.Bound {
	k, _ := keys.Find(run.Keys(), "lr")
	return k.Bound
}

// mayHold refuses recipe keys that the comparison sets itself (tag grid:"own") and, for a method, those that decide how many
// tokens a run sees (grid:"budget").
func mayHold(recipe map[string]any, method bool) error {
	for _, k := range run.Keys() {
		name, _, _ := strings.Cut(k.Name, ".")
		switch _, there := recipe[name]; {
		case there && readingKey(name):
			return fmt.Errorf("%s holds for all texts of a comparison; write it outside recipe, beside domain", name)
		case there && k.Grid == "own":
			return fmt.Errorf("%s is set by the comparison itself; leave it out", name)
		case there && k.Grid == "budget" && method:
			return fmt.Errorf("%s: all methods have the same budget; set it under recipe", name)
		}
	}
	return nil
}

// readingKey says whether a key of a recipe is one of data.Reading.
func readingKey(name string) bool {
	_, ok := keys.Find(keys.Of(data.Reading{}), name)
	return ok
}

// recipe is the recipe of a method: the defaults, the grid's keys, then the method's.
func (g *Grid) recipe(m *Method) (run.Recipe, error) {
	r := run.DefaultRecipe()
	r.Rehearse = 0 // only methods that ask for it
	for where, given := range []map[string]any{g.Recipe, m.Recipe} {
		name := "recipe"
		if where == 1 {
			name = "methods: " + m.Name
		}
		err := mayHold(given, where == 1)
		if err == nil {
			err = overlay(&r, given)
		}
		if err != nil {
			return r, fmt.Errorf("compare: %s: %w", name, err)
		}
	}
	r.Reading = g.Reading
	check := r
	check.Model, check.Replay, check.Out = g.Base, "record", g.Out
	if err := check.Validate(); err != nil {
		return r, fmt.Errorf("compare: methods: %s: %w", m.Name, err)
	}
	return r, nil
}

// given are the recipe keys that the grid and the method set.
func (g *Grid) given(m *Method) map[string]any {
	all := map[string]any{}
	maps.Copy(all, g.Recipe)
	maps.Copy(all, m.Recipe)
	return all
}

// recordPlan is how a method's record is made.
func (g *Grid) recordPlan(m *Method) (RecordPlan, error) {
	p := g.Record
	if err := overlay(&p, m.Record); err != nil {
		return p, fmt.Errorf("compare: methods: %s: record: %w", m.Name, err)
	}
	if err := p.Rule.Validate(math.MaxInt32); err != nil {
		return p, fmt.Errorf("compare: methods: %s: record: %w", m.Name, err)
	}
	return p, nil
}

// overlay sets the keys of a struct that a YAML mapping names; unknown ones are refused.
func overlay(to any, keys map[string]any) error {
	if len(keys) == 0 {
		return nil
	}
	text, err := yaml.Marshal(keys)
	if err != nil {
		return err
	}
	return yamlfile.Decode(text, to)
}

// mixes says whether a method trains on general text too: if the grid or the method sets replay_mix.
func (g *Grid) mixes(m *Method) bool {
	for _, keys := range []map[string]any{g.Recipe, m.Recipe} {
		if _, ok := keys["replay_mix"]; ok {
			return true
		}
	}
	return false
}

// options says how a text is read.
func (g *Grid) options(t Text, maxSeqLen int, evaluation bool) data.Options {
	return data.Options{MaxSeqLen: maxSeqLen, Evaluation: evaluation, Split: t.Split, Reading: g.Reading}
}
