package main

import (
	"fmt"
	"reflect"
	"strings"

	"reprise/internal/keys"
	"reprise/run"
)

type recipeCmd struct {
	Docs   recipeDocsCmd   `cmd:"" help:"Print docs/RECIPE.md: every key of a recipe, its values and what it does."`
	Grid   recipeGridCmd   `cmd:"" help:"Print docs/GRID.md: every key of a grid (the file for compare), its values and what it does."`
	Rows   recipeRowsCmd   `cmd:"" help:"Print docs/ROWS.md: every shape of a row of data, and what becomes of every field."`
	Schema recipeSchemaCmd `cmd:"" help:"Print the JSON schema of a recipe file, for editors."`
}

type recipeDocsCmd struct{}

func (recipeDocsCmd) Run(a *app) error {
	a.printf("%s", recipeDocs())
	return nil
}

type recipeSchemaCmd struct{}

func (recipeSchemaCmd) Run(a *app) error {
	a.printf("%s", run.Schema())
	return nil
}

const docsHead = `# The keys of a recipe

This page is made from the program: ` + "`go run ./cmd/reprise recipe docs > docs/RECIPE.md`" + `.

A recipe is a YAML file of these keys, for ` + "`reprise train`" + ` and ` + "`reprise plan`" + `. A key with a dot is written in a block:

    model: base
    replay: domain.replay
    out: runs/a
    eval: {every: 50}

Every key is also a flag, with hyphens in place of underscores and dots: ` + "`--global-batch-size`, `--eval-every`" + `. A flag
overrides the file. A key that neither sets has its default. 0 means 0, unless the table says what it stands for. A key that
is not in the table is an error. The run directory keeps the recipe with all keys filled in.

A † marks keys that the trained weights do not depend on: a run may be resumed with another value of them (of record only
after its file has been written). All other keys have to stay as they were. Of files the contents count, not the names.

Editors can check a recipe: ` + "`reprise recipe schema > recipe.schema.json`" + `, and in the recipe's first line
` + "`# yaml-language-server: $schema=recipe.schema.json`" + `.
`

// recipeDocs is docs/RECIPE.md.
func recipeDocs() string {
	var b strings.Builder
	b.WriteString(docsHead)
	list := run.Keys()
	docsTables(&b, list)
	var old []string
	for _, k := range list {
		for _, name := range k.Old {
			old = append(old, fmt.Sprintf("- `--%s`: `--%s`", name, k.Flag()))
		}
	}
	fmt.Fprintf(&b, "\n## Older spellings of flags\n\nThey keep working.\n\n%s\n", strings.Join(old, "\n"))
	return b.String()
}

// docsTables writes a table for every group of keys.
func docsTables(b *strings.Builder, list []keys.Key) {
	var groups []string
	lines := map[string][]string{}
	for _, k := range list {
		if lines[k.Group] == nil {
			groups = append(groups, k.Group)
		}
		lines[k.Group] = append(lines[k.Group], docsLine(k))
	}
	for _, group := range groups {
		fmt.Fprintf(b, "\n## %s\n\n| key | default | may be | what it does |\n|---|---|---|---|\n%s\n", group, strings.Join(lines[group], "\n"))
	}
}

// docsLine is a key's line in the table.
func docsLine(k keys.Key) string {
	name, standard, may := "`"+k.Name+"`", k.Default(), mayBe(k)
	if k.Bits == "no" {
		name += " †"
	}
	if standard == "" && k.Type().Kind() == reflect.Bool {
		standard = "false"
	}
	if k.Zero != "" {
		may += "; 0: " + k.Zero
	}
	help := k.Help
	if needs := k.When.Text(func(name, value string) string {
		if value == "" {
			return "`" + name + "`"
		}
		return "`" + name + ": " + value + "`"
	}); needs != "" {
		help += " Only with " + needs + "."
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", name, standard, may, strings.ReplaceAll(help, "|", `\|`))
}

// mayBe describes the values that a key may have.
func mayBe(k keys.Key) string {
	switch kind := k.Type().Kind(); {
	case k.Bound.Choice != nil:
		return k.Bound.String()
	case kind == reflect.Bool:
		return "true or false"
	case kind == reflect.Map:
		return "block of " + k.Holder
	case kind == reflect.Slice && k.Type().Elem().Kind() == reflect.Int32:
		return "list of ids"
	case kind == reflect.Slice:
		return "list of " + k.Holder
	case kind == reflect.String && k.Holder == "":
		return "name"
	case kind == reflect.String:
		return strings.NewReplacer("DIR", "directory", "FILE", "file").Replace(k.Holder)
	case kind == reflect.Float64:
		return k.Bound.String()
	case k.Bound.Any():
		return "whole number"
	}
	return "whole number, " + k.Bound.String()
}
