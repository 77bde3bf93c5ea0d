package compare

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"reprise/data"
	"reprise/internal/keys"
	"reprise/internal/yamlfile"
	"reprise/replay"
	"reprise/run"
)

// Grid is a comparison: the file that `reprise compare` reads.
type Grid struct {
	Title string `yaml:"title"`
	Base  string `yaml:"base"` // model directory
	Out   string `yaml:"out"`  // directory of the comparison

	Domain  Domain `yaml:"domain"`
	General []Text `yaml:"general"` // held-out texts that show forgetting
	Mix     Text   `yaml:"mix"`     // general text to train on, for methods with replay_mix

	Record  RecordPlan     `yaml:"record"`
	Recipe  map[string]any `yaml:"recipe"` // recipe keys for all methods
	Methods []Method       `yaml:"methods"`
	LRs     []float64      `yaml:"lrs"`
	Seeds   []uint64       `yaml:"seeds"`

	// BestSeeds are run as well, but for each method only at its best learning rate and the next lower one. The best rate is
	// chosen by the losses of Seeds alone, among the rates at which no seed of either list diverges.
	BestSeeds []uint64 `yaml:"best_seeds"`

	Tokens      int     `yaml:"tokens"`       // domain tokens in an epoch; 0: all of the subsample
	Subsample   float64 `yaml:"subsample"`    // share of the documents that a seed draws
	Evaluations int     `yaml:"evaluations"`  // times the domain loss is measured along a run
	EvalTokens  int     `yaml:"eval_tokens"`  // tokens scored of every text; 0: all
	Extend      int     `yaml:"extend"`       // learning rates that may be added if a method's best is on the edge of the grid
	Reference   string  `yaml:"reference"`    // method with which the others are compared; empty: the first
	MixingBase  string  `yaml:"mixing_base"`  // full cross-entropy with mixing, the second method to beat; may be empty
	EqualGain   float64 `yaml:"equal_gain"`   // share of the reference's gain at which forgetting is compared
	KeepWeights bool    `yaml:"keep_weights"` // keep every cell's final model
}

// Domain is the text to learn, and the texts on which learning is measured.
type Domain struct {
	Name  string `yaml:"name"`
	Train string `yaml:"train"`
	Valid string `yaml:"valid"`
	Split string `yaml:"split"` // of text files: empty (end markers) or blank-line
}

// Text is a text file and how it is split into documents.
type Text struct {
	Name  string `yaml:"name"`
	File  string `yaml:"file"`
	Split string `yaml:"split"`
}

// RecordPlan is how Stage 0 records.
type RecordPlan struct {
	replay.Rule `yaml:",inline"`
	MaxSeqLen   int `yaml:"max_seq_len"`
}

// Method is a named set of recipe keys.
type Method struct {
	Name   string         `yaml:"name"`
	Note   string         `yaml:"note"`
	Recipe map[string]any `yaml:"recipe"`
	Record map[string]any `yaml:"record"` // other settings of Stage 0
	LRs    []float64      `yaml:"lrs"`    // empty: the grid's
}

// ReadGrid reads a YAML file. An unknown key is an error that shows its line, also in a method's recipe.
func ReadGrid(path string) (*Grid, error) {
	g := &Grid{
		Record:    RecordPlan{Rule: replay.DefaultRule(), MaxSeqLen: 256},
		Subsample: 0.8, Evaluations: 8, EqualGain: 0.9,
	}
	text, err := os.ReadFile(path)
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
		return nil, fmt.Errorf("compare: %s: %w", path, err)
	}
	return g, nil
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
	case !(g.Subsample > 0 && g.Subsample <= 1):
		return field("subsample", "%g, want more than 0 and at most 1", g.Subsample)
	case !(g.EqualGain > 0 && g.EqualGain <= 1):
		return field("equal_gain", "%g, want more than 0 and at most 1", g.EqualGain)
	case g.Tokens < 0 || g.EvalTokens < 0 || g.Extend < 0 || g.Evaluations < 1:
		return field("tokens, eval_tokens, extend, evaluations", "want 0 or more, evaluations 1 or more")
	}
	for i, seed := range g.seeds() {
		if slices.Contains(g.seeds()[:i], seed) {
			return field("seeds, best_seeds", "%d is there twice; every seed is run once, in one of the two lists", seed)
		}
	}
	if g.Reference == "" {
		g.Reference = g.Methods[0].Name
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
		if g.mixes(m) && g.Mix.File == "" {
			return field("mix", "%s has replay_mix; give the general text as mix: {file: …}", m.Name)
		}
	}
	for name, value := range map[string]string{"reference": g.Reference, "mixing_base": g.MixingBase} {
		if value != "" && !slices.Contains(names, value) {
			return field(name, "no method is called %q", value)
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
	return nil
}

// seeds returns Seeds and BestSeeds.
func (g *Grid) seeds() []uint64 { return slices.Concat(g.Seeds, g.BestSeeds) }

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
		case there && k.Grid == "own":
			return fmt.Errorf("%s is set by the comparison itself; leave it out", name)
		case there && k.Grid == "budget" && method:
			return fmt.Errorf("%s: all methods have the same budget; set it under recipe", name)
		}
	}
	return nil
}

// recipe is the recipe of a method: the defaults, the grid's keys, then the method's.
func (g *Grid) recipe(m *Method) (run.Recipe, error) {
	r := run.DefaultRecipe()
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
	check := r
	check.Model, check.Replay, check.Out = g.Base, "record", g.Out
	if err := check.Validate(); err != nil {
		return r, fmt.Errorf("compare: methods: %s: %w", m.Name, err)
	}
	return r, nil
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

func (t Text) options(maxSeqLen int, evaluation bool) data.Options {
	return data.Options{MaxSeqLen: maxSeqLen, Evaluation: evaluation, Split: t.Split}
}
