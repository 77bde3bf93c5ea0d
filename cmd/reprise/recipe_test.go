package main

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"reprise/cmd/reprise/internal/compare"
	"reprise/internal/keys"
	"reprise/replay"
	"reprise/run"
)

const docsFile = "../../docs/RECIPE.md"

// TestDocsOfKeysAreFresh: docs/RECIPE.md, docs/GRID.md and docs/ROWS.md are what the program prints.
func TestDocsOfKeysAreFresh(t *testing.T) {
	for _, c := range []struct{ file, command, want string }{
		{docsFile, "docs", recipeDocs()},
		{"../../docs/GRID.md", "grid", gridDocs()},
		{"../../docs/ROWS.md", "rows", rowsDocs()},
	} {
		text, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != c.want {
			t.Errorf("%s is stale; write it with: go run ./cmd/reprise recipe %s > %s", c.file, c.command, strings.TrimPrefix(c.file, "../../"))
		}
	}
}

// TestEveryKeyOfAGridIsWhole: each has help, a bound (or "any"), a group and words for what it may be; the defaults keep the
// bounds.
func TestEveryKeyOfAGridIsWhole(t *testing.T) {
	for _, k := range append(keys.Of(compare.DefaultGrid()), keys.Of(compare.Method{})...) {
		if !strings.HasSuffix(k.Help, ".") || !k.Bound.Given || k.Group == "" || mayBe(k) == "" || strings.HasSuffix(mayBe(k), " of ") {
			t.Errorf("%s lacks a tag: %+v", k.Name, k)
		}
	}
	if err := keys.Check(compare.DefaultGrid()); err != nil {
		t.Error(err)
	}
}

// parser is the command line's parser, and the struct that it fills.
func parser(t *testing.T) (*kong.Kong, *cli) {
	t.Helper()
	c := newCLI()
	p, err := kong.New(&c, kong.Name("reprise"), kong.Vars{"optimizers": "any"}, kong.Exit(func(int) { t.Error("the parser wants to exit") }))
	if err != nil {
		t.Fatal(err)
	}
	return p, &c
}

// flagsOf lists the flags of a command, with their older spellings.
func flagsOf(t *testing.T, command string) map[string]*kong.Flag {
	t.Helper()
	p, _ := parser(t)
	list := map[string]*kong.Flag{}
	for _, n := range p.Model.Children {
		if n.Name == command {
			for _, f := range n.Flags {
				for _, name := range append(f.Aliases, f.Name) {
					list[name] = f
				}
			}
		}
	}
	return list
}

// lacking lists what a key lacks: tags, its flag, its line in the documentation.
func lacking(k keys.Key, flags map[string]*kong.Flag, docs string) (list []string) {
	if !strings.HasSuffix(k.Help, ".") {
		list = append(list, "help")
	}
	if !k.Bound.Given {
		list = append(list, "bound")
	}
	if k.Group == "" {
		list = append(list, "group")
	}
	for _, name := range append([]string{k.Flag()}, k.Old...) {
		if f := flags[name]; f == nil || !strings.HasPrefix(f.Help, strings.TrimSuffix(k.Help, ".")) || f.Group == nil || f.Group.Key != k.Group {
			list = append(list, "flag --"+name)
		}
	}
	if !strings.Contains(docs, "\n| `"+k.Name+"` ") || !strings.Contains(docs, docsLine(k)) {
		list = append(list, "documentation")
	}
	return list
}

// TestEveryKeyIsWhole: each key has help, a bound (or "any"), a flag of train and of plan, and a line in docs/RECIPE.md.
func TestEveryKeyIsWhole(t *testing.T) {
	docs, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"train", "plan"} {
		flags := flagsOf(t, command)
		for _, k := range run.Keys() {
			if list := lacking(k, flags, string(docs)); list != nil {
				t.Errorf("%s: %s lacks %v", command, k.Name, list)
			}
		}
	}
	bare := keys.Of(struct {
		X float64 `yaml:"x"`
	}{})[0]
	if list := lacking(bare, flagsOf(t, "train"), string(docs)); !slices.Equal(list, []string{"help", "bound", "group", "flag --x", "documentation"}) {
		t.Errorf("a key without tags lacks only %v", list)
	}
}

// parsed is the recipe of a command line.
func parsed(t *testing.T, args ...string) run.Recipe {
	t.Helper()
	p, c := parser(t)
	if _, err := p.Parse(append([]string{"train"}, args...)); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	r := run.DefaultRecipe()
	c.Train.lay(&r)
	return r
}

// TestExplicitZeroOfAFlag: a flag given as 0 sets 0, whatever the default is; a flag that is not given changes nothing.
func TestExplicitZeroOfAFlag(t *testing.T) {
	if r := parsed(t); !reflect.DeepEqual(r, run.DefaultRecipe()) {
		t.Errorf("without flags: %+v", r)
	}
	for _, k := range run.Keys() {
		arg := "--" + k.Flag() + "=0"
		switch k.Type().Kind() {
		case reflect.Bool:
			arg = "--no-" + k.Flag()
		case reflect.String, reflect.Slice:
			continue
		}
		want := run.DefaultRecipe()
		k.Set(&want, reflect.Zero(k.Type()).Interface())
		if r := parsed(t, arg); !reflect.DeepEqual(r, want) {
			t.Errorf("%s: %+v", arg, r)
		}
	}
}

// TestFlagsOfKeys: every type, and the older spellings.
func TestFlagsOfKeys(t *testing.T) {
	got := parsed(t, "--model", "m", "--beta1", "0.5", "--beta-2=0.25", "--eps=1e-6", "--a", "2", "--b", "3", "--cap-1d", "--no-keep-norm", "--recompute",
		"--seed", "18446744073709551615", "--max-steps", "7", "--tau", "0.5", "--k-min", "2", "--record-k-max", "9", "--always", "1,2", "--always", "3",
		"--keep-last", "5", "--eval-data", "a=x,y", "--eval-data", "b=z:match", "--eval-every", "3", "--refresh-rho-above", "0.125", "--dtype", "")
	want := run.DefaultRecipe()
	want.Model, want.Beta1, want.Beta2, want.Eps, want.A, want.B, want.KeepNorm, want.Recompute = "m", 0.5, 0.25, 1e-6, 2, 3, false, true
	want.Seed, want.MaxSteps, want.Record.Rule = 1<<64-1, 7, replay.Rule{Tau: 0.5, KMin: 2, KMax: 9, Always: []int32{1, 2, 3}}
	want.Save.KeepLast, want.Eval.Data, want.Eval.Every, want.Refresh.RhoAbove = 5, []string{"a=x,y", "b=z:match"}, 3, 0.125
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestRuleFlags: the flags of record set the record's rule; those not given have the values of replay.DefaultRule.
func TestRuleFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		want replay.Rule
	}{
		{nil, replay.DefaultRule()},
		{[]string{"--tau=0", "--k-max", "5", "--always", "7"}, replay.Rule{Tau: 0, KMin: replay.DefaultRule().KMin, KMax: 5, Always: []int32{7}}},
	} {
		p, parsed := parser(t)
		if _, err := p.Parse(append([]string{"record", "--model=m", "--data=d", "--out=o"}, c.args...)); err != nil {
			t.Fatal(err)
		}
		rule := replay.DefaultRule()
		parsed.Record.Run.Rule.lay(&rule)
		if !reflect.DeepEqual(rule, c.want) {
			t.Errorf("%v: %+v, want %+v", c.args, rule, c.want)
		}
	}
}

// TestRecipeCommands: both commands print what their help says.
func TestRecipeCommands(t *testing.T) {
	for _, name := range []string{"docs", "grid", "schema"} {
		var out, errs strings.Builder
		if code := execute(t.Context(), []string{"recipe", name}, &out, &errs); code != exitDone || errs.Len() > 0 {
			t.Errorf("%s: %d, %s", name, code, errs.String())
		}
		if name == "docs" && out.String() != recipeDocs() || name == "grid" && out.String() != gridDocs() || name == "schema" && !json.Valid([]byte(out.String())) {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}

// TestFlagsOfOtherPrograms: the error for another program's flag names ours, if the command has it.
func TestFlagsOfOtherPrograms(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"train --learning-rate 1", "unknown flag --learning-rate; here it is --lr\n"},
		{"plan --batch-size 1", "unknown flag --batch-size; here it is --global-batch-size\n"},
		{"train --output_dir x", "unknown flag --output_dir; here it is --out\n"},
		{"eval --batch-size 1", "unknown flag --batch-size\n"},
		{"train --nonsense", "unknown flag --nonsense\n"},
	} {
		var out, errs strings.Builder
		if code := execute(t.Context(), strings.Fields(c.args), &out, &errs); code != exitUsage || !strings.HasSuffix(errs.String(), "reprise: "+c.want) {
			t.Errorf("%s: %d, %q, want %q", c.args, code, errs.String(), c.want)
		}
	}
}

// TestEveryConditionNamesKeys: the condition of a key names existing keys and values that they can have.
func TestEveryConditionNamesKeys(t *testing.T) {
	list := run.Keys()
	for _, k := range list {
		for _, c := range k.When.All {
			for _, name := range c.Keys {
				needed, ok := keys.Find(list, name)
				if !ok {
					t.Errorf("%s wants %s, which is not a key", k.Name, name)
				}
				for _, value := range c.Values {
					if !slices.Contains(needed.Bound.Choice, value) {
						t.Errorf("%s wants %s to be %s, which it cannot be", k.Name, name, value)
					}
				}
			}
		}
	}
}

// TestDefaultsKeepTheirBounds: every key's default is within its bounds.
func TestDefaultsKeepTheirBounds(t *testing.T) {
	if err := keys.Check(run.DefaultRecipe()); err != nil {
		t.Error(err)
	}
}
