package main

import (
	"fmt"
	"slices"
	"strings"

	"reprise/data"
)

type recipeRowsCmd struct{}

func (recipeRowsCmd) Run(a *app) error {
	a.printf("%s", rowsDocs())
	return nil
}

const rowsHead = `# The rows of data

This page is made from the program, from the table by which it reads rows: ` + "`go run ./cmd/reprise recipe rows > docs/ROWS.md`" + `.

A row is a JSON object: a line of a .jsonl file, an element of a .json list. ` + "`record`, `train`, `eval` and `inspect data`" + ` read the same
rows in the same way, and ` + "`inspect data`" + ` shows what is learnt of each. The fields of a row decide its shape; the shapes below are
tried in this order. Then every other field has one of three uses:

- **used**: it changes what is learnt, or what of it is learnt;
- **refused**: an error names the field and says what to do (or the value is empty: ` + "`\"\"`, `[]`, `{}`" + `);
- **harmless**: nothing depends on it.

A field in no list is ignored, and named once with its count. A field that is ` + "`null`" + ` counts as absent. In conversations and what
belongs to them this holds at every depth of objects, but not in lists and not in JSON text, as in trl: tables give every object
the keys of all others, and many templates ask only whether a key is there. If what would be learnt is null or empty, the row is
refused; with ` + "`--skip-empty`" + ` it is left out and counted.

Where 0, 1, true or false is asked for, a text that spells it is the same (` + "`\"0.0\"`, `\"False\"`" + `): the cells of CSV are texts.

Texts, segments, choices and pairs are tokenised as they are written. Only conversations go through the tokenizer's chat template,
whose ` + "`{% generation %}`" + ` marks, if it has them, decide what carries loss. No token spans the beginning or the end of what carries loss,
so that a token which would straddle a mark in transformers is two tokens here.

A conversation is one document if the template writes its beginning in the same way whether or not more follows. If it writes earlier
turns differently then (some leave out their reasoning), every assistant message becomes a document of its own, after the history
that a model would be given.

What is longer than ` + "`max_seq_len`" + ` is cut, and counted in a notice: a text into windows; a pair and a row of choices at the beginning of
the prompt, then at the end of the answer; segments at their end. A conversation loses its last turns, final answer included, until
it fits; one with a single turn loses the beginning of what stands before the answer.

`

const rowsNames = `## Names of questions and answers

One name of each list makes a pair. What a name means does not depend on the other.

- questions: %s
- answers: %s

The parts of a prompt stand in this order, with a blank line between them: system, the turns of history, the question, input,
context. A row without the others has the question alone.

`

// rowsDocs is docs/ROWS.md.
func rowsDocs() string {
	var b strings.Builder
	b.WriteString(rowsHead)
	list, written := append(data.Shapes(), data.MessageShape()), map[string]string{}
	b.WriteString("| shape | fields | what carries loss |\n|---|---|---|\n")
	for _, s := range list[:len(list)-1] {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", s.Name, anchor(s.Name), s.Fields, s.Learnt)
	}
	fmt.Fprintf(&b, "\n"+rowsNames, codes(data.Questions()), codes(data.Answers()))
	for _, s := range list {
		fmt.Fprintf(&b, "## %s\n\nFields: %s. Loss: %s. For instance\n\n    %s\n\n", s.Name, s.Fields, s.Learnt, s.Example)
		table := rowsTable(s.Beside)
		if first := written[table]; first != "" {
			fmt.Fprintf(&b, "The other fields are those of [%s](#%s).\n\n", first, anchor(first))
			continue
		}
		written[table] = s.Name
		b.WriteString(table)
	}
	b.WriteString("## In every shape\n\nUnless the shape's own table names the field:\n\n")
	b.WriteString(rowsTable(data.FieldsAnywhere()))
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func anchor(name string) string { return strings.ReplaceAll(name, " ", "-") }

// rowsTable writes the lines of a table. The first line that holds for a field decides, so a field is left out of the lines after
// one that holds for all of its values.
func rowsTable(fields []data.Field) string {
	var b strings.Builder
	settled := map[string]bool{}
	b.WriteString("| field | use | for these values | what it does, or what to do |\n|---|---|---|---|\n")
	for i, f := range fields {
		names := slices.DeleteFunc(slices.Clone(f.Names), func(name string) bool { return settled[name] })
		if len(names) == 0 {
			continue
		}
		when := f.When
		if when == "" {
			when = "all"
			if i > 0 && slices.Equal(fields[i-1].Names, f.Names) {
				when = "all others"
			}
		}
		for _, name := range names {
			settled[name] = settled[name] || f.When == ""
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", codes(names), f.Use, when, strings.ReplaceAll(f.Note, "|", `\|`))
	}
	return b.String() + "\n"
}

func codes(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }
