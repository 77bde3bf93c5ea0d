package main

import (
	"fmt"
	"slices"
	"strings"

	"reprise/cmd/reprise/internal/compare"
	"reprise/internal/keys"
	"reprise/run"
)

type recipeGridCmd struct{}

func (recipeGridCmd) Run(a *app) error {
	a.printf("%s", gridDocs())
	return nil
}

const gridHead = `# The keys of a grid

This page is made from the program: ` + "`go run ./cmd/reprise recipe grid > docs/GRID.md`" + `.

A grid is the YAML file that ` + "`reprise compare`" + ` reads: methods × learning rates × seeds on one base model and one domain.
[tiny.yaml](../examples/compare/tiny.yaml) is one that runs in seconds. A key with a dot is written in a block. File names are
relative to the directory in which the program is started.

    base: demo/base
    out: runs/compare
    domain: {name: SQL, train: demo/domain/train.jsonl, valid: demo/domain/valid.jsonl}
    general:
      - {name: stories, file: demo/general-valid.txt}
    mix: {file: demo/general-train.txt}
    recipe: {epochs: 2}
    lrs: [3e-4, 1e-3, 3e-3]
    seeds: [1]
    methods:
      - {name: plain, recipe: {loss: full, optimizer: adamw}}
      - {name: plain-mix, recipe: {loss: full, optimizer: adamw, replay_mix: 0.25}}

(The files are those that ` + "`reprise demo --keep demo`" + ` writes.)

Keys of a recipe ([RECIPE.md](RECIPE.md)), such as ` + "`loss`" + ` and ` + "`optimizer`" + `, are written under ` + "`recipe`" + `: of the grid for
all methods, of a method for it alone. A method that has ` + "`replay_mix`" + `, its own or the grid's, mixes in the text of ` + "`mix`" + `.
A text of ` + "`general`" + ` has the keys of ` + "`mix`" + `: ` + "`name`, `file` and `split`" + `. A key that is not in the tables is an error.
`

// gridDocs is docs/GRID.md.
func gridDocs() string {
	var b strings.Builder
	b.WriteString(gridHead)
	docsTables(&b, append(keys.Of(compare.DefaultGrid()), keys.Of(compare.Method{})...))
	names := func(grid string) string {
		var list []string
		for _, k := range run.Keys() {
			name, _, _ := strings.Cut(k.Name, ".")
			if name = "`" + name + "`"; k.Grid == grid && !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
		return strings.Join(list, ", ")
	}
	fmt.Fprintf(&b, "\n## Keys of a recipe that a grid restricts\n\n- Set by the comparison itself, and refused: %s.\n"+
		"- The same for all methods, so only under the grid's `recipe`: %s.\n", names("own"), names("budget"))
	return b.String()
}
